import { mutationGeneric as mutation, paginationOptsValidator, queryGeneric as query } from "convex/server";
import { v } from "convex/values";

/** Name of the counter that every mutation of every client raises: all of them conflict there. */
const TOTAL = "total";

/** Two new rows, two raised counters: all or nothing. */
export const append = mutation({
  args: { client: v.string(), seq: v.number(), padding: v.string() },
  handler: async (ctx, { client, seq, padding }) => {
    const entry = await ctx.db.insert("entries", { client, seq, padding });
    await raise(ctx, client, seq);
    await raise(ctx, TOTAL, seq);
    await ctx.db.insert("mirror", { entry, client, seq });
    return seq;
  },
});

async function raise(ctx, client, by) {
  const counter = await ctx.db
    .query("counters")
    .withIndex("by_client", (q) => q.eq("client", client))
    .unique();
  if (counter === null) await ctx.db.insert("counters", { client, count: 1, sum: by });
  else await ctx.db.patch(counter._id, { count: counter.count + 1, sum: counter.sum + by });
}

export const total = query({
  args: {},
  handler: async (ctx) => {
    const counter = await ctx.db
      .query("counters")
      .withIndex("by_client", (q) => q.eq("client", TOTAL))
      .unique();
    return counter?.count ?? 0;
  },
});

export const counters = query({ args: {}, handler: async (ctx) => await ctx.db.query("counters").collect() });

export const page = query({
  args: { table: v.union(v.literal("entries"), v.literal("mirror")), paginationOpts: paginationOptsValidator },
  handler: async (ctx, { table, paginationOpts }) => {
    const { page, ...rest } = await ctx.db.query(table).paginate(paginationOpts);
    return { ...rest, page: page.map(({ client, seq }) => ({ client, seq })) };
  },
});
