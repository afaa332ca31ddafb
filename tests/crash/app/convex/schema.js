import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

const entry = { client: v.string(), seq: v.number(), padding: v.string() };

export default defineSchema({
  entries: defineTable(entry).index("by_client", ["client", "seq"]),
  // Written together with `entries`: a row in only one of the two is half a transaction.
  mirror: defineTable({ entry: v.id("entries"), client: v.string(), seq: v.number() }),
  counters: defineTable({ client: v.string(), count: v.number(), sum: v.number() }).index("by_client", ["client"]),
});
