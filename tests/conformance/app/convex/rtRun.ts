import { action, mutation, query } from "./_generated/server";
import { ConvexError } from "convex/values";
import { settle } from "./rtHelp";

const insert = (ctx: any, tag: string, b: any) => ctx.db.insert("rtItems", { a: tag, b });

export const danglingInsert = mutation(async (ctx: any, { tag }: any) => {
  void insert(ctx, tag, 1).then(() => insert(ctx, tag, 2));
});
export const danglingRejection = mutation(async (ctx: any, { tag }: any) => {
  await insert(ctx, tag, 1);
  void ctx.db.get("not an id at all");
});
export const never = query(async () => await new Promise(() => {}));
export const manyGets = mutation(async (ctx: any, { tag }: any) => {
  const ids: any[] = [];
  for (let i = 0; i < 100; i++) ids.push(await insert(ctx, tag, i));
  const order: number[] = [];
  const docs: any[] = await Promise.all(ids.map(async (id, i) => {
    const doc = await ctx.db.get(id);
    order.push(i);
    return doc;
  }));
  return { values: docs.map((doc) => doc.b), order };
});
export const lateHandler = query(async () => {
  const rejected = Promise.reject(new Error("late"));
  await Promise.resolve();
  return await rejected.catch((error) => error.message);
});
export const caughtForever = query(async () => {
  for (;;) {
    try {
      for (;;);
    } catch {
      // Whatever it was, go on.
    }
  }
});
export const unimplemented = query(async () => {
  try {
    new URL("https://example.com").username = "x";
  } catch {
    return "caught";
  }
  return "works";
});

const words = () => ({
  randoms: [Math.random(), Math.random()],
  uuid: crypto.randomUUID(),
  bytes: [...crypto.getRandomValues(new Uint8Array(8))],
});
const clocks = () => {
  const read = () => [Date.now(), +new Date(), performance.now()];
  const before = read();
  let x = 0;
  for (let i = 0; i < 3_000_000; i++) x = (x + i) % 7;
  return { before, after: read(), text: Date(), isDate: new Date() instanceof Date, fixed: +new Date(2020, 0, 1), zone: new Date().getTimezoneOffset(), x };
};
export const clocksQuery = query(async () => clocks());
export const clocksMutation = mutation(async () => clocks());
export const randomQuery = query(async () => words());
export const randomTooMany = query(async () => await settle(() => crypto.getRandomValues(new Uint8Array(65_537)).length));

const forbidden: Record<string, () => unknown> = {
  setTimeout: () => void setTimeout(() => {}, 1),
  setInterval: () => void setInterval(() => {}, 1),
  newFunction: () => new Function("return 1")(),
  eval: () => (0, eval)("1"),
};
export const forbiddenQuery = query(async (_ctx: any, { what }: any) => await settle(forbidden[what]!));
export const forbiddenMutation = mutation(async (_ctx: any, { what }: any) => await settle(forbidden[what]!));
export const forbiddenAction = action(async (_ctx: any, { what }: any) => await settle(forbidden[what]!));
export const weak = query(async (ctx: any) => {
  const ref = new WeakRef({ kept: true });
  let finalized = 0;
  const registry = new FinalizationRegistry(() => finalized++);
  for (let i = 0; i < 1000; i++) registry.register({ i, filler: new Array(1000).fill(i) }, i);
  await ctx.db.query("rtItems").first();
  return { kept: (ref.deref() as any)?.kept, finalized };
});
export const globals = query(async () => {
  const absent = [
    "global", "window", "document", "Worker", "WebSocket", "XMLHttpRequest", "RTCPeerConnection", "indexedDB", "caches",
    "localStorage", "sessionStorage", "queueMicrotask", "requestIdleCallback", "requestAnimationFrame", "setImmediate", "Deno",
  ];
  return absent.filter((name) => typeof (globalThis as any)[name] !== "undefined");
});
export const vandal = query(async () => {
  const g = globalThis as any;
  for (const name of ["Promise", "Date", "Math", "JSON", "Object", "Array", "Map"]) g[name] = undefined;
  delete g.Convex;
  return 1;
});

export const env = query(async (_ctx: any, { name }: any) => ({
  value: process.env[name] ?? null,
  isUndefined: process.env[name] === undefined,
  run: Math.random(),
}));
export const envShape = query(async () => ({
  keys: Object.keys(process.env),
  has: "CONVEX_CLOUD_URL" in process.env,
  cloud: process.env.CONVEX_CLOUD_URL,
  site: process.env.CONVEX_SITE_URL,
  badName: await settle(() => process.env["not a name"]),
  members: Object.keys(process),
}));

class Point {
  constructor(public x: number, public y: number) {}
}
export const log = query(async () => {
  console.log("text", 'it\'s "quoted"', 1, -0, 5n, true, null, undefined);
  console.info({ a: 1, b: { c: [1, [2, [3]]] } });
  console.warn([1, "two", null, undefined], new Map([["k", 1]]), new Set([1]));
  console.error(new Error("logged"));
  console.debug(Symbol("s"), function named() {}, new Point(1, 2));
  console.log();
  console.log("%s is not expanded", "x");
  console.trace("traced");
  return ["table", "group", "assert", "dir", "count"].filter((name) => (console as any)[name] !== undefined);
});
export const logMany = query(async (_ctx: any, { lines }: any) => {
  for (let i = 0; i < lines; i++) console.log(i);
});
export const logLong = query(async (_ctx: any, { unit, times }: any) => {
  console.log(unit.repeat(times));
});
export const timers = query(async () => {
  console.time("t");
  console.timeLog("t");
  console.timeEnd("t");
  console.time("twice");
  console.time("twice");
  console.timeEnd("never started");
});

function thrower(): never {
  throw new TypeError("from a helper");
}
export const stack = query(async () => thrower());
const badId = (ctx: any) => ctx.db.patch("x", {});
export const stackOfSyscall = mutation(async (ctx: any) => await badId(ctx));
const thrown: Record<string, () => unknown> = {
  string: () => "just text",
  null: () => null,
  object: () => ({ code: 7 }),
  undefined: () => undefined,
  number: () => 42,
  nameless: () => Object.assign(new Error("without a name"), { name: "" }),
  cyclic: () => {
    const error: any = new Error("in a ring");
    error.cause = error;
    return error;
  },
  throwingGetter: () => ({
    get message() {
      throw new Error("no message for you");
    },
  }),
};
export const throws = query(async (_ctx: any, { what }: any) => {
  throw thrown[what]!();
});
export const throwsData = query(async (_ctx: any, { data }: any) => {
  throw new ConvexError(data);
});
class AppError extends ConvexError<any> {
  name = "AppError";
}
export const throwsSubclass = query(async () => {
  throw new AppError({ code: 1n });
});
export const throwsBadData = query(async () => {
  throw new ConvexError((() => 1) as any);
});
