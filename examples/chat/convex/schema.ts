import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  channels: defineTable({
    name: v.string(),
    topic: v.string(),
  }).index("by_name", ["name"]),

  messages: defineTable({
    channel: v.id("channels"),
    author: v.string(),
    body: v.string(),
  }).index("by_channel", ["channel"]),

  // One row for each open page in which somebody is writing a message.
  typing: defineTable({
    channel: v.id("channels"),
    session: v.string(),
    author: v.string(),
    since: v.number(),
  })
    .index("by_channel", ["channel", "since"])
    .index("by_session", ["session"]),
});
