// client-protocol.md, section 8, "Transactions and errors": points 112-120.

import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { test } from "node:test";
import { ConvexHttpClient } from "convex/browser";
import { deployApp, notServerless, startServer } from "../lib/server.mjs";
import { nextValue, until, useServer } from "./harness.mjs";

const use = useServer();

test("112: two clients incrementing one counter 500 times each end at 1000", { timeout: 60_000 }, async () => {
  const clients = [use.client(), use.client()];
  await Promise.all(
    clients.flatMap((client) =>
      Array.from({ length: 500 }, () => client.mutation("counters:increment", { name: "112" })),
    ),
  );
  assert.equal(await use.http().query("counters:get", { name: "112" }), 1000);
});

test("112: the same from 16 HTTP clients at once", { timeout: 60_000 }, async () => {
  const run = async () => {
    const client = use.http();
    for (let i = 0; i < 50; i++) await client.mutation("counters:increment", { name: "112 http" });
  };
  await Promise.all(Array.from({ length: 16 }, run));
  assert.equal(await use.http().query("counters:get", { name: "112 http" }), 800);
});

test("113: a slow mutation on a hot document commits, no conflict reaches a caller", { skip: notServerless("only mutations of the same process give way"), timeout: 60_000 }, async () => {
  let stop = false;
  const writer = (async () => {
    const client = use.http();
    while (!stop) await client.mutation("counters:increment", { name: "113" });
  })();
  try {
    const slow = use.client();
    for (let i = 0; i < 3; i++) await slow.mutation("counters:slowIncrement", { name: "113", rounds: 5_000_000 });
  } finally {
    stop = true;
    await writer;
  }
});

test("114: read limits are errors of the function, the socket lives", { timeout: 180_000 }, async () => {
  const client = use.client();
  for (let from = 0; from < 33_000; from += 3000) {
    await client.mutation("notes:addMany", { list: "114", from, count: 3000 });
  }
  assert.equal(await nextValue(client, "errors:readMany", { table: "notes", count: 32_000 }, undefined, 30_000), 32_000);
  await assert.rejects(nextValue(client, "errors:readMany", { table: "notes", count: 32_001 }, undefined, 30_000), /32,?000|too many documents/i);
  await assert.rejects(nextValue(client, "errors:manyRanges", { count: 4097 }, undefined, 30_000), /4,?096|too many reads/i);
  assert.equal(await nextValue(client, "errors:manyRanges", { count: 4000 }, undefined, 30_000), 4000);
  const text = "x".repeat(900_000);
  for (let n = 0; n < 20; n++) await client.mutation("notes:add", { list: "114 big", n, text });
  await assert.rejects(nextValue(client, "notes:list", { list: "114 big" }, undefined, 30_000), /16|bytes/i);
  assert.equal(client.connectionState().connectionCount, 1);
});

test("115: endless loops and endless allocation stop, and nobody else notices", { timeout: 60_000 }, async () => {
  const client = use.client();
  const timed = async (promise) => {
    const started = Date.now();
    await assert.rejects(promise);
    return Date.now() - started;
  };
  assert.ok((await timed(nextValue(client, "errors:loop", {}))) < 5_000);
  await assert.rejects(nextValue(client, "errors:loop", {}), /timed out/);
  assert.ok((await timed(client.mutation("errors:loopMutation", {}))) < 5_000);
  await assert.rejects(nextValue(client, "errors:hungry", {}, undefined, 30_000), /memory/i);
  await assert.rejects(nextValue(client, "errors:never", {}), /never resolve/);
  await assert.rejects(nextValue(client, "errors:unhandled", {}), /nobody waits for me/);
  assert.equal(await nextValue(client, "mod:named", {}), "named of mod");
  assert.equal(client.connectionState().connectionCount, 1);
  const loops = Array.from({ length: 4 }, () => assert.rejects(use.http().query("errors:loop", {}), /timed out/));
  const others = Array.from({ length: 20 }, () => use.http().query("mod:named", {}));
  assert.deepEqual(new Set(await Promise.all(others)), new Set(["named of mod"]));
  await Promise.all(loops);
});

test("116: error texts in dev mode", async () => {
  const response = await fetch(`${use.url}/api/query`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ path: "errors:plain", args: {} }),
  });
  const { errorMessage } = await response.json();
  const lines = errorMessage.split("\n");
  assert.match(lines[0], /^\[Request ID: [0-9a-f]{16}\] Server Error$/);
  assert.equal(lines[1], "Uncaught Error: an ordinary error");
  assert.match(lines[2], /^    at handler \(\.\.\/convex\/errors\.ts:\d+:\d+\)$/);
  assert.ok(errorMessage.endsWith("\n"));
});

test("116: redaction hides texts and log lines, not the data of a ConvexError", { timeout: 60_000 }, async () => {
  const server = await startServer({ args: ["--redact-logs-to-client"] });
  try {
    await deployApp(server, new URL("app", import.meta.url).pathname);
    const post = async (path, args = {}) => {
      const response = await fetch(`${server.url}/api/query`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ path, args }),
      });
      return await response.json();
    };
    assert.match((await post("errors:plain")).errorMessage, /^\[Request ID: [0-9a-f]{16}\] Server Error$/);
    const withData = await post("errors:convexErrorQuery", { kind: "string" });
    assert.match(withData.errorMessage, /^\[Request ID: [0-9a-f]{16}\] Server Error$/);
    assert.equal(withData.errorData, "plain text");
    const chatty = await post("errors:chatty", { lines: 3 });
    assert.equal(chatty.status, "success");
    assert.ok(chatty.logLines === undefined || chatty.logLines.length === 0);
    assert.equal(await new ConvexHttpClient(server.url).query("mod:named", {}), "named of mod");
  } finally {
    await server.stop();
  }
});

test("117: the request id of a socket mutation can be computed by the client", async () => {
  const raw = await use.raw();
  const sessionId = randomUUID();
  raw.connect({ sessionId });
  raw.modify(0, 1, []);
  raw.mutate(7, "errors:plainMutation");
  const response = await raw.response(7);
  const expected = createHash("sha256").update(`${sessionId}|7`).digest("hex").slice(0, 16);
  assert.ok(response.result.startsWith(`[Request ID: ${expected}] Server Error\n`), response.result);
});

test("118: validation errors have their prefixes and name the place", async () => {
  const client = use.http();
  await assert.rejects(client.query("errors:typed", {}), /ArgumentValidationError: .*missing the required field `name`/s);
  await assert.rejects(client.query("errors:typed", { name: 1 }), /ArgumentValidationError: .*does not match validator.*\.name/s);
  await assert.rejects(client.query("errors:typed", { name: "x", more: 1 }), /ArgumentValidationError: .*extra field `more`/s);
  assert.equal(await client.query("errors:typed", { name: "x" }), "x");
  await assert.rejects(client.query("errors:badReturn", {}), /ReturnsValidationError: /);
  await assert.rejects(
    client.mutation("values:storeStrict", { title: 5 }),
    /Schema|does not match/,
  );
});

test("119: console lines are as the client expects, at most 256 of them", async () => {
  const raw = await use.raw();
  raw.connect();
  raw.modify(0, 1, [
    raw.add(0, "errors:chatty", { lines: 1 }),
    raw.add(1, "errors:chatty", { lines: 300 }),
    raw.add(2, "errors:chatty", { lines: 1, value: "y".repeat(40_000) }),
  ]);
  const { modifications } = await raw.transition((t) => t.endVersion.querySet === 1);
  const lines = (id) => modifications.find((m) => m.queryId === id).logLines;
  assert.equal(lines(0)[0], "[LOG] 'x'");
  assert.match(lines(0)[1], /^\[WARN\] 'warned' \{/);
  assert.equal(lines(1).length, 256);
  assert.match(lines(1)[255], /Log overflow/);
  assert.ok(lines(2)[0].length < 33_000);
  assert.match(lines(2)[0], /truncated due to length/);
  for (const id of [0, 1, 2]) for (const line of lines(id)) assert.match(line, /^\[(DEBUG|LOG|INFO|WARN|ERROR)\] /);
});

test("120: unknown and internal functions can't be told apart", async () => {
  const message = async (path) => {
    const response = await fetch(`${use.url}/api/query`, {
      method: "POST",
      headers: { "content-type": "application/json", "convex-request-id": "0123456789abcdef" },
      body: JSON.stringify({ path, args: {} }),
    });
    return (await response.json()).errorMessage.replaceAll(path, "PATH");
  };
  const unknown = await message("values:nowhere");
  assert.match(unknown, /Could not find public function for 'PATH'/);
  assert.equal(await message("values:hidden"), unknown);
  assert.equal(await message("nomodule:fn"), unknown);
  assert.equal(await message("_system/cli/tables"), unknown);
});

test("a nested mutation that fails rolls back alone", async () => {
  const result = await use.http().mutation("counters:nestedRollback", { name: "nested" });
  assert.match(result.message, /failed after the write/);
  assert.equal(result.value, 1);
  assert.equal(await use.http().query("counters:get", { name: "nested" }), 1);
});

test("random numbers, time and uuids exist and differ from run to run", async () => {
  const runs = [];
  for (let i = 0; i < 3; i++) runs.push(await use.http().mutation("values:randomness", { i }));
  assert.equal(new Set(runs.map((run) => run.random)).size, 3);
  assert.equal(new Set(runs.map((run) => run.uuid)).size, 3);
  for (const run of runs) {
    assert.ok(Math.abs(run.now - Date.now()) < 10_000);
    assert.equal(run.later, run.now);
    assert.match(run.uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
  }
  await until(() => true, "done");
});
