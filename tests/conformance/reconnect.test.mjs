// client-protocol.md, section 8, "Reconnect and idempotency": points 41-51.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { encodeTs, sleep, ts, until, useServer } from "./harness.mjs";

const use = useServer();

const value = async (name) => await use.http().query("counters:get", { name });

test("41: cut after the commit, before the response: applied once, resolves with the original value", async () => {
  const proxy = await use.proxy();
  const client = use.client(proxy.url);
  assert.equal(await client.mutation("counters:increment", { name: "41" }), 1);
  proxy.hold();
  const pending = client.mutation("counters:increment", { name: "41" });
  await until(async () => (await value("41")) === 2, "the commit");
  proxy.cut();
  assert.equal(await pending, 2);
  assert.equal(await value("41"), 2);
});

test("42: the same with the server killed and started in between", { timeout: 60_000 }, async () => {
  const proxy = await use.proxy();
  const client = use.client(proxy.url);
  assert.equal(await client.mutation("counters:increment", { name: "42" }), 1);
  proxy.hold();
  const pending = client.mutation("counters:increment", { name: "42" });
  await until(async () => (await value("42")) === 2, "the commit");
  await use.server.kill9();
  proxy.cut();
  await use.server.restart();
  assert.equal(await pending, 2);
  assert.equal(await value("42"), 2);
});

test("43: a replay carries the original ts, value and log lines, and does not run again", async () => {
  const sessionId = randomUUID();
  const replies = [];
  for (let round = 0; round < 3; round++) {
    const raw = await use.raw();
    raw.connect({ sessionId, connectionCount: round });
    raw.modify(0, 1, []);
    raw.mutate(7, "counters:increment", { name: "43" });
    const reply = await raw.response(7);
    replies.push(reply);
    await raw.transition((t) => ts(t.endVersion.ts) >= ts(reply.ts));
    raw.close();
    await use.http().mutation("counters:increment", { name: "43 other" });
  }
  assert.equal(replies[0].result, 1);
  assert.deepEqual(replies[0].logLines, ["[LOG] 'count' 1"]);
  assert.deepEqual(replies[1], replies[0]);
  assert.deepEqual(replies[2], replies[0]);
  assert.equal(await value("43"), 1);
});

test("44: a replay while the first run is still going commits once", { timeout: 60_000 }, async () => {
  const sessionId = randomUUID();
  const rounds = 20_000_000;
  const sockets = [];
  for (let i = 0; i < 3; i++) {
    const raw = await use.raw();
    raw.connect({ sessionId, connectionCount: i });
    raw.modify(0, 1, []);
    raw.mutate(0, "counters:slowIncrement", { name: "44", rounds });
    sockets.push(raw);
    await sleep(30);
  }
  sockets[0].close();
  for (const raw of sockets.slice(1)) {
    const reply = await raw.response(0, 30_000);
    assert.equal(reply.success, true, JSON.stringify(reply));
    assert.equal(reply.result, 1);
  }
  assert.equal(await value("44"), 1);
});

test("45: a mutation that failed runs again when it is replayed", async () => {
  const sessionId = randomUUID();
  const first = await use.raw();
  first.connect({ sessionId });
  first.modify(0, 1, []);
  first.mutate(3, "counters:failWhile", { name: "45", gate: "45 gate" });
  assert.equal((await first.response(3)).success, false);
  await use.http().mutation("counters:increment", { name: "45 gate" });
  const second = await use.raw();
  second.connect({ sessionId, connectionCount: 1 });
  second.modify(0, 1, []);
  second.mutate(3, "counters:failWhile", { name: "45", gate: "45 gate" });
  assert.equal((await second.response(3)).result, 1);
});

test("46: an action in flight fails at the client and is not run again", async () => {
  const proxy = await use.proxy();
  const client = use.client(proxy.url);
  await client.action("actions:sleep", { ms: 1 });
  const pending = client.action("actions:sleep", { ms: 3000 });
  await sleep(200);
  proxy.cut();
  await assert.rejects(pending, /Connection lost while action was in flight/);
});

test("47: after a reconnect every query is reported and the back-off is reset", { timeout: 60_000 }, async () => {
  const proxy = await use.proxy();
  const client = use.client(proxy.url);
  const seen = [];
  client.onUpdate("counters:get", { name: "47" }, (count) => seen.push(count));
  client.onUpdate("mod:named", {}, () => {});
  await until(() => seen.length === 1, "first value");
  for (let round = 1; round <= 4; round++) {
    await until(() => client.connectionState().connectionRetries === 0, "retries reset");
    const cutAt = Date.now();
    proxy.cut();
    await until(() => client.connectionState().connectionCount > round, "the reconnect");
    assert.ok(Date.now() - cutAt < 3_500, `round ${round} took ${Date.now() - cutAt} ms`);
  }
  await client.mutation("counters:increment", { name: "47" });
  await until(() => seen.at(-1) === 1, "live after reconnects");
});

test("48: a client that has seen a later ts than the server is never shown older data", async () => {
  const raw = await use.raw();
  const future = BigInt(Date.now() + 3600_000) * 1_000_000n;
  raw.connect({ connectionCount: 1, maxObservedTimestamp: encodeTs(future) });
  raw.modify(0, 1, [raw.add(0, "mod:named")]);
  const { code } = await raw.closed;
  assert.equal(code, 1011);
  for (const message of raw.messages) assert.ok(ts(message.endVersion.ts) >= future);
  const before = await use.raw();
  before.connect();
  before.modify(0, 1, []);
  const { endVersion } = await before.transition((t) => t.endVersion.querySet === 1);
  const now = await use.raw();
  now.connect({ connectionCount: 1, maxObservedTimestamp: endVersion.ts });
  now.modify(0, 1, [now.add(0, "mod:named")]);
  await now.transition((t) => t.endVersion.querySet === 1);
});

test("49: timestamps after a start are not behind the clock", async () => {
  await use.server.restart();
  const raw = await use.raw();
  raw.connect();
  raw.modify(0, 1, [raw.add(0, "mod:named")]);
  const transition = await raw.transition((t) => t.endVersion.querySet === 1);
  const behind = BigInt(Date.now()) * 1_000_000n - ts(transition.endVersion.ts);
  assert.ok(behind < 60_000_000_000n, `${behind} ns behind`);
});

test("50: a reset connection and a restarted server are both survived", { timeout: 60_000 }, async () => {
  const proxy = await use.proxy();
  const client = use.client(proxy.url);
  const seen = [];
  client.onUpdate("counters:get", { name: "50" }, (count) => seen.push(count));
  await until(() => seen.length > 0, "first value");
  proxy.cut();
  await use.http().mutation("counters:increment", { name: "50" });
  await until(() => seen.at(-1) === 1, "value after the reset");
  await use.server.restart();
  await use.http().mutation("counters:increment", { name: "50" });
  await until(() => seen.at(-1) === 2, "value after the restart", 30_000);
});

test("51: FatalError answers protocol violations only", async () => {
  const violations = [
    (raw) => raw.send("{ this is not JSON"),
    (raw) => raw.send({ type: "NobodyKnowsThisMessage" }),
    (raw) => raw.send({ type: "ModifyQuerySet", baseVersion: 7, newVersion: 8, modifications: [] }),
    (raw) => raw.send({ type: "Mutation", requestId: "not a number", udfPath: "mod", args: [{}] }),
    (raw) => raw.send({ type: "Authenticate", baseVersion: 3, tokenType: "None" }),
  ];
  for (const violate of violations) {
    const raw = await use.raw();
    raw.connect();
    raw.modify(0, 1, []);
    await raw.transition((t) => t.endVersion.querySet === 1);
    violate(raw);
    const fatal = await raw.next((m) => m.type === "FatalError");
    assert.equal(typeof fatal.error, "string");
    assert.ok(fatal.error.length > 0);
    await raw.closed;
  }
  const binary = await use.raw();
  binary.socket.send(Buffer.from([1, 2, 3]));
  await binary.closed;
  assert.equal(await use.http().query("mod:named", {}), "named of mod");
});
