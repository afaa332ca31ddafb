import { mutation, query } from "./_generated/server";
import { settle } from "./rtHelp";

const titles = (rows: any[]) => rows.map((row) => row.b);

export const creationTimes = mutation(async (ctx: any) => {
  const ids: any[] = [];
  for (let i = 0; i < 20; i++) ids.push(await ctx.db.insert("rtItems", { a: "times", b: i }));
  const docs = await Promise.all(ids.map((id) => ctx.db.get(id)));
  return { ids, now: Date.now(), times: docs.map((doc: any) => doc._creationTime) };
});

export const patches = mutation(async (ctx: any) => {
  const id = await ctx.db.insert("rtItems", { a: "p", b: 1, c: { d: 1 } });
  const trace: any[] = [];
  await ctx.db.patch(id, { b: undefined });
  trace.push(await ctx.db.get(id));
  await ctx.db.patch(id, { c: { d: undefined, e: 2 } });
  trace.push(await ctx.db.get(id));
  await ctx.db.patch("rtItems", id, { b: "explicit" });
  trace.push(await ctx.db.get(id));
  return trace;
});

export const afterDelete = mutation(async (ctx: any) => {
  const id = await ctx.db.insert("rtItems", { a: "d" });
  await ctx.db.delete(id);
  return {
    id,
    get: await ctx.db.get(id),
    patch: await settle(() => ctx.db.patch(id, { b: 1 })),
    replace: await settle(() => ctx.db.replace(id, { b: 1 })),
    delete: await settle(() => ctx.db.delete(id)),
  };
});

export const replaces = mutation(async (ctx: any) => {
  const id = await ctx.db.insert("rtItems", { a: "r", b: 1 });
  const other = await ctx.db.insert("rtItems", { a: "r", b: 2 });
  const before = await ctx.db.get(id);
  await ctx.db.replace(id, { a: "replaced" });
  const after = await ctx.db.get(id);
  return {
    before,
    after,
    same: await settle(() => ctx.db.replace(id, { _id: id, _creationTime: before._creationTime, a: "same" })),
    wrongId: await settle(() => ctx.db.replace(id, { _id: other, a: "x" })),
    wrongIdPatch: await settle(() => ctx.db.patch(id, { _id: other })),
    wrongTime: await settle(() => ctx.db.replace(id, { _creationTime: 1, a: "x" })),
    final: await ctx.db.get(id),
  };
});

export const noOpPatch = mutation(async (ctx: any, { id }: any) => {
  await ctx.db.patch(id, { b: 1 });
  await ctx.db.replace(id, { a: "noop", b: 1 });
  return (await ctx.meta.getTransactionMetrics()).documentsWritten.used;
});
export const insert = mutation(async (ctx: any, { table, value }: any) => await ctx.db.insert(table, value));
export const patch = mutation(async (ctx: any, { id, value }: any) => await ctx.db.patch(id, value));
export const watch = query(async (ctx: any, { id }: any) => {
  return { doc: await ctx.db.get(id), run: Math.random() };
});

export const unknownTable = mutation(async (ctx: any, { id }: any) => ({
  get: await ctx.db.get(id),
  patch: await settle(() => ctx.db.patch(id, { b: 1 })),
  replace: await settle(() => ctx.db.replace(id, { b: 1 })),
  delete: await settle(() => ctx.db.delete(id)),
}));

export const wrongTable = mutation(async (ctx: any) => {
  const id = await ctx.db.insert("rtItems", { a: "w" });
  await ctx.db.insert("notes", { list: "w", n: 1 });
  return {
    get: await settle(() => ctx.db.get("notes", id)),
    patch: await settle(() => ctx.db.patch("notes", id, { b: 1 })),
    replace: await settle(() => ctx.db.replace("notes", id, { b: 1 })),
    delete: await settle(() => ctx.db.delete("notes", id)),
    right: (await ctx.db.get("rtItems", id))?.a,
  };
});

export const newTable = mutation(async (ctx: any, { table }: any) => {
  const before = await ctx.db.query(table).collect();
  const id = await ctx.db.insert(table, { b: "first" });
  return { before, after: titles(await ctx.db.query(table).collect()), id, normal: ctx.db.normalizeId(table, id) };
});

export const systemInsert = mutation(async (ctx: any) => await settle(() => ctx.db.insert("_tables", { a: 1 })));

export const normalize = mutation(async (ctx: any) => {
  const id = await ctx.db.insert("rtItems", { a: "n" });
  await ctx.db.insert("notes", { list: "n", n: 1 });
  return {
    id,
    own: ctx.db.normalizeId("rtItems", id),
    other: ctx.db.normalizeId("notes", id),
    unknown: ctx.db.normalizeId("nowhere", id),
    garbage: ctx.db.normalizeId("rtItems", "not an id"),
    empty: ctx.db.normalizeId("rtItems", ""),
    system: await settle(() => ctx.db.normalizeId("_storage", id)),
    systemProper: ctx.db.system.normalizeId("_storage", id),
  };
});

export const strict = mutation(async (ctx: any, { value }: any) => {
  const id = await ctx.db.insert("rtStrict", value);
  return { value: await ctx.db.get(id), patch: await settle(() => ctx.db.patch(id, { note: 5 })) };
});
