// The official CLI against a running server. Each test names the points of the deploy specification's checklist
// (section 28) that it covers.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { deployApp, makeProject, runCli, startServer, writeFiles, notServerless } from "../lib/server.mjs";

const NOTES = `
  import { query, mutation, internalMutation } from "./_generated/server";
  import { v } from "convex/values";
  export const list = query({ args: {}, handler: async (ctx) => await ctx.db.query("notes").collect() });
  export const count = query({ args: {}, handler: async (ctx) => (await ctx.db.query("notes").collect()).length });
  export const add = mutation({
    args: { text: v.string(), n: v.optional(v.int64()) }, returns: v.id("notes"),
    handler: async (ctx, args) => { console.log("adding", args.text); return await ctx.db.insert("notes", args); },
  });
  export const addAny = mutation(async (ctx, args) => await ctx.db.insert("notes", args));
  export const addTo = mutation(async (ctx, { table, fields }) => await ctx.db.insert(table, fields));
  export const clear = internalMutation({ args: {}, handler: async (ctx) => {
    for (const note of await ctx.db.query("notes").collect()) await ctx.db.delete(note._id);
    return "cleared";
  } });
`;

/** @param {string} notes the table's validator @param {string} indexes @param {string} options */
const schema = (notes, indexes = "", options = "") => `
  import { defineSchema, defineTable } from "convex/server";
  import { v } from "convex/values";
  export default defineSchema({ notes: defineTable(${notes})${indexes} }${options});
`;
const NOTE = "{ text: v.string(), n: v.optional(v.int64()) }";

const DEPLOY = ["--typecheck", "disable"];

/** A server with an app of these files; stopped after the suite. */
function suite(files) {
  const context = { server: undefined, dir: undefined };
  before(async () => {
    context.server = await startServer();
    context.dir = makeProject(files);
  });
  after(async () => await context.server?.stop());
  return {
    get server() {
      return context.server;
    },
    get dir() {
      return context.dir;
    },
    write: (more) => writeFiles(context.dir, more),
    remove: (file) => rmSync(path.join(context.dir, file)),
    deploy: (...args) => deployApp(context.server, context.dir, { args: [...DEPLOY, ...args] }),
    cli: (args, options) => runCli(context.server, context.dir, args, options),
    /** Runs a function and gives its value. */
    async run(name, args = {}) {
      const result = await runCli(context.server, context.dir, ["run", name, JSON.stringify(args)]);
      assert.equal(result.code, 0, result.stderr);
      return result.stdout.trim() === "" ? null : JSON.parse(result.stdout);
    },
    /** A deploy that must fail; gives what it printed. */
    async refused(...args) {
      const result = await runCli(context.server, context.dir, ["deploy", ...DEPLOY, ...args]);
      assert.equal(result.code, 1, `it did not fail: ${result.stderr}`);
      return result.stderr;
    },
    async post(route, body) {
      const response = await fetch(`${context.server.url}${route}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Convex ${context.server.adminKey}` },
        body: JSON.stringify(body),
      });
      const text = await response.text();
      return { status: response.status, body: text === "" ? null : JSON.parse(text) };
    },
    async hashes() {
      const { status, body } = await this.post("/api/get_config_hashes", {
        version: "1.48.0",
        adminKey: context.server.adminKey,
      });
      assert.equal(status, 200);
      return body.moduleHashes;
    },
  };
}

/** `convex dev` in the background, with what it has printed so far. */
function startDev({ server, dir }, ...args) {
  const env = { ...process.env, CI: "1", NO_COLOR: "1", NO_PROXY: "127.0.0.1,localhost" };
  const cli = path.join(dir, "node_modules", "convex", "bin", "main.js");
  const child = spawn(process.execPath, [cli, "dev", ...DEPLOY, ...args], {
    cwd: dir,
    env: { ...env, CONVEX_SELF_HOSTED_URL: server.url, CONVEX_SELF_HOSTED_ADMIN_KEY: server.adminKey },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const dev = {
    text: "",
    /** Waits until `pattern` was printed after position `from`; gives the position after it. */
    async until(pattern, from = 0, timeoutMs = 60_000) {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        const match = pattern.exec(dev.text.slice(from));
        if (match) return from + match.index + match[0].length;
        if (Date.now() > deadline) throw new Error(`dev did not print ${pattern} in time:\n${dev.text}`);
        await sleep(50);
      }
    },
    async stop() {
      if (child.exitCode === null) {
        const exited = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGTERM");
        await exited;
      }
    },
  };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (dev.text += chunk));
  return dev;
}

describe("an empty project", () => {
  const app = suite({});

  test("1: version, instance name and network-test", async () => {
    assert.equal((await fetch(`${app.server.url}/version`)).status, 200);
    const name = await (await fetch(`${app.server.url}/instance_name`)).text();
    assert.equal(app.server.adminKey.split("|")[0].replace(/^\w+:/, ""), name);
    const result = await app.cli(["network-test"]);
    assert.equal(result.code, 0, result.stderr);
  });

  test("2: a wrong key fails at once", async () => {
    const name = app.server.adminKey.split("|")[0];
    const began = Date.now();
    const result = await runCli({ ...app.server, url: app.server.url, adminKey: `${name}|00` }, app.dir, ["deploy", ...DEPLOY]);
    assert.equal(result.code, 1);
    assert.ok(Date.now() - began < 10_000, "no retries for half a minute");
    assert.match(result.stderr, /invalid for deployment|admin key|deploy key/i);
  });

  test("3: nothing to deploy is fine", async () => {
    assert.deepEqual(await app.hashes(), []);
    await app.deploy();
  });
});

describe("functions", () => {
  const app = suite({ "convex/notes.ts": NOTES });

  test("4: public and internal functions run, api.d.ts lists the module", async () => {
    await app.deploy();
    assert.deepEqual(await app.run("notes:list"), []);
    await app.run("notes:add", { text: "a" });
    assert.equal(await app.run("notes:clear"), "cleared");
    assert.match(readFileSync(path.join(app.dir, "convex/_generated/api.d.ts"), "utf8"), /notes/);
  });

  test("5: a deploy without edits sends no module", async () => {
    // The first deploy of a new project was bundled with provisional `_generated` files.
    await app.deploy();
    const before = await app.hashes();
    const file = path.join(app.dir, "push");
    await app.deploy("--write-push-request", file);
    const request = JSON.parse(readFileSync(`${file}.json`, "utf8"));
    assert.deepEqual(request.appDefinition.changedModules.map(({ path }) => path), []);
    assert.equal(request.appDefinition.unchangedModuleHashes.length, before.length);
    await app.deploy();
    assert.deepEqual(await app.hashes(), before);
  });

  test("6: only what changed is sent, stale chunks go", async () => {
    const shared = (n) => `export const shared = ${n}; export function twice(x: number) { return x * 2 * shared; }`;
    const user = `
      import { query } from "./_generated/server"; import { twice } from "./helper";
      export const get = query({ args: {}, handler: async () => twice(2) });`;
    app.write({ "convex/helper.ts": shared(1), "convex/one.ts": user, "convex/two.ts": user });
    await app.deploy();
    const before = new Map((await app.hashes()).map(({ path, hash }) => [path, hash]));
    app.write({ "convex/helper.ts": shared(10) });
    await app.deploy();
    const after = new Map((await app.hashes()).map(({ path, hash }) => [path, hash]));
    assert.equal(after.size, before.size);
    assert.equal(after.get("notes.js"), before.get("notes.js"));
    assert.notDeepEqual(after, before);
    assert.equal(await app.run("one:get"), 40);
    assert.equal(await app.run("two:get"), 40);
  });

  test("7: a deleted module is gone", async () => {
    app.remove("convex/two.ts");
    await app.deploy();
    const result = await app.cli(["run", "two:get"]);
    assert.equal(result.code, 1);
    assert.match(result.stderr, /Could not find function/);
    assert.match(result.stderr, /one:get/);
  });

  test("8: a stale hash is a conflict", async () => {
    const [known] = (await app.hashes()).filter(({ path }) => path === "notes.js");
    const push = (sha256) => ({
      adminKey: app.server.adminKey, dryRun: false, functions: "convex/", componentDefinitions: [], nodeDependencies: [],
      appDefinition: {
        definition: null, dependencies: [], schema: null, changedModules: [], udfServerVersion: "1.48.0",
        unchangedModuleHashes: [{ path: "notes.js", environment: "isolate", sha256 }],
      },
    });
    const stale = await app.post("/api/deploy2/start_push", push("0".repeat(64)));
    assert.equal(stale.status, 409);
    assert.equal(stale.body.code, "ExistingModuleHashConflict");
    const missing = push(known.hash);
    missing.appDefinition.unchangedModuleHashes[0].path = "nowhere.js";
    assert.equal((await app.post("/api/deploy2/start_push", missing)).body.code, "MissingExistingModule");
  });

  test("9, 10: failures at import time name the file; import-time randomness is stable", async () => {
    app.write({ "convex/bad.ts": `throw new Error("boom at import");\nexport {};` });
    const thrown = await app.refused();
    assert.match(thrown, /boom at import/);
    assert.match(thrown, /bad\.(ts|js)/);
    app.write({ "convex/bad.ts": `export const page = fetch("https://example.com");` });
    assert.match(await app.refused(), /fetch/);
    app.write({
      "convex/bad.ts": `
        import { query } from "./_generated/server";
        const random = Math.random(), now = Date.now();
        export const get = query({ args: {}, handler: async () => [random, now] });`,
    });
    await app.deploy();
    const first = await app.run("bad:get");
    assert.deepEqual(await app.run("bad:get"), first);
    app.write({ "convex/other.ts": "export const x = 1;" });
    await app.deploy();
    assert.deepEqual(await app.run("bad:get"), first, "another push with the same version keeps the seed");
  });

  test("11, 54: function-spec shows validators; the static api has them", async () => {
    const result = await app.cli(["function-spec"]);
    assert.equal(result.code, 0, result.stderr);
    const { url, functions } = JSON.parse(result.stdout);
    assert.equal(url, app.server.url);
    const add = functions.find(({ identifier }) => identifier === "notes.js:add");
    assert.deepEqual(add.args, {
      type: "object",
      value: { text: { fieldType: { type: "string" }, optional: false }, n: { fieldType: { type: "bigint" }, optional: true } },
    });
    assert.deepEqual(add.returns, { type: "id", tableName: "notes" });
    app.write({ "convex.json": JSON.stringify({ codegen: { staticApi: true } }) });
    await app.deploy();
    assert.match(readFileSync(path.join(app.dir, "convex/_generated/api.d.ts"), "utf8"), /FunctionReference<\s*"mutation"/);
    app.remove("convex.json");
  });

  test("24: codegen alone writes files and does not disturb the next deploy", async () => {
    app.write({ "convex/schema.ts": schema("{ text: v.number() }") });
    rmSync(path.join(app.dir, "convex/_generated"), { recursive: true });
    const result = await app.cli(["codegen", ...DEPLOY]);
    assert.equal(result.code, 0, result.stderr);
    assert.ok(existsSync(path.join(app.dir, "convex/_generated/server.d.ts")));
    await app.run("notes:add", { text: "not a number" });
    app.write({ "convex/schema.ts": schema(NOTE) });
    await app.deploy();
    app.remove("convex/schema.ts");
    await app.deploy();
  });

  test("28: --cmd sees both URLs", async () => {
    const print = "node -e 'console.log([process.env.CONVEX_URL, process.env.CONVEX_SITE_URL].join())'";
    const { stdout, stderr } = await app.deploy("--cmd", print);
    assert.ok(`${stdout}${stderr}`.includes(app.server.url), `${stdout}${stderr}`);
  });

  test("30: large pushes are accepted, too many modules are not", { skip: notServerless("Lambda takes 6 MB") }, async () => {
    const large = `export const text = ${JSON.stringify("lakewire ".repeat(2_400_000))};`;
    const push = (changedModules) => ({
      adminKey: app.server.adminKey, dryRun: true, functions: "convex/", componentDefinitions: [], nodeDependencies: [],
      appDefinition: {
        definition: null, dependencies: [], schema: null, changedModules, unchangedModuleHashes: [], udfServerVersion: "1.48.0",
      },
    });
    const module = (name, source) => ({ path: `${name}.js`, source, environment: "isolate" });
    const accepted = await app.post("/api/deploy2/start_push", push([module("large", large)]));
    assert.equal(accepted.status, 200, JSON.stringify(accepted.body).slice(0, 500));
    const many = Array.from({ length: 4097 }, (_, i) => module(`m${i}`, "export {}"));
    const refused = await app.post("/api/deploy2/start_push", push(many));
    assert.deepEqual([refused.status, refused.body.code], [400, "InvalidModules"]);
  });

  test("Node modules are refused in components", async () => {
    app.write({
      "convex/comp/x/convex.config.ts": `import { defineComponent } from "convex/server"; export default defineComponent("x");`,
      "convex/comp/x/mail.ts": `"use node";\nexport const x = 1;`,
      "convex/convex.config.ts": `
        import { defineApp } from "convex/server"; import x from "./comp/x/convex.config";
        const app = defineApp(); app.use(x); export default app;`,
    });
    assert.match(await app.refused(), /use node|Node/);
    app.remove("convex/comp/x/mail.ts");
    app.remove("convex/convex.config.ts");
    app.remove("convex/comp/x/convex.config.ts");
  });

  test("routes of http.ts are in the function spec", async () => {
    app.write({
      "convex/http.ts": `
        import { httpRouter } from "convex/server"; import { httpAction } from "./_generated/server";
        const http = httpRouter();
        http.route({ path: "/hook", method: "POST", handler: httpAction(async () => new Response("ok")) });
        export default http;`,
    });
    await app.deploy();
    const spec = JSON.parse((await app.cli(["function-spec"])).stdout);
    assert.ok(spec.functions.some((f) => f.functionType === "HttpAction" && f.path === "/hook" && f.method === "POST"));
    app.remove("convex/http.ts");
  });
});

describe("schemas and indexes", () => {
  const INDEXES = `.index("by_text", ["text"]).searchIndex("search", { searchField: "text" })
    .vectorIndex("near", { vectorField: "v", dimensions: 3 })`;
  const WITH_VECTOR = "{ text: v.string(), n: v.optional(v.int64()), v: v.optional(v.array(v.float64())) }";
  const BY = `
    import { query } from "./_generated/server";
    export const texts = query({ args: {}, handler: async (ctx) =>
      (await ctx.db.query("notes").withIndex("by_n").collect()).map((note) => note.text) });`;
  const app = suite({ "convex/notes.ts": NOTES, "convex/schema.ts": schema(WITH_VECTOR, INDEXES) });

  test("12: indexes of all kinds are listed once", async () => {
    const { stderr } = await app.deploy();
    assert.match(stderr, /Added table indexes/);
    for (const name of ["notes.by_text", "notes.search", "notes.near"]) assert.ok(stderr.includes(name), stderr);
    assert.match(readFileSync(path.join(app.dir, "convex/_generated/dataModel.d.ts"), "utf8"), /DataModel/);
    assert.doesNotMatch((await app.deploy()).stderr, /table indexes/);
  });

  test("13: an index is built over existing documents and usable at once", async () => {
    for (const [text, n] of [["c", 3], ["a", 1], ["b", 2]]) {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(BigInt(n));
      await app.run("notes:add", { text, n: { $integer: bytes.toString("base64") } });
    }
    app.write({ "convex/schema.ts": schema(NOTE, '.index("by_n", ["n"])'), "convex/by.ts": BY });
    const { stderr } = await app.deploy();
    assert.match(stderr, /Added table indexes:\s+\[\+\] notes\.by_n/);
    assert.match(stderr, /Deleted table indexes/);
    assert.deepEqual(await app.run("by:texts"), ["a", "b", "c"]);
  });

  test("23: a dry run tells and changes nothing", async () => {
    const before = await app.hashes();
    app.write({ "convex/schema.ts": schema(NOTE, '.index("by_n", ["n"]).index("dry", ["text"])') });
    app.write({ "convex/dry.ts": "export const x = 1;" });
    const result = await app.cli(["deploy", ...DEPLOY, "--dry-run"]);
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stderr, /Would add table indexes:\s+\[\+\] notes\.dry/);
    app.remove("convex/dry.ts");
    assert.deepEqual(await app.hashes(), before);
    app.write({ "convex/schema.ts": schema(NOTE, '.index("by_n", ["n"])') });
    assert.doesNotMatch((await app.deploy()).stderr, /table indexes/);
  });

  test("25: deleting a large index needs a flag", async () => {
    app.write({ "convex/schema.ts": schema(NOTE) });
    const env = { CONVEX_MIN_DOCUMENTS_FOR_INDEX_DELETE_WARNING: "1" };
    const refused = await app.cli(["deploy", ...DEPLOY], { env });
    assert.equal(refused.code, 1, refused.stderr);
    assert.match(refused.stderr, /by_n/);
    const flagged = await app.cli(["deploy", ...DEPLOY, "--skip-large-indexes-check"], { env });
    assert.equal(flagged.code, 0, flagged.stderr);
    app.write({ "convex/schema.ts": schema(NOTE, '.index("by_n", ["n"])') });
    await app.deploy();
  });

  test("14: a removed index cannot be queried", async () => {
    app.write({ "convex/schema.ts": schema(NOTE) });
    assert.match((await app.deploy()).stderr, /Deleted table indexes:\s+\[-\] notes\.by_n/);
    const result = await app.cli(["run", "by:texts"]);
    assert.equal(result.code, 1);
    assert.match(result.stderr, /by_n/);
    app.remove("convex/by.ts");
  });

  test("26: staged indexes", async () => {
    app.write({ "convex/by.ts": BY });
    const index = (staged) => schema(NOTE, `.index("by_n", { fields: ["n"], staged: ${staged} })`);
    app.write({ "convex/schema.ts": index(true) });
    assert.match((await app.deploy()).stderr, /Added staged table indexes:\s+\[\+\] notes\.by_n/);
    assert.match((await app.cli(["run", "by:texts"])).stderr, /staged/);
    app.write({ "convex/schema.ts": index(false) });
    assert.match((await app.deploy()).stderr, /These indexes are now enabled:\s+\[\*\] notes\.by_n/);
    assert.deepEqual(await app.run("by:texts"), ["a", "b", "c"]);
    app.write({ "convex/schema.ts": index(true) });
    assert.match((await app.deploy()).stderr, /These indexes are now staged:\s+\[\*\] notes\.by_n/);
    assert.match((await app.cli(["run", "by:texts"])).stderr, /staged/);
    app.remove("convex/by.ts");
  });

  test("15: a schema that documents do not fit is refused; the old one stays", async () => {
    app.write({ "convex/schema.ts": schema("{ text: v.string(), n: v.optional(v.int64()), must: v.string() }") });
    const text = await app.refused();
    assert.match(text, /Schema validation failed\./);
    assert.match(text, /Document with ID "\w+" in table "notes" does not match the schema/);
    assert.equal(await app.run("notes:count"), 3);
    await app.run("notes:add", { text: "still the old schema" });
  });

  test("16: the schema in force is enforced", async () => {
    app.write({ "convex/schema.ts": schema(NOTE) });
    await app.deploy();
    const result = await app.cli(["run", "notes:addAny", '{"text": 1}']);
    assert.equal(result.code, 1);
    assert.match(result.stderr, /does not match/);
  });

  test("16: a write that only the schema of a push forbids succeeds and fails the push", async () => {
    const strict = {
      schemaValidation: true,
      tables: [{ tableName: "notes", documentType: { type: "object", value: {
        text: { fieldType: { type: "string" }, optional: false }, n: { fieldType: { type: "any" }, optional: true },
        also: { fieldType: { type: "string" }, optional: true } } } },
        { tableName: "strict", documentType: { type: "object", value: { n: { fieldType: { type: "number" }, optional: false } } } }],
    };
    const source = `export default { export: () => ${JSON.stringify(JSON.stringify(strict))} };`;
    const modules = (await app.hashes()).map(({ path, hash, environment }) => ({ path, sha256: hash, environment }));
    const { status, body } = await app.post("/api/deploy2/start_push", {
      adminKey: app.server.adminKey, dryRun: false, functions: "convex/", componentDefinitions: [], nodeDependencies: [],
      appDefinition: {
        definition: null, dependencies: [], schema: { path: "schema.js", source, environment: "isolate" }, changedModules: [],
        unchangedModuleHashes: modules, udfServerVersion: "1.48.0",
      },
    });
    assert.equal(status, 200, JSON.stringify(body));
    await app.run("notes:addTo", { table: "strict", fields: { n: "not a number" } });
    const wait = { adminKey: app.server.adminKey, schemaChange: body.schemaChange, timeoutMs: 5_000, dryRun: false };
    const waited = await app.post("/api/deploy2/wait_for_schema", wait);
    assert.equal(waited.body.type, "failed", JSON.stringify(waited.body));
    assert.equal(waited.body.tableName, "strict");
    const finish = { adminKey: app.server.adminKey, startPush: body, dryRun: false, message: null };
    assert.equal((await app.post("/api/deploy2/finish_push", finish)).status, 400);
  });

  test("27: staged validators are accepted", async () => {
    app.write({ "convex/schema.ts": schema(NOTE, ".staged({ text: v.string(), n: v.int64() })") });
    await app.deploy();
    const { body } = await app.post("/api/query", { path: "_system/frontend/getSchemas:default", args: {}, format: "json" });
    assert.equal(body.status, "success", JSON.stringify(body));
    assert.equal(JSON.parse(body.value.active).tables[0].stagedDocumentType.value.n.optional, false);
  });

  test("20: of concurrent deploys the deployment is one or the other", async () => {
    const other = makeProject({ "convex/notes.ts": NOTES, "convex/schema.ts": schema(NOTE, '.index("theirs", ["text"])'), "convex/theirs.ts": "export const x = 1;" });
    app.write({ "convex/schema.ts": schema(NOTE, '.index("ours", ["text"])'), "convex/ours.ts": "export const x = 1;" });
    const results = await Promise.all([
      app.cli(["deploy", ...DEPLOY]),
      runCli(app.server, other, ["deploy", ...DEPLOY]),
    ]);
    assert.ok(results.some(({ code }) => code === 0), results.map(({ stderr }) => stderr).join("\n"));
    for (const { code, stderr } of results) {
      if (code !== 0) assert.match(stderr, /overwritten by another push|RaceDetected|ConcurrentPush|409|another push/);
    }
    const modules = (await app.hashes()).map(({ path }) => path);
    assert.ok(modules.includes("ours.js") !== modules.includes("theirs.js"), modules.join());
    app.remove("convex/ours.ts");
    await app.deploy();
  });

  test("31: --message is accepted and kept", async () => {
    await app.deploy("--message", "a reason");
    const { body } = await app.post("/api/query", { path: "_system/frontend/deploymentEvents:lastPushEvent", args: {}, format: "json" });
    assert.equal(body.value.metadata.message, "a reason");
  });
});

describe("environment variables and auth config", () => {
  const app = suite({
    "convex/env.ts": `
      import { query } from "./_generated/server";
      export const get = query({ args: {}, handler: async () => [process.env.A ?? null, process.env.CONVEX_CLOUD_URL] });`,
  });

  test("47: set, get, list, remove; functions see them at once", async () => {
    await app.deploy();
    assert.deepEqual(await app.run("env:get"), [null, app.server.url]);
    for (const value of ["1", "two"]) {
      assert.equal((await app.cli(["env", "set", "A", value])).code, 0);
      assert.deepEqual(await app.run("env:get"), [value, app.server.url]);
    }
    assert.equal((await app.cli(["env", "get", "A"])).stdout.trim(), "two");
    assert.match((await app.cli(["env", "list", "--include-values"])).stdout, /A=two/);
    assert.equal((await app.cli(["env", "remove", "A"])).code, 0);
    assert.deepEqual(await app.run("env:get"), [null, app.server.url]);
    for (const [args, code] of [
      [["1A", "x"], "EnvironmentVariableNameInvalid"],
      [["B", "x".repeat(8193)], "EnvironmentVariableValueTooLarge"],
      [["CONVEX_CLOUD_URL", "x"], "EnvVarNameForbidden"],
    ]) {
      const result = await app.cli(["env", "set", ...args]);
      assert.equal(result.code, 1);
      assert.ok(result.stderr.includes(code), result.stderr);
    }
    const bulk = await app.cli(["env", "set"], { input: "A=3\nC=4\n" });
    assert.equal(bulk.code, 0, bulk.stderr);
    assert.deepEqual((await app.run("env:get"))[0], "3");
    await app.cli(["env", "remove", "A"]);
  });

  test("19: an unset variable in the auth config is named; dev retries once it is set", async () => {
    app.write({
      "convex/auth.config.ts": `export default { providers: [{ domain: process.env.ISSUER, applicationID: "app1" }] };`,
    });
    const dev = startDev(app, "--tail-logs", "disable");
    try {
      const at = await dev.until(/ISSUER.*is used in auth config file but its value was not set/s);
      assert.equal((await app.cli(["env", "set", "ISSUER", "https://id.acme.test"])).code, 0);
      await dev.until(/Convex functions ready/, at);
    } finally {
      await dev.stop();
    }
    const bad = await app.cli(["env", "remove", "ISSUER"]);
    assert.equal(bad.code, 1, "the deployed auth config needs it");
    app.remove("convex/auth.config.ts");
    await app.deploy();
    assert.equal((await app.cli(["env", "remove", "ISSUER"])).code, 0);
  });

  test("21: a variable that changes during a push is a race", async () => {
    const push = {
      adminKey: app.server.adminKey, dryRun: false, functions: "convex/", componentDefinitions: [], nodeDependencies: [],
      appDefinition: {
        definition: null, dependencies: [], schema: null, changedModules: [], unchangedModuleHashes: [], udfServerVersion: "1.48.0",
      },
    };
    const { body: startPush } = await app.post("/api/deploy2/start_push", push);
    await app.cli(["env", "set", "B", "1"]);
    const finish = { adminKey: app.server.adminKey, startPush, dryRun: false, message: null };
    const raced = await app.post("/api/deploy2/finish_push", finish);
    assert.deepEqual([raced.status, raced.body.code], [400, "RaceDetected"]);
    const unknown = structuredClone(finish);
    unknown.startPush.schemaChange.pushId = "0".repeat(32);
    assert.equal((await app.post("/api/deploy2/finish_push", unknown)).body.code, "RaceDetected");
  });
});

describe("dev", () => {
  const app = suite({ "convex/notes.ts": NOTES, "convex/schema.ts": schema(NOTE) });

  test("17: dev --once writes the URLs", async () => {
    const result = await app.cli(["dev", "--once", ...DEPLOY]);
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stderr, /Convex functions ready!/);
    const env = readFileSync(path.join(app.dir, ".env.local"), "utf8");
    assert.ok(env.includes(app.server.url) && env.includes(app.server.siteUrl), env);
  });

  test("9, 15, 18: dev tails logs, survives failures and retries", async () => {
    await app.run("notes:add", { text: "history" });
    const dev = startDev(app);
    try {
      let at = await dev.until(/Convex functions ready/);
      await app.run("notes:add", { text: "after" });
      at = await dev.until(/'adding' 'after'/, at);
      assert.doesNotMatch(dev.text, /'adding' 'history'/);
      await sleep(500);
      assert.equal(dev.text.match(/'adding' 'after'/g).length, 1);

      app.write({ "convex/bad.ts": `throw new Error("oops");\nexport {};` });
      at = await dev.until(/oops/, at);
      app.write({ "convex/bad.ts": "export const fine = 1;" });
      at = await dev.until(/Convex functions ready/, at);

      await app.run("notes:clear");
      await app.run("notes:add", { text: "no n" });
      app.write({ "convex/schema.ts": schema("{ text: v.string(), n: v.int64() }") });
      at = await dev.until(/Schema validation failed/, at);
      await app.run("notes:clear");
      await dev.until(/Convex functions ready/, at);
    } finally {
      await dev.stop();
    }
  });
});

describe("run, data and logs", () => {
  const app = suite({ "convex/notes.ts": NOTES });

  test("45: values round trip, errors print", async () => {
    await app.deploy();
    assert.equal((await app.cli(["run", "notes:add", '{"text": 1}'])).code, 1);
    assert.match((await app.cli(["run", "notes:add", '{"text": 1}'])).stderr, /ArgumentValidationError/);
    const id = await app.run("notes:add", { text: "x" });
    assert.match(id, /^[0-9a-z]{31,37}$/);
  });

  test("46: inline queries", async () => {
    const expression = await app.cli(["run", "--inline-query", 'await ctx.db.query("notes").collect()']);
    assert.equal(expression.code, 0, expression.stderr);
    assert.equal(JSON.parse(expression.stdout)[0].text, "x");
    const statements = await app.cli(["run", "--inline-query", 'const n = 6; console.log("hi"); return n * 7;']);
    assert.equal(JSON.parse(statements.stdout), 42);
    assert.match(statements.stderr, /hi/);
    const failing = await app.cli(["run", "--inline-query", 'throw new Error("no luck")']);
    assert.equal(failing.code, 1);
    assert.match(failing.stderr, /no luck/);
  });

  test("48: data", async () => {
    for (let i = 0; i < 8; i++) await app.run("notes:addAny", { text: `t${i}` });
    assert.match((await app.cli(["data"])).stdout, /notes/);
    const limited = await app.cli(["data", "notes", "--limit", "5", "--order", "asc", "--format", "jsonLines"]);
    assert.equal(limited.code, 0, limited.stderr);
    const lines = limited.stdout.trim().split("\n").map((line) => JSON.parse(line).text);
    assert.deepEqual(lines, ["x", "t0", "t1", "t2", "t3"]);
    const unknown = await app.cli(["data", "nothing"]);
    assert.match(`${unknown.stdout}${unknown.stderr}`, /no documents/);
  });

  test("49: logs with history", async () => {
    const child = spawn(process.execPath, [path.join(app.dir, "node_modules/convex/bin/main.js"), "logs", "--history", "50", "--jsonl"], {
      cwd: app.dir,
      env: { ...process.env, CI: "1", NO_PROXY: "127.0.0.1", CONVEX_SELF_HOSTED_URL: app.server.url, CONVEX_SELF_HOSTED_ADMIN_KEY: app.server.adminKey },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let text = "";
    child.stdout.on("data", (chunk) => (text += chunk));
    try {
      const deadline = Date.now() + 20_000;
      while (!text.includes("adding") && Date.now() < deadline) await sleep(50);
      const entry = text.split("\n").find((line) => line.includes("adding"));
      assert.ok(entry, text);
      const { kind, udfType, identifier, logLines } = JSON.parse(entry);
      assert.deepEqual([kind, udfType, identifier], ["Completion", "Mutation", "notes:add"]);
      assert.deepEqual(logLines[0].messages, ["'adding'", "'x'"]);
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("55, 57: usage limits are empty; a paused deployment refuses functions", async () => {
    const limits = await app.cli(["deployment", "usage-limits", "list"]);
    assert.equal(limits.code, 0, limits.stderr);
    assert.equal((await app.post("/api/v1/pause_deployment", {})).status, 200);
    assert.match((await app.cli(["run", "notes:count"])).stderr, /paused/);
    assert.equal((await app.cli(["data"])).code, 0, "system functions still run");
    assert.equal((await app.post("/api/v1/pause_deployment", {})).body.code, "PauseDeploymentFailed");
    assert.equal((await app.post("/api/v1/unpause_deployment", {})).status, 200);
    assert.equal(await app.run("notes:count"), 9);
  });
});
