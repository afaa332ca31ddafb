import { mutationGeneric as mutation, queryGeneric as query } from "convex/server";
import { v } from "convex/values";

export const add = mutation({
  args: { from: v.number(), to: v.number(), tag: v.string() },
  handler: async (ctx, { from, to, tag }) => {
    for (let n = from; n < to; n++) await ctx.db.insert("notes", { n, tag, text: `${tag} ${n}` });
  },
});

/** Marks notes, by replacing their texts. */
export const mark = mutation({
  args: { from: v.number(), to: v.number(), text: v.string() },
  handler: async (ctx, { from, to, text }) => {
    for (const note of await range(ctx, from, to)) await ctx.db.patch(note._id, { text: `${text} ${note.n}` });
  },
});

export const remove = mutation({
  args: { from: v.number(), to: v.number() },
  handler: async (ctx, { from, to }) => {
    for (const note of await range(ctx, from, to)) await ctx.db.delete(note._id);
  },
});

const range = (ctx, from, to) =>
  ctx.db.query("notes").withIndex("by_n", (q) => q.gte("n", from).lt("n", to)).collect();

/** All texts in the order of `n`. */
export const texts = query({
  args: {},
  handler: async (ctx) => (await ctx.db.query("notes").withIndex("by_n").collect()).map(({ text }) => text),
});

export const tagged = query({
  args: { tag: v.string() },
  handler: async (ctx, { tag }) =>
    (await ctx.db.query("notes").withIndex("by_tag", (q) => q.eq("tag", tag)).order("desc").collect()).map(({ n }) => n),
});
