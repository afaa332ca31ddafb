import { ActionRetrier, runIdValidator, runResultValidator } from "@convex-dev/action-retrier";
import { v } from "convex/values";
import { components, internal } from "./_generated/api";
import { internalAction, internalMutation, mutation, query } from "./_generated/server";

const retrier = new ActionRetrier(components.actionRetrier, { initialBackoffMs: 50, base: 2, maxFailures: 4 });

/** Fails until it was called `after` times. */
export const flaky = internalAction({
  args: { of: v.string(), after: v.number() },
  handler: async (ctx, { of, after }): Promise<string> => {
    const attempts = await ctx.runMutation(internal.retried.attempt, { of });
    if (attempts <= after) throw new Error(`attempt ${attempts} fails`);
    return `done after ${attempts}`;
  },
});

export const attempt = internalMutation({
  args: { of: v.string() },
  handler: async (ctx, { of }): Promise<number> => {
    await ctx.db.insert("events", { of, what: "attempt" });
    return (await ctx.db.query("events").withIndex("by_of", (q) => q.eq("of", of)).collect()).length;
  },
});

export const start = mutation({
  args: { of: v.string(), after: v.number() },
  handler: async (ctx, args) =>
    await retrier.run(ctx, internal.retried.flaky, args, { onComplete: internal.retried.completed }),
});

export const completed = internalMutation({
  args: { runId: runIdValidator, result: runResultValidator },
  handler: async (ctx, { result }) => { await ctx.db.insert("events", { of: "retrier", what: result }); },
});

export const status = query({
  args: { id: runIdValidator },
  handler: async (ctx, { id }) => await retrier.status(ctx, id),
});
