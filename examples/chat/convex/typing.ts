import { v } from "convex/values";
import { type MutationCtx, mutation, query } from "./_generated/server";

/** Rows of pages that vanished without a word are deleted after this time. */
const STALE_MS = 60_000;

/** Who is writing in a channel, the most recent first. */
export const list = query({
  args: { channel: v.id("channels") },
  returns: v.array(v.object({ session: v.string(), author: v.string(), since: v.number() })),
  handler: async (ctx, { channel }) => {
    const rows = await ctx.db
      .query("typing")
      .withIndex("by_channel", (q) => q.eq("channel", channel))
      .order("desc")
      .take(20);
    return rows.map(({ session, author, since }) => ({ session, author, since }));
  },
});

/** Says that a page's user is writing. Pages repeat it every few seconds for as long as it is true. */
export const start = mutation({
  args: { channel: v.id("channels"), session: v.string(), author: v.string() },
  returns: v.null(),
  handler: async (ctx, { channel, session, author }) => {
    const now = Date.now();
    const stale = await ctx.db
      .query("typing")
      .withIndex("by_channel", (q) => q.eq("channel", channel).lt("since", now - STALE_MS))
      .take(10);
    for (const row of stale) await ctx.db.delete(row._id);
    const row = { channel, session, author, since: now };
    const existing = await findRow(ctx, session);
    if (existing === null) await ctx.db.insert("typing", row);
    else await ctx.db.replace(existing._id, row);
    return null;
  },
});

export const stop = mutation({
  args: { session: v.string() },
  returns: v.null(),
  handler: async (ctx, { session }) => {
    await stopTyping(ctx, session);
    return null;
  },
});

export async function stopTyping(ctx: MutationCtx, session: string) {
  const existing = await findRow(ctx, session);
  if (existing !== null) await ctx.db.delete(existing._id);
}

async function findRow(ctx: MutationCtx, session: string) {
  return await ctx.db
    .query("typing")
    .withIndex("by_session", (q) => q.eq("session", session))
    .unique();
}
