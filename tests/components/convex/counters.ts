import { ShardedCounter } from "@convex-dev/sharded-counter";
import { v } from "convex/values";
import { components } from "./_generated/api";
import { mutation, query } from "./_generated/server";

const counter = new ShardedCounter(components.shardedCounter, { shards: { beans: 4 } });

export const add = mutation({
  args: { n: v.number() },
  handler: async (ctx, { n }) => await counter.add(ctx, "beans", n),
});

/** Counts, then fails: the counting must be undone. */
export const addAndFail = mutation({
  args: {},
  handler: async (ctx) => {
    await counter.add(ctx, "beans", 1000);
    throw new Error("after counting");
  },
});

export const count = query({ args: {}, handler: async (ctx) => await counter.count(ctx, "beans") });
