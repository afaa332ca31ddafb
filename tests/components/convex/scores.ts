import { TableAggregate } from "@convex-dev/aggregate";
import { v } from "convex/values";
import { components } from "./_generated/api";
import type { DataModel } from "./_generated/dataModel";
import { mutation, query } from "./_generated/server";

const all = new TableAggregate<{ Key: number; DataModel: DataModel; TableName: "scores" }>(components.aggregate, {
  sortKey: (doc) => doc.score,
  sumValue: (doc) => doc.score,
});
const byPlayer = new TableAggregate<{ Namespace: string; Key: number; DataModel: DataModel; TableName: "scores" }>(
  components.byPlayer,
  { namespace: (doc) => doc.player, sortKey: (doc) => doc.score, sumValue: (doc) => doc.score },
);

export const add = mutation({
  args: { scores: v.array(v.object({ player: v.string(), score: v.number() })) },
  handler: async (ctx, { scores }) => {
    for (const score of scores) {
      const doc = (await ctx.db.get(await ctx.db.insert("scores", score)))!;
      await all.insert(ctx, doc);
      await byPlayer.insert(ctx, doc);
    }
  },
});

export const remove = mutation({
  args: { player: v.string() },
  handler: async (ctx, { player }) => {
    for (const doc of await ctx.db.query("scores").collect()) {
      if (doc.player !== player) continue;
      await ctx.db.delete(doc._id);
      await all.delete(ctx, doc);
      await byPlayer.delete(ctx, doc);
    }
  },
});

export const summary = query({
  args: { player: v.string() },
  handler: async (ctx, { player }) => ({
    count: await all.count(ctx),
    sum: await all.sum(ctx),
    third: (await all.at(ctx, 2)).key,
    rank: await all.indexOf(ctx, 50),
    best: (await byPlayer.max(ctx, { namespace: player }))?.key ?? null,
    own: await byPlayer.count(ctx, { namespace: player }),
  }),
});
