import { paginationOptsValidator } from "convex/server";
import { ConvexError, v } from "convex/values";
import { mutation, query } from "./_generated/server";
import { stopTyping } from "./typing";

const MAX_BODY_LENGTH = 2000;

/** One page of a channel's messages, newest first. */
export const list = query({
  args: { channel: v.id("channels"), paginationOpts: paginationOptsValidator },
  handler: async (ctx, { channel, paginationOpts }) =>
    await ctx.db
      .query("messages")
      .withIndex("by_channel", (q) => q.eq("channel", channel))
      .order("desc")
      .paginate(paginationOpts),
});

export const send = mutation({
  args: {
    channel: v.id("channels"),
    author: v.string(),
    body: v.string(),
    session: v.optional(v.string()),
  },
  returns: v.id("messages"),
  handler: async (ctx, { channel, author, body, session }) => {
    const text = body.trim();
    if (text === "") throw new ConvexError("A message needs some text.");
    if (text.length > MAX_BODY_LENGTH) throw new ConvexError(`A message has at most ${MAX_BODY_LENGTH} characters.`);
    if (author.trim() === "") throw new ConvexError("A message needs an author.");
    if ((await ctx.db.get(channel)) === null) throw new ConvexError("This channel does not exist any more.");
    if (session !== undefined) await stopTyping(ctx, session);
    return await ctx.db.insert("messages", { channel, author: author.trim().slice(0, 40), body: text });
  },
});
