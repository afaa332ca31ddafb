import { action, internalAction, internalMutation, mutation, query } from "./_generated/server";
import { internal } from "./_generated/api";

export const ran = internalMutation(async (ctx, { name, due }) => {
  await ctx.db.insert("runs", { name, due: due ?? 0, at: Date.now() });
});

export const ranInAction = internalAction(async (ctx, args) => await ctx.runMutation(internal.jobs.ran, args));

export const later = mutation(async (ctx, { name, ms, inAction }) => {
  const due = Date.now() + ms;
  await ctx.scheduler.runAt(due, inAction ? internal.jobs.ranInAction : internal.jobs.ran, { name, due });
});

export const laterByAction = action(async (ctx, { name, ms }) => {
  const due = Date.now() + ms;
  await ctx.scheduler.runAfter(ms, internal.jobs.ran, { name, due });
});

export const runs = query(async (ctx, { name }) => {
  const found = await ctx.db.query("runs").withIndex("name", (q) => q.eq("name", name)).collect();
  return found.map(({ due, at }) => ({ due, at }));
});
