import { action, internalMutation, mutation, query } from "./_generated/server";
import { ConvexError, v } from "convex/values";

const data = () => ({
  code: "DRY",
  left: 0n,
  bytes: new Uint8Array([0, 1, 254, 255]).buffer,
  nested: [[1, [2]], { deep: null }],
});

export const convexErrorQuery = query({
  args: { kind: v.string() },
  handler: async (_ctx, { kind }): Promise<null> => {
    if (kind === "object") throw new ConvexError(data());
    if (kind === "string") throw new ConvexError("plain text");
    if (kind === "null") throw new ConvexError(null);
    throw new Error("ordinary");
  },
});
export const convexErrorMutation = mutation({
  args: {},
  handler: async (): Promise<null> => {
    throw new ConvexError(data());
  },
});
export const convexErrorAction = action({
  args: {},
  handler: async (): Promise<null> => {
    throw new ConvexError(data());
  },
});
export const plain = query({
  args: {},
  handler: async (): Promise<null> => {
    throw new Error("an ordinary error");
  },
});
export const plainMutation = mutation({
  args: {},
  handler: async (): Promise<null> => {
    throw new Error("an ordinary error");
  },
});
export const badReturn = query({
  args: {},
  returns: v.string(),
  handler: async () => 5 as unknown as string,
});
export const typed = query({
  args: { name: v.string(), count: v.optional(v.number()) },
  handler: async (_ctx, { name }) => name,
});
export const loop = query({
  args: {},
  handler: async () => {
    for (;;);
  },
});
export const loopMutation = mutation({
  args: {},
  handler: async () => {
    for (;;);
  },
});
export const hungry = query({
  args: {},
  handler: async () => {
    const kept: number[][] = [];
    for (;;) kept.push(new Array(10000).fill(1.5));
  },
});
export const never = query({ args: {}, handler: async () => await new Promise<null>(() => {}) });
export const unhandled = query({
  args: {},
  handler: async () => {
    void Promise.reject(new Error("nobody waits for me"));
    return await Promise.resolve(1);
  },
});
export const chatty = query({
  args: { lines: v.number(), value: v.optional(v.any()) },
  handler: async (_ctx, { lines, value }) => {
    for (let i = 0; i < lines; i++) console.log(value === undefined ? "x" : value);
    console.warn("warned", { a: 1, b: [true, null] });
    return lines;
  },
});
export const readMany = query({
  args: { table: v.string(), count: v.number() },
  handler: async (ctx, { table, count }) => {
    const rows = await ctx.db.query(table as "notes").take(count);
    return rows.length;
  },
});
export const manyRanges = query({
  args: { count: v.number() },
  handler: async (ctx, { count }) => {
    for (let i = 0; i < count; i++) {
      await ctx.db
        .query("counters")
        .withIndex("by_name", (q) => q.eq("name", `range ${i}`))
        .first();
    }
    return count;
  },
});
export const secret = internalMutation({ args: {}, handler: async () => "secret" });
export const random = query({
  args: {},
  handler: async () => ({ random: Math.random(), now: Date.now(), uuid: crypto.randomUUID() }),
});
export const whoami = query({ args: {}, handler: async (ctx) => await ctx.auth.getUserIdentity() });
export const whoamiMutation = mutation({ args: {}, handler: async (ctx) => await ctx.auth.getUserIdentity() });
