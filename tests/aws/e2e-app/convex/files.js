import { mutation, query } from "./_generated/server";

export const uploadUrl = mutation(async (ctx) => await ctx.storage.generateUploadUrl());

export const url = query(async (ctx, { id }) => await ctx.storage.getUrl(id));
