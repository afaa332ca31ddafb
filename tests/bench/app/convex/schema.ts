import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  messages: defineTable({ channel: v.number(), author: v.string(), body: v.string() }).index("by_channel", ["channel"]),
  accounts: defineTable({ number: v.number(), balance: v.number() }).index("by_number", ["number"]),
  counters: defineTable({ name: v.string(), value: v.number() }).index("by_name", ["name"]),
  items: defineTable({ key: v.number(), owner: v.string(), text: v.string(), done: v.boolean() }),
});
