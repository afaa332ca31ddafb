// udf-runtime.md, section 12: pagination (65-72, 74) and transactions (83-93).

import assert from "node:assert/strict";
import { test } from "node:test";
import { caller } from "./call.mjs";
import { until, useServer } from "./harness.mjs";

const use = useServer();
const { query, ok } = caller(use);

const fill = (tag, from, count) => ok.mutation("rtPage:fillPages", { tag, from, count });
const page = (tag, opts, more = {}) => ok.query("rtPage:page", { tag, opts: { numItems: 3, cursor: null, ...opts }, ...more });
const upTo = (count) => Array.from({ length: count }, (_, i) => i);

async function traverse(tag, opts = {}, more = {}) {
  const pages = [];
  for (let cursor = null; ; ) {
    const result = await page(tag, { ...opts, cursor }, more);
    pages.push(result);
    if (result.isDone) return pages;
    cursor = result.continueCursor;
    assert.ok(pages.length < 100);
  }
}
const rowsOf = (pages) => pages.flatMap((one) => one.page);

test("runtime 65, 66: pages make up the whole; only the page that saw the end is done", async () => {
  await fill("65", 0, 9);
  assert.deepEqual(rowsOf(await traverse("65")), upTo(9));
  assert.deepEqual(rowsOf(await traverse("65", {}, { order: "desc" })), upTo(9).reverse());
  assert.deepEqual((await traverse("65")).map((one) => one.page.length), [3, 3, 3, 0]);
  assert.deepEqual(rowsOf(await traverse("65", {}, { even: true })), [0, 2, 4, 6, 8]);
  assert.deepEqual((await page("65", { numItems: 100 })).isDone, true);
  assert.deepEqual((await page("nothing", {})).isDone, true);
});

test("runtime 67: a cursor of another query, and no cursor at all, is InvalidCursor with its data", async () => {
  await fill("67", 0, 4);
  const { continueCursor } = await page("67", {});
  for (const cursor of [continueCursor, "not a cursor", ""]) {
    const { error, data } = await query("rtPage:otherPage", { opts: { numItems: 3, cursor } });
    assert.match(error, /InvalidCursor/, cursor);
    assert.deepEqual(data, { isConvexSystemError: true, paginationError: "InvalidCursor" });
  }
  assert.match((await query("rtPage:page", { tag: "68", opts: { numItems: 3, cursor: continueCursor } })).error, /InvalidCursor/);
});

test("runtime 68, 74: an end cursor fixes the page; the same position has the same cursor", async () => {
  await fill("68", 0, 6);
  const first = await page("68", {});
  assert.equal((await page("68", {})).continueCursor, first.continueCursor);
  await ok.mutation("rtPage:insertAt", { tag: "68", b: 1.5 });
  const fixed = await page("68", { endCursor: first.continueCursor, numItems: 1 });
  assert.deepEqual(fixed.page, [0, 1, 1.5, 2]);
  assert.equal(fixed.continueCursor, first.continueCursor);
  assert.deepEqual((await page("68", { cursor: first.continueCursor })).page, [3, 4, 5]);
});

test("runtime 69: a subscribed page keeps its end by the journal", async () => {
  await fill("69", 0, 6);
  const client = use.client();
  const seen = [];
  client.onUpdate("rtPage:page", { tag: "69", opts: { numItems: 3, cursor: null } }, ({ page }) => seen.push(page));
  await until(() => seen.length === 1, "the first page");
  await ok.mutation("rtPage:insertAt", { tag: "69", b: 0.5 });
  await until(() => seen.at(-1).length === 4, "the page that grew");
  assert.deepEqual(seen.at(-1), [0, 0.5, 1, 2]);
});

test("runtime 70: maximumRowsRead stops the page as SplitRequired, and its cursor goes on", async () => {
  await fill("70", 0, 10);
  const first = await page("70", { numItems: 8, maximumRowsRead: 4 });
  assert.deepEqual([first.page, first.pageStatus, first.isDone], [upTo(4), "SplitRequired", false]);
  assert.deepEqual((await page("70", { numItems: 8, cursor: first.continueCursor })).page, [4, 5, 6, 7, 8, 9]);
  const filtered = await traverse("70", { maximumRowsRead: 3 }, { even: true });
  assert.deepEqual(rowsOf(filtered), [0, 2, 4, 6, 8]);
});

test("runtime 71: the split cursor divides a page into two that make it up", async () => {
  await fill("71", 0, 8);
  const whole = await page("71", { numItems: 6 });
  assert.equal(typeof whole.splitCursor, "string");
  const left = await page("71", { endCursor: whole.splitCursor });
  const right = await page("71", { cursor: whole.splitCursor, endCursor: whole.continueCursor });
  assert.ok(left.page.length > 0 && right.page.length > 0);
  assert.deepEqual([...left.page, ...right.page], whole.page);
  assert.equal((await page("71", { numItems: 2 })).splitCursor, null);
});

test("runtime 72: one paginate a function; page sizes and limits of zero, and too large ones, are errors", async () => {
  assert.match((await ok.query("rtPage:twoPages")).error, /MultiplePaginatedDatabaseQueries/);
  const bad = async (opts) => (await ok.query("rtPage:badPage", { opts: { numItems: 1, cursor: null, ...opts } })).error;
  assert.match(await bad({ numItems: 0 }), /NoDocumentsForPagination/);
  assert.match(await bad({ numItems: 40_000 }), /PageSizeTooLarge/);
  assert.match(await bad({ maximumRowsRead: 0 }), /InvalidPaginationLimit/);
});

test("runtime 83, 84: mutations that overlap behave as if one came after the other", { timeout: 60_000 }, async () => {
  const append = () => ok.mutation("rtTx:appendSlowly", { tag: "83", rounds: 2_000_000 });
  const results = await Promise.all(Array.from({ length: 12 }, append));
  for (const { before, again } of results) assert.deepEqual(again, before, "one snapshot");
  assert.deepEqual(await ok.query("rtTx:read", { tag: "83" }), upTo(12));
  assert.deepEqual(results.map(({ before }) => before.length).sort((a, b) => a - b), upTo(12));
});

test("runtime 85: a nested mutation that fails takes its writes along, and nothing else", async () => {
  const { error, rows } = await ok.mutation("rtTx:nestedFailure", { tag: "85" });
  assert.match(error.error, /nested failure/);
  assert.deepEqual(rows, ["kept"]);
  assert.deepEqual(await ok.query("rtTx:read", { tag: "85" }), ["kept"]);
});

test("runtime 86: a nested query sees the parent's writes, one on the stale snapshot does not", async () => {
  await ok.mutation("rtTx:write", { tag: "86", b: "before" });
  const result = await ok.mutation("rtTx:nestedReads", { tag: "86" });
  assert.deepEqual(result.query, ["before", "own"]);
  assert.deepEqual(result.byName, ["before", "own"]);
  assert.deepEqual(result.stale, ["before"]);
  const [one, two, { now }] = result.states;
  assert.deepEqual([one.state, two.state, one.now, two.now], [1, 1, now, now]);
  assert.notEqual(one.random, two.random);
  assert.match(result.badArgs.error, /ArgumentValidationError/);
  assert.match(result.wrongKind.error, /mutation/i);
  assert.match(result.missing.error, /nowhere/);
  assert.match(result.action.error, /action/i);
  assert.deepEqual(result.rows, ["before", "own"]);
  assert.deepEqual(await ok.mutation("rtTx:staleOnly", { tag: "86" }), { stale: ["before", "own"], added: 0 });
});

test("queries call no mutations and write nothing, also past the client", async () => {
  for (const path of ["rtTx:queryCallsMutation", "rtTx:queryCallsMutationRaw", "rtTx:queryWritesRaw"]) {
    const { value, error } = await query(path);
    assert.ok(error ?? value.error, path);
  }
  assert.deepEqual(await ok.query("rtTx:read", { tag: "no" }), []);
});

test("runtime 87: eight functions can be inside one another, the ninth is an error", async () => {
  assert.equal(await ok.query("rtTx:deep", { levels: 7 }), "bottom");
  assert.match((await query("rtTx:deep", { levels: 8 })).error, /MaximumCallDepthExceeded/);
});

test("runtime 88: transactionLimits hold during the call alone", async () => {
  const { limited, after } = await ok.mutation("rtTx:limited", { tag: "88" });
  assert.match(limited.error, /TooManyDocumentsRead/);
  assert.deepEqual(after.value, upTo(5));
});

test("runtime 89: the data of a ConvexError reaches the parent", async () => {
  const data = { code: "X", n: 1n, list: [null, { deep: true }] };
  const [fromMutation, fromQuery] = await ok.mutation("rtTx:nestedData", { tag: "89", data });
  assert.deepEqual(fromMutation, { isConvexError: true, data });
  assert.deepEqual(fromQuery, { isConvexError: true, data });
  assert.deepEqual(await ok.query("rtTx:read", { tag: "89" }), []);
});

test("runtime 90: the parent can catch a nested rejection that nobody handled, but no timeout", async () => {
  const { error, rows } = await ok.mutation("rtTx:nestedRejection", { tag: "90" });
  assert.match(error.error, /rejected inside/);
  assert.deepEqual(rows, []);
  assert.match((await query("rtTx:nestedTimeout")).error, /Function execution timed out/);
});

test("runtime 91: transaction metrics add up over nested calls", async () => {
  const { trace, whole } = await ok.mutation("rtTx:metrics", { tag: "91" });
  assert.deepEqual(trace.map((used) => used.documentsWritten), [0, 1, 2, 2]);
  assert.equal(trace[3].documentsRead - trace[2].documentsRead, 2);
  assert.ok(trace[3].bytesRead > 0 && trace[1].bytesWritten > 0 && trace[3].databaseQueries > trace[2].databaseQueries);
  for (const name of [
    "bytesRead", "bytesWritten", "databaseQueries", "documentsRead", "documentsWritten", "functionsScheduled",
    "scheduledFunctionArgsBytes",
  ]) {
    assert.equal(typeof whole[name].used, "number", name);
    assert.equal(typeof whole[name].remaining, "number", name);
  }
  assert.equal(whole.documentsWritten.used + whole.documentsWritten.remaining, 16_000);
  assert.equal(whole.documentsRead.used + whole.documentsRead.remaining, 32_000);
});

test("runtime 92, 93: commit timestamps: placeholder before, one growing number after, never behind a snapshot", async () => {
  let last = 0n;
  for (const tag of ["92 a", "92 b", "92 c"]) {
    const before = (await ok.query("rtTx:snapshotTs", { after: `before ${tag}` })).ts;
    const { one, two, same, byIndex, returned } = await ok.mutation("rtTx:commitTs", { tag });
    assert.deepEqual([same, byIndex], [true, 1]);
    const [first, second] = [await ok.query("rtTx:get", { id: one }), await ok.query("rtTx:get", { id: two })];
    assert.equal(typeof first.b, "bigint");
    assert.equal(first.c, 1);
    assert.deepEqual([second.deep.ts, returned], [[first.b], first.b]);
    assert.ok(first.b > last && first.b > before, `${before} ${first.b}`);
    assert.ok((await ok.query("rtTx:snapshotTs", { after: tag })).ts >= first.b);
    assert.ok((await ok.mutation("rtTx:snapshotTsMutation")) >= first.b);
    last = first.b;
  }
  const placeholder = await query("rtTx:get", { id: { $commitTs: null } }, { raw: true });
  assert.ok(placeholder.error);
  assert.ok((await ok.query("rtTx:commitTsFromQuery")).error);
});
