import { v } from "convex/values";
import { internal } from "./_generated/api";
import { action, internalAction } from "./_generated/server";
import { embed } from "./embed";
import { category } from "./schema";

const MAX_RESULTS = 12;
/** What is less alike than this has nothing to do with the question. */
const MIN_SCORE = 0.15;

/** The notes nearest to a text, best first. Pages then read them by `notes.byIds`, which stays live. */
export const nearest = action({
  args: { text: v.string(), category: v.optional(category) },
  returns: v.array(v.object({ _id: v.id("notes"), _score: v.number() })),
  handler: async (ctx, { text, category }) => {
    const results = await ctx.vectorSearch("notes", "by_embedding", {
      vector: embed(text),
      limit: MAX_RESULTS,
      ...(category === undefined ? {} : { filter: (q) => q.eq("category", category) }),
    });
    return results.filter(({ _score }) => _score >= MIN_SCORE);
  },
});

/** Where an app would call the API of an embedding model. */
export const embedNote = internalAction({
  args: { id: v.id("notes"), text: v.string() },
  returns: v.null(),
  handler: async (ctx, { id, text }) => {
    await ctx.runMutation(internal.notes.setEmbedding, { id, embedding: embed(text) });
    return null;
  },
});
