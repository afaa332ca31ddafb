import { mutation, query } from "./_generated/server";
import { settle } from "./rtHelp";

const seq = (rows: any[]) => rows.map((row) => row.seq);
const compare: Record<string, string> = { eq: "eq", lt: "lt", lte: "lte", gt: "gt", gte: "gte" };

export const fill = mutation(async (ctx: any, { table, rows }: any) => {
  const ids: any[] = [];
  for (const row of rows) ids.push(await ctx.db.insert(table, row));
  return ids;
});

/** `bounds`: `[[op, field, value]]`; a missing value is `undefined`. */
export const range = query(async (ctx: any, { table, index, bounds, order, from, timesOf }: any) => {
  const times = timesOf === undefined ? null : (await ctx.db.get(timesOf))._creationTime;
  return seq(
    await ctx.db
      .query(table)
      .withIndex(index, (q: any) => {
        for (const [op, field, value] of bounds) q = q[compare[op]!](field, value === "$time" ? times : value);
        return from === undefined ? q : q.gte("_creationTime", from);
      })
      .order(order ?? "asc")
      .collect(),
  );
});

export const scan = query(async (ctx: any, { table, order }: any) => seq(await ctx.db.query(table).order(order).collect()));

const filters: Record<string, (q: any) => any> = {
  addMixed: (q) => q.eq(q.add(q.field("i"), q.field("f")), 1),
  addText: (q) => q.eq(q.add(q.field("t"), 1), 1),
  addInts: (q) => q.eq(q.add(q.field("i"), 2n), 3n),
  overflow: (q) => q.eq(q.add(q.field("i"), 2n ** 63n - 1n), 1n),
  negOverflow: (q) => q.eq(q.neg(-(2n ** 63n)), 1n),
  divZeroInt: (q) => q.eq(q.div(q.field("i"), 0n), 1n),
  modZeroInt: (q) => q.eq(q.mod(q.field("i"), 0n), 1n),
  divZeroFloat: (q) => q.eq(q.div(q.field("f"), 0), Infinity),
  mod: (q) => q.eq(q.mod(-7n, 3n), -1n),
  shortAnd: (q) => q.and(false, q.eq(q.div(q.field("i"), 0n), 1n)),
  shortOr: (q) => q.or(true, q.eq(q.div(q.field("i"), 0n), 1n)),
  emptyAnd: (q) => q.and(),
  emptyOr: (q) => q.or(),
  notBoolean: (q) => q.field("i"),
  notNumber: (q) => q.not(q.field("i")),
  missingNeq: (q) => q.neq(q.field("nowhere"), 1),
  missingEq: (q) => q.eq(q.field("nowhere"), undefined),
  missingLt: (q) => q.lt(q.field("nowhere.deeper"), 0),
  intFloat: (q) => q.eq(q.field("i"), 1),
};
export const filtered = query(async (ctx: any, { table, kind }: any) =>
  await settle(async () => seq(await ctx.db.query(table).filter(filters[kind]!).collect())),
);

export const twoFilters = query(async (ctx: any, { table }: any) => {
  const even = (q: any) => q.eq(q.mod(q.field("seq"), 2), 0);
  const big = (q: any) => q.gt(q.field("seq"), 2);
  const all = ctx.db.query(table);
  return {
    both: seq(await all.filter(even).filter(big).collect()),
    filterTake: seq(await ctx.db.query(table).filter(even).take(2)),
    limitFirst: seq(await ctx.db.query(table).limit(3).filter(even).collect()),
  };
});

export const operators = query(async (ctx: any, { count }: any) =>
  await settle(async () => {
    let q = ctx.db.query("rtItems");
    for (let i = 0; i < count; i++) q = q.filter((f: any) => f.eq(1, 1));
    return (await q.take(1)).length;
  }),
);

export const reuse = query(async (ctx: any, { table }: any) => {
  // `db.query` alone gives something that can be used again; what it makes can't.
  const twice = ctx.db.query(table).order("asc");
  await twice.collect();
  const chained = ctx.db.query(table).order("asc");
  chained.filter((q: any) => q.eq(1, 1));
  return {
    twice: await settle(() => twice.collect()),
    chained: await settle(() => chained.collect()),
    orderTwice: await settle(() => ctx.db.query(table).order("asc").order("desc").collect()),
    unique: await settle(() => ctx.db.query(table).unique()),
  };
});

export const breaks = query(async (ctx: any, { table, times }: any) => {
  let seen = 0;
  for (let i = 0; i < times; i++) {
    for await (const row of ctx.db.query(table)) {
      seen += row.seq >= 0 ? 1 : 0;
      break;
    }
  }
  return seen;
});

export const metrics = query(async (ctx: any, { table, how }: any) => {
  const before = (await ctx.meta.getTransactionMetrics()).documentsRead.used;
  const q = ctx.db.query(table);
  let got: any;
  if (how === "take0") got = (await q.take(0)).length;
  if (how === "take2") got = (await q.take(2)).length;
  if (how === "first") got = (await q.first()) !== null;
  if (how === "collect") got = (await q.collect()).length;
  if (how === "filterTake1") got = (await q.filter((f: any) => f.eq(f.field("seq"), 2)).take(1)).length;
  const after = await ctx.meta.getTransactionMetrics();
  return { got, read: after.documentsRead.used - before, queries: after.databaseQueries.used };
});

export const counts = mutation(async (ctx: any, { table }: any) => {
  const before = await ctx.db.query(table).count();
  const id = await ctx.db.insert(table, { seq: 100 });
  const more = await ctx.db.query(table).count();
  await ctx.db.delete(id);
  return [before, more, await ctx.db.query(table).count(), await ctx.db.query("rtNowhere").count()];
});

export const ownWrites = mutation(async (ctx: any) => {
  const tag = "own";
  const read = async (from = 0) =>
    seq(await ctx.db.query("rtItems").withIndex("by_a_b", (q: any) => q.eq("a", tag).gte("b", from)).collect());
  const trace: any[] = [await read()];
  const one = await ctx.db.insert("rtItems", { a: tag, b: 1, seq: 1 });
  const two = await ctx.db.insert("rtItems", { a: tag, b: 2, seq: 2 });
  trace.push(await read());
  await ctx.db.patch(one, { b: 3 });
  trace.push(await read(), await read(3));
  await ctx.db.patch(one, { a: "elsewhere" });
  trace.push(await read());
  await ctx.db.delete(two);
  trace.push(await read());
  return trace;
});

export const insertWhileIterating = mutation(async (ctx: any, { tag }: any) => {
  for (const b of [10, 20, 30]) await ctx.db.insert("rtItems", { a: tag, b, seq: b });
  const seen: any[] = [];
  for await (const row of ctx.db.query("rtItems").withIndex("by_a_b", (q: any) => q.eq("a", tag))) {
    seen.push(row.seq);
    if (row.seq === 30) {
      await ctx.db.insert("rtItems", { a: tag, b: 5, seq: 5 });
      await ctx.db.insert("rtItems", { a: tag, b: 40, seq: 40 });
    }
  }
  return seen;
});

export const badIndex = query(async (ctx: any) => ({
  unknown: await settle(() => ctx.db.query("rtItems").withIndex("by_nothing").collect()),
  unknownTable: await settle(() => ctx.db.query("rtNowhere").withIndex("by_nothing").collect()),
  staged: await settle(() => ctx.db.query("rtItems").withIndex("by_staged").collect()),
  noTable: await ctx.db.query("rtNowhere").collect(),
}));
/** A range past the builder's checks: `[[type, field, value]]`. */
export const rawRange = query(async (_ctx: any, { bounds }: any) => {
  const range = bounds.map(([type, fieldPath, value]: any) => ({ type, fieldPath, value }));
  const query = { source: { type: "IndexRange", indexName: "rtItems.by_a_b", range, order: null }, operators: [] };
  return await settle(() => (globalThis as any).Convex.syscall("1.0/queryStream", JSON.stringify({ query, version: "1.48.0" })));
});
