import { Workpool, vResultValidator, vWorkId } from "@convex-dev/workpool";
import { v } from "convex/values";
import { components, internal } from "./_generated/api";
import { internalAction, internalMutation, mutation } from "./_generated/server";

const slow = new Workpool(components.slowPool, { maxParallelism: 1 });
const fast = new Workpool(components.fastPool, { maxParallelism: 5 });

export const work = internalAction({
  args: { n: v.number(), of: v.string() },
  handler: async (ctx, { n, of }): Promise<number> => {
    await ctx.runMutation(internal.events.note, { of, what: `begin ${n}` });
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (n === 13) throw new Error("thirteen");
    await ctx.runMutation(internal.events.note, { of, what: `end ${n}` });
    return n * n;
  },
});

export const add = internalMutation({
  args: { n: v.number(), of: v.string() },
  handler: async (ctx, { n, of }) => { await ctx.db.insert("events", { of, what: `added ${n}` }); },
});

export const completed = internalMutation({
  args: { workId: vWorkId, context: v.object({ n: v.number(), of: v.string() }), result: vResultValidator },
  handler: async (ctx, { context, result }) => {
    await ctx.db.insert("events", { of: `${context.of} completed`, what: { n: context.n, ...result } });
  },
});

export const enqueue = mutation({
  args: { pool: v.union(v.literal("slow"), v.literal("fast")), from: v.number(), to: v.number(), mutations: v.boolean() },
  handler: async (ctx, { pool: of, from, to, mutations }) => {
    const pool = of === "slow" ? slow : fast;
    for (let n = from; n < to; n++) {
      const options = { onComplete: internal.pools.completed, context: { n, of } };
      if (mutations) await pool.enqueueMutation(ctx, internal.pools.add, { n, of }, options);
      else await pool.enqueueAction(ctx, internal.pools.work, { n, of }, options);
    }
  },
});
