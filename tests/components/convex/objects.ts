import { R2 } from "@convex-dev/r2";
import { v } from "convex/values";
import { components, internal } from "./_generated/api";
import type { DataModel } from "./_generated/dataModel";
import { action, query } from "./_generated/server";

const r2 = new R2(components.r2);
const note = (of: string) => async (ctx: any, _bucket: string, key: string) => {
  await ctx.db.insert("events", { of: `objects ${of}`, what: key });
};

export const { generateUploadUrl, syncMetadata, onSyncMetadata, getMetadata, listMetadata, deleteObject } =
  r2.clientApi<DataModel>({
    checkDelete: async (_ctx, _bucket, key) => {
      if (key.startsWith("kept/")) throw new Error("not this one");
    },
    onUpload: note("uploaded"),
    onDelete: note("deleted"),
    onSyncMetadata: async (ctx, { key, isNew }) => {
      await ctx.db.insert("events", { of: "objects synced", what: { key, isNew } });
    },
    callbacks: { onSyncMetadata: internal.objects.onSyncMetadata },
  });

export const storeText = action({
  args: { text: v.string(), key: v.optional(v.string()), type: v.string() },
  handler: async (ctx, { text, key, type }): Promise<string> =>
    await r2.store(ctx, new Blob([text], { type }), { key, cacheControl: "max-age=60" }),
});

export const storeBytes = action({
  args: { bytes: v.bytes() },
  handler: async (ctx, { bytes }): Promise<string> =>
    await r2.store(ctx, new Uint8Array(bytes), { type: "application/octet-stream" }),
});

export const url = query({ args: { key: v.string() }, handler: async (_, { key }) => await r2.getUrl(key) });
