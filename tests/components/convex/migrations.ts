import { Migrations } from "@convex-dev/migrations";
import { v } from "convex/values";
import { components, internal } from "./_generated/api";
import type { DataModel } from "./_generated/dataModel";
import { mutation, query } from "./_generated/server";

const migrations = new Migrations<DataModel>(components.migrations);

export const setPages = migrations.define({
  table: "books",
  batchSize: 10,
  migrateOne: (_, book) => (book.pages === undefined ? { pages: book.title.length } : undefined),
});

export const run = migrations.runner();

export const fill = mutation({
  args: { count: v.number() },
  handler: async (ctx, { count }) => {
    for (let n = 0; n < count; n++) await ctx.db.insert("books", { title: "x".repeat(n) });
  },
});

export const start = mutation({
  args: { dryRun: v.boolean() },
  handler: async (ctx, { dryRun }) => await migrations.runOne(ctx, internal.migrations.setPages, { dryRun }),
});

export const progress = query({
  args: {},
  handler: async (ctx) => {
    const books = await ctx.db.query("books").collect();
    return { done: books.filter((book) => book.pages === book.title.length).length, all: books.length };
  },
});
