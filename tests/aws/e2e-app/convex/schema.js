import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  messages: defineTable({ by: v.string(), text: v.string() }),
  runs: defineTable({ name: v.string(), due: v.number(), at: v.number() }).index("name", ["name"]),
});
