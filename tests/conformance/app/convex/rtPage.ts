import { mutation, query } from "./_generated/server";
import { settle } from "./rtHelp";

export const page = query(async (ctx: any, { tag, opts, order, even }: any) => {
  let q = ctx.db
    .query("rtItems")
    .withIndex("by_a_b", (i: any) => i.eq("a", tag))
    .order(order ?? "asc");
  if (even) q = q.filter((f: any) => f.eq(f.mod(f.field("b"), 2), 0));
  const result = await q.paginate(opts);
  return { ...result, page: result.page.map((row: any) => row.b) };
});
export const otherPage = query(async (ctx: any, { opts }: any) => await ctx.db.query("rtItems").paginate(opts));
export const badPage = query(async (ctx: any, { opts }: any) =>
  await settle(() => ctx.db.query("rtItems").paginate(opts)),
);
export const twoPages = query(async (ctx: any) => {
  const opts = { numItems: 1, cursor: null };
  await ctx.db.query("rtItems").paginate(opts);
  return await settle(() => ctx.db.query("rtItems").paginate(opts));
});
export const fillPages = mutation(async (ctx: any, { tag, from, count }: any) => {
  for (let b = from; b < from + count; b++) await ctx.db.insert("rtItems", { a: tag, b });
});
export const insertAt = mutation(async (ctx: any, { tag, b }: any) => await ctx.db.insert("rtItems", { a: tag, b }));
