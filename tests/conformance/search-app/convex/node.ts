"use node";
import { action } from "./_generated/server";
import { internal } from "./_generated/api";

export const search = action(async (ctx: any, { vector, limit }: any) => {
  const results = await ctx.vectorSearch("spots", "by_place", { vector, limit, filter: (q: any) => q.eq("kind", "node") });
  const ids = results.map(({ _id }: any) => _id);
  const names = await ctx.runQuery((internal as any).spots.byIds, { ids });
  return results.map(({ _score }: any, i: number) => [names[i], _score]);
});
export const mistake = action(async (ctx: any, { limit }: any) => {
  try {
    return { value: await ctx.vectorSearch("spots", "by_place", { vector: [1, 0, 0], limit }) };
  } catch (error: any) {
    return { error: error.message };
  }
});
