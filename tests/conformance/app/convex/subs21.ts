import { query } from "./_generated/server";
import { v } from "convex/values";

export const needsCounter = query({
  args: { name: v.string() },
  handler: async (ctx, { name }) => {
    const row = await ctx.db
      .query("counters")
      .withIndex("by_name", (q) => q.eq("name", name))
      .unique();
    if (row === null) throw new Error(`no counter ${name}`);
    return row.value;
  },
});

// A value of its own at each run.
export const once = query({ args: { a: v.number(), b: v.any() }, handler: async () => Math.random() });
