import { mutation, query } from "./_generated/server";
import { v } from "convex/values";
import { paginationOptsValidator } from "convex/server";

export const list = query({
  args: { list: v.string() },
  handler: async (ctx, { list }) =>
    await ctx.db
      .query("notes")
      .withIndex("by_list", (q) => q.eq("list", list))
      .collect(),
});

export const count = query({
  args: { list: v.string() },
  handler: async (ctx, { list }) =>
    (
      await ctx.db
        .query("notes")
        .withIndex("by_list", (q) => q.eq("list", list))
        .collect()
    ).length,
});

// Logs a line at each run, so that a client can tell a cached result from a new run.
export const sum = query({
  args: { list: v.string() },
  handler: async (ctx, { list }) => {
    let sum = 0;
    for await (const note of ctx.db.query("notes").withIndex("by_list", (q) => q.eq("list", list))) sum += note.n;
    return sum;
  },
});

export const add = mutation({
  args: { list: v.string(), n: v.number(), text: v.optional(v.string()) },
  handler: async (ctx, note) => await ctx.db.insert("notes", note),
});

export const addMany = mutation({
  args: { list: v.string(), from: v.number(), count: v.number(), text: v.optional(v.string()) },
  handler: async (ctx, { list, from, count, text }) => {
    for (let i = 0; i < count; i++) await ctx.db.insert("notes", { list, n: from + i, text });
    return null;
  },
});

export const append = mutation({
  args: { list: v.string() },
  handler: async (ctx, { list }) => {
    const last = await ctx.db
      .query("notes")
      .withIndex("by_list", (q) => q.eq("list", list))
      .order("desc")
      .first();
    const n = last === null ? 0 : last.n + 1;
    await ctx.db.insert("notes", { list, n });
    return n;
  },
});

export const removeBetween = mutation({
  args: { list: v.string(), from: v.number(), to: v.number() },
  handler: async (ctx, { list, from, to }) => {
    const rows = await ctx.db
      .query("notes")
      .withIndex("by_list", (q) => q.eq("list", list).gte("n", from).lte("n", to))
      .collect();
    for (const row of rows) await ctx.db.delete(row._id);
    return rows.length;
  },
});

export const page = query({
  args: { list: v.string(), paginationOpts: paginationOptsValidator },
  handler: async (ctx, { list, paginationOpts }) =>
    await ctx.db
      .query("notes")
      .withIndex("by_list", (q) => q.eq("list", list))
      .paginate(paginationOpts),
});

export const pageDescending = query({
  args: { list: v.string(), paginationOpts: paginationOptsValidator },
  handler: async (ctx, { list, paginationOpts }) =>
    await ctx.db
      .query("notes")
      .withIndex("by_list", (q) => q.eq("list", list))
      .order("desc")
      .paginate(paginationOpts),
});

export const big = query({
  args: { bytes: v.number(), list: v.string() },
  handler: async (ctx, { bytes, list }) => {
    const rows = await ctx.db
      .query("notes")
      .withIndex("by_list", (q) => q.eq("list", list))
      .collect();
    // Two-, three- and four-byte characters, so that a cut in bytes would be seen.
    const unit = "a\u00e9\u20ac\u{1f600}";
    return { rows: rows.length, text: unit.repeat(Math.floor(bytes / 10)) };
  },
});

export const bigMutation = mutation({
  args: { bytes: v.number() },
  handler: async (_ctx, { bytes }) => "x".repeat(bytes),
});
