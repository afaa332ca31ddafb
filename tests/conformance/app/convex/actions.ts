import { action } from "./_generated/server";
import { api, internal } from "./_generated/api";
import { v } from "convex/values";

export const sleep = action({
  args: { ms: v.number() },
  handler: async (_ctx, { ms }) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return ms;
  },
});
export const addTwice = action({
  args: { name: v.string() },
  handler: async (ctx, { name }): Promise<number> => {
    await ctx.runMutation(api.counters.increment, { name });
    await ctx.runMutation(internal.counters.incrementInternal, { name });
    return await ctx.runQuery(api.counters.get, { name });
  },
});
export const callsAction = action({
  args: {},
  handler: async (ctx): Promise<number> => await ctx.runAction(api.actions.sleep, { ms: 1 }),
});
