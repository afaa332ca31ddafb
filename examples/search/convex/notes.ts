import { ConvexError, v } from "convex/values";
import { internal } from "./_generated/api";
import type { Doc } from "./_generated/dataModel";
import { internalMutation, mutation, query } from "./_generated/server";
import { SAMPLES } from "./samples";
import { category } from "./schema";

const MAX_BODY_LENGTH = 4000;
const MAX_RESULTS = 30;

/** A note as pages show it: without its vector. */
const shown = ({ _id, title, body, category, embedding }: Doc<"notes">) => ({
  _id,
  title,
  body,
  category,
  isEmbedded: embedding !== undefined,
});

/** Notes that contain a word of `text`, or one that begins like its last word, the best match first; all, newest first, for no text. */
export const search = query({
  args: { text: v.string(), category: v.optional(category) },
  handler: async (ctx, { text, category }) => {
    if (text.trim() === "") {
      const newest = ctx.db.query("notes").order("desc");
      const wanted = category === undefined ? newest : newest.filter((q) => q.eq(q.field("category"), category));
      return (await wanted.take(MAX_RESULTS)).map(shown);
    }
    const found = await ctx.db
      .query("notes")
      .withSearchIndex("by_text", (q) => {
        const matching = q.search("text", text);
        return category === undefined ? matching : matching.eq("category", category);
      })
      .take(MAX_RESULTS);
    return found.map(shown);
  },
});

/** Notes by id, in the order asked for, without those that are gone. */
export const byIds = query({
  args: { ids: v.array(v.id("notes")) },
  handler: async (ctx, { ids }) => {
    const notes = await Promise.all(ids.map((id) => ctx.db.get(id)));
    return notes.filter((note) => note !== null).map(shown);
  },
});

export const add = mutation({
  args: { title: v.string(), body: v.string(), category },
  returns: v.id("notes"),
  handler: async (ctx, { title, body, category }) => {
    const note = { title: title.trim(), body: body.trim(), category };
    if (note.title === "") throw new ConvexError("A note needs a title.");
    if (note.body.length > MAX_BODY_LENGTH) throw new ConvexError(`A note has at most ${MAX_BODY_LENGTH} characters.`);
    const id = await ctx.db.insert("notes", { ...note, text: `${note.title}\n${note.body}` });
    await ctx.scheduler.runAfter(0, internal.meaning.embedNote, { id, text: `${note.title}\n${note.body}` });
    return id;
  },
});

export const remove = mutation({
  args: { id: v.id("notes") },
  returns: v.null(),
  handler: async (ctx, { id }) => {
    if ((await ctx.db.get(id)) !== null) await ctx.db.delete(id);
    return null;
  },
});

/** Makes the notes of a new deployment. Safe to call from every page: it does nothing where there are notes. */
export const addSamples = mutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    if ((await ctx.db.query("notes").first()) !== null) return null;
    for (const note of SAMPLES) {
      const text = `${note.title}\n${note.body}`;
      const id = await ctx.db.insert("notes", { ...note, text });
      await ctx.scheduler.runAfter(0, internal.meaning.embedNote, { id, text });
    }
    return null;
  },
});

export const setEmbedding = internalMutation({
  args: { id: v.id("notes"), embedding: v.array(v.float64()) },
  returns: v.null(),
  handler: async (ctx, { id, embedding }) => {
    // It may have been removed since the action was scheduled.
    if ((await ctx.db.get(id)) !== null) await ctx.db.patch(id, { embedding });
    return null;
  },
});
