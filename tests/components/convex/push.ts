import { PushNotifications } from "@convex-dev/expo-push-notifications";
import { v } from "convex/values";
import { components } from "./_generated/api";
import { mutation, query } from "./_generated/server";

const push = new PushNotifications<string>(components.pushNotifications);
const notification = v.object({ title: v.string(), body: v.optional(v.string()), data: v.optional(v.any()) });

export const record = mutation({
  args: { userId: v.string(), pushToken: v.string() },
  handler: async (ctx, args) => await push.recordToken(ctx, args),
});

export const send = mutation({
  args: { userId: v.string(), notification },
  handler: async (ctx, args) => await push.sendPushNotification(ctx, args),
});

export const sendMany = mutation({
  args: { notifications: v.array(v.object({ userId: v.string(), notification })) },
  handler: async (ctx, args) => await push.sendPushNotificationBatch(ctx, args),
});

/** Sends, then fails: nothing must go out. */
export const sendAndFail = mutation({
  args: { userId: v.string(), notification },
  handler: async (ctx, args) => {
    await push.sendPushNotification(ctx, args);
    throw new Error("after sending");
  },
});

export const pause = mutation({
  args: { userId: v.string(), paused: v.boolean() },
  handler: async (ctx, { userId, paused }) =>
    paused ? await push.pauseNotificationsForUser(ctx, { userId }) : await push.unpauseNotificationsForUser(ctx, { userId }),
});

export const remove = mutation({
  args: { userId: v.string() },
  handler: async (ctx, args) => await push.removeToken(ctx, args),
});

export const status = query({
  args: { userId: v.string() },
  handler: async (ctx, args) => await push.getStatusForUser(ctx, args),
});

export const get = query({ args: { id: v.string() }, handler: async (ctx, args) => await push.getNotification(ctx, args) });

export const list = query({
  args: { userId: v.string() },
  handler: async (ctx, args) => await push.getNotificationsForUser(ctx, args),
});
