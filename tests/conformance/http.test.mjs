// client-protocol.md, section 8, "HTTP": points 81-91 (92 needs JWT providers).

import assert from "node:assert/strict";
import { test } from "node:test";
import { useServer } from "./harness.mjs";

const use = useServer();

const post = async (path, body, headers = {}) => {
  const response = await fetch(use.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: text === "" ? null : safeJson(text) };
};
const safeJson = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const everything = {
  null: null,
  int: 42n,
  least: -(2n ** 63n),
  most: 2n ** 63n - 1n,
  float: 1.5,
  zero: -0,
  nan: NaN,
  infinite: [Infinity, -Infinity],
  boolean: [true, false],
  string: "h\u00e9llo \u{1f600}",
  bytes: new Uint8Array([0, 1, 254, 255]).buffer,
  none: new ArrayBuffer(0),
  nested: { a: [{ b: [[]] }], "": "empty key" },
};

test("81: queries, mutations and actions round-trip every type", async () => {
  const client = use.http();
  assert.deepEqual(await client.query("values:echo", { value: everything }), everything);
  assert.deepEqual(await client.mutation("values:echoMutation", { value: everything }), everything);
  assert.deepEqual(await client.action("values:echoAction", { value: everything }), everything);
});

test("82: two consistent queries around a write agree", async () => {
  const client = use.http();
  const first = await client.consistentQuery("counters:get", { name: "82" });
  await use.http().mutation("counters:increment", { name: "82" });
  const second = await client.consistentQuery("counters:get", { name: "82" });
  assert.equal(first, 0);
  assert.equal(second, 0);
  assert.equal(await use.http().query("counters:get", { name: "82" }), 1);
  const future = Buffer.alloc(8);
  future.writeBigUInt64LE(BigInt(Date.now() + 86400_000) * 1_000_000n);
  const ahead = await post("/api/query_at_ts", { path: "mod:named", args: {}, ts: future.toString("base64") });
  assert.equal(ahead.status, 500);
  const ancient = await post("/api/query_at_ts", { path: "mod:named", args: {}, ts: "AQAAAAAAAAA=" });
  assert.equal(ancient.status, 503);
});

test("83: an error of a function is a 200 with message and data", async () => {
  const plain = await post("/api/query", { path: "errors:plain", args: {} });
  assert.equal(plain.status, 200);
  assert.equal(plain.json.status, "error");
  assert.match(plain.json.errorMessage, /an ordinary error/);
  assert.ok(!("errorData" in plain.json));
  const convex = await post("/api/mutation", { path: "errors:convexErrorMutation", args: {}, format: "convex_encoded_json" });
  assert.equal(convex.status, 200);
  assert.deepEqual(convex.json.errorData.left, { $integer: "AAAAAAAAAAA=" });
});

test("84: other errors are {code, message} with the right status", async () => {
  const cases = [
    [await post("/api/query", { args: {} }), 400],
    [await post("/api/query", "{ no json"), 400],
    [await post("/api/query", { path: "mod:named", args: {}, format: "xml" }), 400, "BadFormat"],
    [await post("/api/query", { path: "!!!", args: {} }), 400, "BadConvexFunctionIdentifier"],
    [await post("/api/query", { path: "mod:named", args: {} }, { authorization: "x" }), 400],
    [await post("/api/query", { path: "mod:named", args: {} }, { authorization: "Basic abcdefgh" }), 400],
    [await post("/api/function", { path: "mod:named", args: {} }), 403, "BadDeployKey"],
    [await post("/api/query", { path: "mod:named", args: {} }, { "convex-client": "garbage" }), 400],
  ];
  for (const [answer, status, code] of cases) {
    assert.equal(answer.status, status, answer.text);
    assert.equal(typeof answer.json?.code, "string", answer.text);
    assert.equal(typeof answer.json?.message, "string", answer.text);
    if (code !== undefined) assert.equal(answer.json.code, code);
  }
  assert.equal((await post("/api/nothing_here", {})).status, 404);
});

test("85: format json converts, and the default goes by the client", async () => {
  const value = {
    int: { $integer: "KgAAAAAAAAA=" },
    nan: { $float: "AAAAAAAA+H8=" },
    inf: { $float: "AAAAAAAA8P8=" },
    bytes: { $bytes: "AAH+/w==" },
    n: 1,
  };
  const clean = { bytes: "AAH+/w==", inf: "-Infinity", int: "42", n: 1, nan: "NaN" };
  const ask = async (format, client) => {
    const headers = client === undefined ? {} : { "convex-client": client };
    const { json } = await post("/api/query", { path: "values:echo", args: { value }, format }, headers);
    return json.value;
  };
  assert.deepEqual(await ask("json"), clean);
  assert.deepEqual(await ask("convex_clean_json"), clean);
  assert.deepEqual(await ask("convex_encoded_json"), value);
  assert.deepEqual(await ask("convex_json"), value);
  assert.deepEqual(await ask(undefined, "npm-1.48.0"), clean);
  assert.deepEqual(await ask(undefined), clean);
  assert.deepEqual(await ask(undefined, "npm-1.4.0"), value);
});

test("86: object and array arguments work; a missing or wrong content type does not", async () => {
  const named = { status: "success", value: 5 };
  assert.deepEqual((await post("/api/query", { path: "values:echo", args: { value: 5 } })).json, named);
  assert.deepEqual((await post("/api/query", { path: "values:echo", args: [{ value: 5 }] })).json, named);
  const vendor = { "content-type": "application/vnd.x+json" };
  assert.deepEqual((await post("/api/query", { path: "values:echo", args: { value: 5 } }, vendor)).json, named);
  const plain = await post("/api/query", { path: "values:echo", args: { value: 5 } }, { "content-type": "text/plain" });
  assert.equal(plain.status, 400);
  assert.equal(plain.json.code, "BadJsonBody");
  const get = await fetch(`${use.url}/api/query?path=values:echo&args=${encodeURIComponent('{"value":5}')}`);
  assert.deepEqual(await get.json(), named);
});

test("87: /api/run takes the path from the URL", async () => {
  assert.equal((await post("/api/run/dir/file/fn", { args: {} })).json.value, "fn of dir/file");
  assert.equal((await post("/api/run/mod/named", { args: {} })).json.value, "named of mod");
  const short = await post("/api/run/mod", { args: {} });
  assert.equal(short.status, 400);
  assert.equal(short.json.code, "MissingIdentifier");
});

test("88: /api/function runs any function for an admin", async () => {
  const admin = { authorization: `Convex ${use.adminKey}` };
  const run = async (path, args = {}) => (await post("/api/function", { path, args }, admin)).json;
  assert.equal((await run("values:hidden")).value, "internal");
  assert.equal((await run("errors:secret")).value, "secret");
  assert.equal((await run("mod")).value, "default of mod");
  assert.equal((await run("values:echoAction", { value: 3 })).value, 3);
  const missing = await run("no:such");
  assert.equal(missing.status, "error");
  assert.match(missing.errorMessage, /Could not find function/);
});

test("89: Convex-Request-Id shows up in the error text", async () => {
  const { json } = await post("/api/query", { path: "errors:plain", args: {} }, { "convex-request-id": "abcdef0123456789" });
  assert.ok(json.errorMessage.startsWith("[Request ID: abcdef0123456789] Server Error\n"), json.errorMessage);
});

test("90: preflight and error replies carry CORS headers", async () => {
  const preflight = await fetch(`${use.url}/api/query`, {
    method: "OPTIONS",
    headers: {
      origin: "https://app.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type,convex-client,x-mine",
    },
  });
  assert.equal(preflight.status, 200);
  assert.equal(await preflight.text(), "");
  assert.equal(preflight.headers.get("access-control-allow-origin"), "https://app.example");
  assert.equal(preflight.headers.get("access-control-allow-credentials"), "true");
  assert.match(preflight.headers.get("access-control-allow-headers"), /x-mine/i);
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
    assert.match(preflight.headers.get("access-control-allow-methods"), new RegExp(method));
  }
  assert.equal(preflight.headers.get("access-control-max-age"), "86400");
  const error = await post("/api/query", "{", { origin: "https://app.example" });
  assert.equal(error.headers.get("access-control-allow-origin"), "https://app.example");
  assert.match(error.headers.get("vary"), /origin/i);
});

test("91: version and names are plain text; query_ts, query_batch and echo answer", async () => {
  for (const path of ["/version", "/instance_name", "/instance_version", "/"]) {
    const response = await fetch(use.url + path);
    assert.equal(response.status, 200);
    const text = await response.text();
    assert.ok(text.length > 0 && (path === "/" || !text.includes("\n")), path);
    if (path === "/instance_name") assert.equal(text, use.adminKey.split("|")[0]);
  }
  const { json } = await post("/api/query_ts", "");
  assert.match(json.ts, /^[A-Za-z0-9+/]{11}=$/);
  const batch = await post("/api/query_batch", {
    queries: [
      { path: "mod:named", args: {} },
      { path: "errors:plain", args: {} },
    ],
  });
  assert.deepEqual(batch.json.results.map((result) => result.status), ["success", "error"]);
  const bytes = Buffer.alloc(1 << 20, 7);
  const echo = await fetch(`${use.url}/echo`, { method: "POST", body: bytes });
  assert.deepEqual(Buffer.from(await echo.arrayBuffer()), bytes);
  assert.equal((await post("/api/debug_event", { event: "LongWebsocketDisconnect" })).status, 200);
});

test("the site port says that there are no HTTP actions", async () => {
  const response = await fetch(`${use.server.siteUrl}/hello`);
  assert.equal(response.status, 404);
  assert.match(await response.text(), /HTTP actions/i);
});
