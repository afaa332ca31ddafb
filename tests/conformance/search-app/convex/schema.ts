import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

const eight = ["f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8"];

export default defineSchema({
  docs: defineTable(v.any())
    .index("by_name", ["name"])
    .searchIndex("by_body", { searchField: "body", filterFields: ["room", "deep.er", "other"] })
    .searchIndex("by_title", { searchField: "title" })
    .searchIndex("by_nested", { searchField: "nested.text", filterFields: ["room"] })
    .searchIndex("many_filters", { searchField: "body", filterFields: [...eight, "f9"] })
    .searchIndex("staged", { searchField: "body", filterFields: ["name"], staged: true }),

  spots: defineTable(v.any())
    .index("by_name", ["name"])
    .searchIndex("by_name_text", { searchField: "name" })
    .vectorIndex("by_place", { vectorField: "place", dimensions: 3, filterFields: ["kind", "size", "in.side"] })
    .vectorIndex("by_wide", { vectorField: "wide", dimensions: 2 })
    .vectorIndex("staged", { vectorField: "place", dimensions: 4, staged: true }),
});
