import { mutationGeneric as mutation, queryGeneric as query } from "convex/server";
import { v } from "convex/values";

export const insert = mutation({
  args: { table: v.string(), documents: v.array(v.any()) },
  handler: async (ctx, { table, documents }) => {
    const ids = [];
    for (const document of documents) ids.push(await ctx.db.insert(table, document));
    return ids;
  },
});

export const replace = mutation({
  args: { id: v.string(), document: v.any() },
  handler: (ctx, { id, document }) => ctx.db.replace(id, document),
});

export const remove = mutation({ args: { id: v.string() }, handler: (ctx, { id }) => ctx.db.delete(id) });

export const all = query({ args: { table: v.string() }, handler: (ctx, { table }) => ctx.db.query(table).collect() });
