import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  notes: defineTable({ n: v.number(), tag: v.string(), text: v.string() }).index("by_tag", ["tag", "n"]).index("by_n", ["n"]),
});
