// client-protocol.md, section 8, "Subscriptions": points 13-26.

import assert from "node:assert/strict";
import { test } from "node:test";
import { nextValue, sleep, ts, until, useServer } from "./harness.mjs";

const use = useServer();

const value = async (name) => await use.http().query("counters:get", { name });

test("13: each Add gets one first result with logLines and journal", async () => {
  const raw = await use.raw();
  raw.connect();
  raw.modify(0, 1, [
    raw.add(0, "notes:list", { list: "13" }),
    raw.add(1, "errors:chatty", { lines: 1 }),
    raw.add(2, "errors:plain"),
  ]);
  const transition = await raw.transition((t) => t.endVersion.querySet === 1);
  assert.deepEqual(transition.modifications.map((m) => m.queryId).sort(), [0, 1, 2]);
  for (const modification of transition.modifications) {
    assert.ok(Array.isArray(modification.logLines));
    assert.ok("journal" in modification);
  }
  const chatty = transition.modifications.find((m) => m.queryId === 1);
  assert.equal(chatty.logLines[0], "[LOG] 'x'");
  assert.equal(transition.modifications.find((m) => m.queryId === 2).type, "QueryFailed");
});

test("14: a function that returns nothing yields null", async () => {
  assert.equal(await nextValue(use.client(), "values:nothing", {}), null);
});

test("15: query sets sent in one burst may be folded, every query is resolved", async () => {
  const raw = await use.raw();
  raw.connect();
  for (let i = 0; i < 30; i++) raw.modify(i, i + 1, [raw.add(i, "values:echo", { value: i })]);
  const seen = new Map();
  await raw.transition((t) => {
    for (const m of t.modifications) seen.set(m.queryId, m.value);
    for (let id = 0; id < t.endVersion.querySet; id++) assert.ok(seen.has(id), `query ${id} is not reported`);
    return t.endVersion.querySet === 30;
  });
  assert.deepEqual([...seen.keys()].sort((a, b) => a - b), [...Array(30).keys()]);
  for (const [id, value] of seen) assert.equal(value, id);
});

test("16: added and removed in one burst is no error", async () => {
  const raw = await use.raw();
  raw.connect();
  raw.modify(0, 1, [raw.add(0, "mod:named")]);
  raw.modify(1, 2, [{ type: "Remove", queryId: 0 }]);
  raw.modify(2, 3, [raw.add(1, "mod:named"), { type: "Remove", queryId: 1 }, raw.add(2, "mod:named")]);
  const values = [];
  await raw.transition((t) => {
    values.push(...t.modifications.filter((m) => m.type === "QueryUpdated").map((m) => m.queryId));
    return t.endVersion.querySet === 3;
  });
  assert.ok(values.includes(2));
});

test("17: unsubscribing stops updates, resubscribing gets a fresh result", async () => {
  const client = use.client();
  const seen = [];
  const stop = client.onUpdate("notes:count", { list: "17" }, (count) => seen.push(count));
  await until(() => seen.length === 1, "first value");
  stop();
  await client.mutation("notes:add", { list: "17", n: 1 });
  await sleep(200);
  assert.deepEqual(seen, [0]);
  assert.equal(await nextValue(client, "notes:count", { list: "17" }), 1);
});

test("18: a write updates every affected query in one transition", async () => {
  const seen = [];
  let tokens = [];
  const client = use.base((changed) => {
    const values = tokens.map((token) => client.localQueryResultByToken?.(token) ?? null);
    seen.push({ changed: changed.length, values });
  });
  const list = client.subscribe("notes:list", { list: "18" });
  const count = client.subscribe("notes:count", { list: "18" });
  tokens = [list.queryToken, count.queryToken];
  const read = () => ({
    list: client.localQueryResult("notes:list", { list: "18" }),
    count: client.localQueryResult("notes:count", { list: "18" }),
  });
  await until(() => read().list !== undefined && read().count !== undefined, "both loaded");
  const disagreements = [];
  const check = setInterval(() => {
    const { list, count } = read();
    if (list.length !== count) disagreements.push([list.length, count]);
  }, 0);
  for (let n = 0; n < 50; n++) await client.mutation("notes:add", { list: "18", n });
  clearInterval(check);
  assert.deepEqual(disagreements, []);
  assert.equal(read().count, 50);

  const raw = await use.raw();
  raw.connect();
  raw.modify(0, 1, [raw.add(0, "notes:list", { list: "18b" }), raw.add(1, "notes:count", { list: "18b" })]);
  await raw.transition((t) => t.endVersion.querySet === 1);
  await use.http().mutation("notes:add", { list: "18b", n: 1 });
  const update = await raw.transition((t) => t.modifications.length > 0);
  assert.deepEqual(update.modifications.map((m) => m.queryId).sort(), [0, 1]);
});

test("19: no update for writes outside the read set, nor for an equal result", async () => {
  const raw = await use.raw();
  raw.connect();
  raw.modify(0, 1, [raw.add(0, "notes:sum", { list: "19" })]);
  await raw.transition((t) => t.endVersion.querySet === 1);
  await use.http().mutation("notes:add", { list: "19 other", n: 5 });
  await use.http().mutation("notes:add", { list: "19", n: 0 });
  await sleep(300);
  assert.deepEqual(raw.messages.slice(raw.read).flatMap((m) => m.modifications ?? []), []);
  await use.http().mutation("notes:add", { list: "19", n: 3 });
  const update = await raw.transition((t) => t.modifications.length > 0);
  assert.equal(update.modifications[0].value, 3);
});

test("20: an insert into a subscribed empty range triggers an update", async () => {
  const client = use.client();
  const seen = [];
  client.onUpdate("notes:list", { list: "20" }, (rows) => seen.push(rows.length));
  await until(() => seen.length === 1, "first value");
  await use.http().mutation("notes:add", { list: "20", n: 1 });
  await until(() => seen.at(-1) === 1, "the phantom");
});

test("21: a query that throws reports an error and recovers when the data is right", async () => {
  const client = use.client();
  const errors = [];
  const values = [];
  client.onUpdate(
    "subs21:needsCounter",
    { name: "21" },
    (value) => values.push(value),
    (error) => errors.push(error.message),
  );
  await until(() => errors.length === 1, "an error");
  assert.match(errors[0], /\[CONVEX Q\(subs21:needsCounter\)\]/);
  assert.match(errors[0], /no counter 21/);
  await client.mutation("counters:increment", { name: "21" });
  await until(() => values.at(-1) === 1, "recovery");
});

test("22: missing, internal and wrongly typed functions fail alone", async () => {
  const raw = await use.raw();
  raw.connect();
  raw.modify(0, 1, [
    raw.add(0, "notes:nothingHere"),
    raw.add(1, "values:hidden"),
    raw.add(2, "notes:add", { list: "22", n: 1 }),
    raw.add(3, "no/such/module:fn"),
    raw.add(4, "!!! not a path"),
    raw.add(5, "mod:named"),
  ]);
  const { modifications } = await raw.transition((t) => t.endVersion.querySet === 1);
  const of = (id) => modifications.find((m) => m.queryId === id);
  for (const id of [0, 1, 2, 3, 4]) assert.equal(of(id).type, "QueryFailed", `query ${id}`);
  assert.equal(of(5).value, "named of mod");
  assert.match(of(2).errorMessage, /Mutation/);
});

test("23: a burst of 1000 mutations is seen monotonically and ends right", { timeout: 60_000 }, async () => {
  const client = use.client();
  const seen = [];
  client.onUpdate("counters:get", { name: "23" }, (value) => seen.push(value));
  await until(() => seen.length === 1, "first value");
  const writers = Array.from({ length: 10 }, () => use.http());
  await Promise.all(
    writers.map(async (writer) => {
      for (let i = 0; i < 100; i++) await writer.mutation("counters:increment", { name: "23" });
    }),
  );
  await until(() => seen.at(-1) === 1000, "the final value");
  for (let i = 1; i < seen.length; i++) assert.ok(seen[i] > seen[i - 1], `${seen[i - 1]} then ${seen[i]}`);
});

test("24: the end version's ts never decreases, also across a restart", { timeout: 120_000 }, async () => {
  let highest = 0n;
  const watch = async (name, writes) => {
    const raw = await use.raw();
    raw.connect();
    raw.modify(0, 1, [raw.add(0, "counters:get", { name })]);
    await raw.transition((t) => t.endVersion.querySet === 1);
    for (let request = 0; request < writes; request++) raw.mutate(request, "counters:increment", { name });
    await raw.response(writes - 1, 60_000);
    const last = await value(name);
    await until(() => raw.messages.some((t) => t.modifications?.some((m) => m.value === last)), "the last value");
    let version = { querySet: 0, identity: 0, ts: "AAAAAAAAAAA=" };
    for (const transition of raw.messages.filter((m) => m.type === "Transition")) {
      assert.deepEqual(transition.startVersion, version);
      version = transition.endVersion;
      const end = ts(version.ts);
      assert.ok(end >= highest || end === 0n, `${end} after ${highest}`);
      if (end > highest) highest = end;
    }
    raw.close();
  };
  await watch("24", 1000);
  await use.server.kill9();
  await use.server.restart();
  await watch("24", 200);
});

test("25: key order and undefined fields of the arguments make no difference", async () => {
  const raw = await use.raw();
  raw.connect();
  raw.send(
    '{"type":"ModifyQuerySet","baseVersion":0,"newVersion":1,"modifications":[' +
      '{"type":"Add","queryId":0,"udfPath":"subs21:once","args":[{"a":1,"b":{"x":1,"y":2}}]},' +
      '{"type":"Add","queryId":1,"udfPath":"subs21:once","args":[{"b":{"y":2.0,"x":1e0},"a":1}]}]}',
  );
  const { modifications } = await raw.transition((t) => t.endVersion.querySet === 1);
  const values = modifications.map((m) => m.value);
  assert.equal(values.length, 2);
  assert.equal(values[0], values[1], "the two subscriptions ran once");
});

test("26: a component path without admin rights fails that query alone", async () => {
  const raw = await use.raw();
  raw.connect();
  raw.modify(0, 1, [raw.add(0, "mod:named", {}, { componentPath: "child" }), raw.add(1, "mod:named")]);
  const { modifications } = await raw.transition((t) => t.endVersion.querySet === 1);
  assert.equal(modifications.find((m) => m.queryId === 0).type, "QueryFailed");
  assert.equal(modifications.find((m) => m.queryId === 1).type, "QueryUpdated");
  const admin = await use.raw();
  admin.connect();
  admin.send({ type: "Authenticate", baseVersion: 0, tokenType: "Admin", value: use.adminKey });
  admin.modify(0, 1, [admin.add(0, "_system/cli/tables", { paginationOpts: { cursor: null, numItems: 100 } }, { componentPath: "" })]);
  const reply = await admin.transition((t) => t.endVersion.querySet === 1);
  assert.equal(reply.modifications[0].type, "QueryUpdated");
  assert.ok(reply.modifications[0].value.page.some((table) => table.name === "notes"));
});
