import { HOUR, MINUTE, RateLimiter } from "@convex-dev/rate-limiter";
import { v } from "convex/values";
import { components } from "./_generated/api";
import { mutation, query } from "./_generated/server";

const limiter = new RateLimiter(components.rateLimiter, {
  signUp: { kind: "fixed window", rate: 2, period: HOUR },
  send: { kind: "token bucket", rate: 1, period: MINUTE, capacity: 3 },
});

export const signUp = mutation({ args: {}, handler: async (ctx) => (await limiter.limit(ctx, "signUp")).ok });

export const send = mutation({
  args: { user: v.string() },
  handler: async (ctx, { user }) => await limiter.limit(ctx, "send", { key: user, throws: true }),
});

/** Takes a token, then fails: the token must be given back. */
export const sendAndFail = mutation({
  args: { user: v.string() },
  handler: async (ctx, { user }) => {
    await limiter.limit(ctx, "send", { key: user, count: 3 });
    throw new Error("after taking");
  },
});

export const canSend = query({
  args: { user: v.string() },
  handler: async (ctx, { user }) => (await limiter.check(ctx, "send", { key: user })).ok,
});
