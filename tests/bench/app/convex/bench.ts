import { mutation, query } from "./_generated/server";
import { v } from "convex/values";

// Queries take a `nonce` that the handler ignores: the same nonce again is
// answered from the query cache, a new one never is.

export const trivial = query({
  args: { nonce: v.number() },
  returns: v.number(),
  handler: async () => 1,
});

export const getByIndex = query({
  args: { number: v.number(), nonce: v.number() },
  handler: async (ctx, { number }) =>
    await ctx.db
      .query("accounts")
      .withIndex("by_number", (q) => q.eq("number", number))
      .unique(),
});

export const list100 = query({
  args: { nonce: v.number() },
  handler: async (ctx) =>
    await ctx.db
      .query("messages")
      .withIndex("by_channel", (q) => q.eq("channel", 1))
      .take(100),
});

export const empty = mutation({ args: {}, handler: async () => null });

export const insert = mutation({
  args: { key: v.number() },
  handler: async (ctx, { key }) => {
    await ctx.db.insert("items", { key, owner: "bench", text: "a short line of text for one item", done: false });
    return null;
  },
});

export const insert100 = mutation({
  args: { key: v.number() },
  handler: async (ctx, { key }) => {
    for (let i = 0; i < 100; i++) {
      await ctx.db.insert("items", { key: key + i, owner: "bench", text: "a short line of text for one item", done: false });
    }
    return null;
  },
});

export const transfer = mutation({
  args: { from: v.number(), to: v.number(), amount: v.number() },
  handler: async (ctx, { from, to, amount }) => {
    const a = await ctx.db.query("accounts").withIndex("by_number", (q) => q.eq("number", from)).unique();
    const b = await ctx.db.query("accounts").withIndex("by_number", (q) => q.eq("number", to)).unique();
    if (a === null || b === null) throw new Error(`no account ${a === null ? from : to}`);
    if (from === to) return null;
    await ctx.db.patch(a._id, { balance: a.balance - amount });
    await ctx.db.patch(b._id, { balance: b.balance + amount });
    return null;
  },
});

export const counter = query({
  args: { name: v.string() },
  handler: async (ctx, { name }) => {
    const row = await ctx.db.query("counters").withIndex("by_name", (q) => q.eq("name", name)).unique();
    return row === null ? 0 : row.value;
  },
});

export const bump = mutation({
  args: { name: v.string() },
  handler: async (ctx, { name }) => {
    const row = await ctx.db.query("counters").withIndex("by_name", (q) => q.eq("name", name)).unique();
    if (row === null) {
      await ctx.db.insert("counters", { name, value: 1 });
      return 1;
    }
    await ctx.db.patch(row._id, { value: row.value + 1 });
    return row.value + 1;
  },
});

export const seedAccounts = mutation({
  args: { start: v.number(), count: v.number() },
  handler: async (ctx, { start, count }) => {
    for (let i = 0; i < count; i++) await ctx.db.insert("accounts", { number: start + i, balance: 1000 });
    return null;
  },
});

export const seedMessages = mutation({
  args: { channel: v.number(), count: v.number() },
  handler: async (ctx, { channel, count }) => {
    for (let i = 0; i < count; i++) {
      await ctx.db.insert("messages", { channel, author: `user ${i % 7}`, body: `message number ${i} of the channel, of usual length` });
    }
    return null;
  },
});

export const sumBalances = query({
  args: { start: v.number(), count: v.number() },
  handler: async (ctx, { start, count }) => {
    let sum = 0;
    const rows = ctx.db
      .query("accounts")
      .withIndex("by_number", (q) => q.gte("number", start).lt("number", start + count));
    for await (const row of rows) sum += row.balance;
    return sum;
  },
});

export const countItems = query({
  args: { nonce: v.number() },
  handler: async (ctx) => await (ctx.db.query("items") as unknown as { count(): Promise<number> }).count(),
});

/** Needs tens of megabytes and some hundred milliseconds. */
export const heavy = query({
  args: { nonce: v.number() },
  handler: async (_ctx, { nonce }) => {
    const rows = Array.from({ length: 200_000 }, (_, i) => ({ i, text: `row ${i} of ${nonce}`, tags: [i % 7, i % 11] }));
    rows.sort((a, b) => (a.text < b.text ? -1 : 1));
    return rows.length;
  },
});
