// client-protocol.md, section 8, "Values, ids, limits": points 103-111.

import assert from "node:assert/strict";
import { test } from "node:test";
import { compareValues, convexToJson, getConvexSize, getDocumentSize } from "convex/values";
import { useServer } from "./harness.mjs";

const use = useServer();
const bytes = (...numbers) => new Uint8Array(numbers).buffer;

test("103: every row of the value table survives a round trip and the database", async () => {
  const client = use.http();
  const values = [
    null, 0n, 1n, -1n, 42n, 2n ** 63n - 1n, -(2n ** 63n), 0, -0, 1.5, NaN, Infinity, -Infinity,
    5e-324, 1.7976931348623157e308, true, false, "", "text", "\u{1f600}", "\u0000\u001f\u007f", "\uffff",
    bytes(), bytes(0, 1, 254, 255), [], [[], [null]], {}, { "": 1 }, { a: { b: [1n, 1] } }, { " ~": 1 },
  ];
  for (const value of values) {
    assert.deepEqual(await client.query("values:echo", { value }), value);
    const stored = await client.mutation("values:store", { list: "103", value });
    assert.deepEqual(stored.value, value);
    assert.deepEqual((await client.query("values:read", { id: stored._id })).value, value);
  }
});

test("104: integral JSON numbers are numbers", async () => {
  const client = use.http();
  for (const value of [1, 1.0, 1e0, 2 ** 53, -7]) assert.equal(await client.query("values:typeOf", { value }), "number");
  assert.equal(await client.query("values:typeOf", { value: 1n }), "bigint");
});

test("105: the order of an index is the order of compareValues", async () => {
  const client = use.http();
  const nan = new DataView(new ArrayBuffer(8));
  nan.setBigUint64(0, 0xfff8000000000000n);
  const values = [
    undefined, null, -(2n ** 63n), -300n, -5n, 0n, 5n, 2n ** 63n - 1n, -Infinity, -1.5, -0, 0, 5e-324, 1, 2 ** 53, Infinity,
    NaN, false, true, "", "a", "a\u0000b", "ab", "\uffff", "\u{1f600}", bytes(), bytes(0), bytes(0, 1), bytes(255),
    [], [null], [1n], [1n, "a"], [1n, "b"], [[]], {}, { a: 1n }, { a: 1n, b: null }, { a: 2n }, { b: null },
  ];
  const shuffled = values.map((value, i) => [Math.sin(i * 9301), value]).sort((a, b) => a[0] - b[0]);
  for (const [, value] of shuffled) {
    await client.mutation("values:store", value === undefined ? { list: "105" } : { list: "105", value });
  }
  const rows = await client.query("values:inOrder", { list: "105" });
  assert.equal(rows.length, values.length);
  for (let i = 1; i < rows.length; i++) {
    assert.ok(compareValues(rows[i - 1].value, rows[i].value) < 0, `row ${i}: ${JSON.stringify(convexToJson(rows[i].value ?? null))}`);
  }
  assert.deepEqual(rows.map((row) => row.value), values);
});

test("106: documents of exactly 1 MiB are accepted, one byte more is not", async () => {
  const client = use.http();
  const small = await client.mutation("values:store", { list: "106", value: "" });
  const overhead = getDocumentSize(small);
  assert.ok(overhead > 0 && getConvexSize("") === 2);
  const fits = "x".repeat(1048576 - overhead);
  const stored = await client.mutation("values:store", { list: "106", value: fits });
  assert.equal(getDocumentSize(stored), 1048576);
  await assert.rejects(client.mutation("values:store", { list: "106", value: `${fits}x` }), /ValueTooLarge|too large|1 MiB|1048576/i);
});

const nest = (depth) => {
  let value = 1;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
};

test("107: array, field and nesting limits", async () => {
  const client = use.http();
  const fields = (count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, i]));
  assert.equal((await client.query("values:echo", { value: Array(8192).fill(0) })).length, 8192);
  await assert.rejects(client.query("values:echo", { value: Array(8193).fill(0) }), /8192|too long/i);
  assert.equal(Object.keys(await client.query("values:echo", { value: fields(1024) })).length, 1024);
  await assert.rejects(client.query("values:echo", { value: fields(1025) }), /1024|too many fields/i);
  // The document object itself counts one.
  await client.mutation("values:storeDocument", { document: { value: nest(15) } });
  await assert.rejects(client.mutation("values:storeDocument", { document: { value: nest(16) } }), /nest/i);
  // The arguments object counts one.
  assert.ok(await client.query("values:typeOf", { value: nest(63) }));
  await assert.rejects(client.query("values:typeOf", { value: nest(64) }), /nest/i);
});

test("108: field names", async () => {
  const raw = async (value) => {
    const response = await fetch(`${use.url}/api/query`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ path: "values:echo", args: { value } }),
    });
    const body = await response.json();
    return response.status === 200 && body.status === "success";
  };
  assert.ok(await raw({ ok_: 1, _x: 1, "with space": 1 }));
  for (const name of ["$x", "h\u00e9", "tab\t", "x".repeat(1025)]) assert.ok(!(await raw({ [name]: 1 })), name);
  const client = use.http();
  await client.mutation("values:storeDocument", { document: { value: { _x: 1 } } });
  await assert.rejects(client.mutation("values:storeDocument", { document: { _x: 1 } }), /_x/);
});

test("109: ids are read strictly and know their table", async () => {
  const client = use.http();
  const thing = await client.mutation("values:store", { list: "109", value: 1 });
  const note = await client.mutation("notes:add", { list: "109", n: 1 });
  const normalize = (table, id) => client.query("values:normalize", { table, id });
  assert.equal(await normalize("things", thing._id), thing._id);
  assert.equal(await normalize("notes", note), note);
  assert.equal(await normalize("notes", thing._id), null);
  assert.equal(await normalize("nowhere", thing._id), null);
  const last = thing._id.at(-1) === "0" ? "1" : "0";
  for (const bad of [
    "", thing._id.toUpperCase(), thing._id.slice(0, -1), `${thing._id}0`, thing._id.slice(0, -1) + last,
    thing._id.slice(0, 5) + "l" + thing._id.slice(6), "x".repeat(31), "0400000000000000000000000000249",
  ]) {
    assert.equal(await normalize("things", bad), null, bad);
  }
});

test("110: _creationTime increases inside a mutation and survives patch and replace", async () => {
  const { before, after } = await use.http().mutation("values:changeKeepingCreationTime", {});
  for (let i = 1; i < before.length; i++) assert.ok(before[i]._creationTime > before[i - 1]._creationTime);
  assert.deepEqual(after.map((row) => row._creationTime), before.map((row) => row._creationTime));
  assert.deepEqual(after.map((row) => row._id), before.map((row) => row._id));
  assert.deepEqual(after.map((row) => row.value), [10, 20, 3]);
});

test("111: a commit timestamp is an Int64 for the client, its placeholder is refused from one", async () => {
  const client = use.http();
  const first = await client.mutation("values:commitTs", {});
  const second = await client.mutation("values:commitTs", {});
  assert.equal(typeof first.ts, "bigint");
  assert.ok(second.ts > first.ts);
  assert.equal((await client.query("values:read", { id: first.id })).value, first.ts);
  const response = await fetch(`${use.url}/api/mutation`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ path: "values:echoMutation", args: { value: { $commitTs: null } } }),
  });
  const body = await response.json();
  assert.ok(response.status !== 200 || body.status === "error", JSON.stringify(body));
});
