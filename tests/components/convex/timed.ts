import { Crons } from "@convex-dev/crons";
import { v } from "convex/values";
import { components, internal } from "./_generated/api";
import { mutation, query } from "./_generated/server";

const crons = new Crons(components.crons);

export const register = mutation({
  args: { name: v.string(), ms: v.number() },
  handler: async (ctx, { name, ms }) =>
    await crons.register(ctx, { kind: "interval", ms }, internal.events.note, { of: name, what: "tick" }, name),
});

export const registerDaily = mutation({
  args: { cronspec: v.string() },
  handler: async (ctx, { cronspec }) =>
    await crons.register(ctx, { kind: "cron", cronspec }, internal.events.note, { of: "daily", what: "tick" }, "daily"),
});

export const remove = mutation({ args: { name: v.string() }, handler: (ctx, { name }) => crons.delete(ctx, { name }) });

export const list = query({ args: {}, handler: async (ctx) => (await crons.list(ctx)).map(({ name }) => name) });
