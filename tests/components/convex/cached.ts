import { ActionCache } from "@convex-dev/action-cache";
import { v } from "convex/values";
import { components, internal } from "./_generated/api";
import { action, internalAction, internalMutation, query } from "./_generated/server";

const cache = new ActionCache(components.actionCache, { action: internal.cached.expensive, name: "expensive-1" });

export const expensive = internalAction({
  args: { text: v.string() },
  handler: async (ctx, { text }): Promise<string> => {
    await ctx.runMutation(internal.cached.note, { text });
    return text.toUpperCase();
  },
});

export const note = internalMutation({
  args: { text: v.string() },
  handler: async (ctx, { text }) => { await ctx.db.insert("runs", { text }); },
});

export const fetch = action({
  args: { text: v.string() },
  handler: async (ctx, args): Promise<string> => await cache.fetch(ctx, args),
});

export const runs = query({ args: {}, handler: async (ctx) => (await ctx.db.query("runs").collect()).length });
