import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  docs: defineTable({ name: v.string(), body: v.string(), place: v.array(v.float64()) })
    .searchIndex("by_body", { searchField: "body", filterFields: ["name"] })
    .vectorIndex("by_place", { vectorField: "place", dimensions: 3, filterFields: ["name"] }),
});
