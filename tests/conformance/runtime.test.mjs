// udf-runtime.md, section 12: invocation and modules (1-16), validation (17-25), values (26-33), schema (153).

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { deployApp, makeProject, runCli, startServer, writeFiles } from "../lib/server.mjs";
import { caller } from "./call.mjs";
import { useServer } from "./harness.mjs";
import { withTable } from "./ids.mjs";

const use = useServer();
const { query, mutation, action, ok } = caller(use);
/** The number of table `_storage` in ids. */
const STORAGE_TABLE = 531;

test("runtime 1: the default export is called by the module's name, with and without `:default`", async () => {
  assert.equal(await ok.query("rtDefault"), "the default");
  assert.equal(await ok.query("rtDefault:default"), "the default");
  assert.equal(await ok.query("rtDefault.js:default"), "the default");
});

test("runtime 2: a plain function can't be called, and the public can't tell it from a missing one", async () => {
  const strip = ({ error }, name) => error.replace(/Request ID: \w+/, "").replaceAll(name, "NAME");
  const plain = await query("rtHelp:plain");
  assert.match(plain.error, /Could not find public function for 'rtHelp:plain'/);
  assert.equal(strip(plain, "plain"), strip(await query("rtHelp:other"), "other"));
  const [told, missing] = [await query("rtHelp:plain", {}, { admin: true }), await query("rtHelp:other", {}, { admin: true })];
  assert.match(told.error, /'rtHelp(\.js)?:plain' is exported, but it is not a Convex function/);
  assert.match(missing.error, /Could not find function for 'rtHelp(\.js)?:other'/);
});

test("runtime 3: a function of another kind is refused, and the message tells the kinds", async () => {
  assert.match((await query("rtInvoke:m")).error, /rtInvoke(\.js)?:m.*mutation/is);
  assert.match((await mutation("rtInvoke:q")).error, /rtInvoke(\.js)?:q.*query/is);
  assert.match((await action("rtInvoke:q")).error, /rtInvoke(\.js)?:q.*query/is);
  assert.match((await query("rtInvoke:a")).error, /rtInvoke(\.js)?:a.*action/is);
});

test("runtime 4: returning nothing is null", async () => {
  assert.equal(await ok.query("rtInvoke:nothingQuery"), null);
  assert.equal(await ok.mutation("rtInvoke:nothingMutation"), null);
  assert.equal(await ok.action("rtInvoke:nothingAction"), null);
});

test("runtime 5: returning a query that was not run fails with the client's text", async () => {
  assert.match((await query("rtInvoke:returnsQuery")).error, /Return value is a Query\. Results must be retrieved with/);
  assert.match((await mutation("rtInvoke:returnsQueryMutation")).error, /Return value is a Query/);
});

test("runtime 6: positional arguments reach the handler", async () => {
  const result = await query("rtInvoke:spread", [{ x: 1 }, "two"], { raw: true });
  assert.deepEqual(result.value, [{ x: 1 }, "two"]);
});

test("runtime 9, 10: random numbers and the time of the import stay from run to run", async () => {
  const first = await ok.query("rtInvoke:atImport");
  assert.ok(first.importRandom >= 0 && first.importRandom < 1);
  assert.ok(first.importNow <= Date.now() && first.importNow > Date.now() - 3_600_000);
  assert.deepEqual(await ok.query("rtInvoke:atImport"), first);
  assert.deepEqual(await ok.mutation("rtInvoke:atImportMutation"), first);
});

test("runtime 11: import() is refused in queries and mutations and works in actions", async () => {
  assert.equal((await ok.query("rtInvoke:lazyQuery")).name, "TypeError");
  assert.equal((await ok.mutation("rtInvoke:lazyMutation")).name, "TypeError");
  assert.deepEqual(await ok.action("rtInvoke:lazyAction"), { value: "loaded lazily" });
});

test("runtime 12: import.meta throws a TypeError", async () => {
  assert.equal((await ok.query("rtInvoke:meta")).name, "TypeError");
});

test("runtime 13: shared chunks can't be called", async () => {
  const response = await fetch(`${use.url}/api/get_config_hashes`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ version: "1.48.0", adminKey: use.adminKey }),
  });
  const chunk = (await response.json()).moduleHashes.map(({ path }) => path).find((path) => path.startsWith("_deps/"));
  assert.ok(chunk, "the app has a shared chunk");
  for (const admin of [false, true]) {
    for (const name of [chunk, `${chunk}:settle`, `${chunk}:default`]) assert.ok((await query(name, {}, { admin })).error, name);
  }
});

test("runtime 14: an internal function is invisible to the public, not to admins", async () => {
  assert.match((await query("rtInvoke:hidden")).error, /Could not find public function for 'rtInvoke:hidden'/);
  assert.deepEqual((await query("rtInvoke:hidden", {}, { admin: true })).value, "hidden");
});

test("runtime 15: a function that is both public and internal is none", async () => {
  assert.match((await query("rtInvoke:both")).error, /Could not find public function for 'rtInvoke:both'/);
});

test("runtime 16: calling a registered function directly warns and runs it", async () => {
  const { value, logs } = await query("rtInvoke:callsDirectly");
  assert.equal(value, "query");
  assert.match(logs.join("\n"), /^\[WARN\] .*should not directly call other Convex functions/);
});

test("runtime 17, 18, 19: missing, additional, optional and null arguments", async () => {
  const error = async (args) => (await query("rtInvoke:validated", args)).error;
  assert.match(await error({}), /ArgumentValidationError: .*missing the required field `name`/s);
  assert.match(await error({ name: "x", more: 1 }), /ArgumentValidationError: .*extra field `more`/s);
  assert.match(await error({ name: 1 }), /ArgumentValidationError: .*does not match validator.*Path: \.name/s);
  assert.match(await error({ name: "x", note: null }), /ArgumentValidationError: .*Path: \.note/s);
  assert.deepEqual(await ok.query("rtInvoke:validated", { name: "x" }), { name: "x" });
  assert.match((await query("rtInvoke:validated", [{ name: "x" }, {}], { raw: true })).error, /ArgumentValidationError: .*single/is);
});

test("runtime 20: an id of another table, of a system table and no id at all have texts of their own", async () => {
  const own = await ok.mutation("rtDb:insert", { table: "rtItems", value: {} });
  const other = await ok.mutation("rtDb:insert", { table: "counters", value: { name: "runtime 20", value: 0 } });
  assert.equal(await ok.query("rtInvoke:wantsId", { id: own }), own);
  const texts = [];
  for (const id of [other, withTable(own, STORAGE_TABLE), "not an id"]) {
    const { error } = await query("rtInvoke:wantsId", { id });
    assert.match(error, /ArgumentValidationError: /);
    texts.push(error.replace(/Request ID: \w+/, "").replaceAll(id, "ID"));
  }
  assert.equal(new Set(texts).size, 3, texts.join("\n"));
  assert.match(texts[0], /counters/);
});

test("runtime 21: a union of one reports its member's error, a union of several one of its own", async () => {
  assert.match((await query("rtInvoke:unionOfOne", { x: { deep: "no" } })).error, /Path: \.x\.deep/);
  assert.match((await query("rtInvoke:unionOfTwo", { x: "no" })).error, /does not match validator.*Path: \.x\s.*v\.union/s);
});

test("runtime 22: the keys of a record are checked", async () => {
  const id = await ok.mutation("rtDb:insert", { table: "rtItems", value: {} });
  assert.deepEqual(await ok.query("rtInvoke:keyed", { r: { [id]: 1 } }), { [id]: 1 });
  assert.match((await query("rtInvoke:keyed", { r: { nokey: 1 } })).error, /ArgumentValidationError: .*keys\(\)/s);
  assert.match((await query("rtInvoke:keyed", { r: { [id]: "x" } })).error, /ArgumentValidationError: /);
});

test("runtime 23: a wrong return value is an error, and the mutation's writes are gone", async () => {
  const result = await mutation("rtInvoke:writesThenReturnsWrong", { tag: "runtime 23" });
  assert.match(result.error, /ReturnsValidationError: .*does not match validator/s);
  assert.deepEqual(await ok.query("rtTx:read", { tag: "runtime 23" }), []);
});

test("runtime 24: results over 16 MiB are refused", async () => {
  assert.match((await query("rtInvoke:huge", { bytes: 17 * 1024 * 1024 })).error, /too large/i);
  assert.equal((await ok.query("rtInvoke:huge", { bytes: 1024 * 1024 })).length, 1024 * 1024);
});

test("runtime 25: v.int64 takes $integer only", async () => {
  assert.equal(await ok.query("rtInvoke:int64", { n: -5n }), -5n);
  assert.match((await query("rtInvoke:int64", { n: 5 })).error, /ArgumentValidationError: .*v\.int64\(\)/s);
});

test("runtime 26, 27, 28: special numbers, bounds of bigint and bytes pass through functions and documents", async () => {
  for (const kind of ["special", "bounds", "bytes"]) {
    const made = await ok.query("rtInvoke:make", { kind });
    assert.deepEqual(await ok.mutation("rtInvoke:storeMade", { kind }), made);
    assert.deepEqual(await ok.action("rtInvoke:makeAction", { kind }), made);
  }
  assert.deepEqual(await ok.query("rtInvoke:make", { kind: "special" }), [-0, NaN, Infinity, -Infinity]);
  assert.deepEqual(await ok.query("rtInvoke:make", { kind: "bounds" }), [2n ** 63n - 1n, -(2n ** 63n)]);
  for (const kind of ["tooLarge", "tooSmall"]) {
    assert.match((await query("rtInvoke:make", { kind })).error, /BigInt .* does not fit|64-bit/);
    assert.ok((await mutation("rtInvoke:storeMade", { kind })).error);
  }
});

test("runtime 29: a lone surrogate is an error of its function alone", async () => {
  for (const run of [() => query("rtInvoke:make", { kind: "surrogate" }), () => mutation("rtInvoke:storeMade", { kind: "surrogate" })]) {
    assert.match((await run()).error, /surrogate|well-formed|unicode|utf/i);
  }
  assert.equal(await ok.query("rtInvoke:q"), "query");
});

test("runtime 30: a field that begins with $ is refused by client and server", async () => {
  assert.match((await mutation("rtInvoke:storeMade", { kind: "dollar" })).error, /\$x/);
  const raw = await ok.mutation("rtInvoke:insertRaw", { value: '{"v":{"$x":1}}' });
  assert.match(raw.error, /\$x/);
});

test("runtime 31, 32, 33: 1024 fields, 8192 elements and 16 levels fit, one more does not", async () => {
  for (const kind of ["fields1024", "array8192", "nesting16"]) {
    assert.equal((await mutation("rtInvoke:storeMade", { kind })).error, undefined, kind);
  }
  for (const kind of ["fields1025", "array8193", "nesting17"]) {
    const { error } = await mutation("rtInvoke:storeMade", { kind });
    assert.match(error ?? "stored", /1024|8192|nest/, kind);
  }
});

test("runtime 153: v.string().optional() in a schema", async () => {
  const { value, patch } = await ok.mutation("rtDb:strict", { value: { title: "without" } });
  assert.equal(value.title, "without");
  assert.match(patch.error, /note/);
  assert.equal((await ok.mutation("rtDb:strict", { value: { title: "with", note: "n" } })).value.note, "n");
  assert.ok((await mutation("rtDb:strict", { value: { title: "with", note: null } })).error);
});

describe("at push time", () => {
  let server, dir;
  before(async () => {
    server = await startServer();
    dir = makeProject({
      "convex/fine.ts": `import { query } from "./_generated/server";
        export const get = query({ args: {}, handler: async () => "fine" });`,
    });
    await deployApp(server, dir, { args: ["--typecheck", "disable"] });
  });
  after(async () => await server?.stop());

  const refused = async (files) => {
    writeFiles(dir, files);
    const { code, stderr } = await runCli(server, dir, ["deploy", "--typecheck", "disable", "--codegen", "disable"]);
    assert.equal(code, 1, stderr);
    return stderr;
  };

  test("runtime 7: a validator that an import cycle leaves undefined is named", async () => {
    const text = await refused({
      "convex/bad.ts": `import { query } from "./_generated/server";
        import { v } from "convex/values";
        import { inner } from "./bad2";
        export const outer = v.string();
        export const f = query({ args: { x: inner }, handler: async () => 1 });`,
      "convex/bad2.ts": `import { query } from "./_generated/server";
        import { outer } from "./bad";
        export const inner = outer;
        export const g = query({ args: { x: outer }, handler: async () => 1 });`,
    });
    assert.match(text, /undefined/);
    assert.match(text, /bad2?\.(ts|js)/);
  });

  test("runtime 8: a top-level await and a top-level throw fail the push and name the module", async () => {
    const none = { "convex/bad2.ts": "export {};" };
    const awaits = await refused({ ...none, "convex/bad.ts": `await new Promise(() => {});\nexport const x = 1;` });
    assert.match(awaits, /bad\.(ts|js)/);
    assert.match(awaits, /await/i);
    const throws = await refused({ "convex/bad.ts": `throw new Error("thrown at the top");\nexport {};` });
    assert.match(throws, /bad\.(ts|js)/);
    assert.match(throws, /thrown at the top/);
    assert.equal(await caller({ url: server.url }).ok.query("fine:get"), "fine");
  });
});
