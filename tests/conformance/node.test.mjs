// udf-runtime.md, point 125, and deploy-and-admin.md, point 29: `"use node"` actions, deployed with the official CLI.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { ConvexHttpClient } from "convex/browser";
import { anyApi as api } from "convex/server";
import { ConvexError } from "convex/values";
import { deployApp, makeProject, runCli, startServer, writeFiles, notServerless } from "../lib/server.mjs";
import { sleep, until } from "./harness.mjs";

const ACTIONS = `"use node";
  import { createHash } from "node:crypto";
  import { existsSync, readFileSync } from "node:fs";
  import path from "node:path";
  import { gzipSync, gunzipSync } from "node:zlib";
  import { ConvexError, v } from "convex/values";
  import WebSocket from "ws";
  import { action, internalAction } from "./_generated/server";
  import { api, internal } from "./_generated/api";
  let calls = 0;
  const released: any[] = [];
  export const count = action(async () => ++calls);
  export const platform = action({ args: { text: v.string() }, returns: v.any(), handler: async (_ctx, { text }) => ({
    node: process.versions.node,
    digest: createHash("sha256").update(text).digest("hex"),
    zipped: gunzipSync(gzipSync(text)).toString(),
    self: existsSync(process.execPath),
    external: [typeof WebSocket, path.relative(process.cwd(), require.resolve("ws")).split("/")[3]],
    required: require("node:path").basename("a/b"),
    dirname: typeof __dirname,
  }) });
  export const context = action(async (ctx) => {
    await ctx.runMutation(api.notes.add, { text: "from node" });
    const identity = await ctx.auth.getUserIdentity();
    const inner = await ctx.runAction(api.notes.double, { n: 21 });
    const notes = await ctx.runQuery(api.notes.list, {});
    await ctx.scheduler.runAfter(0, internal.mail.later, { text: "scheduled in node" });
    return { notes, identity, inner };
  });
  export const later = internalAction(async (ctx, { text }: any) => { await ctx.runMutation(api.notes.add, { text }); });
  export const storage = action(async (ctx, { size }: any) => {
    const bytes = new Uint8Array(size).map((_, i) => i * 7);
    const id = await ctx.storage.store(new Blob([bytes], { type: "image/png" }));
    const blob: any = await ctx.storage.get(id);
    const same = Buffer.compare(Buffer.from(await blob.arrayBuffer()), Buffer.from(bytes)) === 0;
    const url = await ctx.storage.getUrl(id);
    await ctx.storage.delete(id);
    return { same, type: blob.type, url: typeof url, gone: await ctx.storage.get(id) };
  });
  export const fail = action(async () => { throw new ConvexError({ code: 7, big: 5n }); });
  export const crash = action(async () => { throw new TypeError("boom"); });
  export const caught = action(async (ctx) => {
    try { await ctx.runMutation(api.notes.refuse, {}); return null; }
    catch (error: any) { return { convex: error instanceof ConvexError, data: error.data }; }
  });
  export const exit = action(async () => { process.exit(3); });
  export const reject = action(async () => {
    Promise.reject(new Error("nobody sees this"));
    await new Promise((resolve) => setTimeout(resolve, 5000));
  });
  export const kill = action(async () => { process.kill(process.pid, "SIGKILL"); await new Promise(() => {}); });
  export const hang = action(async () => { for (;;) {} });
  export const sleepy = action(async () => { await new Promise(() => {}); });
  export const variables = action(async (_ctx, { names }: any) => names.map((name: string) => process.env[name] ?? null));
  export const allVariables = action(async () => Object.keys(process.env).sort());
  export const logs = action(async (ctx) => {
    console.log("one", { a: [1, "x"] });
    console.error("two");
    void ctx.runQuery(api.notes.slow, {});
  });
  export const meet = action(async () => {
    released.push(null);
    while (released.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    return process.pid;
  });`;
const NOTES = `
  import { action, mutation, query } from "./_generated/server";
  import { ConvexError } from "convex/values";
  export const add = mutation(async (ctx, { text }: any) => { await ctx.db.insert("notes", { text }); });
  export const list = query(async (ctx) => (await ctx.db.query("notes").collect()).map((note) => note.text));
  export const slow = query(async (ctx) => (await ctx.db.query("notes").collect()).length);
  export const refuse = mutation(async () => { throw new ConvexError({ why: "no" }); });
  export const double = action(async (_ctx, { n }: any) => 2 * n);`;
const TIMEOUT_SECONDS = 4;

let server, client, project, cache;
const deploy = () => deployApp(server, project, { args: ["--typecheck", "disable"] });
before(async () => {
  cache = mkdtempSync(path.join(os.tmpdir(), "lakewire-node-test-"));
  server = await startServer({
    env: {
      LAKEWIRE_NODE_CACHE: cache,
      NODE_ACTION_USER_TIMEOUT_SECS: `${TIMEOUT_SECONDS}`,
      AWS_SECRET_ACCESS_KEY: "a secret of the operator",
    },
  });
  project = makeProject({
    "convex/mail.ts": ACTIONS,
    "convex/notes.ts": NOTES,
    // The CLI bundles what is not in here.
    "package.json": JSON.stringify({ type: "module", dependencies: { convex: "1.48.0", ws: "8" } }),
    "convex.json": JSON.stringify({ node: { externalPackages: ["ws"] } }),
  });
  await deploy();
  client = new ConvexHttpClient(server.url, { logger: false });
});
after(async () => {
  await server?.stop();
  rmSync(cache, { recursive: true, force: true });
});

test("runtime 125, deploy 29: node:crypto, node:fs, node:zlib, require and an external package", async () => {
  const found = await client.action(api.mail.platform, { text: "abc" });
  assert.equal(found.digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.equal(found.zipped, "abc");
  assert.deepEqual([found.self, found.external, found.required, found.dirname], [true, ["function", "packages"], "b", "string"]);
  assert.equal(Number(found.node.split(".")[0]) >= 20, true);
  await assert.rejects(client.action(api.mail.platform, { text: 1 }), /ArgumentValidationError/);
  await assert.rejects(client.action(api.mail.later, { text: "x" }), /Could not find public function/);
});

test("runtime 125: queries, mutations, actions, the scheduler and files", async () => {
  const found = await client.action(api.mail.context);
  assert.deepEqual(found, { notes: ["from node"], identity: null, inner: 42 });
  await until(async () => (await client.query(api.notes.list)).includes("scheduled in node"), "the job has run");
  const stored = await client.action(api.mail.storage, { size: 700_000 });
  assert.deepEqual(stored, { same: true, type: "image/png", url: "string", gone: null });
});

test("runtime 125: errors, their data and their stacks", async () => {
  await assert.rejects(client.action(api.mail.fail), (error) => {
    assert.ok(error instanceof ConvexError);
    assert.deepEqual(error.data, { code: 7, big: 5n });
    return true;
  });
  await assert.rejects(client.action(api.mail.crash), /Uncaught TypeError: boom\n    at .*\.\.\/convex\/mail\.ts:\d+:\d+/);
  assert.deepEqual(await client.action(api.mail.caught), { convex: true, data: { why: "no" } });
});

test("runtime 125: what ends the process ends the action, and the next one runs", async () => {
  await assert.rejects(client.action(api.mail.exit), /process\.exit\(3\) was called/);
  await assert.rejects(client.action(api.mail.reject), /nobody sees this/);
  await assert.rejects(client.action(api.mail.kill), /process ended/);
  assert.equal(await client.action(api.mail.count), 1);
});

test("two actions run in one process at a time", { skip: notServerless("Lambda runs one at a time in a process") }, async () => {
  const pids = await Promise.all([client.action(api.mail.meet), client.action(api.mail.meet)]);
  assert.equal(pids[0], pids[1]);
});

test("runtime 125: variables of the deployment take effect, those of the server are not seen", async () => {
  const args = { names: ["COLOR", "CONVEX_CLOUD_URL", "AWS_SECRET_ACCESS_KEY"] };
  assert.deepEqual(await client.action(api.mail.variables, args), [null, server.url, null]);
  assert.equal((await runCli(server, project, ["env", "set", "COLOR", "blue"])).code, 0);
  assert.deepEqual(await client.action(api.mail.variables, args), ["blue", server.url, null]);
  const known = ["COLOR", "CONVEX_CLOUD_URL", "CONVEX_SITE_URL", "LANG", "NODE_PATH", "PATH", "TMPDIR", "TZ"];
  const all = await client.action(api.mail.allVariables);
  assert.deepEqual(all.filter((name) => !known.includes(name)), []);
});

test("the console, and a warning of what nobody waited for", async () => {
  const lines = [];
  const print = (...of) => lines.push(of.join(" "));
  const logger = { log: print, warn: print, error: print, logVerbose: print };
  await new ConvexHttpClient(server.url, { logger }).action(api.mail.logs);
  const text = lines.join("\n");
  assert.match(text, /'one' \{\s*a: \[ 1, 'x' \]\s*\}/);
  assert.match(text, /'two'/);
  assert.match(text, /1 unawaited operation: \[query\]/);
});

test("an action that takes too long ends, whether it waits or computes", async () => {
  const message = new RegExp(`timed out \\(maximum duration ${TIMEOUT_SECONDS}s\\)`);
  await Promise.all([
    assert.rejects(client.action(api.mail.sleepy), message),
    assert.rejects(client.action(api.mail.hang), message),
  ]);
  await sleep(1500);
  assert.equal(await client.action(api.mail.count), 1);
});

test("a push sees nothing of the memory of the bundle before it", async () => {
  const before = await client.action(api.mail.count);
  assert.equal(await client.action(api.mail.count), before + 1);
  writeFiles(project, { "convex/mail.ts": `${ACTIONS}\nexport const version = action(async () => 2);` });
  await deploy();
  assert.deepEqual([await client.action(api.mail.version), await client.action(api.mail.count)], [2, 1]);
});

test("deploy 29: what the push refuses", async () => {
  const refused = async (files, message) => {
    writeFiles(project, files);
    const { code, stderr, stdout } = await runCli(server, project, ["deploy", "--typecheck", "disable"]);
    assert.notEqual(code, 0);
    assert.match(stderr + stdout, message);
  };
  const query = `"use node";
    import { query } from "./_generated/server"; export const q = query(async () => 1);`;
  await refused({ "convex/other.ts": query }, /`q` defined in `other\.js` is a query\. Only actions/);
  const broken = `"use node";
    import { action } from "./_generated/server";
    export const a = action(async () => 1);
    throw new Error("at import");`;
  await refused({ "convex/other.ts": broken }, /Failed to analyze other\.js: Uncaught Error: at import/);
});

test("deploy 29: a package that npm does not find, and a server without Node.js", { skip: notServerless("the Node.js is that of Lambda"), timeout: 60_000 }, async () => {
  const start = async ({ url, adminKey }) => {
    const mail = { path: "mail.js", source: "export const x = 1;", environment: "node" };
    const body = {
      adminKey, dryRun: true, functions: "convex/", componentDefinitions: [],
      appDefinition: { changedModules: [mail], unchangedModuleHashes: [], udfServerVersion: "1.48.0" },
      nodeDependencies: [{ name: "ws", version: "0.0.0-there-is-none" }],
    };
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(`${url}/api/deploy2/start_push`, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: response.status, ...(await response.json()) };
  };
  const missing = await start(server);
  assert.deepEqual([missing.status, missing.code], [400, "InvalidExternalModules"]);
  assert.match(missing.message, /cannot install the external packages:\n[^]*ws@0\.0\.0-there-is-none/);

  const without = await startServer({ env: { LAKEWIRE_NODE: "/nowhere/node", LAKEWIRE_NODE_CACHE: cache } });
  try {
    const dir = makeProject({ "convex/mail.ts": `"use node";\nexport const x = 1;\n` });
    const { code, stderr } = await runCli(without, dir, ["deploy", "--typecheck", "disable"]);
    assert.notEqual(code, 0);
    assert.match(stderr, /needs Node\.js 20 or newer on the server: cannot run `\/nowhere\/node`/);
  } finally {
    await without.stop();
  }
});
