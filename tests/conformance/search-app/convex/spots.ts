import { action, httpAction, internalQuery, query } from "./_generated/server";
import { api, internal } from "./_generated/api";
import { settle } from "./help";

export const byIds = internalQuery(async (ctx: any, { ids }: any) => {
  const rows: any[] = [];
  for (const id of ids) rows.push(await ctx.db.get(id));
  return rows.map((row) => row?.name ?? null);
});
export const all = query(async (ctx: any) => (await ctx.db.query("spots").collect()).length);

/** `filter`: `[[field, value]]`, joined by `or` where there are several; `[field]` for `undefined`. */
export const vectorQuery = ({ vector, limit, filter }: any) => ({
  vector,
  ...(limit === undefined ? {} : { limit }),
  ...(filter === undefined
    ? {}
    : {
        filter: (q: any) => {
          const each = filter.map(([field, value]: any) => q.eq(field, value));
          return each.length === 1 ? each[0] : q.or(...each);
        },
      }),
});

/** `[[name, score]]`, in the order of the results. */
export async function look(ctx: any, { index = "by_place", table = "spots", ...args }: any) {
  const results = await ctx.vectorSearch(table, index, vectorQuery(args));
  const names = await ctx.runQuery((internal as any).spots.byIds, { ids: results.map(({ _id }: any) => _id) });
  return results.map(({ _score }: any, i: number) => [names[i], _score]);
}

export const search = action(async (ctx: any, args: any) => await look(ctx, args));
export const raw = action(async (ctx: any, args: any) => await ctx.vectorSearch("spots", "by_place", vectorQuery(args)));
export const settled = action(async (ctx: any, args: any) => await settle(async () => (await look(ctx, args)).length));

/** Past the client's builders. */
export const syscall = action(async (_ctx: any, { query }: any) => {
  const args = JSON.stringify({ requestId: "", version: "1.48.0", query });
  return await settle(() => (globalThis as any).Convex.asyncSyscall("1.0/actions/vectorSearch", args));
});

/** An action finds what it has just had written, and not what it has had deleted. */
export const afterWriting = action(async (ctx: any) => {
  const place = [0, 0, -1];
  const [id] = await ctx.runMutation(api.docs.fill, { table: "spots", rows: [{ name: "just now", place }] });
  const there = (await look(ctx, { vector: place, limit: 1 }))[0];
  await ctx.runMutation(api.docs.patch, { id, fields: { place: [0, -1, 0] } });
  const moved = (await look(ctx, { vector: [0, -1, 0], limit: 1 }))[0];
  await ctx.runMutation(api.docs.remove, { id });
  const gone = await look(ctx, { vector: place, limit: 256 });
  return { there, moved, gone: gone.every(([name]: any) => name !== "just now") };
});

export const http = httpAction(async (ctx: any, request: Request) => Response.json(await look(ctx, await request.json())));

const eq = (field: any, value: any) => ({ $eq: [{ $field: field }, { $literal: value }] });
const filters: Record<string, any> = {
  and: { $and: [eq("kind", "a"), eq("size", 1)] },
  neq: { $neq: [{ $field: "kind" }, { $literal: "a" }] },
  literal: { $literal: true },
  swapped: { $eq: [{ $literal: "a" }, { $field: "kind" }] },
  twoFields: { $eq: [{ $field: "kind" }, { $field: "size" }] },
  "nested and": { $or: [eq("kind", "a"), { $and: [eq("size", 1)] }] },
  unindexed: eq("name", "a"),
  many: { $or: Array.from({ length: 65 }, (_, n) => eq("size", n)) },
  64: { $or: Array.from({ length: 64 }, (_, n) => eq("size", n)) },
};
export const badFilter = action(async (_ctx: any, { kind }: any) => {
  const query = { indexName: "spots.by_place", vector: [1, 0, 0], expressions: filters[kind] };
  const args = JSON.stringify({ requestId: "", version: "1.48.0", query });
  return await settle(() => (globalThis as any).Convex.asyncSyscall("1.0/actions/vectorSearch", args));
});
