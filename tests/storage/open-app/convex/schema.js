import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema(
  {
    people: defineTable({
      name: v.string(),
      age: v.optional(v.number()),
      // Of several types: JSON text in a column.
      contact: v.union(v.string(), v.number(), v.object({ street: v.string() })),
      address: v.optional(v.object({ city: v.string(), zip: v.optional(v.string()) })),
      tags: v.array(v.string()),
      friends: v.optional(v.array(v.id("people"))),
    }),
  },
  // Tables without a schema get their columns from their documents.
  { strictTableNameTypes: false },
);
