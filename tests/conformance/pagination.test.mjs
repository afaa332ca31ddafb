// client-protocol.md, section 8, "Journals and pagination": points 52-60; "Chunking and size": 61-64.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ConvexError } from "convex/values";
import { notOverGateway } from "../lib/server.mjs";
import { ts, until, useServer } from "./harness.mjs";

const use = useServer();
const opts = (numItems, cursor = null, rest = {}) => ({ numItems, cursor, ...rest });
const numbers = (page) => page.map((row) => row.n);
const fill = (list, from, count, text) => use.http().mutation("notes:addMany", { list, from, count, text });
const read = (list, paginationOpts) => use.http().query("notes:page", { list, paginationOpts });

/** Three pages of ten, subscribed one after the other as the React hook does. */
async function threePages(raw, list) {
  const pages = [];
  let cursor = null;
  for (let id = 0; id < 3; id++) {
    raw.modify(id, id + 1, [raw.add(id, "notes:page", { list, paginationOpts: opts(10, cursor, { id: 1 }) })]);
    const transition = await raw.transition((t) => t.endVersion.querySet === id + 1);
    const update = transition.modifications.find((m) => m.queryId === id);
    pages.push(update);
    cursor = update.value.continueCursor;
  }
  return pages;
}

test("52, 54: pages stay gapless when rows are inserted into or removed from one", async () => {
  await fill("52", 0, 30);
  const raw = await use.raw();
  raw.connect();
  const pages = await threePages(raw, "52");
  assert.deepEqual(pages.map((p) => p.value.page.length), [10, 10, 10]);
  for (let i = 0; i < 5; i++) await use.http().mutation("notes:add", { list: "52", n: i + 0.5 });
  const current = pages.map((p) => p.value);
  const follow = async (enough) => {
    await raw.transition((t) => {
      for (const m of t.modifications) current[m.queryId] = m.value;
      return enough();
    });
  };
  await follow(() => current[0].page.length === 15);
  assert.equal(current.flatMap((p) => p.page).length, 35);
  assert.equal(current[0].page.at(-1).n, 9);
  assert.equal(current[1].page[0].n, 10);
  await use.http().mutation("notes:removeBetween", { list: "52", from: 10, to: 19 });
  await follow(() => current[1].page.length === 0);
  assert.equal(current[2].page[0].n, 20);
  assert.equal(current[2].page.length, 10);
});

test("53: page boundaries survive a reconnect by the journal", async () => {
  await fill("53", 0, 30);
  const raw = await use.raw();
  raw.connect();
  const [first] = await threePages(raw, "53");
  assert.equal(typeof first.journal, "string");
  raw.close();
  await use.http().mutation("notes:add", { list: "53", n: 3.5 });
  const again = await use.raw();
  again.connect({ connectionCount: 1 });
  const page = { list: "53", paginationOpts: opts(10, null, { id: 1 }) };
  again.modify(0, 1, [again.add(0, "notes:page", page, { journal: first.journal })]);
  const { modifications } = await again.transition((t) => t.endVersion.querySet === 1);
  assert.equal(modifications[0].value.page.length, 11);
  assert.equal(modifications[0].value.page.at(-1).n, 9);
  assert.equal(modifications[0].value.continueCursor, first.value.continueCursor);
  assert.equal(modifications[0].journal, first.journal);
});

test("55: a page that grew has a split cursor, and its halves make the page", async () => {
  await fill("55", 0, 10);
  const first = await read("55", opts(10));
  await fill("55", 0.001, 0);
  for (let i = 0; i < 25; i++) await use.http().mutation("notes:add", { list: "55", n: i / 3 });
  const whole = await read("55", opts(10, null, { endCursor: first.continueCursor }));
  assert.equal(whole.page.length, 35);
  assert.equal(typeof whole.splitCursor, "string");
  const left = await read("55", opts(10, null, { endCursor: whole.splitCursor }));
  const right = await read("55", opts(10, whole.splitCursor, { endCursor: whole.continueCursor }));
  assert.ok(left.page.length > 0 && right.page.length > 0);
  assert.deepEqual([...left.page, ...right.page], whole.page);
});

test("55: the client's own paginated subscription splits a page that grew", async () => {
  await fill("55 client", 0, 20);
  const client = use.client();
  let latest;
  client.onPaginatedUpdate_experimental?.(
    "notes:page",
    { list: "55 client" },
    { initialNumItems: 5 },
    (result) => (latest = result),
  );
  if (client.onPaginatedUpdate_experimental === undefined) throw new Error("the client has no paginated subscription");
  await until(() => latest?.results?.length === 5 || latest?.page?.length === 5, "first page");
  for (let i = 0; i < 30; i++) await use.http().mutation("notes:add", { list: "55 client", n: i / 100 });
  const rows = () => latest.results ?? latest.page;
  await until(() => rows().length >= 34, "the grown page");
  const seen = numbers(rows());
  assert.deepEqual(seen, [...seen].sort((a, b) => a - b));
});

test("56: reading limits inside a page give SplitRequired and lose nothing", async () => {
  await fill("56", 0, 40);
  const page = await read("56", opts(30, null, { maximumRowsRead: 10 }));
  assert.equal(page.pageStatus, "SplitRequired");
  assert.equal(page.page.length, 10);
  const all = [...page.page];
  let cursor = page.continueCursor;
  for (let done = false; !done; ) {
    const next = await read("56", opts(30, cursor, { maximumRowsRead: 10 }));
    all.push(...next.page);
    cursor = next.continueCursor;
    done = next.isDone;
  }
  assert.deepEqual(numbers(all), [...Array(40).keys()]);
});

test("57: continueCursor is a string when done, and resuming gives an empty page", async () => {
  await fill("57", 0, 3);
  const page = await read("57", opts(10));
  assert.equal(page.isDone, true);
  assert.equal(typeof page.continueCursor, "string");
  const after = await read("57", opts(10, page.continueCursor));
  assert.deepEqual(after.page, []);
  assert.equal(after.isDone, true);
});

test("58: a cursor of another query fails with the InvalidCursor data", async () => {
  await fill("58", 0, 20);
  const page = await read("58", opts(5));
  const args = { list: "58", paginationOpts: opts(5, page.continueCursor) };
  for (const wrong of [
    () => use.http().query("notes:pageDescending", args),
    () => read("58", opts(5, "no cursor at all")),
    () => read("58 other", opts(5, page.continueCursor)),
  ]) {
    await assert.rejects(wrong, (error) => {
      assert.ok(error instanceof ConvexError);
      assert.deepEqual(error.data, { isConvexSystemError: true, paginationError: "InvalidCursor" });
      return true;
    });
  }
});

test("59: a corrupt journal is an error of that query, not a dead socket", async () => {
  await fill("59", 0, 5);
  const raw = await use.raw();
  raw.connect();
  const args = { list: "59", paginationOpts: opts(3) };
  raw.modify(0, 1, [raw.add(0, "notes:page", args, { journal: "garbage" }), raw.add(1, "mod:named")]);
  const { modifications } = await raw.transition((t) => t.endVersion.querySet === 1);
  const failed = modifications.find((m) => m.queryId === 0);
  assert.equal(failed.type, "QueryFailed");
  assert.deepEqual(failed.errorData, { isConvexSystemError: true, paginationError: "InvalidCursor" });
  assert.equal(modifications.find((m) => m.queryId === 1).value, "named of mod");
});

test("60: paginationOpts.id makes no difference to the result", async () => {
  await fill("60", 0, 20);
  const plain = await read("60", opts(5));
  for (const id of [-1, 0, 1, 12345]) {
    const page = await read("60", opts(5, null, { id }));
    assert.deepEqual(page.page, plain.page);
    assert.equal(page.continueCursor, plain.continueCursor);
  }
});

test("a traversal by pages equals collect, in both directions", async () => {
  await fill("traverse", 0, 57);
  const expected = [...Array(57).keys()];
  for (const [path, wanted] of [["notes:page", expected], ["notes:pageDescending", expected.toReversed()]]) {
    const rows = [];
    let cursor = null;
    for (let done = false; !done; ) {
      const page = await use.http().query(path, { list: "traverse", paginationOpts: opts(10, cursor) });
      rows.push(...page.page);
      ({ continueCursor: cursor, isDone: done } = page);
    }
    assert.deepEqual(numbers(rows), wanted);
  }
});

const collectChunks = (messages) => {
  const transitions = [];
  let open = null;
  for (const message of messages) {
    if (message.type !== "TransitionChunk") {
      assert.equal(open, null, `${message.type} between two chunks`);
      if (message.type === "Transition") transitions.push(message);
      continue;
    }
    open ??= { id: message.transitionId, total: message.totalParts, parts: [] };
    assert.equal(message.transitionId, open.id);
    assert.equal(message.totalParts, open.total);
    assert.equal(message.partNumber, open.parts.length);
    open.parts.push(message.chunk);
    if (open.parts.length === open.total) {
      transitions.push({ ...JSON.parse(open.parts.join("")), chunks: open.total });
      open = null;
    }
  }
  return { transitions, open };
};

test("61, 62, 63: large transitions arrive in chunks that nothing else interrupts", { timeout: 120_000 }, async () => {
  const raw = await use.raw();
  raw.connect();
  raw.modify(0, 1, [raw.add(0, "notes:big", { bytes: 12_000_000, list: "61" })]);
  const done = (count) => () => {
    const { transitions, open } = collectChunks(raw.messages);
    return open === null && transitions.filter((t) => t.chunks > 1).length >= count;
  };
  await until(done(1), "the first large transition", 60_000);
  for (let request = 0; request < 20; request++) raw.mutate(request, "counters:increment", { name: "61" });
  raw.mutate(20, "notes:add", { list: "61", n: 1 });
  for (let request = 21; request < 40; request++) raw.mutate(request, "counters:increment", { name: "61" });
  await until(done(2), "the second large transition", 60_000);
  await until(() => raw.messages.some((m) => m.requestId === 39), "the last response");
  const large = collectChunks(raw.messages).transitions.filter((t) => t.chunks > 1);
  for (const [rows, transition] of large.entries()) {
    assert.ok(transition.chunks >= 3);
    const [{ value }] = transition.modifications;
    assert.equal(value.rows, rows);
    assert.equal(value.text, "a\u00e9\u20ac\u{1f600}".repeat(1_200_000));
  }
  const client = use.client();
  let received;
  client.onUpdate("notes:big", { bytes: 12_000_000, list: "61" }, (value) => (received = value));
  await until(() => received !== undefined, "the official client's value", 60_000);
  assert.equal(received.text.length, 5 * 1_200_000);
});

test("64: a large mutation result arrives in one piece", { skip: notOverGateway("an answer has at most 128 KB"), timeout: 60_000 }, async () => {
  const raw = await use.raw();
  raw.connect();
  raw.modify(0, 1, []);
  raw.mutate(0, "notes:bigMutation", { bytes: 15 * 1024 * 1024 });
  const response = await raw.response(0, 30_000);
  assert.equal(response.result.length, 15 * 1024 * 1024);
  assert.ok(ts(response.ts) > 0n);
});
