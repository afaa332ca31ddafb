import { action, mutation, query } from "./_generated/server";
import { components } from "./_generated/api";

const parts = components as any;

export const add = mutation(async (ctx: any, { part, ...row }: any) => await ctx.runMutation(parts[part].index.add, row));
export const search = query(async (ctx: any, { text }: any) => ({
  left: await ctx.runQuery(parts.left.index.search, { text }),
  right: await ctx.runQuery(parts.right.index.search, { text }),
}));
export const nearest = action(async (ctx: any, args: any) => ({
  left: await ctx.runAction(parts.left.index.nearest, args),
  right: await ctx.runAction(parts.right.index.nearest, args),
}));
