// What a text index can be told beyond `defineSchema`, by the helper of docs/search.md as it is printed there.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { anyApi as api } from "convex/server";
import { ConvexHttpClient } from "convex/browser";
import { deployApp, makeProject, runCli, startServer, writeFiles } from "../lib/server.mjs";

const DEPLOY = ["--typecheck", "disable"];
const docs = readFileSync(new URL("../../docs/search.md", import.meta.url), "utf8");
const helper = /```ts\n\/\/ convex\/textIndex\.ts\n([^]*?)```/.exec(docs)[1];

const schema = (options) => `
  import { defineSchema, defineTable } from "convex/server";
  import { v } from "convex/values";
  import { textIndex } from "./textIndex";
  const articles = defineTable({ title: v.string(), body: v.optional(v.string()) }).searchIndex("by_body", { searchField: "body" });
  export default defineSchema({ articles: textIndex(articles, "by_body", ${JSON.stringify(options)}) });
`;
const ARTICLES = `
  import { mutation, query } from "./_generated/server";
  export const add = mutation(async (ctx, row) => await ctx.db.insert("articles", row));
  export const search = query(async (ctx, { text }) =>
    (await ctx.db.query("articles").withSearchIndex("by_body", (q) => q.search("body", text)).collect()).map(({ title }) => title));
`;

let server, dir, client;
const search = (text) => client.query(api.articles.search, { text });

before(async () => {
  server = await startServer();
  dir = makeProject({ "convex/articles.ts": ARTICLES, "convex/textIndex.ts": helper, "convex/schema.ts": schema({}) });
  await deployApp(server, dir, { args: DEPLOY });
  client = new ConvexHttpClient(server.url, { logger: false });
  for (const [title, body] of [
    ["Bridges", "The connections between islands were many"],
    ["Islands", "Nobody swims there"],
    ["Empty"],
    ["\u5730\u5716", "\u6771\u4eac\u90fd\u306b\u884c\u304d\u307e\u3059"],
  ]) {
    await client.mutation(api.articles.add, { title, ...(body === undefined ? {} : { body }) });
  }
});
after(async () => await server?.stop());

async function deploy(options) {
  writeFiles(dir, { "convex/schema.ts": schema(options) });
  return (await deployApp(server, dir, { args: DEPLOY })).stderr;
}

test("without options, words are as they are written", async () => {
  assert.deepEqual(await search("connected"), []);
  assert.deepEqual(await search("conections between"), ["Bridges"]);
  assert.deepEqual(await search("conections"), []);
  assert.deepEqual(await search("islands"), ["Bridges"]);
});

test("stems, further fields and typos; the index is built anew", async () => {
  assert.match(await deploy({ tokenizer: "english", typos: 1, fields: ["title"] }), /\[\+\] articles\.by_body/);
  assert.deepEqual(await search("connected"), ["Bridges"], "stems");
  assert.deepEqual((await search("island")).sort(), ["Bridges", "Islands"], "in both fields");
  assert.deepEqual(await search("empty"), ["Empty"], "a document without the search field");
  assert.deepEqual(await search("brigdes"), ["Bridges"], "two letters that changed places");
  assert.deepEqual(await search("swim"), ["Islands"]);
  assert.deepEqual(await search("zwims"), [], "the first letter is right");
});

test("words of a dictionary", async () => {
  await deploy({ tokenizer: "words" });
  assert.deepEqual(await search("\u6771\u4eac"), ["\u5730\u5716"]);
  assert.deepEqual(await search("\u4eac\u90fd"), [], "no word ends and begins there");
});

test("misspelled words, one letter and two", async () => {
  await deploy({ typos: 2 });
  const added = api.articles.add;
  assert.deepEqual(await search("architecure"), []);
  await client.mutation(added, { title: "New", body: "architecture of bridges" });
  assert.deepEqual(await search("architecure"), ["New"]);
  assert.deepEqual(await search("arcitecure"), ["New"], "two letters away");
});

test("options that do not exist are refused by name, and the old index stays", async () => {
  for (const [options, wanted] of [
    [{ tokenizer: "klingon" }, /by_body[^]*klingon/],
    [{ typos: 3 }, /by_body[^]*typos/],
    [{ fields: "title" }, /by_body[^]*fields/],
    [{ stopWords: [] }, /by_body[^]*stopWords/],
  ]) {
    writeFiles(dir, { "convex/schema.ts": schema(options) });
    const { code, stderr } = await runCli(server, dir, ["deploy", ...DEPLOY]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, wanted);
  }
  assert.deepEqual(await search("architecture"), ["New"]);
});
