import { action, internalQuery, mutation, query } from "./_generated/server";
import { v } from "convex/values";
import { settle } from "./rtHelp";

const importRandom = Math.random();
const importNow = Date.now();

export const q = query({ args: {}, handler: async () => "query" });
export const m = mutation({ args: {}, handler: async () => "mutation" });
export const a = action({ args: {}, handler: async () => "action" });
export const hidden = internalQuery({ args: {}, handler: async () => "hidden" });
export const nothingQuery = query(async () => {});
export const nothingMutation = mutation(async () => {});
export const nothingAction = action(async () => {});
export const returnsQuery = query(async (ctx: any) => ctx.db.query("rtItems"));
export const returnsQueryMutation = mutation(async (ctx: any) => ctx.db.query("rtItems"));
export const spread = query(async (_ctx: any, ...args: any[]) => args);
export const atImport = query({ args: {}, handler: async () => ({ importRandom, importNow }) });
export const atImportMutation = mutation({ args: {}, handler: async () => ({ importRandom, importNow }) });

const load = async () => (await import("./rtLazy")).lazy;
export const lazyQuery = query(async () => await settle(load));
export const lazyMutation = mutation(async () => await settle(load));
export const lazyAction = action(async () => await settle(load));
export const meta = query(async () => await settle(() => String((import.meta as any).url)));

const both: any = query({ args: {}, handler: async () => "both" });
both.isInternal = true;
export { both };

export const callsDirectly = query(async (ctx: any) => await (q as any)(ctx, {}));

export const validated = query({
  args: { name: v.string(), note: v.optional(v.string()) },
  handler: async (_ctx, args) => args,
});
export const wantsId = query({ args: { id: v.id("rtItems") }, handler: async (_ctx, { id }) => id });
export const unionOfOne = query({ args: { x: v.union(v.object({ deep: v.number() })) }, handler: async () => null });
export const unionOfTwo = query({ args: { x: v.union(v.number(), v.boolean()) }, handler: async () => null });
export const keyed = query({ args: { r: v.record(v.id("rtItems"), v.number()) }, handler: async (_ctx, { r }) => r });
export const int64 = query({ args: { n: v.int64() }, handler: async (_ctx, { n }) => n });
export const writesThenReturnsWrong = mutation({
  args: { tag: v.string() },
  returns: v.string(),
  handler: async (ctx, { tag }) => {
    await ctx.db.insert("rtItems", { a: tag });
    return 5 as any;
  },
});
export const huge = query({ args: { bytes: v.number() }, handler: async (_ctx, { bytes }) => "x".repeat(bytes) });

// Values made inside the function, so that the server's own copy of the client's checks comes first.
const made: Record<string, () => unknown> = {
  special: () => [-0, NaN, Infinity, -Infinity],
  bounds: () => [2n ** 63n - 1n, -(2n ** 63n)],
  tooLarge: () => 2n ** 63n,
  tooSmall: () => -(2n ** 63n) - 1n,
  bytes: () => new Uint8Array([0, 1, 254, 255]).buffer,
  surrogate: () => "a\ud800b",
  dollar: () => ({ $x: 1 }),
  fields1024: () => Object.fromEntries(Array.from({ length: 1024 }, (_, i) => [`f${i}`, i])),
  fields1025: () => Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [`f${i}`, i])),
  array8192: () => new Array(8192).fill(0),
  array8193: () => new Array(8193).fill(0),
  // The document and its field are two levels already.
  nesting16: () => nest(15),
  nesting17: () => nest(16),
  function: () => () => 1,
  symbol: () => Symbol("s"),
  classInstance: () => new (class Point { x = 1 })(),
  date: () => new Date(0),
  map: () => new Map([[1, 2]]),
};
const nest = (levels: number): unknown => (levels === 0 ? 1 : [nest(levels - 1)]);

export const make = query({ args: { kind: v.string() }, handler: async (_ctx, { kind }) => made[kind]!() as any });
export const makeMutation = mutation({ args: { kind: v.string() }, handler: async (_ctx, { kind }) => made[kind]!() as any });
export const makeAction = action({ args: { kind: v.string() }, handler: async (_ctx, { kind }) => made[kind]!() as any });
export const storeMade = mutation({
  args: { kind: v.string() },
  handler: async (ctx, { kind }) => {
    const id = await ctx.db.insert("rtItems", { a: "made", value: made[kind]!() } as any);
    return ((await ctx.db.get(id)) as any).value;
  },
});
/** Past the client's checks. */
export const insertRaw = mutation({
  args: { value: v.string() },
  handler: async (_ctx, { value }) => {
    const host = (globalThis as any).Convex;
    return await settle(() => host.asyncSyscall("1.0/insert", `{"table":"rtItems","value":${value}}`));
  },
});
