import { PersistentTextStreaming, type StreamId, StreamIdValidator } from "@convex-dev/persistent-text-streaming";
import { v } from "convex/values";
import { components, internal } from "./_generated/api";
import { httpAction, internalQuery, mutation, query } from "./_generated/server";

const streaming = new PersistentTextStreaming(components.persistentTextStreaming);

export const create = mutation({ args: {}, handler: async (ctx) => await streaming.createStream(ctx) });

export const body = query({
  args: { id: StreamIdValidator },
  handler: async (ctx, { id }) => await streaming.getStreamBody(ctx, id as StreamId),
});

export const remove = mutation({
  args: { id: StreamIdValidator },
  handler: async (ctx, { id }) => await streaming.deleteStream(ctx, id as StreamId),
});

export const steps = internalQuery({
  args: { id: v.string() },
  handler: async (ctx, { id }) =>
    (await ctx.db.query("events").withIndex("by_of", (q) => q.eq("of", `steps ${id}`)).collect()).length,
});

/** Lets the writer of a stream take one more step. */
export const step = mutation({
  args: { id: v.string() },
  handler: async (ctx, { id }) => { await ctx.db.insert("events", { of: `steps ${id}`, what: null }); },
});

/** Writes a part for each step that it is let to take, so that who reads decides how far it is. */
export const write = httpAction(async (ctx, request) => {
  const { id, parts, fail } = (await request.json()) as { id: StreamId; parts: string[]; fail?: boolean };
  const response = await streaming.stream(ctx, request, id, async (ctx, _request, _id, append) => {
    for (const [at, part] of parts.entries()) {
      while ((await ctx.runQuery(internal.streams.steps, { id })) < at) await new Promise((resolve) => setTimeout(resolve, 20));
      await append(part);
    }
    if (fail) throw new Error("out of words");
  });
  response.headers.set("Access-Control-Allow-Origin", "*");
  return response;
});
