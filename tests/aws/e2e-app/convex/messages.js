import { action, mutation, query } from "./_generated/server";

export const send = mutation(async (ctx, { by, text }) => {
  console.log("sent by", by);
  return await ctx.db.insert("messages", { by, text });
});

export const list = query(async (ctx) => (await ctx.db.query("messages").collect()).map(({ by, text }) => `${by}: ${text}`));

export const count = query(async (ctx) => (await ctx.db.query("messages").collect()).length);

/** Fails if nobody has said it. */
export const need = mutation(async (ctx, { text }) => {
  const messages = await ctx.db.query("messages").collect();
  if (!messages.some((message) => message.text === text)) throw new Error(`nobody has said ${text}`);
});

/** So many characters. */
export const long = query(async (ctx, { length }) => "0123456789".repeat(length / 10));

export const longAction = action(async (ctx, { length }) => "0123456789".repeat(length / 10));

export const variable = query(async (ctx, { name }) => process.env[name] ?? null);
