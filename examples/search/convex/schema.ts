import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";
import { DIMENSIONS } from "./embed";

export const category = v.union(v.literal("places"), v.literal("animals"), v.literal("weather"), v.literal("tools"));

export default defineSchema({
  notes: defineTable({
    title: v.string(),
    body: v.string(),
    category,
    // Title and body, since a search index is on one field.
    text: v.string(),
    // Missing until the action that makes it has run.
    embedding: v.optional(v.array(v.float64())),
  })
    .searchIndex("by_text", { searchField: "text", filterFields: ["category"] })
    .vectorIndex("by_embedding", { vectorField: "embedding", dimensions: DIMENSIONS, filterFields: ["category"] }),
});
