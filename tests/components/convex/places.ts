import { GeospatialIndex } from "@convex-dev/geospatial";
import { v } from "convex/values";
import { components } from "./_generated/api";
import { mutation, query } from "./_generated/server";

const index = new GeospatialIndex<string, { kind: string }>(components.geospatial);
const point = v.object({ latitude: v.number(), longitude: v.number() });

export const put = mutation({
  args: { places: v.array(v.object({ key: v.string(), at: point, kind: v.string(), sort: v.number() })) },
  handler: async (ctx, { places }) => {
    for (const { key, at, kind, sort } of places) await index.insert(ctx, key, at, { kind }, sort);
  },
});

export const remove = mutation({ args: { key: v.string() }, handler: (ctx, { key }) => index.remove(ctx, key) });

export const within = query({
  args: { west: v.number(), south: v.number(), east: v.number(), north: v.number(), kind: v.optional(v.string()) },
  handler: async (ctx, { kind, ...rectangle }) => {
    const { results } = await index.query(ctx, {
      shape: { type: "rectangle", rectangle },
      filter: (q) => (kind === undefined ? q : q.eq("kind", kind)),
      limit: 50,
    });
    return results.map(({ key }) => key);
  },
});

export const nearest = query({
  args: { at: point, limit: v.number() },
  handler: async (ctx, { at, limit }) => (await index.nearest(ctx, { point: at, limit })).map(({ key }) => key),
});
