import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  things: defineTable(v.any()).index("by_value", ["value"]).index("by_list_value", ["list", "value"]),
  notes: defineTable({ list: v.string(), n: v.number(), text: v.optional(v.string()) })
    .index("by_list", ["list", "n"]),
  counters: defineTable({ name: v.string(), value: v.number() }).index("by_name", ["name"]),
  strict: defineTable({ title: v.string(), size: v.optional(v.number()) }),
  rtItems: defineTable(v.any())
    .index("by_a_b", ["a", "b"])
    .index("by_nested", ["nested.x"])
    .index("by_staged", { fields: ["s"], staged: true }),
  rtStrict: defineTable({ title: v.string(), note: v.string().optional(), item: v.optional(v.id("rtItems")) }),
});
