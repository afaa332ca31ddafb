import { internalMutation, mutation, query } from "./_generated/server";
import { api } from "./_generated/api";
import { v } from "convex/values";

const read = async (ctx: any, name: string) =>
  await ctx.db
    .query("counters")
    .withIndex("by_name", (q: any) => q.eq("name", name))
    .unique();

export const get = query({
  args: { name: v.string() },
  handler: async (ctx, { name }) => (await read(ctx, name))?.value ?? 0,
});

async function bump(ctx: any, name: string) {
  const row = await read(ctx, name);
  const value = (row?.value ?? 0) + 1;
  if (row === null) await ctx.db.insert("counters", { name, value });
  else await ctx.db.patch(row._id, { value });
  return value;
}

export const increment = mutation({
  args: { name: v.string() },
  handler: async (ctx, { name }) => {
    const value = await bump(ctx, name);
    console.log("count", value);
    return value;
  },
});

export const incrementInternal = internalMutation({
  args: { name: v.string() },
  handler: async (ctx, { name }) => await bump(ctx, name),
});

export const incrementThenFail = mutation({
  args: { name: v.string() },
  handler: async (ctx, { name }) => {
    await bump(ctx, name);
    throw new Error("failed after the write");
  },
});

// Fails while the switch is off, without leaving a trace.
export const failWhile = mutation({
  args: { name: v.string(), gate: v.string() },
  handler: async (ctx, { name, gate }) => {
    if ((await read(ctx, gate)) === null) throw new Error(`${gate} is off`);
    return await bump(ctx, name);
  },
});

// Spends `ms` of processor time between read and write.
export const slowIncrement = mutation({
  args: { name: v.string(), rounds: v.number() },
  handler: async (ctx, { name, rounds }) => {
    let x = 0;
    for (let i = 0; i < rounds; i++) x = (x * 31 + i) % 1000003;
    const value = await bump(ctx, name);
    return x < 0 ? -1 : value;
  },
});

// The nested mutation's writes roll back, this one's stay.
export const nestedRollback = mutation({
  args: { name: v.string() },
  handler: async (ctx, { name }): Promise<{ message: string; value: number }> => {
    await bump(ctx, name);
    let message = "";
    try {
      await ctx.runMutation(api.counters.incrementThenFail, { name });
    } catch (error) {
      message = (error as Error).message;
    }
    return { message, value: (await read(ctx, name)).value };
  },
});

export const readOnly = mutation({ args: {}, handler: async () => "read only" });
