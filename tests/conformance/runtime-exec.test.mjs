// udf-runtime.md, section 12: async semantics (94-100), determinism (101-107), environment, logs and errors (108-116),
// actions (117-120).

import assert from "node:assert/strict";
import { test } from "node:test";
import { ConvexError } from "convex/values";
import { caller } from "./call.mjs";
import { until, useServer } from "./harness.mjs";

const use = useServer();
const { query, mutation, action, ok } = caller(use);
const upTo = (count) => Array.from({ length: count }, (_, i) => i);
const rows = (tag) => ok.query("rtTx:read", { tag });

test("runtime 94: writes that nobody awaits happen, those that follow them too", async () => {
  assert.equal(await ok.mutation("rtRun:danglingInsert", { tag: "94" }), null);
  assert.deepEqual(await rows("94"), [1, 2]);
});

test("runtime 95: a rejection that nobody handles fails the function and undoes its writes", async () => {
  assert.match((await mutation("rtRun:danglingRejection", { tag: "95" })).error, /not an id at all|Invalid argument/);
  assert.deepEqual(await rows("95"), []);
});

test("runtime 96: a promise that can never resolve is an error", async () => {
  assert.match((await query("rtRun:never")).error, /never resolve/);
  assert.match((await action("rtActions:never")).error, /never resolve/);
});

test("runtime 97: a hundred reads at once settle in their order", async () => {
  assert.deepEqual(await ok.mutation("rtRun:manyGets", { tag: "97" }), { values: upTo(100), order: upTo(100) });
});

test("runtime 98: a handler attached in the next microtask is in time", async () => {
  assert.equal(await ok.query("rtRun:lateHandler"), "late");
});

test("runtime 99: a loop is stopped after about a second, and no catch prevents it", async () => {
  const started = Date.now();
  assert.match((await query("rtRun:caughtForever")).error, /Function execution timed out/);
  assert.ok(Date.now() - started < 6_000, `${Date.now() - started} ms`);
  assert.equal(await ok.query("rtRun:lateHandler"), "late");
});

test("runtime 100: what is not implemented can't be caught, or it works", async () => {
  const { value, error } = await query("rtRun:unimplemented");
  assert.ok(value === "works" || /not implemented/i.test(error), JSON.stringify({ value, error }));
});

test("runtime 101, 103: random numbers exist in queries, and differ from run to run", async () => {
  const [one, two] = [await ok.query("rtRun:randomQuery", { run: 1 }), await ok.query("rtRun:randomQuery", { run: 2 })];
  assert.notEqual(one.uuid, two.uuid);
  assert.notDeepEqual(one.bytes, two.bytes);
  assert.equal(new Set([...one.randoms, ...two.randoms]).size, 4);
  assert.match(one.uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok((await ok.query("rtRun:randomTooMany")).error);
});

test("runtime 102: Date is frozen; performance.now stands still in queries and moves in mutations and actions", async () => {
  const [q, m] = [await ok.query("rtRun:clocksQuery"), await ok.mutation("rtRun:clocksMutation")];
  for (const { before, after, isDate, fixed, zone, text } of [q, m]) {
    assert.deepEqual(before.slice(0, 2), after.slice(0, 2));
    assert.equal(before[0], before[1]);
    assert.ok(Math.abs(before[0] - Date.now()) < 30_000);
    assert.deepEqual([isDate, fixed, zone], [true, Date.UTC(2020, 0, 1), 0]);
    assert.match(text, /GMT\+0000/);
  }
  assert.equal(q.before[2], q.after[2]);
  assert.ok(q.before[2] > 0, "the time since the import");
  assert.ok(m.after[2] > m.before[2], `${m.before[2]} ${m.after[2]}`);
  const { before, after } = await ok.action("rtActions:clock");
  assert.ok(after[0] >= before[0] + 25 && after[1] >= before[1] + 25);
});

test("runtime 105, 107: no timers in queries and mutations, no code from strings anywhere", async () => {
  const names = { setTimeout: /setTimeout/, setInterval: /setInterval/ };
  for (const [what, name] of Object.entries(names)) {
    for (const run of [ok.query("rtRun:forbiddenQuery", { what }), ok.mutation("rtRun:forbiddenMutation", { what })]) {
      const { error } = await run;
      assert.match(error ?? "no error", name, what);
      assert.match(error, /action/i, what);
    }
  }
  for (const what of ["newFunction", "eval"]) {
    assert.equal((await ok.query("rtRun:forbiddenQuery", { what })).name, "EvalError");
    assert.equal((await ok.action("rtRun:forbiddenAction", { what })).name, "EvalError");
  }
});

test("runtime 106: a WeakRef keeps its target, nothing is finalized", async () => {
  assert.deepEqual(await ok.query("rtRun:weak"), { kept: true, finalized: 0 });
});

test("globals that must be absent are; destroying the others harms that run alone", async () => {
  assert.deepEqual(await ok.query("rtRun:globals"), []);
  await query("rtRun:vandal");
  for (let i = 0; i < 8; i++) assert.equal(await ok.query("rtRun:lateHandler"), "late");
});

const setEnv = async (changes) => {
  const response = await fetch(`${use.url}/api/update_environment_variables`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Convex ${use.adminKey}` },
    body: JSON.stringify({ changes }),
  });
  assert.equal(response.status, 200, await response.text());
};

test("runtime 108: an unset variable is undefined; a change runs the queries that read it again", async () => {
  const client = use.client();
  const seen = [];
  client.onUpdate("rtRun:env", { name: "RT_108" }, (value) => seen.push(value));
  await until(() => seen.length === 1, "the first value");
  assert.deepEqual([seen[0].value, seen[0].isUndefined], [null, true]);
  await setEnv([{ name: "RT_108", value: "set" }]);
  await until(() => seen.at(-1).value === "set", "the variable");
  assert.equal((await ok.query("rtRun:env", { name: "RT_108" })).value, "set");
  await setEnv([{ name: "RT_108", value: null }]);
  await until(() => seen.at(-1).isUndefined, "the variable to go");
});

test("runtime 109: process.env lists nothing; the deployment's URLs are there", async () => {
  const { keys, has, cloud, site, badName, members } = await ok.query("rtRun:envShape");
  assert.deepEqual([keys, has, members], [[], false, ["env"]]);
  assert.match(cloud, /^http:/);
  assert.match(site, /^http:/);
  assert.match(badName.error ?? "no error", /EnvironmentVariableNameInvalid|not a name/);
});

test("runtime 110: log lines quote and nest as object-inspect does", async () => {
  const { value, logs } = await query("rtRun:log");
  assert.deepEqual(value, [], "methods that console must not have");
  assert.equal(logs[0], `[LOG] 'text' 'it\\'s "quoted"' 1 -0 5n true null undefined`);
  assert.match(logs[1], /^\[INFO\] \{\s*a: 1,\s*b: \{\s*c: \[\s*1,\s*\[\s*2,\s*\[\s*3\s*\]\s*\]\s*\]\s*\}\s*\}$/);
  assert.match(logs[2], /^\[WARN\] \[\s*1,\s*'two',\s*null,\s*undefined\s*\] Map/);
  assert.match(logs[3], /^\[ERROR\] \[?Error: logged/);
  assert.match(logs[4], /^\[DEBUG\] Symbol\(s\) \[Function: named\] /);
  assert.match(logs[5], /^\[LOG\]\s*$/);
  assert.equal(logs[6], "[LOG] '%s is not expanded' 'x'");
  assert.match(logs[7], /^\[LOG\] '?traced'?[\s\S]*rtRun\.ts:\d+/);
});

test("runtime 111: from the 257th line on there is one line that says so", async () => {
  const { logs } = await query("rtRun:logMany", { lines: 300 });
  assert.equal(logs.length, 256);
  assert.match(logs[255], /^\[ERROR\].*Log overflow/);
  assert.equal((await query("rtRun:logMany", { lines: 255 })).logs.length, 255);
});

test("runtime 112: a long line is cut between characters", async () => {
  for (const unit of ["x", "\u00e9", "\u20ac", "\u{1f600}"]) {
    const [line] = (await query("rtRun:logLong", { unit, times: 33_000 })).logs;
    assert.ok(line.endsWith(" (truncated due to length)"), unit);
    assert.ok(!line.includes("\ufffd"), unit);
    assert.ok(Buffer.byteLength(line) <= 32_768 + 64, unit);
    assert.ok(Buffer.byteLength(line) > 32_700, unit);
  }
});

test("runtime 113: console timers", async () => {
  const { logs } = await query("rtRun:timers");
  assert.match(logs[0], /^\[INFO\] '?t: \d+(\.\d+)?ms'?$/);
  assert.match(logs[1], /^\[INFO\] '?t: \d+(\.\d+)?ms'?$/);
  assert.match(logs[2], /^\[WARN\] .*twice/);
  assert.match(logs[3], /^\[WARN\] .*never started/);
});

test("runtime 114: stacks name source files and lines; frames of the host are left out", async () => {
  const lines = (await query("rtRun:stack")).error.trimEnd().split("\n");
  assert.equal(lines[1], "Uncaught TypeError: from a helper");
  assert.match(lines[2], /^    at thrower \(\.\.\/convex\/rtRun\.ts:\d+:\d+\)$/);
  assert.match(lines[3], /^    at .*\(?\.\.\/convex\/rtRun\.ts:\d+:\d+\)?$/);
  const deep = (await mutation("rtRun:stackOfSyscall")).error.trimEnd().split("\n");
  const first = deep.findIndex((line) => line.startsWith("    at "));
  assert.match(deep[first], /\.\.\/convex\/rtRun\.ts:\d+/);
});

test("runtime 115: a ConvexError carries any value, a subclass too", async () => {
  for (const data of [null, "", "text", 0, -0, 5n, true, [], {}, { a: [1n, { b: null }] }, new Uint8Array([1, 255]).buffer]) {
    const result = await query("rtRun:throwsData", { data });
    assert.match(result.error, /Uncaught ConvexError(: |\n)/);
    assert.deepEqual(result.data, data);
  }
  const subclass = await query("rtRun:throwsSubclass");
  assert.match(subclass.error, /Uncaught AppError: /);
  assert.deepEqual(subclass.data, { code: 1n });
  await assert.rejects(use.http().query("rtRun:throwsSubclass", {}), (error) => error instanceof ConvexError && error.data.code === 1n);
  assert.match((await query("rtRun:throwsBadData")).error, /not a supported Convex type/);
});

test("runtime 116: whatever is thrown makes a message", async () => {
  const thrown = async (what) => {
    const result = await query("rtRun:throws", { what });
    assert.ok(!("data" in result), what);
    return result.error.split("\n").slice(1).join("\n");
  };
  assert.match(await thrown("string"), /^Uncaught just text/);
  assert.match(await thrown("null"), /^Uncaught null/);
  assert.match(await thrown("undefined"), /^Uncaught undefined/);
  assert.match(await thrown("number"), /^Uncaught 42/);
  assert.match(await thrown("object"), /^Uncaught (#<Object>|\[object Object\])/);
  assert.match(await thrown("nameless"), /^Uncaught .*without a name/);
  assert.match(await thrown("cyclic"), /^Uncaught Error: in a ring/);
  assert.match(await thrown("throwingGetter"), /^Uncaught /);
  assert.equal(await ok.query("rtRun:lateHandler"), "late");
});

test("runtime 117: actions call functions by reference and by name; errors keep their data", async () => {
  const { references, strings, missing, wrongKind, rows: stored } = await ok.action("rtActions:callsAll", { tag: "117" });
  assert.deepEqual([references, strings, stored], [[2, 1, 8], [2, 2, 8], [1, 2]]);
  assert.match(missing.error, /nowhere/);
  assert.match(wrongKind.error, /mutation/i);
  const { plain, data, rows: none } = await ok.action("rtActions:callsFailing", { tag: "117 failing" });
  assert.equal(plain.isConvexError, false);
  assert.match(plain.message, /plain failure/);
  assert.deepEqual([data.isConvexError, data.data, none], [true, { n: 1n }, []]);
});

test("runtime 118: eight operations of an action run at once, more than a thousand queue", { timeout: 60_000 }, async () => {
  assert.equal(await ok.action("rtActions:many", { count: 1200 }), true);
  const ms = await ok.action("rtActions:parallelSleeps");
  assert.ok(ms >= 300 && ms < 2000, `${ms} ms`);
});

test("runtime 119: operations that an action leaves behind are named in a warning", async () => {
  const { value, logs } = await action("rtActions:unawaited", { tag: "119" });
  assert.equal(value, "119");
  assert.match(logs.join("\n"), /\[WARN\].*unawaited operation.*action/is);
});

test("runtime 120: timers fire in order, cleared ones do not", async () => {
  assert.deepEqual(await ok.action("rtActions:timers"), { order: ["first", "second"], ticks: 3 });
});

test("actions: metrics and the database are no operations there; an unhandled rejection fails them", async () => {
  assert.match((await ok.action("rtActions:metrics")).error, /Unknown async operation/);
  assert.match((await ok.action("rtActions:dbSyscall")).error, /Unknown async operation|1\.0\/get/);
  assert.match((await action("rtActions:rejects")).error, /nobody handles this/);
});
