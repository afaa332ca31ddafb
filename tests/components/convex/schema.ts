import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  scores: defineTable({ player: v.string(), score: v.number() }),
  runs: defineTable({ text: v.string() }),
  /** What happened, for the tests to look at. */
  events: defineTable({ of: v.string(), what: v.any() }).index("by_of", ["of"]),
  books: defineTable({ title: v.string(), pages: v.optional(v.number()) }),
});
