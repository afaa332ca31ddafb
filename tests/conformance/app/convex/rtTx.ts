import { internalMutation, internalQuery, mutation, query } from "./_generated/server";
import { api, internal } from "./_generated/api";
import { ConvexError, v } from "convex/values";
import { settle } from "./rtHelp";

const fns: any = (api as any).rtTx;
const inner: any = (internal as any).rtTx;
const rows = async (ctx: any, tag: string) =>
  (await ctx.db.query("rtItems").withIndex("by_a_b", (q: any) => q.eq("a", tag)).collect()).map((row: any) => row.b);

export const read = query(async (ctx: any, { tag }: any) => await rows(ctx, tag));
export const write = mutation(async (ctx: any, { tag, b }: any) => {
  await ctx.db.insert("rtItems", { a: tag, b });
  return await rows(ctx, tag);
});

/** Appends what follows the largest `b` of `tag`, after spending processor time, so that others commit meanwhile. */
export const appendSlowly = mutation(async (ctx: any, { tag, rounds }: any) => {
  const before = await rows(ctx, tag);
  let x = 0;
  for (let i = 0; i < rounds; i++) x = (x * 31 + i) % 1000003;
  const again = await rows(ctx, tag);
  await ctx.db.insert("rtItems", { a: tag, b: before.length + (x < 0 ? 1 : 0) });
  return { before, again };
});

export const failing = internalMutation(async (ctx: any, { tag, data }: any) => {
  await ctx.db.insert("rtItems", { a: tag, b: "lost" });
  throw data === undefined ? new Error("nested failure") : new ConvexError(data);
});
export const failingQuery = internalQuery(async (_ctx: any, { data }: any) => {
  throw new ConvexError(data);
});
export const rejecting = internalMutation(async (ctx: any, { tag }: any) => {
  await ctx.db.insert("rtItems", { a: tag, b: "lost" });
  void Promise.reject(new Error("rejected inside"));
  await ctx.db.query("rtItems").first();
});
export const looping = internalQuery(async () => {
  for (;;);
});
export const writing = internalMutation(async (ctx: any, { tag, b }: any) => {
  await ctx.db.insert("rtItems", { a: tag, b });
});
export const reading = internalQuery(async (ctx: any, { tag }: any) => await rows(ctx, tag));
export const typed = internalQuery({ args: { n: v.number() }, handler: async (_ctx, { n }) => n });
let state = 0;
export const stateful = internalQuery(async () => ({ state: ++state, now: Date.now(), random: Math.random() }));

export const nestedFailure = mutation(async (ctx: any, { tag }: any) => {
  await ctx.db.insert("rtItems", { a: tag, b: "kept" });
  const error = await settle(() => ctx.runMutation(inner.failing, { tag }));
  return { error, rows: await rows(ctx, tag) };
});
export const nestedReads = mutation(async (ctx: any, { tag }: any) => {
  await ctx.db.insert("rtItems", { a: tag, b: "own" });
  return {
    query: await ctx.runQuery(inner.reading, { tag }),
    byName: await ctx.runQuery("rtTx:reading", { tag }),
    stale: await ctx.runQuery(inner.reading, { tag }, { useStaleSnapshot: true }),
    states: [await ctx.runQuery(inner.stateful, {}), await ctx.runQuery(inner.stateful, {}), { now: Date.now() }],
    badArgs: await settle(() => ctx.runQuery(inner.typed, { n: "x" })),
    wrongKind: await settle(() => ctx.runQuery(inner.writing, { tag, b: 1 })),
    missing: await settle(() => ctx.runQuery((internal as any).rtTx.nowhere, {})),
    action: await settle(() => ctx.runMutation((api as any).rtInvoke.a, {})),
    rows: await rows(ctx, tag),
  };
});
export const staleOnly = mutation(async (ctx: any, { tag }: any) => {
  const before = (await ctx.meta.getTransactionMetrics()).databaseQueries.used;
  const stale = await ctx.runQuery(inner.reading, { tag }, { useStaleSnapshot: true });
  return { stale, added: (await ctx.meta.getTransactionMetrics()).databaseQueries.used - before };
});
export const queryCallsMutation = query(async (ctx: any) => await settle(() => ctx.runMutation(fns.write, { tag: "no", b: 1 })));
export const queryCallsMutationRaw = query(async () => {
  const args = JSON.stringify({ name: "rtTx:write", udfType: "mutation", args: { tag: "no", b: 1 }, version: "1.48.0" });
  return await settle(() => (globalThis as any).Convex.asyncSyscall("1.0/runUdf", args));
});
export const queryWritesRaw = query(async () =>
  await settle(() =>
    (globalThis as any).Convex.asyncSyscall("1.0/insert", JSON.stringify({ table: "rtItems", value: { a: "no" } })),
  ),
);

/** Calls itself `levels` times; the innermost answers. */
export const deep = query(async (ctx: any, { levels }: any): Promise<any> =>
  levels === 0 ? "bottom" : await ctx.runQuery(fns.deep, { levels: levels - 1 }),
);

export const limited = mutation(async (ctx: any, { tag }: any) => {
  for (let b = 0; b < 5; b++) await ctx.db.insert("rtItems", { a: tag, b });
  const limits = { transactionLimits: { documentsRead: 3 } };
  return {
    limited: await settle(() => ctx.runQuery(inner.reading, { tag }, limits)),
    after: await settle(() => ctx.runQuery(inner.reading, { tag })),
  };
});

export const nestedData = mutation(async (ctx: any, { tag, data }: any) => {
  const settled = async (run: () => any) => {
    try {
      return await run();
    } catch (error: any) {
      return { isConvexError: error instanceof ConvexError, data: error.data };
    }
  };
  return [
    await settled(() => ctx.runMutation(inner.failing, { tag, data })),
    await settled(() => ctx.runQuery(inner.failingQuery, { data })),
  ];
});
export const nestedRejection = mutation(async (ctx: any, { tag }: any) => ({
  error: await settle(() => ctx.runMutation(inner.rejecting, { tag })),
  rows: await rows(ctx, tag),
}));
export const nestedTimeout = query(async (ctx: any) => await settle(() => ctx.runQuery(inner.looping, {})));

export const metrics = mutation(async (ctx: any, { tag }: any) => {
  const used = async () => {
    const metrics = await ctx.meta.getTransactionMetrics();
    return Object.fromEntries(Object.entries(metrics).map(([name, m]: any) => [name, m.used]));
  };
  const trace = [await used()];
  await ctx.db.insert("rtItems", { a: tag, b: 1 });
  trace.push(await used());
  await ctx.runMutation(inner.writing, { tag, b: 2 });
  trace.push(await used());
  await ctx.runQuery(inner.reading, { tag });
  trace.push(await used());
  return { trace, whole: await ctx.meta.getTransactionMetrics() };
});

export const commitTs = mutation(async (ctx: any, { tag }: any) => {
  const { commitTs } = ctx.db.vars;
  const one = await ctx.db.insert("rtItems", { a: tag, b: commitTs });
  const two = await ctx.db.insert("rtItems", { a: tag, b: 1n, deep: { ts: [commitTs] } });
  const back = await ctx.db.get(one);
  await ctx.db.patch(one, { c: 1 });
  const byIndex = await ctx.db.query("rtItems").withIndex("by_a_b", (q: any) => q.eq("a", tag).eq("b", commitTs)).collect();
  return { one, two, same: back.b === commitTs, byIndex: byIndex.length, returned: commitTs };
});
export const get = query(async (ctx: any, { id }: any) => await ctx.db.get(id));
export const snapshotTs = query(async (ctx: any, { after }: any) => ({ after, ts: ctx.meta.getSnapshotTs() }));
export const snapshotTsMutation = mutation(async (ctx: any) => ctx.meta.getSnapshotTs());
export const commitTsFromQuery = query(async () => {
  const args = JSON.stringify({ name: "rtTx:get", udfType: "query", args: { id: { $commitTs: null } }, version: "1.48.0" });
  return await settle(() => (globalThis as any).Convex.asyncSyscall("1.0/runUdf", args));
});
