// udf-runtime.md, section 12: documents (34-45) and queries (46-64).

import assert from "node:assert/strict";
import { test } from "node:test";
import { caller } from "./call.mjs";
import { until, useServer } from "./harness.mjs";
import { decodeId, withTable } from "./ids.mjs";

const use = useServer();
const { query, mutation, ok } = caller(use);

test("runtime 34, 35: ids decode to their table; _creationTime increases within a mutation", async () => {
  const { ids, times, now } = await ok.mutation("rtDb:creationTimes");
  assert.equal(new Set(ids).size, 20);
  const [first] = ids.map(decodeId);
  const table = (first[0] & 0x7f) | (first[1] << 7);
  assert.equal(withTable(ids[0], table), ids[0]);
  for (const id of ids) assert.deepEqual(decodeId(id).slice(0, 2), first.slice(0, 2));
  for (let i = 1; i < times.length; i++) assert.ok(times[i] > times[i - 1]);
  assert.ok(times[0] >= now && times[19] < now + 60_000, `${now} ${times[0]}`);
});

test("runtime 36: undefined in a patch removes the field, below the top it is dropped", async () => {
  const [removed, nested, explicit] = await ok.mutation("rtDb:patches");
  assert.ok(!("b" in removed));
  assert.deepEqual(nested.c, { e: 2 });
  assert.equal(explicit.b, "explicit");
});

test("runtime 37, 40: a deleted document is gone at once, writing to it names the id", async () => {
  const { id, get, ...errors } = await ok.mutation("rtDb:afterDelete");
  assert.equal(get, null);
  for (const name of ["patch", "replace", "delete"]) {
    assert.match(errors[name].error, /NonexistentDocument/, name);
    assert.ok(errors[name].error.includes(id), name);
  }
});

test("runtime 38: replace keeps the system fields and refuses other ones", async () => {
  const result = await ok.mutation("rtDb:replaces");
  const { _id, _creationTime } = result.before;
  assert.deepEqual(result.after, { _id, _creationTime, a: "replaced" });
  assert.deepEqual(result.same, { value: null });
  assert.match(result.wrongId.error, /InvalidIdError/);
  assert.match(result.wrongIdPatch.error, /InvalidIdError/);
  assert.match(result.wrongTime.error, /InvalidCreationTimeError/);
  assert.deepEqual(result.final, { _id, _creationTime, a: "same" });
});

test("runtime 39: a patch that changes nothing writes nothing and wakes nobody", async () => {
  const id = await ok.mutation("rtDb:insert", { table: "rtItems", value: { a: "noop", b: 1 } });
  const client = use.client();
  const runs = [];
  client.onUpdate("rtDb:watch", { id }, (value) => runs.push(value));
  await until(() => runs.length === 1, "the first result");
  assert.equal(await ok.mutation("rtDb:noOpPatch", { id }), 0);
  await ok.mutation("rtDb:noOpPatch", { id });
  // A result that comes after this one would have come before it too.
  await client.mutation("rtDb:patch", { id, value: { b: 2 } });
  await until(() => runs.at(-1).doc.b === 2, "the real change");
  assert.equal(runs.length, 2);
});

test("runtime 41: an id of an unknown table reads as null, and writing to it says so", async () => {
  const known = await ok.mutation("rtDb:insert", { table: "rtItems", value: {} });
  const id = withTable(known, 16_000);
  const { get, ...errors } = await ok.mutation("rtDb:unknownTable", { id });
  assert.equal(get, null);
  for (const name of ["patch", "replace", "delete"]) {
    assert.ok(errors[name].error.includes(`Table for ID "${id}" not found`), errors[name].error);
  }
});

test("runtime 42: an explicit table that is not the id's is an error", async () => {
  const { right, ...errors } = await ok.mutation("rtDb:wrongTable");
  assert.equal(right, "w");
  for (const name of ["get", "patch", "replace", "delete"]) assert.match(errors[name].error, /notes/, name);
});

test("runtime 43: an insert creates an unknown table, and the same mutation can query it", async () => {
  const result = await ok.mutation("rtDb:newTable", { table: "rtMadeOnTheFly" });
  assert.deepEqual([result.before, result.after, result.normal], [[], ["first"], result.id]);
  assert.deepEqual((await ok.mutation("rtDb:newTable", { table: "rtMadeOnTheFly" })).after, ["first", "first"]);
});

test("runtime 44: nothing can be inserted into system tables", async () => {
  assert.match((await ok.mutation("rtDb:systemInsert")).error, /system tables/i);
  const raw = await mutation("rtDb:insert", { table: "_storage", value: {} });
  assert.match(raw.error, /system table/i);
});

test("runtime 45: normalizeId of the own table, another one, garbage and a system table", async () => {
  const { id, own, system, ...nulls } = await ok.mutation("rtDb:normalize");
  assert.equal(own, id);
  assert.match(system.error, /db\.system\.normalizeId/);
  assert.deepEqual(nulls, { other: null, unknown: null, garbage: null, empty: null, systemProper: null });
});

/** Rows of table rtItems with a tag of their own as `a`; `seq` is the place in the list. */
const fill = (tag, values) =>
  ok.mutation("rtQuery:fill", { table: "rtItems", rows: values.map((b, seq) => (b === undefined ? { a: tag, seq } : { a: tag, b, seq })) });
const range = (bounds, more = {}) => ok.query("rtQuery:range", { table: "rtItems", index: "by_a_b", bounds, ...more });
const table = async (name, rows) => {
  await ok.mutation("rtQuery:fill", { table: name, rows });
  return name;
};

test("runtime 46: both orders of each kind of index; ties go by _creationTime", async () => {
  await fill("46", [2, 1, 1, 1, 3]);
  assert.deepEqual(await range([["eq", "a", "46"]]), [1, 2, 3, 0, 4]);
  assert.deepEqual(await range([["eq", "a", "46"]], { order: "desc" }), [4, 0, 3, 2, 1]);
  const name = await table("rt46", [{ seq: 0 }, { seq: 1 }, { seq: 2 }]);
  for (const index of ["by_creation_time", undefined]) {
    const read = (order) =>
      index === undefined ? ok.query("rtQuery:scan", { table: name, order }) : ok.query("rtQuery:range", { table: name, index, bounds: [], order });
    assert.deepEqual(await read("asc"), [0, 1, 2]);
    assert.deepEqual(await read("desc"), [2, 1, 0]);
  }
  const up = await ok.query("rtQuery:range", { table: name, index: "by_id", bounds: [], order: "asc" });
  const down = await ok.query("rtQuery:range", { table: name, index: "by_id", bounds: [], order: "desc" });
  assert.deepEqual([...up].reverse(), down);
  await ok.mutation("rtQuery:fill", { table: "rtItems", rows: [{ seq: 1, nested: { x: "46" } }, { seq: 2, nested: "46" }] });
  assert.deepEqual(await ok.query("rtQuery:range", { table: "rtItems", index: "by_nested", bounds: [["eq", "nested.x", "46"]] }), [1]);
});

test("runtime 47: eq in any order; a skipped field, a bound on two fields or twice are errors", async () => {
  await fill("47", [1, 2]);
  assert.deepEqual(await range([["eq", "b", 2], ["eq", "a", "47"]]), [1]);
  const raw = async (...bounds) => (await ok.query("rtQuery:rawRange", { bounds })).error ?? "no error";
  assert.match(await raw(["Eq", "b", 1]), /InvalidIndexRange/);
  assert.match(await raw(["Gt", "a", 1], ["Eq", "b", 1]), /InvalidIndexRange|BoundsOnMultipleFields/);
  assert.match(await raw(["Eq", "a", 1], ["Eq", "a", 2]), /AlreadyDefinedBound/);
  assert.match(await raw(["Gt", "a", 1], ["Gte", "a", 2]), /AlreadyDefinedBound/);
  assert.match(await raw(["Gt", "a", 1], ["Lt", "b", 2]), /BoundsOnMultipleFields/);
  assert.match(await raw(["Eq", "c", 1]), /FieldNotInIndex|InvalidIndexRange/);
  assert.equal(await raw(["Eq", "a", 1], ["Gt", "b", 1], ["Lte", "b", 2]), "no error");
});

test("runtime 48: a range on _creationTime after eq of all fields", async () => {
  const ids = await fill("48", [1, 1, 1]);
  const bounds = [["eq", "a", "48"], ["eq", "b", 1]];
  const at = (op) => range([...bounds, [op, "_creationTime", "$time"]], { timesOf: ids[1] });
  assert.deepEqual(await at("gt"), [2]);
  assert.deepEqual(await at("gte"), [1, 2]);
  assert.deepEqual(await at("lt"), [0]);
  assert.deepEqual(await at("eq"), [1]);
});

test("runtime 49: missing fields sort first and have ranges of their own", async () => {
  await fill("49", [undefined, null, 5n, -1, 1]);
  const a = ["eq", "a", "49"];
  assert.deepEqual(await range([a, ["gt", "b"]]), [1, 2, 3, 4]);
  assert.deepEqual(await range([a, ["gte", "b"]]), [0, 1, 2, 3, 4]);
  assert.deepEqual(await range([a, ["eq", "b"]]), [0]);
  assert.deepEqual(await range([a, ["eq", "b", null]]), [1]);
  assert.deepEqual(await range([a, ["lt", "b", 0]]), [0, 1, 2, 3]);
  assert.deepEqual(await range([a, ["gt", "b", 10], ["lt", "b", 5]]), []);
});

test("runtime 50, 51, 52: types, strings by UTF-8, arrays and objects sort as they should", async () => {
  const values = [
    undefined, null, -1n, 300n, -Infinity, -0.5, 0, 1, Infinity, NaN, false, true, "", "a", "ab", "b", "\uffff", "\u{1f600}",
    new Uint8Array([0]).buffer, [], [1n], [1n, 0n], [1], [1, 2], [2], {}, { a: 1 }, { a: 1, b: 0 }, { a: 2 }, { b: 0 },
  ];
  const shuffled = values.map((_, i) => i).sort((x, y) => Math.sin(x * 77) - Math.sin(y * 77));
  await ok.mutation("rtQuery:fill", {
    table: "rtItems",
    rows: shuffled.map((i) => (values[i] === undefined ? { a: "50", seq: i } : { a: "50", b: values[i], seq: i })),
  });
  assert.deepEqual(await range([["eq", "a", "50"]]), values.map((_, i) => i));
  assert.deepEqual(await range([["eq", "a", "50"], ["eq", "b", 1]]), [7], "1 is not 1n");
});

test("runtime 53, 54: filter arithmetic, its errors, short circuits and missing fields", async () => {
  const name = await table("rt53", [{ seq: 0, i: 1n, f: 1, t: "text" }]);
  const filter = (kind) => ok.query("rtQuery:filtered", { table: name, kind });
  for (const kind of ["addMixed", "addText", "overflow", "negOverflow", "divZeroInt", "modZeroInt", "notBoolean", "notNumber"]) {
    assert.match((await filter(kind)).error ?? `${kind} gave rows`, /EvalError/, kind);
  }
  for (const kind of ["addInts", "divZeroFloat", "mod", "shortOr", "emptyAnd", "missingNeq", "missingEq", "missingLt"]) {
    assert.deepEqual(await filter(kind), { value: [0] }, kind);
  }
  for (const kind of ["shortAnd", "emptyOr", "intFloat"]) assert.deepEqual(await filter(kind), { value: [] }, kind);
});

test("runtime 55, 60: the order of filters and limits matters; count", async () => {
  const name = await table("rt55", [0, 1, 2, 3, 4, 5, 6].map((seq) => ({ seq })));
  const { both, filterTake, limitFirst } = await ok.query("rtQuery:twoFilters", { table: name });
  assert.deepEqual([both, filterTake, limitFirst], [[4, 6], [0, 2], [0, 2]]);
  assert.deepEqual(await ok.mutation("rtQuery:counts", { table: name }), [7, 8, 7, 0]);
});

test("runtime 56: at most 256 operators", async () => {
  assert.ok("value" in (await ok.query("rtQuery:operators", { count: 255 })));
  assert.match((await ok.query("rtQuery:operators", { count: 257 })).error, /256/);
});

test("runtime 57: a query runs once and is chained once", async () => {
  const name = await table("rt57", [{ seq: 0 }, { seq: 1 }]);
  const { twice, chained, orderTwice, unique } = await ok.query("rtQuery:reuse", { table: name });
  assert.match(twice.error, /closed and can't emit|only begin/);
  assert.match(chained.error, /chained/);
  assert.match(orderTwice.error, /order at most once/);
  assert.match(unique.error, /unique\(\) query returned more than one result/);
});

test("runtime 58, 59: a break frees the query; take reads what it takes and no more", async () => {
  const name = await table("rt58", [{ seq: 0 }, { seq: 1 }, { seq: 2 }]);
  assert.equal(await ok.query("rtQuery:breaks", { table: name, times: 2000 }), 2000);
  const read = (how) => ok.query("rtQuery:metrics", { table: name, how });
  assert.deepEqual(await read("take2"), { got: 2, read: 2, queries: 1 });
  assert.deepEqual(await read("first"), { got: true, read: 1, queries: 1 });
  assert.deepEqual(await read("collect"), { got: 3, read: 3, queries: 1 });
  assert.deepEqual(await read("filterTake1"), { got: 1, read: 3, queries: 1 });
  assert.deepEqual(await read("take0"), { got: 0, read: 0, queries: 0 });
});

test("runtime 61: an index range sees the mutation's own inserts, moves and deletes", async () => {
  assert.deepEqual(await ok.mutation("rtQuery:ownWrites"), [[], [1, 2], [2, 1], [1], [2], []]);
});

test("runtime 62: a row inserted during an iteration is seen ahead of it and not behind", async () => {
  assert.deepEqual(await ok.mutation("rtQuery:insertWhileIterating", { tag: "62" }), [10, 20, 30, 40]);
});

test("runtime 63, 64: unknown and staged indexes; an unknown table is empty", async () => {
  const { unknown, unknownTable, staged, noTable } = await ok.query("rtQuery:badIndex");
  assert.match(unknown.error, /Index rtItems\.by_nothing not found/);
  assert.match(unknownTable.error, /Index rtNowhere\.by_nothing not found/);
  assert.match(staged.error, /IndexStagedError/);
  assert.deepEqual(noTable, []);
});
