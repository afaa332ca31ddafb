import { ConvexError, v } from "convex/values";
import { type MutationCtx, mutation, query } from "./_generated/server";

const CHANNEL_NAME = /^[a-z0-9][a-z0-9-]{0,23}$/;

const FIRST_CHANNELS = [
  { name: "general", topic: "Everything and anything" },
  { name: "random", topic: "Pictures of lakes, mostly" },
  { name: "help", topic: "Ask, and somebody will know" },
];

const channel = v.object({
  _id: v.id("channels"),
  _creationTime: v.number(),
  name: v.string(),
  topic: v.string(),
});

export const list = query({
  args: {},
  returns: v.array(channel),
  handler: async (ctx) => await ctx.db.query("channels").withIndex("by_name").take(100),
});

export const create = mutation({
  args: { name: v.string(), topic: v.optional(v.string()) },
  returns: v.id("channels"),
  handler: async (ctx, { name, topic }) => {
    if (!CHANNEL_NAME.test(name)) {
      throw new ConvexError("A channel name has 1 to 24 lower-case letters, digits and hyphens.");
    }
    if (await channelExists(ctx, name)) throw new ConvexError(`There is already a channel named ${name}.`);
    return await ctx.db.insert("channels", { name, topic: topic?.slice(0, 120) ?? "" });
  },
});

/** Makes the channels of a new deployment. Safe to call from every page: it does nothing where there are channels. */
export const createFirst = mutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    if ((await ctx.db.query("channels").first()) !== null) return null;
    for (const first of FIRST_CHANNELS) await ctx.db.insert("channels", first);
    return null;
  },
});

async function channelExists(ctx: MutationCtx, name: string) {
  const found = await ctx.db
    .query("channels")
    .withIndex("by_name", (q) => q.eq("name", name))
    .unique();
  return found !== null;
}
