// HTTP actions from outside: an app with `http.ts` and components with routes, deployed by the official CLI. Numbers
// that begin with "runtime" are points of the runtime specification (section 12), the others of the client protocol.

import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConvexHttpClient } from "convex/browser";

import { deployApp, makeProject, runCli, startServer, writeFiles, notServerless } from "../lib/server.mjs";

const LIMIT = 20 * 1024 * 1024;

const HTTP = `
  import { httpRouter } from "convex/server";
  import { ConvexError } from "convex/values";
  import { httpAction } from "./_generated/server";
  import { api, internal } from "./_generated/api";
  const http = httpRouter();
  const text = (body) => httpAction(async () => new Response(body));
  const route = (method, path, handler) => http.route({ method, path, handler: httpAction(handler) });
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
  const encode = (text) => new TextEncoder().encode(text);

  http.route({ method: "GET", path: "/route/exact", handler: text("exact") });
  http.route({ method: "GET", pathPrefix: "/route/", handler: text("short") });
  http.route({ method: "GET", pathPrefix: "/route/long/", handler: text("long") });
  http.route({ method: "OPTIONS", path: "/route/exact", handler: httpAction(async () =>
    new Response(null, { status: 204, headers: { "access-control-allow-origin": "https://own.test" } })) });
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
    http.route({ method, pathPrefix: "/echo/", handler: httpAction(async (ctx, request) => Response.json({
      method: request.method, url: request.url, headers: [...request.headers], body: await request.text(),
      hasBody: request.body !== null, meta: await ctx.meta.getRequestMetadata(), site: process.env.CONVEX_SITE_URL,
    })) });
  }
  route("POST", "/bytes", async (ctx, request) => new Response(await request.arrayBuffer(), {
    headers: { "content-type": request.headers.get("content-type") },
  }));
  route("POST", "/pass", async (ctx, request) => new Response(request.body));
  route("POST", "/ignore", async () => new Response("not read"));
  route("GET", "/headers", async () => new Response("x", { status: 299, headers: [
    ["set-cookie", "a=1; Path=/"], ["set-cookie", "b=2"], ["x-latin", "caf\\u00e9"], ["connection", "close"], ["transfer-encoding", "gzip"],
  ] }));
  route("GET", "/length", async () => new Response("x".repeat(100_000), { headers: { "content-length": "100000" } }));
  route("GET", "/reset", async () => new Response("", { status: 205 }));
  route("GET", "/redirect", async () => Response.redirect("https://elsewhere.test/", 302));
  route("GET", "/slow", async () => {
    let n = 0;
    return new Response(new ReadableStream({ async pull(controller) {
      if (n === 5) return controller.close();
      controller.enqueue(encode("piece " + n++));
      await sleep(200);
    } }));
  });
  // As the component for streamed text does: the handler returns, the writing goes on.
  route("POST", "/background", async (ctx) => {
    const { readable, writable } = new TransformStream();
    const write = async () => {
      const writer = writable.getWriter();
      for (const n of [0, 1, 2, 3, 4, 5]) {
        await writer.write(encode("text " + n + "\\n"));
        await ctx.runMutation(internal.app.add, { text: "background " + n });
        await sleep(100);
      }
      await writer.close();
    };
    void write();
    return new Response(readable);
  });
  route("GET", "/aborted", async (ctx, request) => {
    await ctx.runMutation(internal.app.add, { text: "waiting" });
    await new Promise((left) => request.signal.addEventListener("abort", left));
    await ctx.runMutation(internal.app.add, { text: "client left " + request.signal.aborted });
    return new Response("nobody reads this");
  });
  route("GET", "/whole", async (ctx, request) => {
    const { readable, writable } = new TransformStream();
    request.signal.addEventListener("abort", () => console.error("aborted"));
    const write = async () => {
      const writer = writable.getWriter();
      await writer.write(encode("all"));
      await writer.close();
    };
    void write();
    return new Response(readable);
  });
  route("GET", "/large", async (ctx, request) => {
    const size = Number(new URL(request.url).searchParams.get("size"));
    let left = size;
    return new Response(new ReadableStream({ pull(controller) {
      if (left === 0) return controller.close();
      const piece = Math.min(left, 1 << 20);
      left -= piece;
      controller.enqueue(new Uint8Array(piece));
    } }));
  });
  route("GET", "/throws", async () => { throw new Error("boom"); });
  route("GET", "/data", async () => { throw new ConvexError({ kind: "quota", n: 7n }); });
  route("GET", "/wrong", async () => "no response");
  route("GET", "/bad-header", async () => new Response("x", { headers: { "x-bad": "a\\u0001b" } }));
  route("GET", "/half", async () => new Response(new ReadableStream({ async pull(controller) {
    controller.enqueue(encode("half"));
    await sleep(50);
    controller.error(new Error("broken half way"));
  } })));
  route("GET", "/who", async (ctx) => {
    console.log("asking");
    try { return Response.json({ identity: await ctx.auth.getUserIdentity() }); }
    catch (error) { return Response.json({ refused: error.message, stored: await ctx.runQuery(api.app.who, {}) }); }
  });
  route("GET", "/who-throws", async (ctx) => Response.json(await ctx.auth.getUserIdentity()));
  route("POST", "/upload", async (ctx, request) => {
    const id = await ctx.storage.store(await request.blob());
    return Response.json({ id, url: await ctx.storage.getUrl(id) });
  });
  route("GET", "/file", async (ctx, request) => new Response(await ctx.storage.get(new URL(request.url).searchParams.get("id"))));
  route("POST", "/form", async (ctx, request) => {
    const form = await request.formData();
    return Response.json({ name: form.get("name"), file: form.get("file").name, bytes: (await form.get("file").bytes()).length });
  });
  route("POST", "/later", async (ctx) => {
    await ctx.scheduler.runAfter(0, internal.app.add, { text: "scheduled" });
    return new Response(null, { status: 202 });
  });
  export default http;`;

const APP = `
  import { query, internalMutation } from "./_generated/server";
  import { v } from "convex/values";
  export const add = internalMutation({ args: { text: v.string() }, handler: async (ctx, { text }) => { await ctx.db.insert("lines", { text }); } });
  export const all = query({ args: {}, handler: async (ctx) => (await ctx.db.query("lines").collect()).map((line) => line.text) });
  export const who = query({ args: {}, handler: async (ctx) => await ctx.auth.getUserIdentity() });`;

/** A component that tells where a request got to. */
const component = (name, uses = "", imports = "") => ({
  [`convex/${name}/convex.config.ts`]: `
    import { defineComponent } from "convex/server"; ${imports}
    const component = defineComponent("${name}"); ${uses} export default component;`,
  [`convex/${name}/lib.ts`]: `
    import { mutation, query } from "./_generated/server";
    export const count = mutation({ args: {}, handler: async (ctx) => {
      await ctx.db.insert("requests", {});
      return (await ctx.db.query("requests").collect()).length;
    } });`,
  [`convex/${name}/http.ts`]: `
    import { httpRouter } from "convex/server";
    import { httpAction } from "./_generated/server";
    import { api } from "./_generated/api";
    const http = httpRouter();
    const handler = (route) => httpAction(async (ctx, request) => Response.json({
      by: "${name}", route, url: request.url, site: process.env.CONVEX_SITE_URL,
      identity: await ctx.auth.getUserIdentity(), count: await ctx.runMutation(api.lib.count, {}),
      path: (await ctx.meta.getFunctionMetadata()).componentPath,
    }));
    http.route({ path: "/ping", method: "GET", handler: handler("/ping") });
    http.route({ path: "/deep/exact", method: "GET", handler: handler("/deep/exact") });
    http.route({ pathPrefix: "/dee/", method: "GET", handler: handler("/dee/*") });
    export default http;`,
});
const COMPONENTS = {
  ...component("inner"),
  ...component("outer", `component.use(inner, { httpPrefix: "/deep/" });`, `import inner from "../inner/convex.config";`),
  "convex/convex.config.ts": `
    import { defineApp } from "convex/server";
    import outer from "./outer/convex.config";
    const app = defineApp({ httpPrefix: "/own/" });
    app.use(outer, { httpPrefix: "/outer/" });
    export default app;`,
  "convex/http.ts": `
    import { httpRouter } from "convex/server";
    import { httpAction } from "./_generated/server";
    const http = httpRouter();
    http.route({ path: "/ping", method: "GET", handler: httpAction(async (ctx, request) => Response.json({
      by: "app", url: request.url, site: process.env.CONVEX_SITE_URL })) });
    export default http;`,
};

/** A request that shows all of its response, as it came. */
async function raw(server, method, path, { headers = {}, body, origin = server.siteUrl } = {}) {
  const request = http.request(origin + path, { method, headers, agent: false });
  request.end(body);
  const [response] = await once(request, "response");
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode, headers: response.headers, rawHeaders: response.rawHeaders, body: Buffer.concat(chunks) };
}

async function eventually(check, what) {
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(30)) {
    const found = await check();
    if (found) return found;
  }
  throw new Error(`this never came to be: ${what}`);
}

const logs = async (server) => {
  const response = await fetch(`${server.url}/api/stream_function_logs?cursor=0`, {
    headers: { authorization: `Convex ${server.adminKey}` },
  });
  return (await response.json()).entries;
};

describe("HTTP actions", () => {
  let server;
  let dir;
  const get = (path, options) => fetch(server.siteUrl + path, options);
  const lines = () => new ConvexHttpClient(server.url).query("app:all");
  const hasLine = (line) => eventually(async () => (await lines()).includes(line), line);
  const logged = (identifier, kind = "Completion") => eventually(
    async () => (await logs(server)).findLast((entry) => entry.identifier === identifier && entry.kind === kind),
    `a log entry of ${identifier}`,
  );

  before(async () => {
    server = await startServer();
    dir = makeProject({ "convex/app.ts": APP });
    await deployApp(server, dir);
  });
  after(() => server?.stop());

  test("without http.ts there are none", async () => {
    const response = await get("/anything");
    assert.equal(response.status, 404);
    assert.match(await response.text(), /does not have HTTP actions enabled/);
    writeFiles(dir, { "convex/http.ts": HTTP });
    const { stderr, stdout } = await deployApp(server, dir);
    assert.doesNotMatch(stderr + stdout, /not available/);
  });

  test("93, runtime 123: exact paths, the longest prefix, other methods", async () => {
    const body = async (path, method = "GET") => (await get(path, { method })).text();
    assert.equal(await body("/route/exact"), "exact");
    assert.equal(await body("/route/exact/more"), "short");
    assert.equal(await body("/route/long/a/b"), "long");
    assert.equal(await body("/route/long"), "short");
    assert.equal(await body("/route//long/"), "short");
    for (const [method, path] of [["POST", "/route/exact"], ["GET", "/route"], ["GET", "/none"]]) {
      const none = await get(path, { method });
      assert.deepEqual([none.status, await none.text()], [404, "No matching routes found"]);
    }
    const head = await raw(server, "HEAD", "/route/exact");
    assert.deepEqual([head.status, head.body.length], [200, 0]);
    const unknown = await raw(server, "PROPFIND", "/route/exact");
    assert.equal(unknown.status, 405);
    assert.match(unknown.headers.allow, /GET, HEAD, POST/);
  });

  test("93, 98: OPTIONS reaches the app, and CORS is its business alone", async () => {
    const headers = { origin: "https://page.test", "access-control-request-method": "GET" };
    for (const origin of [server.siteUrl, `${server.url}/http`]) {
      const preflight = await raw(server, "OPTIONS", "/route/exact", { headers, origin });
      assert.deepEqual([preflight.status, preflight.headers["access-control-allow-origin"]], [204, "https://own.test"]);
      const plain = await raw(server, "GET", "/route/exact", { headers, origin });
      assert.ok(!Object.keys(plain.headers).some((name) => name.startsWith("access-control")), JSON.stringify(plain.headers));
    }
  });

  test("94: what the app sees of a request", { skip: notServerless("API Gateway says itself what came to it") }, async () => {
    const seen = async (path, options) => JSON.parse((await raw(server, "GET", path, options)).body);
    const host = `127.0.0.1:${server.sitePort}`;
    const plain = await seen("/echo/a%20b/%C3%A9?q=1&q=2");
    assert.equal(plain.url, `http://${host}/echo/a%20b/%C3%A9?q=1&q=2`);
    assert.deepEqual([plain.method, plain.hasBody, plain.body], ["GET", false, ""]);
    assert.equal(plain.meta.ip, "127.0.0.1");
    assert.equal(plain.site, server.siteUrl);
    const headers = { host: "app.test", "x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9, 10.0.0.1", "user-agent": "probe/1" };
    const proxied = await seen("/echo/x", { headers });
    assert.equal(proxied.url, "https://app.test/echo/x");
    assert.deepEqual([proxied.meta.ip, proxied.meta.userAgent], ["203.0.113.9", "probe/1"]);
    const forwarded = await seen("/echo/x", { headers: { host: "app.test", forwarded: 'for=1.2.3.4;proto="https", for=10.0.0.1;proto=http' } });
    assert.equal(forwarded.url, "https://app.test/echo/x");
    const api = await seen("/http/echo/x//y?z", { origin: server.url });
    assert.equal(api.url, `http://127.0.0.1:${server.port}/echo/x//y?z`);
    const latin = await seen("/echo/x", { headers: { "x-latin": Buffer.from("caf\u00e9", "latin1").toString("latin1"), "x-two": ["1", "2"] } });
    assert.ok(latin.headers.some(([name, value]) => name === "x-latin" && value === "caf\u00e9"), JSON.stringify(latin.headers));
    assert.ok(latin.headers.some(([name, value]) => name === "x-two" && value === "1, 2"));
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      const sent = JSON.parse((await raw(server, method, "/echo/x", { body: "some text", headers: { "content-length": 9 } })).body);
      assert.deepEqual([sent.method, sent.body], [method, "some text"]);
    }
    assert.equal((await raw(server, "GET", "/echo/x", { headers: { host: "a b" } })).status, 400);
  });

  test("what the client sees of a response: every header, bytes as they are", async () => {
    const { status, headers, rawHeaders } = await raw(server, "GET", "/headers");
    assert.equal(status, 299);
    assert.deepEqual(headers["set-cookie"], ["a=1; Path=/", "b=2"]);
    // An answer of Lambda to API Gateway is JSON, whose headers are ASCII.
    if (!notServerless("headers")) assert.equal(rawHeaders[rawHeaders.indexOf("x-latin") + 1], "caf\u00e9");
    assert.notEqual(headers["transfer-encoding"], "gzip");
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, n) => (n * 7) % 256));
    for (const path of ["/bytes", "/pass"]) {
      const echoed = await raw(server, "POST", path, { body: bytes, headers: { "content-type": "image/x-own" } });
      assert.ok(echoed.body.equals(bytes), path);
      if (path === "/bytes") assert.equal(echoed.headers["content-type"], "image/x-own");
    }
    const sized = await raw(server, "GET", "/length");
    assert.deepEqual([sized.headers["content-length"], sized.body.length], ["100000", 100_000]);
    // API Gateway says itself how long an answer is, and that to HEAD has no body.
    if (!notServerless("HEAD")) assert.equal((await raw(server, "HEAD", "/length")).headers["content-length"], "100000");
    assert.deepEqual((await logged("GET /length")).success, { status: "200" });
    const reset = await raw(server, "GET", "/reset");
    assert.deepEqual([reset.status, reset.body.length], [205, 0]);
    const redirect = await raw(server, "GET", "/redirect");
    assert.deepEqual([redirect.status, redirect.headers.location], [302, "https://elsewhere.test/"]);
  });

  test("95, runtime 123: a body streams both ways", { skip: notServerless("API Gateway passes bodies on in one piece") }, async () => {
    const began = Date.now();
    const response = await get("/slow");
    const arrivals = [];
    let text = "";
    for await (const chunk of response.body) {
      text += Buffer.from(chunk).toString();
      arrivals.push(Date.now() - began);
    }
    assert.equal(text, "piece 0piece 1piece 2piece 3piece 4");
    assert.equal(arrivals.length, 5);
    assert.ok(arrivals[4] - arrivals[0] > 600, `the pieces came at ${arrivals}`);
    // What was sent comes back before the rest is sent.
    const request = http.request(`${server.siteUrl}/pass`, { method: "POST", agent: false });
    request.write("first");
    const [echo] = await once(request, "response");
    const pieces = echo[Symbol.asyncIterator]();
    assert.equal((await pieces.next()).value.toString(), "first");
    request.end("second");
    assert.equal((await pieces.next()).value.toString(), "second");
    assert.ok((await pieces.next()).done);
  });

  test("the action goes on after its handler, and after the client has left", async () => {
    const response = await get("/background", { method: "POST" });
    assert.equal(await response.text(), [0, 1, 2, 3, 4, 5].map((n) => `text ${n}\n`).join(""));
    assert.equal((await lines()).filter((line) => line.startsWith("background")).length, 6);
    const leaving = new AbortController();
    const left = await get("/background", { method: "POST", signal: leaving.signal });
    await left.body.getReader().read();
    leaving.abort();
    await eventually(async () => (await lines()).filter((line) => line === "background 5").length === 2, "the end of the writing");
  });

  test("runtime 123: request.signal tells that the client left, and only that", { skip: notServerless("API Gateway does not tell that a client left") }, async () => {
    const leaving = new AbortController();
    const request = get("/aborted", { signal: leaving.signal });
    await hasLine("waiting");
    leaving.abort();
    await assert.rejects(request, { name: "AbortError" });
    await hasLine("client left true");
    for (let n = 0; n < 20; n++) assert.equal(await (await get("/whole")).text(), "all");
    await logged("GET /whole");
    assert.ok(!(await logs(server)).some((entry) => entry.identifier === "GET /whole" && (entry.kind === "Progress" || entry.error)));
  });

  test("95, runtime 123: bodies have at most 20 MiB", { skip: notServerless("API Gateway takes 10 MB, and Lambda 6") }, async () => {
    const whole = await raw(server, "GET", `/large?size=${LIMIT}`);
    assert.equal(whole.body.length, LIMIT);
    await assert.rejects(raw(server, "GET", `/large?size=${LIMIT + 1}`), /aborted|ECONNRESET/);
    assert.match((await eventually(async () => (await logs(server)).find((entry) => entry.error?.includes("too large")), "the error")).error, /more than 20971520 bytes/);
    assert.equal((await raw(server, "POST", "/bytes", { body: Buffer.alloc(LIMIT), headers: { "content-type": "a/b" } })).body.length, LIMIT);
    // Declared: refused before it is sent.
    const request = http.request(`${server.siteUrl}/bytes`, { method: "POST", agent: false, headers: { "content-length": LIMIT + 1 } });
    request.on("error", () => {});
    request.flushHeaders();
    const [refused] = await once(request, "response");
    assert.equal(refused.statusCode, 413);
    request.destroy();
    // Not declared: reading it fails.
    const chunked = http.request(`${server.siteUrl}/bytes`, { method: "POST", agent: false });
    chunked.on("error", () => {});
    chunked.write(Buffer.alloc(LIMIT));
    chunked.end("x");
    const [failed] = await once(chunked, "response");
    assert.equal(failed.statusCode, 500);
    const text = Buffer.concat(await failed.toArray()).toString();
    assert.match(text, /body of the request is too large: more than 20971520 bytes/);
    assert.equal((await raw(server, "POST", "/ignore", { body: "some" })).body.toString(), "not read");
  });

  test("96, runtime 123: errors before the head", async () => {
    const error = async (path) => {
      const response = await get(path);
      assert.equal(response.status, 500);
      return await response.json();
    };
    const plain = await error("/throws");
    assert.match(plain.code, /^\[Request ID: [0-9a-f]{16}\] Server Error: Uncaught Error: boom$/);
    assert.match(plain.trace, /^Uncaught Error: boom\n    at .*\.\.\/convex\/http\.ts:\d+:\d+/);
    assert.ok(!("data" in plain));
    assert.match((await logged("GET /throws")).error, /boom/);
    assert.deepEqual((await error("/data")).data, { kind: "quota", n: { $integer: "BwAAAAAAAAA=" } });
    assert.match((await error("/wrong")).code, /HTTP actions must return a Response/);
    assert.match((await error("/bad-header")).code, /The header `x-bad` of the response is not valid/);
  });

  test("runtime 123: an error after the head cuts the body", { skip: notServerless("API Gateway passes bodies on in one piece") }, async () => {
    const response = await get("/half");
    assert.equal(response.status, 200);
    await assert.rejects(response.text());
    const entry = await logged("GET /half");
    assert.match(entry.error, /broken half way/);
    assert.equal(entry.success, null);
    const progress = await logged("GET /half", "Progress");
    assert.match(progress.logLines[0].messages[0], /broken half way/);
  });

  test("97, runtime 124: a credential that is refused is told to whom asks for the user", async () => {
    const who = async (headers) => (await get("/who", { headers })).json();
    assert.deepEqual(await who({}), { identity: null });
    for (const authorization of ["Bearer a.b.c", "Basic dXNlcjpwYXNz", "x"]) {
      const { refused, stored } = await who({ authorization });
      assert.equal(typeof refused, "string", authorization);
      assert.equal(stored, null);
    }
    const failed = await get("/who-throws", { headers: { authorization: "Bearer a.b.c" } });
    assert.equal(failed.status, 500);
    assert.equal((await get("/route/exact", { headers: { authorization: "Bearer a.b.c" } })).status, 200);
    const user = Buffer.from(JSON.stringify({ issuer: "https://i.test", subject: "s" })).toString("base64");
    const acting = await who({ authorization: `Convex ${server.adminKey}:${user}` });
    assert.equal(acting.identity.tokenIdentifier, "https://i.test|s");
  });

  test("the log", async () => {
    await (await get("/who")).text();
    const entry = await logged("GET /who");
    assert.deepEqual([entry.udfType, entry.caller, entry.success, entry.error, entry.logLines], ["HttpAction", "HttpEndpoint", { status: "200" }, null, []]);
    const progress = await logged("GET /who", "Progress");
    assert.deepEqual([progress.udfType, progress.logLines[0].messages], ["HttpAction", ["'asking'"]]);
    await (await get("/route/long/x")).text();
    await logged("GET /route/long/*");
    await (await get("/nothing")).text();
    assert.deepEqual((await logged("GET /nothing")).success, { status: "404" });
  });

  test("files, forms and scheduled functions", async () => {
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, n) => n % 251));
    const stored = await (await get("/upload", { method: "POST", body: bytes, headers: { "content-type": "image/png" } })).json();
    const direct = await fetch(stored.url);
    assert.equal(direct.headers.get("content-type"), "image/png");
    assert.ok(Buffer.from(await direct.arrayBuffer()).equals(bytes));
    const served = await get(`/file?id=${stored.id}`);
    assert.equal(served.headers.get("content-type"), "image/png");
    assert.ok(Buffer.from(await served.arrayBuffer()).equals(bytes));
    const form = new FormData();
    form.set("name", "n");
    form.set("file", new File([bytes], "f.bin"));
    assert.deepEqual(await (await get("/form", { method: "POST", body: form })).json(), { name: "n", file: "f.bin", bytes: 100_000 });
    assert.equal((await get("/later", { method: "POST" })).status, 202);
    await hasLine("scheduled");
  });

  test("a paused deployment serves nothing", async () => {
    const set = async (what) => {
      const response = await fetch(`${server.url}/api/v1/${what}_deployment`, {
        method: "POST", headers: { authorization: `Convex ${server.adminKey}`, "content-type": "application/json" }, body: "{}",
      });
      assert.equal(response.status, 200);
    };
    await set("pause");
    try {
      const response = await get("/route/exact");
      assert.equal(response.status, 503);
      assert.match((await response.json()).code, /paused/);
    } finally {
      await set("unpause");
    }
    assert.equal((await get("/route/exact")).status, 200);
  });
});

describe("HTTP actions of components", () => {
  let server;
  before(async () => {
    server = await startServer({ args: ["--redact-logs-to-client"] });
    await deployApp(server, makeProject({ ...COMPONENTS, "convex/app.ts": APP }));
  });
  after(() => server?.stop());

  test("runtime 140, 141: nested mounts, the prefix of the app, and what a component sees", async () => {
    const at = async (path) => {
      const response = await fetch(server.siteUrl + path);
      return response.status === 200 ? await response.json() : response.status;
    };
    const site = server.siteUrl;
    assert.deepEqual(await at("/own/ping"), { by: "app", url: `${site}/own/ping`, site });
    assert.deepEqual([await at("/ping"), await at("/outer"), await at("/own/outer/ping")], [404, 404, 404]);
    const expected = { identity: null, count: 1 };
    assert.deepEqual(await at("/outer/ping"), {
      by: "outer", route: "/ping", url: `${site}/outer/ping`, site: `${site}/outer`, path: "outer", ...expected,
    });
    assert.deepEqual(await at("/outer/deep/ping"), {
      by: "inner", route: "/ping", url: `${site}/outer/deep/ping`, site: `${site}/outer/deep`, path: "outer/inner", ...expected,
    });
    // An exact path of the parent's goes before its mount.
    assert.deepEqual([(await at("/outer/deep/exact")).by, (await at("/outer/deep/deep/exact")).by], ["outer", "inner"]);
    assert.deepEqual([(await at("/outer/dee/x")).route, (await at("/outer/deep/dee/x")).by], ["/dee/*", "inner"]);
    assert.equal(await at("/outer/deep/none"), 404);
    const entries = (await logs(server)).filter((entry) => entry.kind === "Completion" && entry.componentPath === "outer/inner");
    assert.ok(entries.some((entry) => entry.identifier === "GET /ping" && entry.udfType === "HttpAction"));
  });

  test("96: redacted errors", async () => {
    const dir = makeProject({ "convex/app.ts": APP, "convex/http.ts": HTTP });
    await deployApp(server, dir);
    const plain = await (await fetch(`${server.siteUrl}/throws`)).json();
    assert.deepEqual(Object.keys(plain), ["code"]);
    assert.match(plain.code, /^\[Request ID: [0-9a-f]{16}\] Server Error$/);
    assert.deepEqual(Object.keys(await (await fetch(`${server.siteUrl}/data`)).json()).sort(), ["code", "data"]);
    const { stdout, code } = await runCli(server, dir, ["function-spec"]);
    assert.equal(code, 0);
    assert.ok(JSON.parse(stdout).functions.some((f) => f.functionType === "HttpAction" && f.path === "/half" && f.method === "GET"));
  });
});
