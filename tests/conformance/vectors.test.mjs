// udf-runtime.md, section 12, vector search: point 82 and all errors of section 3.8.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { caller } from "./call.mjs";
import { useServer } from "./harness.mjs";

const use = useServer({ app: "search-app" });
const { ok } = caller(use);

const fill = (rows) => ok.mutation("docs:fill", { table: "spots", rows });
const search = (args) => ok.action("spots:search", args);
const settled = (args) => ok.action("spots:settled", args);
const names = (results) => results.map(([name]) => name);

/** Scores are those of 32-bit floats. */
function close(results, wanted) {
  assert.deepEqual(names(results), names(wanted));
  for (const [i, [name, score]] of wanted.entries()) {
    assert.ok(Math.abs(results[i][1] - score) < 1e-6, `${name} has ${results[i][1]}, not ${score}`);
  }
}

beforeEach(async () => {
  while ((await ok.mutation("docs:clear", { table: "spots" })) > 0);
});

test("vector 82: the score is the cosine, best first", async () => {
  await fill([
    { name: "opposite", place: [-3, 0, 0] },
    { name: "same", place: [0.5, 0, 0] },
    { name: "near", place: [1, 1, 0] },
    { name: "across", place: [0, 7, 0] },
    { name: "space", place: [1, 1, 1] },
  ]);
  const wanted = [["same", 1], ["near", Math.SQRT1_2], ["space", 1 / Math.sqrt(3)], ["across", 0], ["opposite", -1]];
  close(await search({ vector: [2, 0, 0] }), wanted);
  close(await search({ vector: [1e-3, 0, 0], limit: 2 }), wanted.slice(0, 2));
  const results = await ok.action("spots:raw", { vector: [2, 0, 0] });
  for (const result of results) assert.deepEqual(Object.keys(result).sort(), ["_id", "_score"]);
});

test("vector 82: scores stay within -1 and 1", async () => {
  const vectors = Array.from({ length: 200 }, (_, n) => [Math.sin(n), Math.cos(n * 1.7), Math.sin(n * 0.3) * 10 ** ((n % 9) - 4)]);
  await fill(vectors.map((place, n) => ({ name: n, place })));
  const cosine = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0) / Math.hypot(...a) / Math.hypot(...b);
  for (const [n, vector] of vectors.slice(0, 20).entries()) {
    const results = await search({ vector, limit: 256 });
    assert.equal(results.length, 200);
    assert.ok(results[0][1] > 0.999_999, `${n} finds itself`);
    for (let i = 0; i < results.length; i++) {
      const [name, score] = results[i];
      assert.ok(score >= -1 && score <= 1, `${score}`);
      assert.ok(i === 0 || results[i - 1][1] >= score, "in order");
      assert.ok(Math.abs(score - cosine(vector, vectors[name])) < 1e-5, `${name}: ${score}`);
    }
  }
});

test("vector 82: 10 results by default, at most 256", async () => {
  await fill(Array.from({ length: 300 }, (_, n) => ({ name: n, place: [1, n / 100, 0] })));
  const wanted = (count) => Array.from({ length: count }, (_, n) => n);
  assert.deepEqual(names(await search({ vector: [1, 0, 0] })), wanted(10));
  for (const limit of [1, 11, 256]) assert.deepEqual(names(await search({ vector: [1, 0, 0], limit })), wanted(limit));
  assert.match((await settled({ vector: [1, 0, 0], limit: 257 })).error, /VectorLimitTooLargeError/);
  for (const limit of [0, -1, 1.5]) assert.ok((await settled({ vector: [1, 0, 0], limit })).error, `${limit}`);
});

test("vector 82: the length must be the index's", async () => {
  await fill([{ name: "one", place: [1, 0, 0], wide: [1, 0] }]);
  for (const vector of [[1, 0], [1, 0, 0, 0]]) {
    assert.match((await settled({ vector })).error, /VectorDimensionsMismatch/);
  }
  assert.match((await settled({ vector: [1, 0, 0], index: "by_wide" })).error, /VectorDimensionsMismatch/);
  close(await search({ vector: [1, 0], index: "by_wide" }), [["one", 1]]);
  assert.match((await settled({ vector: [] })).error, /non-empty/);
});

test("vector 82: documents without such a vector are left out", async () => {
  const places = [[1, 0], [1, 0, 0, 0], "1,0,0", null, [1n, 0n, 0n], [1, 0, "0"], { 0: 1 }, []];
  await fill([...places.map((place, n) => ({ name: n, place })), { name: "none" }, { name: "yes", place: [1, 0, 0] }]);
  assert.deepEqual(names(await search({ vector: [1, 0, 0] })), ["yes"]);
});

test("vector 82: `eq`, and `or` across fields", async () => {
  await fill([
    { name: "red", place: [1, 0, 0], kind: "red", size: 1 },
    { name: "blue", place: [1, 0.1, 0], kind: "blue", size: 1 },
    { name: "large red", place: [1, 0.2, 0], kind: "red", size: 2, in: { side: true } },
    { name: "plain", place: [1, 0.3, 0] },
    { name: "null", place: [1, 0.4, 0], kind: null, size: 1n },
  ]);
  const find = async (...filter) => names(await search({ vector: [1, 0, 0], filter }));
  assert.deepEqual(await find(["kind", "red"]), ["red", "large red"]);
  assert.deepEqual(await find(["size", 1]), ["red", "blue"]);
  assert.deepEqual(await find(["size", 1n]), ["null"]);
  assert.deepEqual(await find(["in.side", true]), ["large red"]);
  assert.deepEqual(await find(["kind", "blue"], ["size", 2]), ["blue", "large red"]);
  assert.deepEqual(await find(["kind", "red"], ["kind", "blue"]), ["red", "blue", "large red"]);
  assert.deepEqual(await find(["kind"]), ["plain"]);
  assert.deepEqual(await find(["kind", null]), ["null"]);
  assert.deepEqual(await find(["kind", "green"]), []);
  assert.deepEqual(await find(["kind", "green"], ["size"]), ["plain"]);
  assert.deepEqual(names(await search({ vector: [1, 0, 0], filter: [["kind", "red"]], limit: 1 })), ["red"]);
});

test("vector 82: filters that few documents pass still give as many as there are", async () => {
  await fill(Array.from({ length: 1_000 }, (_, n) => ({ name: n, place: [1, n / 50, 0], kind: n % 100 === 99 ? "rare" : "common" })));
  const rare = await search({ vector: [1, 0, 0], filter: [["kind", "rare"]], limit: 20 });
  assert.deepEqual(names(rare), [99, 199, 299, 399, 499, 599, 699, 799, 899, 999]);
});

test("vector 82: every mistake has its code", async () => {
  const place = { indexName: "spots.by_place", vector: [1, 0, 0], expressions: null };
  const run = async (query) => (await ok.action("spots:syscall", { query: { ...place, ...query } })).error;
  // By code, since a value cannot have fields that begin with `$`.
  const withFilter = async (kind) => (await ok.action("spots:badFilter", { kind })).error;
  for (const kind of ["and", "neq", "literal", "swapped", "twoFields", "nested and"]) {
    assert.match(await withFilter(kind), /InvalidVectorSearchFilter/, kind);
  }
  assert.match(await withFilter("unindexed"), /IncorrectVectorFilterField/);
  assert.match(await withFilter("many"), /TooManyElementsInVectorQueryError/);
  assert.equal(await withFilter("64"), undefined);
  assert.match(await run({ indexName: "spots.by_name" }), /IndexNotAVectorIndexError/);
  assert.match(await run({ indexName: "spots.by_name_text" }), /IndexNotAVectorIndexError/);
  assert.match(await run({ indexName: "spots.nowhere" }), /Index spots\.nowhere not found/);
  assert.match(await run({ indexName: "nobody.nowhere" }), /Index nobody\.nowhere not found/);
  assert.match(await run({ indexName: "spots.staged", vector: [1, 0, 0, 0] }), /IndexStagedError|staged/);
  for (const vector of [[], null, "text", [1, null, 0], ["1", "0", "0"]]) {
    assert.ok(await run({ vector }), `a vector of ${JSON.stringify(vector)}`);
  }
});

test("vector 82: a vector of zeros is near nothing, and breaks nothing", async () => {
  await fill([{ name: "zero", place: [0, 0, 0] }, { name: "one", place: [1, 0, 0] }]);
  for (const vector of [[0, 0, 0], [1, 0, 0]]) {
    for (const [, score] of await search({ vector })) assert.ok(Number.isFinite(score), `${score}`);
  }
  assert.equal(names(await search({ vector: [1, 0, 0] }))[0], "one");
});

test("vector 82: not in queries and mutations", async () => {
  assert.ok((await ok.query("docs:vectorsInQuery")).error);
  assert.ok((await ok.mutation("docs:vectorsInMutation")).error);
});

test("vector 82: an action finds what it has just had written", async () => {
  const { there, moved, gone } = await ok.action("spots:afterWriting");
  assert.equal(there[0], "just now");
  assert.equal(moved[0], "just now");
  assert.equal(gone, true);
});

test("vector 82: in Node actions and HTTP actions", async () => {
  await fill([
    { name: "far", place: [0, 1, 0], kind: "node" },
    { name: "near", place: [1, 0, 0], kind: "node" },
    { name: "no node", place: [1, 0, 0] },
  ]);
  close(await ok.action("node:search", { vector: [1, 0, 0], limit: 5 }), [["near", 1], ["far", 0]]);
  assert.match((await ok.action("node:mistake", { limit: 257 })).error, /VectorLimitTooLargeError/);
  const body = JSON.stringify({ vector: [0, 1, 0], limit: 1 });
  const response = await fetch(`${use.server.siteUrl}/nearest`, { method: "POST", body });
  assert.equal(response.status, 200);
  close(await response.json(), [["far", 1]]);
});

test("vector 82: a component's vectors are its own", async () => {
  await fill([{ name: "of the app", place: [1, 0, 0] }]);
  const add = (part, name, place) => ok.mutation("parts:add", { part, name, body: name, place });
  await add("left", "one", [1, 0, 0]);
  await add("left", "two", [-1, 0, 0]);
  await add("right", "three", [0, 1, 0]);
  assert.deepEqual(await ok.action("parts:nearest", { vector: [1, 0, 0] }), { left: [1, -1], right: [0] });
  assert.deepEqual(await ok.action("parts:nearest", { vector: [1, 0, 0], name: "two" }), { left: [-1], right: [] });
  assert.equal((await search({ vector: [1, 0, 0] })).length, 1);
});
