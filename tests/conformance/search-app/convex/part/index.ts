import { action, mutation, query } from "./_generated/server";
import { v } from "convex/values";

export const add = mutation({
  args: { name: v.string(), body: v.string(), place: v.array(v.float64()) },
  handler: async (ctx, row) => {
    await ctx.db.insert("docs", row);
    const found = await ctx.db.query("docs").withSearchIndex("by_body", (q) => q.search("body", row.body)).collect();
    return found.map(({ name }) => name);
  },
});
export const search = query({
  args: { text: v.string() },
  handler: async (ctx, { text }) => {
    const found = await ctx.db.query("docs").withSearchIndex("by_body", (q) => q.search("body", text)).collect();
    return found.map(({ name }) => name);
  },
});
export const nearest = action({
  args: { vector: v.array(v.float64()), name: v.optional(v.string()) },
  handler: async (ctx, { vector, name }) => {
    const filter = name === undefined ? {} : { filter: (q: any) => q.eq("name", name) };
    return (await ctx.vectorSearch("docs", "by_place", { vector, ...filter })).map(({ _score }) => _score);
  },
});
