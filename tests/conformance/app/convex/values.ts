import { internalQuery, mutation, query, action } from "./_generated/server";
import { v } from "convex/values";

export const echo = query({ args: { value: v.any() }, handler: async (_ctx, { value }) => value });
export const echoMutation = mutation({ args: { value: v.any() }, handler: async (_ctx, { value }) => value });
export const echoAction = action({ args: { value: v.any() }, handler: async (_ctx, { value }) => value });
export const typeOf = query({ args: { value: v.any() }, handler: async (_ctx, { value }) => typeof value });
export const nothing = query({ args: {}, handler: async () => {} });
export const hidden = internalQuery({ args: {}, handler: async () => "internal" });

export const store = mutation({
  args: { list: v.string(), value: v.optional(v.any()) },
  handler: async (ctx, { list, value }) => {
    const id = await ctx.db.insert("things", value === undefined ? { list } : { list, value });
    return await ctx.db.get(id);
  },
});

export const inOrder = query({
  args: { list: v.string() },
  handler: async (ctx, { list }) =>
    await ctx.db
      .query("things")
      .withIndex("by_list_value", (q) => q.eq("list", list))
      .collect(),
});

export const storeDocument = mutation({
  args: { document: v.any() },
  handler: async (ctx, { document }) => {
    const id = await ctx.db.insert("things", document);
    return id;
  },
});

export const read = query({ args: { id: v.id("things") }, handler: async (ctx, { id }) => await ctx.db.get(id) });

export const normalize = query({
  args: { table: v.string(), id: v.string() },
  handler: async (ctx, { table, id }) => ctx.db.normalizeId(table as "things", id),
});

export const changeKeepingCreationTime = mutation({
  args: {},
  handler: async (ctx) => {
    const first = await ctx.db.insert("things", { list: "creation", value: 1 });
    const second = await ctx.db.insert("things", { list: "creation", value: 2 });
    const third = await ctx.db.insert("things", { list: "creation", value: 3 });
    const before = [await ctx.db.get(first), await ctx.db.get(second), await ctx.db.get(third)];
    await ctx.db.patch(first, { value: 10 });
    await ctx.db.replace(second, { list: "creation", value: 20 });
    const after = [await ctx.db.get(first), await ctx.db.get(second), await ctx.db.get(third)];
    return { before, after };
  },
});

export const commitTs = mutation({
  args: {},
  handler: async (ctx) => {
    const db = ctx.db as any;
    const id = await ctx.db.insert("things", { list: "commitTs", value: db.vars.commitTs });
    return { id, ts: db.vars.commitTs };
  },
});

export const storeStrict = mutation({
  args: { title: v.any() },
  handler: async (ctx, { title }) => await ctx.db.insert("strict", { title }),
});

export const randomness = mutation({
  args: { i: v.number() },
  handler: async () => {
    const now = Date.now();
    let x = 0;
    for (let i = 0; i < 3_000_000; i++) x = (x + i) % 7;
    return { random: Math.random(), now, later: Date.now() + (x < 0 ? 1 : 0), uuid: crypto.randomUUID() };
  },
});
