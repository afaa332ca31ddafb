// Search indexes over their life, with the official CLI: built over a table that has documents, staged, dropped, changed, and
// after restarts (deploy-and-admin.md, points 12 and 26; udf-runtime.md, section 4.6).

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { anyApi as api } from "convex/server";
import { ConvexHttpClient } from "convex/browser";
import { deployApp, makeProject, runCli, startServer, writeFiles } from "../lib/server.mjs";

const DOCUMENTS = 3_000;
const DEPLOY = ["--typecheck", "disable"];

const NOTES = `
  import { action, internalQuery, mutation, query } from "./_generated/server";
  export const fill = mutation(async (ctx, { from, count }) => {
    for (let n = from; n < from + count; n++) {
      const body = "note number" + n + (n % 3 === 0 ? " third" : "") + (n % 7 === 0 ? " seventh seventh" : "");
      await ctx.db.insert("notes", { n, body, kind: n % 2 === 0 ? "even" : "odd", place: [Math.cos(n / 1000), Math.sin(n / 1000)] });
    }
  });
  export const add = mutation(async (ctx, row) => await ctx.db.insert("notes", row));
  export const change = mutation(async (ctx, { n, ...fields }) => {
    const row = (await ctx.db.query("notes").withIndex("by_n", (q) => q.eq("n", n)).unique());
    await (fields.body === null ? ctx.db.delete(row._id) : ctx.db.patch(row._id, fields));
  });
  export const search = query(async (ctx, { text, kind, n = 1000, index = "by_body", field = "body" }) =>
    (await ctx.db.query("notes").withSearchIndex(index, (q) => {
      const found = q.search(field, text);
      return kind === undefined ? found : found.eq("kind", kind);
    }).take(n)).map(({ n }) => n));
  export const byIds = internalQuery(async (ctx, { ids }) => {
    const rows = [];
    for (const id of ids) rows.push((await ctx.db.get(id)).n);
    return rows;
  });
  export const nearest = action(async (ctx, { vector, limit = 5, kind }) => {
    const filter = kind === undefined ? {} : { filter: (q) => q.eq("kind", kind) };
    const results = await ctx.vectorSearch("notes", "by_place", { vector, limit, ...filter });
    return await ctx.runQuery("notes:byIds", { ids: results.map(({ _id }) => _id) });
  });
`;

const schema = (indexes) => `
  import { defineSchema, defineTable } from "convex/server";
  import { v } from "convex/values";
  export default defineSchema({ notes: defineTable(v.any()).index("by_n", ["n"])${indexes} });
`;
const body = (options = `filterFields: ["kind"]`) => `.searchIndex("by_body", { searchField: "body", ${options} })`;
const place = (options = `filterFields: ["kind"]`) => `.vectorIndex("by_place", { vectorField: "place", dimensions: 2, ${options} })`;

/** To the side of all notes' places, so that their scores are far enough apart. */
const SOUTH_EAST = [Math.cos(-0.5), Math.sin(-0.5)];

const upTo = (count) => Array.from({ length: count }, (_, i) => i);
const thirds = upTo(DOCUMENTS).filter((n) => n % 3 === 0);
const sevenths = upTo(DOCUMENTS).filter((n) => n % 7 === 0).reverse();

describe("search indexes over their life", { concurrency: false }, () => {
  let server, dir, client;

  before(async () => {
    server = await startServer();
    dir = makeProject({ "convex/notes.ts": NOTES, "convex/schema.ts": schema("") });
    await deployApp(server, dir, { args: DEPLOY });
    client = new ConvexHttpClient(server.url, { logger: false });
    for (let from = 0; from < DOCUMENTS; from += 1_000) await client.mutation(api.notes.fill, { from, count: 1_000 });
  });
  after(async () => await server?.stop());

  /** Deploys with these indexes; gives what the CLI printed. */
  const deploy = async (...indexes) => {
    writeFiles(dir, { "convex/schema.ts": schema(indexes.join("")) });
    return (await deployApp(server, dir, { args: DEPLOY })).stderr;
  };
  const refused = async (...indexes) => {
    writeFiles(dir, { "convex/schema.ts": schema(indexes.join("")) });
    const result = await runCli(server, dir, ["deploy", ...DEPLOY]);
    assert.equal(result.code, 1, result.stderr);
    return result.stderr;
  };
  const search = (text, more = {}) => client.query(api.notes.search, { text, ...more });
  const nearest = (args) => client.action(api.notes.nearest, args);
  const indexOf = async (name) => {
    const admin = new ConvexHttpClient(server.url, { logger: false });
    admin.setAdminAuth(server.adminKey);
    const all = await admin.query("_system/frontend/indexes", { tableName: "notes", tableNamespace: null });
    return all.find((index) => index.name === name);
  };

  /** Everything is found as it should be. */
  async function sound() {
    assert.deepEqual((await search("seventh x")).sort((a, b) => b - a), sevenths);
    assert.deepEqual((await search("seventh x"))[0], sevenths[0], "equal scores, newest first");
    assert.deepEqual((await search("third x")).length, thirds.length);
    const third = new Set(thirds);
    assert.ok((await search("seventh third", { n: 100 })).every((n) => third.has(n)), "both terms first");
    assert.deepEqual(await search("number2999"), [2_999]);
    assert.deepEqual(await search("number100 x"), [100]);
    assert.deepEqual(await search("third x", { kind: "odd", n: 3 }), [2_997, 2_991, 2_985]);
    assert.deepEqual(await nearest({ vector: SOUTH_EAST }), [0, 1, 2, 3, 4]);
    assert.deepEqual(await nearest({ vector: SOUTH_EAST, kind: "odd", limit: 3 }), [1, 3, 5]);
  }

  test("12: indexes are built over the documents that are there, and the CLI lists them", async () => {
    const printed = await deploy(body(), place());
    assert.match(printed, /Added table indexes:/);
    assert.match(printed, /\[\+\] notes\.by_body\s+\(text\)\s+body, filter on kind/);
    assert.match(printed, /\[\+\] notes\.by_place\s+\(vector\)\s+place \(2 dimensions\), filter on kind/);
    const { fields, staged, backfill } = await indexOf("by_body");
    assert.deepEqual(fields, { searchField: "body", filterFields: ["kind"] });
    assert.equal(staged, false);
    assert.equal(backfill.state, "done");
    await sound();
    assert.doesNotMatch(await deploy(body(), place()), /(Added|Deleted) table indexes/);
    await sound();
  });

  test("documents written while an index is built are in it", async () => {
    await deploy(body());
    const deploying = deploy(body(), place(), `.searchIndex("by_kind", { searchField: "kind" })`);
    let written = DOCUMENTS;
    let done = false;
    const ended = deploying.finally(() => (done = true));
    while (!done) {
      await client.mutation(api.notes.add, { n: written, body: "meanwhile", kind: "meanwhile", place: [-1, 0] });
      if (written % 2 === 0) await client.mutation(api.notes.change, { n: written, kind: "changed" });
      written++;
    }
    await ended;
    const kinds = async (text) => (await search(text, { index: "by_kind", field: "kind" })).sort((a, b) => a - b);
    const count = written - DOCUMENTS;
    assert.ok(count > 5, `${count} were written`);
    const numbers = upTo(count).map((n) => DOCUMENTS + n);
    assert.deepEqual(await kinds("meanwhile"), numbers.filter((n) => n % 2 === 1));
    assert.deepEqual(await kinds("changed"), numbers.filter((n) => n % 2 === 0));
    const opposite = await nearest({ vector: [-1, 0], limit: Math.min(count, 256) });
    assert.ok(opposite.every((n) => n >= DOCUMENTS));
    for (const n of numbers) await client.mutation(api.notes.change, { n, body: null });
    assert.deepEqual(await kinds("meanwhile"), []);
    await deploy(body(), place());
    await sound();
  });

  for (const [how, bringBack] of [["a restart", () => server.restart()], ["kill -9", () => server.kill9().then(() => server.restart())]]) {
    test(`after ${how}, everything is found`, async () => {
      await client.mutation(api.notes.add, { n: 10_000, body: "just before", kind: "kept", place: [0, -1] });
      const before = [await search("seventh third"), await nearest({ vector: [0.5, 0.5], limit: 100 })];
      await bringBack();
      assert.deepEqual([await search("seventh third"), await nearest({ vector: [0.5, 0.5], limit: 100 })], before);
      assert.deepEqual(await search("before x", { kind: "kept" }), [10_000]);
      assert.deepEqual(await nearest({ vector: [0, -1], limit: 1 }), [10_000]);
      await client.mutation(api.notes.change, { n: 10_000, body: null });
      assert.deepEqual(await search("before x"), []);
      await sound();
    });
  }

  test("changes after an index was built are in it at once", async () => {
    await client.mutation(api.notes.change, { n: 7, body: "an eighth instead" });
    assert.ok(!(await search("seventh x")).includes(7));
    assert.deepEqual(await search("eighth"), [7]);
    await client.mutation(api.notes.change, { n: 7, body: "note number7 seventh seventh", place: [-1, 0] });
    assert.deepEqual(await nearest({ vector: [-1, 0], limit: 1 }), [7]);
    await client.mutation(api.notes.change, { n: 7, place: [Math.cos(7 / 1000), Math.sin(7 / 1000)] });
    await sound();
  });

  test("26: a staged index is built and not searched; enabled, it is there at once", async () => {
    const staged = (on) => `.searchIndex("by_kind", { searchField: "kind", staged: ${on} })`;
    const printed = await deploy(body(), place(), staged(true));
    assert.match(printed, /Added staged table indexes:\s+\[\+\] notes\.by_kind/);
    await assert.rejects(search("odd", { index: "by_kind", field: "kind" }), /staged/i);
    const deadline = Date.now() + 20_000;
    while ((await indexOf("by_kind")).backfill.state === "backfilling") assert.ok(Date.now() < deadline, "it is built");
    assert.match(await deploy(body(), place(), staged(false)), /These indexes are now enabled:\s+\[\*\] notes\.by_kind/);
    assert.equal((await search("odd", { index: "by_kind", field: "kind" })).length, 1_000);
    assert.match(await deploy(body(), place(), staged(true)), /These indexes are now staged:\s+\[\*\] notes\.by_kind/);
    await assert.rejects(search("odd", { index: "by_kind", field: "kind" }), /staged/i);
    const stagedVectors = place(`filterFields: ["kind"], staged: true`);
    assert.match(await deploy(body(), stagedVectors), /These indexes are now staged:\s+\[\*\] notes\.by_place/);
    await assert.rejects(nearest({ vector: [1, 0] }), /staged/i);
    await client.mutation(api.notes.change, { n: 1, place: [-1, 0] });
    await client.mutation(api.notes.change, { n: 1, place: [Math.cos(0.001), Math.sin(0.001)] });
    await deploy(body(), place());
    await sound();
  });

  test("an index that was dropped is gone; built again, it is whole", async () => {
    assert.match(await deploy(), /Deleted table indexes:[^]*notes\.by_body/);
    await assert.rejects(search("seventh"), /Index notes\.by_body not found/);
    await assert.rejects(nearest({ vector: [1, 0] }), /Index notes\.by_place not found/);
    await client.mutation(api.notes.change, { n: 2_999, body: "while there was no index", place: [0, -1] });
    await deploy(body(), place());
    assert.deepEqual(await search("while"), [2_999]);
    assert.deepEqual(await nearest({ vector: [0, -1], limit: 1 }), [2_999]);
    await client.mutation(api.notes.change, { n: 2_999, body: "note number2999", place: [Math.cos(2.999), Math.sin(2.999)] });
    await sound();
  });

  test("an index whose fields change is built anew under its name", async () => {
    await deploy(body(`filterFields: ["n"]`), place(`filterFields: []`));
    await assert.rejects(search("seventh", { kind: "odd" }), /IncorrectFilterFieldError/);
    await assert.rejects(nearest({ vector: [1, 0], kind: "odd" }), /IncorrectVectorFilterField/);
    assert.equal((await search("seventh x")).length, sevenths.length);
    await deploy(`.searchIndex("by_body", { searchField: "kind" })`, place());
    await assert.rejects(search("seventh"), /IncorrectSearchField/);
    assert.equal((await search("even", { field: "kind", n: 1_024 })).length, 1_024);
    await deploy(body(), place());
    await sound();
  });

  test("indexes that cannot be are refused, and the old ones stay", async () => {
    const vector = (dimensions) => `.vectorIndex("bad", { vectorField: "place", dimensions: ${dimensions} })`;
    for (const dimensions of [1, 0, 4_097]) assert.match(await refused(body(), vector(dimensions)), /InvalidVectorDimensionError|dimension/);
    assert.match(await refused(body(), body().replace("by_body", "again")), /SearchIndexFieldNotUnique|same/);
    assert.match(await refused(place(), place().replace("by_place", "again")), /VectorIndexFieldNotUnique|same/);
    const fields = JSON.stringify(upTo(17).map((n) => `f${n}`));
    assert.match(await refused(`.searchIndex("bad", { searchField: "body", filterFields: ${fields} })`), /IndexTooManyFilterFields|filter/);
    await sound();
    await deploy(body(), place(), `.vectorIndex("small", { vectorField: "place", dimensions: 3 })`);
    await deploy(body(), place(), `.vectorIndex("large", { vectorField: "place", dimensions: 4096 })`);
    await sound();
  });
});
