import { v } from "convex/values";
import { internalMutation, query } from "./_generated/server";

export const note = internalMutation({
  args: { of: v.string(), what: v.any() },
  handler: async (ctx, event) => { await ctx.db.insert("events", event); },
});

export const list = query({
  args: { of: v.string() },
  handler: async (ctx, { of }) =>
    (await ctx.db.query("events").withIndex("by_of", (q) => q.eq("of", of)).collect()).map((event) => event.what),
});
