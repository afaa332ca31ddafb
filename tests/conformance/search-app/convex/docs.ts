import { mutation, query } from "./_generated/server";
import { find, names, settle } from "./help";

export const fill = mutation(async (ctx: any, { table = "docs", rows }: any) => {
  const ids: any[] = [];
  for (const row of rows) ids.push(await ctx.db.insert(table, row));
  return ids;
});
export const clear = mutation(async (ctx: any, { table = "docs" }: any) => {
  const rows = await ctx.db.query(table).take(2_000);
  for (const row of rows) await ctx.db.delete(row._id);
  return rows.length;
});
export const patch = mutation(async (ctx: any, { id, fields }: any) => await ctx.db.patch(id, fields));
export const replace = mutation(async (ctx: any, { id, fields }: any) => await ctx.db.replace(id, fields));
export const remove = mutation(async (ctx: any, { id }: any) => await ctx.db.delete(id));
export const inMutation = mutation(async (ctx: any, args: any) => names(await find(ctx, args).collect()));

export const search = query(async (ctx: any, args: any) => names(await find(ctx, args).collect()));
export const count = query(async (ctx: any, args: any) => (await find(ctx, args).collect()).length);
export const whole = query(async (ctx: any, args: any) => await find(ctx, args).collect());
export const take = query(async (ctx: any, { n, ...args }: any) => names(await find(ctx, args).take(n)));
export const settled = query(async (ctx: any, { n, ...args }: any) =>
  await settle(async () => names(await (n === undefined ? find(ctx, args).collect() : find(ctx, args).take(n)))),
);
/** Its result changes with every execution. */
export const watched = query(async (ctx: any, args: any) => ({
  names: names(await find(ctx, args).collect()),
  execution: Math.random(),
}));
export const page = query(async (ctx: any, { opts, odd, ...args }: any) => {
  let search = find(ctx, args);
  if (odd) search = search.filter((q: any) => q.eq(q.mod(q.field("n"), 2), 1));
  const result = await search.paginate(opts);
  return { ...result, page: names(result.page) };
});

export const operators = query(async (ctx: any, args: any) => {
  const small = (q: any) => q.lt(q.field("n"), 4);
  const first = await find(ctx, args).first();
  return {
    filtered: names(await find(ctx, args).filter(small).collect()),
    filterTake: names(await find(ctx, args).filter(small).take(2)),
    takeFilter: names(await find(ctx, args).limit(2).filter(small).collect()),
    none: names(await find(ctx, args).take(0)),
    first: first?.name ?? null,
    unique: await settle(async () => (await find(ctx, args).unique())?.name ?? null),
    order: await settle(() => find(ctx, args).order("asc").collect()),
    system: first === null ? [] : Object.keys(first).filter((key) => key.startsWith("_")).sort(),
  };
});
export const broken = query(async (ctx: any, args: any) => {
  const seen: any[] = [];
  for await (const row of find(ctx, args)) {
    seen.push(row.name);
    if (seen.length === 2) break;
  }
  return seen;
});
export const metrics = query(async (ctx: any, { n, ...args }: any) => {
  const used = async () => (await ctx.meta.getTransactionMetrics()).documentsRead.used;
  const before = await used();
  await find(ctx, args).take(n);
  return (await used()) - before;
});

const broad = (q: any, fields: string[]) => fields.reduce((search, field) => search.eq(field, 1), q.search("body", "word"));
const mistakes: Record<string, (db: any) => any> = {
  noSearch: (db) => db.query("docs").withSearchIndex("by_body", (q: any) => q),
  onlyFilter: (db) => db.query("docs").withSearchIndex("by_body", (q: any) => q.eq("room", "a")),
  otherField: (db) => db.query("docs").withSearchIndex("by_body", (q: any) => q.search("title", "word")),
  twice: (db) => db.query("docs").withSearchIndex("by_body", (q: any) => q.search("body", "a").search("body", "b")),
  otherFilter: (db) => db.query("docs").withSearchIndex("by_body", (q: any) => q.search("body", "a").eq("name", "b")),
  eightFilters: (db) =>
    db.query("docs").withSearchIndex("many_filters", (q: any) => broad(q, [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `f${n}`))),
  nineFilters: (db) =>
    db.query("docs").withSearchIndex("many_filters", (q: any) => broad(q, [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `f${n}`))),
  databaseIndex: (db) => db.query("docs").withSearchIndex("by_name", (q: any) => q.search("name", "a")),
  vectorIndex: (db) => db.query("spots").withSearchIndex("by_place", (q: any) => q.search("place", "a")),
  asRange: (db) => db.query("docs").withIndex("by_body", (q: any) => q.eq("body", "a")),
  unknown: (db) => db.query("docs").withSearchIndex("nowhere", (q: any) => q.search("body", "a")),
  unknownTable: (db) => db.query("nobody").withSearchIndex("nowhere", (q: any) => q.search("body", "a")),
  staged: (db) => db.query("docs").withSearchIndex("staged", (q: any) => q.search("body", "a")),
  notText: (db) => db.query("docs").withSearchIndex("by_body", (q: any) => q.search("body", 5)),
};
export const mistake = query(async (ctx: any, { kind }: any) => await settle(() => mistakes[kind]!(ctx.db).collect()));
export const commitTsFilter = mutation(async (ctx: any) =>
  await settle(() => find(ctx, { text: "word", filters: [["room", ctx.db.vars.commitTs]] }).collect()),
);
export const vectorsInQuery = query(async () => {
  const syscall = (globalThis as any).Convex.asyncSyscall;
  const query = { indexName: "spots.by_place", vector: [1, 0, 0], expressions: null };
  return await settle(() => syscall("1.0/actions/vectorSearch", JSON.stringify({ requestId: "", version: "1.48.0", query })));
});
export const vectorsInMutation = mutation(async () => {
  const syscall = (globalThis as any).Convex.asyncSyscall;
  const query = { indexName: "spots.by_place", vector: [1, 0, 0], expressions: null };
  return await settle(() => syscall("1.0/actions/vectorSearch", JSON.stringify({ requestId: "", version: "1.48.0", query })));
});
