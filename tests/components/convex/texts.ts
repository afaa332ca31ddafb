import { Twilio, messageValidator } from "@convex-dev/twilio";
import { v } from "convex/values";
import { components, internal } from "./_generated/api";
import { action, internalMutation, query } from "./_generated/server";

export const twilio = new Twilio(components.twilio, {
  defaultFrom: "+15550000001",
  incomingMessageCallback: internal.texts.received,
});

export const send = action({
  args: { to: v.string(), body: v.string(), failing: v.optional(v.boolean()) },
  handler: async (ctx, { to, body, failing }) => {
    const callback = failing ? internal.texts.refuse : internal.texts.sent;
    return await twilio.sendMessage(ctx, { to, body, callback });
  },
});

export const register = action({
  args: { sid: v.string() },
  handler: async (ctx, args) => await twilio.registerIncomingSmsHandler(ctx, args),
});

export const sent = internalMutation({
  args: { message: messageValidator },
  handler: async (ctx, { message }) => { await ctx.db.insert("events", { of: "texts sent", what: message.body }); },
});

/** What the component has written by then must be undone. */
export const refuse = internalMutation({
  args: { message: messageValidator },
  handler: async (_, { message }) => { throw new Error(`not ${message.body}`); },
});

export const received = internalMutation({
  args: { message: messageValidator },
  handler: async (ctx, { message }) => {
    await ctx.db.insert("events", { of: "texts received", what: { from: message.from, body: message.body } });
  },
});

export const get = query({ args: { sid: v.string() }, handler: async (ctx, args) => await twilio.getMessageBySid(ctx, args) });

export const list = query({
  args: { of: v.union(v.literal("all"), v.literal("incoming"), v.literal("outgoing")) },
  handler: async (ctx, { of }) => {
    const messages = of === "incoming" ? twilio.listIncoming(ctx) : of === "outgoing" ? twilio.listOutgoing(ctx) : twilio.list(ctx);
    return (await messages).map(({ body, status }) => ({ body, status }));
  },
});

export const talk = query({
  args: { counterparty: v.string() },
  handler: async (ctx, args) => (await twilio.getMessagesByCounterparty(ctx, args)).map(({ body }) => body),
});
