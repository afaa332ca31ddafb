import { LaunchDarkly } from "@convex-dev/launchdarkly";
import { v } from "convex/values";
import { components } from "./_generated/api";
import { mutation, query } from "./_generated/server";

const launchdarkly = new LaunchDarkly(components.launchdarkly);
const user = v.object({ kind: v.literal("user"), key: v.string(), plan: v.optional(v.string()) });

export const banner = query({
  args: { user },
  handler: async (ctx, { user }): Promise<string> => await launchdarkly.sdk(ctx).stringVariation("banner", user, "none"),
});

export const all = query({
  args: { user },
  handler: async (ctx, { user }) => (await launchdarkly.sdk(ctx).allFlagsState(user)).allValues(),
});

/** In a mutation, evaluations are events, which the component sends later. */
export const evaluate = mutation({
  args: { user },
  handler: async (ctx, { user }): Promise<boolean> => await launchdarkly.sdk(ctx).boolVariation("checkout", user, false),
});
