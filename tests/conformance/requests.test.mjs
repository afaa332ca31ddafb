// client-protocol.md, section 8, "Mutations and actions": points 27-40.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ConvexError } from "convex/values";
import { notOverGateway } from "../lib/server.mjs";
import { nextValue, sleep, ts, until, useServer } from "./harness.mjs";

const use = useServer();

test("27, 28, 29: a mutation resolves with its value once its writes are visible, also without subscriptions", async () => {
  const client = use.base(() => {});
  client.subscribe("notes:count", { list: "27" });
  await until(() => client.localQueryResult("notes:count", { list: "27" }) === 0, "loaded");
  for (let n = 1; n <= 20; n++) {
    const id = await client.mutation("notes:add", { list: "27", n });
    assert.equal(typeof id, "string");
    assert.equal(client.localQueryResult("notes:count", { list: "27" }), n);
  }
  const bare = use.client();
  const started = Date.now();
  assert.equal(await bare.mutation("counters:increment", { name: "28" }), 1);
  assert.equal(await bare.mutation("counters:readOnly", {}), "read only");
  assert.ok(Date.now() - started < 3_000);
  const raw = await use.raw();
  raw.connect();
  raw.modify(0, 1, []);
  raw.mutate(0, "counters:readOnly");
  const response = await raw.response(0);
  assert.ok(ts(response.ts) > 0n);
  await raw.transition((t) => ts(t.endVersion.ts) >= ts(response.ts));
});

test("30: 200 mutations that nobody awaits commit in the order of the calls", async () => {
  const client = use.client();
  const count = notOverGateway("each message is an invocation, and 100 run at a time") ? 80 : 200;
  const calls = [];
  for (let i = 0; i < count; i++) calls.push(client.mutation("notes:append", { list: "30" }));
  assert.deepEqual(await Promise.all(calls), [...Array(count).keys()]);
});

test("31: a slow mutation holds up only its own client's mutations", async () => {
  const slow = use.client();
  const other = use.client();
  await Promise.all([slow.mutation("counters:readOnly", {}), other.mutation("counters:readOnly", {})]);
  const order = [];
  const rounds = 30_000_000;
  const first = slow.mutation("counters:slowIncrement", { name: "31", rounds }).then(() => order.push("slow"));
  const second = slow.mutation("counters:increment", { name: "31" }).then(() => order.push("after slow"));
  const third = other.mutation("counters:increment", { name: "31 other" }).then(() => order.push("other client"));
  const query = nextValue(slow, "mod:named", {}).then(() => order.push("query"));
  const action = slow.action("actions:sleep", { ms: 1 }).then(() => order.push("action"));
  await Promise.all([first, second, third, query, action]);
  assert.ok(order.indexOf("slow") < order.indexOf("after slow"));
  for (const free of ["other client", "query", "action"]) {
    assert.ok(order.indexOf(free) < order.indexOf("slow"), `${free} waited: ${order}`);
  }
});

test("32: an optimistic update never stands beside its server row", async () => {
  const rows = [];
  const client = use.base(() => rows.push(client.localQueryResult("notes:list", { list: "32" })));
  client.subscribe("notes:list", { list: "32" });
  await until(() => client.localQueryResult("notes:list", { list: "32" }) !== undefined, "loaded");
  for (let n = 0; n < 100; n++) {
    await client.mutation("notes:add", { list: "32", n }, {
      optimisticUpdate: (store) => {
        const before = store.getQuery("notes:list", { list: "32" }) ?? [];
        store.setQuery("notes:list", { list: "32" }, [...before, { _id: `temporary ${n}`, n, list: "32" }]);
      },
    });
  }
  for (const list of rows) {
    const numbers = (list ?? []).map((row) => row.n);
    assert.equal(new Set(numbers).size, numbers.length, `duplicates: ${numbers}`);
  }
});

test("33: a failed mutation rejects and rolls its optimistic update back", async () => {
  const client = use.base(() => {});
  client.subscribe("counters:get", { name: "33" });
  await until(() => client.localQueryResult("counters:get", { name: "33" }) === 0, "loaded");
  await assert.rejects(
    client.mutation("counters:incrementThenFail", { name: "33" }, {
      optimisticUpdate: (store) => store.setQuery("counters:get", { name: "33" }, 99),
    }),
    /failed after the write/,
  );
  assert.equal(client.localQueryResult("counters:get", { name: "33" }), 0);
});

test("34, 35: a ConvexError keeps its data, an ordinary error is none", async () => {
  const data = {
    code: "DRY",
    left: 0n,
    bytes: new Uint8Array([0, 1, 254, 255]).buffer,
    nested: [[1, [2]], { deep: null }],
  };
  const caught = async (promise) => {
    try {
      await promise;
    } catch (error) {
      return error;
    }
    throw new Error("did not throw");
  };
  const socket = use.client();
  const http = use.http();
  const errors = [
    await caught(nextValue(socket, "errors:convexErrorQuery", { kind: "object" })),
    await caught(socket.mutation("errors:convexErrorMutation", {})),
    await caught(socket.action("errors:convexErrorAction", {})),
    await caught(http.query("errors:convexErrorQuery", { kind: "object" })),
    await caught(http.mutation("errors:convexErrorMutation", {})),
    await caught(http.action("errors:convexErrorAction", {})),
  ];
  for (const error of errors) {
    assert.ok(error instanceof ConvexError);
    assert.deepEqual(error.data, data);
  }
  for (const [kind, expected] of [["string", "plain text"], ["null", null]]) {
    const error = await caught(http.query("errors:convexErrorQuery", { kind }));
    assert.ok(error instanceof ConvexError, kind);
    assert.deepEqual(error.data, expected);
    const overSocket = await caught(nextValue(socket, "errors:convexErrorQuery", { kind }));
    assert.ok(overSocket instanceof ConvexError, kind);
    assert.deepEqual(overSocket.data, expected);
  }
  for (const ordinary of [
    await caught(nextValue(socket, "errors:plain", {})),
    await caught(socket.mutation("errors:plainMutation", {})),
    await caught(http.query("errors:plain", {})),
  ]) {
    assert.ok(!(ordinary instanceof ConvexError));
    assert.match(ordinary.message, /an ordinary error/);
  }
});

test("36: actions of one client run at the same time and out of order", async () => {
  const client = use.client();
  await client.action("actions:sleep", { ms: 1 });
  const started = Date.now();
  const order = [];
  await Promise.all([
    client.action("actions:sleep", { ms: 1000 }).then(() => order.push("long")),
    client.action("actions:sleep", { ms: 1000 }).then(() => order.push("long")),
    client.action("actions:sleep", { ms: 50 }).then(() => order.push("short")),
  ]);
  assert.ok(Date.now() - started < 1_900, `${Date.now() - started} ms`);
  assert.equal(order[0], "short");
});

test("actions call queries, mutations and actions", async () => {
  const client = use.client();
  assert.equal(await client.action("actions:addTwice", { name: "action" }), 2);
  assert.equal(await client.action("actions:callsAction", {}), 1);
});

test("37: gaps in the request ids are accepted", async () => {
  const client = use.client();
  await assert.rejects(async () => client.mutation("values:echoMutation", { value: Symbol("no value") }));
  assert.equal(await client.mutation("values:echoMutation", { value: 1 }), 1);
  const raw = await use.raw();
  raw.connect();
  raw.modify(0, 1, []);
  raw.mutate(5, "counters:readOnly");
  raw.act(900, "values:echoAction", { value: 2 });
  raw.mutate(4_000_000_000, "counters:readOnly");
  const responses = [];
  while (responses.length < 3) responses.push(await raw.next((m) => /Response$/.test(m.type)));
  assert.deepEqual(responses.map((m) => m.requestId).sort((a, b) => a - b), [5, 900, 4_000_000_000]);
  assert.ok(responses.every((m) => m.success));
});

test("38: paths without a colon and with .js are canonicalised", async () => {
  const client = use.client();
  assert.equal(await client.mutation("mod", {}), "default of mod");
  assert.equal(await client.mutation("dir/file.js:fn", {}), "fn of dir/file");
  assert.equal(await use.http().query("dir/file.js:fnQuery", {}), "fnQuery of dir/file");
});

test("39: arguments over 16 MiB are an error of the function, the socket survives", { skip: notOverGateway("a message has at most 32 KB"), timeout: 60_000 }, async () => {
  const client = use.client();
  const text = "x".repeat(17 * 1024 * 1024);
  await assert.rejects(client.mutation("values:echoMutation", { value: text }), /16|too large|limit/i);
  assert.equal(await client.mutation("values:echoMutation", { value: 1 }), 1);
  assert.equal(client.connectionState().connectionCount, 1);
});

test("40: an unpaired surrogate in an argument fails that call only", async () => {
  const client = use.client();
  await client.mutation("counters:readOnly", {});
  const bad = client.mutation("values:echoMutation", { value: "\ud800" });
  const good = client.mutation("values:echoMutation", { value: "fine" });
  await assert.rejects(bad);
  assert.equal(await good, "fine");
  assert.equal(client.connectionState().connectionCount, 1);
  await sleep(10);
});
