import { action, internalAction, internalMutation, internalQuery } from "./_generated/server";
import { api, internal } from "./_generated/api";
import { ConvexError } from "convex/values";
import { settle } from "./rtHelp";

const inner: any = (internal as any).rtActions;

export const one = internalQuery(async (_ctx: any, { n }: any) => n + 1);
export const put = internalMutation(async (ctx: any, { tag, b }: any) => {
  await ctx.db.insert("rtItems", { a: tag, b });
  return b;
});
export const twice = internalAction(async (_ctx: any, { n }: any) => n * 2);
export const fails = internalMutation(async (ctx: any, { tag, data }: any) => {
  await ctx.db.insert("rtItems", { a: tag, b: 1 });
  throw data === undefined ? new Error("plain failure") : new ConvexError(data);
});

export const callsAll = action(async (ctx: any, { tag }: any) => ({
  references: [
    await ctx.runQuery(inner.one, { n: 1 }),
    await ctx.runMutation(inner.put, { tag, b: 1 }),
    await ctx.runAction(inner.twice, { n: 4 }),
  ],
  strings: [
    await ctx.runQuery("rtActions:one", { n: 1 }),
    await ctx.runMutation("rtActions:put", { tag, b: 2 }),
    await ctx.runAction("rtActions:twice", { n: 4 }),
  ],
  missing: await settle(() => ctx.runQuery("rtActions:nowhere", {})),
  wrongKind: await settle(() => ctx.runQuery(inner.put, { tag, b: 3 })),
  rows: await ctx.runQuery((api as any).rtTx.read, { tag }),
}));
export const callsFailing = action(async (ctx: any, { tag }: any) => {
  const settled = async (data?: any) => {
    try {
      return await ctx.runMutation(inner.fails, { tag, data });
    } catch (error: any) {
      return { isConvexError: error instanceof ConvexError, message: error.message, data: error.data };
    }
  };
  return { plain: await settled(), data: await settled({ n: 1n }), rows: await ctx.runQuery((api as any).rtTx.read, { tag }) };
});
export const many = action(async (ctx: any, { count }: any) => {
  const results = await Promise.all(Array.from({ length: count }, (_, n) => ctx.runQuery(inner.one, { n })));
  return results.every((value: any, n: number) => value === n + 1);
});
export const parallelSleeps = action(async (ctx: any) => {
  const started = Date.now();
  await Promise.all(Array.from({ length: 8 }, () => ctx.runAction((api as any).actions.sleep, { ms: 300 })));
  return Date.now() - started;
});
export const unawaited = action(async (ctx: any, { tag }: any) => {
  void ctx.runAction((api as any).actions.sleep, { ms: 500 });
  void ctx.runQuery(inner.one, { n: 1 });
  return tag;
});
export const timers = action(async () => {
  const order: string[] = [];
  const cleared = setTimeout(() => order.push("never"), 5);
  clearTimeout(cleared);
  let ticks = 0;
  await new Promise<void>((resolve) => {
    setTimeout((word: string) => order.push(word), 30, "second");
    setTimeout(() => order.push("first"), 1);
    const interval = setInterval(() => {
      if (++ticks < 3) return;
      clearInterval(interval);
      setTimeout(resolve, 50);
    }, 10);
  });
  return { order, ticks };
});
export const clock = action(async () => {
  const before = [Date.now(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, 30));
  return { before, after: [Date.now(), performance.now()] };
});
export const metrics = action(async () => {
  const host = (globalThis as any).Convex;
  return await settle(() => host.asyncSyscall("1.0/getTransactionMetrics", "{}"));
});
export const rejects = action(async () => {
  void Promise.reject(new Error("nobody handles this"));
  await new Promise((resolve) => setTimeout(resolve, 10));
});
export const never = action(async () => await new Promise(() => {}));
export const dbSyscall = action(async () => {
  const host = (globalThis as any).Convex;
  return await settle(() => host.asyncSyscall("1.0/get", JSON.stringify({ id: "x", isSystem: false, version: "1.48.0" })));
});
