// Components: an app of several local ones, pushed by the official CLI. The numbers are points of the runtime
// specification (section 12).

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { ConvexHttpClient } from "convex/browser";

import { makeProject, runCli, startServer, writeFiles } from "../lib/server.mjs";

const COUNTER = {
  "convex/counter/convex.config.ts": `
    import { defineComponent } from "convex/server";
    import { v } from "convex/values";
    export default defineComponent("counter", { env: {
      LABEL: v.optional(v.string()), KEY: v.optional(v.string()), HIDDEN: v.optional(v.string()),
    } });`,
  "convex/counter/schema.ts": `
    import { defineSchema, defineTable } from "convex/server";
    import { v } from "convex/values";
    export default defineSchema({ counts: defineTable({ name: v.string(), n: v.number() }).index("by_name", ["name"]) });`,
  "convex/counter/index.ts": `
    import { query, mutation, action, internalMutation, internalQuery } from "./_generated/server";
    import { internal } from "./_generated/api";
    import { ConvexError, v } from "convex/values";
    const find = (ctx, name) => ctx.db.query("counts").withIndex("by_name", (q) => q.eq("name", name)).unique();
    export const add = mutation({ args: { name: v.string(), n: v.number() }, returns: v.id("counts"), handler: async (ctx, { name, n }) => {
      console.log("counting", name);
      const found = await find(ctx, name);
      if (found === null) return await ctx.db.insert("counts", { name, n });
      await ctx.db.patch(found._id, { n: found.n + n });
      return found._id;
    } });
    export const value = query({ args: { name: v.string() }, returns: v.number(), handler: async (ctx, { name }) => (await find(ctx, name))?.n ?? 0 });
    export const byId = query({ args: { id: v.string() }, handler: async (ctx, { id }) => await ctx.db.get(id) });
    export const strictId = query({ args: { id: v.id("counts") }, handler: async (ctx, { id }) => (await ctx.db.get(id))?.n ?? null });
    export const read = query({ args: { table: v.string() }, handler: async (ctx, { table }) => await ctx.db.query(table).collect() });
    export const readSystem = query({ args: { table: v.string() }, handler: async (ctx, { table }) => await ctx.db.system.query(table).collect() });
    export const addThenFail = mutation({ args: { name: v.string() }, handler: async (ctx, { name }) => {
      await ctx.db.insert("counts", { name, n: 1 });
      throw new ConvexError({ kind: "full", name });
    } });
    export const rejects = mutation({ args: {}, handler: async () => { void Promise.reject(new Error("nobody listens")); } });
    export const spins = mutation({ args: {}, handler: async () => { for (;;); } });
    export const env = query({ args: {}, handler: async () => ({
      label: process.env.LABEL ?? null, key: process.env.KEY ?? null, hidden: process.env.HIDDEN ?? null,
      secret: process.env.SECRET ?? null, appKey: process.env.APP_KEY ?? null,
      site: process.env.CONVEX_SITE_URL ?? null, cloud: process.env.CONVEX_CLOUD_URL ?? null,
    }) });
    export const identity = query({ args: {}, handler: async (ctx) => await ctx.auth.getUserIdentity() });
    export const meta = query({ args: {}, handler: async (ctx) => await ctx.meta.getFunctionMetadata() });
    export const page = query({ args: {}, handler: async (ctx) =>
      await ctx.db.query("counts").paginate({ cursor: null, numItems: 1 }) });
    export const hidden = internalQuery({ args: {}, handler: async () => "internal" });
    export const viaHandle = mutation({ args: { handle: v.string(), args: v.any() }, handler: async (ctx, { handle, args }) =>
      await ctx.runMutation(handle, args) });
    export const queryHandle = query({ args: { handle: v.string() }, handler: async (ctx, { handle }) => await ctx.runQuery(handle, {}) });
    export const act = action({ args: { name: v.string() }, handler: async (ctx, { name }) => {
      await ctx.runMutation("index:add", { name, n: 5 });
      return { n: await ctx.runQuery("index:value", { name }), identity: await ctx.auth.getUserIdentity() };
    } });`,
  "convex/counter/http.ts": `
    import { httpRouter } from "convex/server";
    import { httpAction } from "./_generated/server";
    const http = httpRouter();
    http.route({ path: "/ping", method: "GET", handler: httpAction(async () => new Response("pong")) });
    export default http;`,
};

const OUTER = {
  "convex/outer/convex.config.ts": `
    import { defineComponent } from "convex/server";
    import counter from "../counter/convex.config";
    const outer = defineComponent("outer");
    outer.use(counter, { name: "inner", httpPrefix: "/inner/", env: { LABEL: "nested" } });
    export default outer;`,
  "convex/outer/lib/deep.ts": `
    import { query, mutation } from "../_generated/server";
    import { components } from "../_generated/api";
    import { v } from "convex/values";
    export const add = mutation({ args: { name: v.string(), n: v.number() }, handler: async (ctx, args) =>
      await ctx.runMutation(components.inner.index.add, args) });
    export const value = query({ args: { name: v.string() }, handler: async (ctx, args) =>
      await ctx.runQuery(components.inner.index.value, args) });
    export const env = query({ args: {}, handler: async (ctx) => await ctx.runQuery(components.inner.index.env, {}) });`,
};

const PLAIN = {
  "convex/plain/convex.config.ts": `import { defineComponent } from "convex/server"; export default defineComponent("plain");`,
};

const config = (uses) => `
  import { defineApp } from "convex/server";
  import { v } from "convex/values";
  import counter from "./counter/convex.config";
  import outer from "./outer/convex.config";
  import plain from "./plain/convex.config";
  const app = defineApp({ env: { APP_KEY: v.optional(v.string()) } });
  ${uses}
  export default app;`;
const FIRST = `app.use(counter, { name: "first", httpPrefix: "/first/", env: { LABEL: "one", KEY: app.env?.APP_KEY } });`;
const SECOND = `app.use(counter, { name: "second", env: { LABEL: "two" } });`;
const REST = `app.use(outer, { httpPrefix: "/outer/" });`;

const APP = `
  import { query, mutation, action, internalMutation, internalQuery } from "./_generated/server";
  import { components, internal, api } from "./_generated/api";
  import { createFunctionHandle } from "convex/server";
  import { ConvexError, v } from "convex/values";
  export const add = mutation({ args: { name: v.string(), n: v.number() }, handler: async (ctx, args) =>
    await ctx.runMutation(components.first.index.add, args) });
  export const addSecond = mutation({ args: { name: v.string(), n: v.number() }, handler: async (ctx, args) =>
    await ctx.runMutation(components.second.index.add, args) });
  export const addDeep = mutation({ args: { name: v.string(), n: v.number() }, handler: async (ctx, args) =>
    await ctx.runMutation(components.outer.lib.deep.add, args) });
  export const values = query({ args: { name: v.string() }, handler: async (ctx, args) => [
    await ctx.runQuery(components.first.index.value, args),
    await ctx.runQuery(components.second.index.value, args),
    await ctx.runQuery(components.outer.lib.deep.value, args),
  ] });
  export const envs = query({ args: {}, handler: async (ctx) => [
    await ctx.runQuery(components.first.index.env, {}),
    await ctx.runQuery(components.second.index.env, {}),
    await ctx.runQuery(components.outer.lib.deep.env, {}),
  ] });
  export const meta = query({ args: {}, handler: async (ctx) => [
    await ctx.meta.getFunctionMetadata(), await ctx.runQuery(components.second.index.meta, {}),
  ] });
  export const rollback = mutation({ args: { name: v.string() }, handler: async (ctx, { name }) => {
    await ctx.runMutation(components.first.index.add, { name, n: 10 });
    await ctx.db.insert("own", { name });
    let data = null;
    try { await ctx.runMutation(components.first.index.addThenFail, { name: name + "!" }); }
    catch (error) { data = error instanceof ConvexError ? error.data : String(error); }
    return { data, kept: await ctx.runQuery(components.first.index.value, { name }),
      gone: await ctx.runQuery(components.first.index.value, { name: name + "!" }) };
  } });
  export const badArgs = mutation({ args: {}, handler: async (ctx) => {
    try { await ctx.runMutation(components.first.index.add, { name: 7, n: 1 }); } catch (error) { return error.message; }
  } });
  export const catches = mutation({ args: { what: v.string() }, handler: async (ctx, { what }) => {
    try { await ctx.runMutation(components.first.index[what], {}); } catch (error) { return error.message; }
  } });
  export const page = query({ args: {}, handler: async (ctx) => await ctx.runQuery(components.first.index.page, {}) });
  export const childDocument = query({ args: { id: v.string() }, handler: async (ctx, { id }) => {
    try { return await ctx.db.get(id); } catch (error) { return error.message; }
  } });
  export const insertOwn = mutation({ args: {}, handler: async (ctx) => await ctx.db.insert("own", { name: "x" }) });
  export const parentDocument = query({ args: { id: v.string() }, handler: async (ctx, { id }) =>
    [await ctx.runQuery(components.first.index.byId, { id }), await ctx.runQuery(components.second.index.byId, { id })] });
  export const foreignId = query({ args: { id: v.string() }, handler: async (ctx, { id }) => {
    try { return await ctx.runQuery(components.second.index.strictId, { id }); } catch (error) { return error.message; }
  } });
  export const readFrom = query({ args: { table: v.string() }, handler: async (ctx, { table }) =>
    await ctx.runQuery(components.first.index.read, { table }) });
  export const readSystemFrom = query({ args: { table: v.string() }, handler: async (ctx, { table }) =>
    await ctx.runQuery(components.first.index.readSystem, { table }) });
  export const reference = query({ args: { reference: v.string() }, handler: async (ctx, { reference }) => {
    const named = { [Symbol.for("toReferencePath")]: reference };
    try { return await ctx.runQuery(named, {}); } catch (error) { return error.message; }
  } });
  export const secretMutation = internalMutation({ args: { name: v.string() }, handler: async (ctx, { name }) =>
    await ctx.db.insert("own", { name }) });
  export const callBack = mutation({ args: { name: v.string() }, handler: async (ctx, { name }) => {
    const handle = await createFunctionHandle(internal.app.secretMutation);
    return await ctx.runMutation(components.first.index.viaHandle, { handle, args: { name } });
  } });
  export const handle = query({ args: {}, handler: async () => await createFunctionHandle(components.first.index.env) });
  export const keepHandle = mutation({ args: {}, handler: async (ctx) =>
    await ctx.db.insert("handles", { handle: await createFunctionHandle(components.first.index.env) }) });
  export const callKept = query({ args: {}, handler: async (ctx) => {
    const kept = await ctx.db.query("handles").first();
    try { return await ctx.runQuery(kept.handle, {}); } catch (error) { return error.message; }
  } });
  export const call = query({ args: { handle: v.string() }, handler: async (ctx, { handle }) => {
    try { return await ctx.runQuery(handle, {}); } catch (error) { return error.message; }
  } });
  export const act = action({ args: { name: v.string() }, handler: async (ctx, { name }) => {
    const handle = await createFunctionHandle(components.second.index.value);
    return [await ctx.runAction(components.second.index.act, { name }), await ctx.runQuery(handle, { name })];
  } });
  export const identity = query({ args: {}, handler: async (ctx) =>
    [await ctx.auth.getUserIdentity() !== null, await ctx.runQuery(components.first.index.identity, {})] });
  export const actIdentity = action({ args: {}, handler: async (ctx) => await ctx.runQuery(components.first.index.identity, {}) });
  export const own = query({ args: {}, handler: async (ctx) => (await ctx.db.query("own").collect()).map((doc) => doc.name) });
`;

const DEPLOY = ["deploy", "--typecheck", "disable"];

describe("components", { concurrency: false }, () => {
  const context = {};
  const cli = async (...args) => {
    const result = await runCli(context.server, context.dir, args);
    assert.equal(result.code, 0, `${args.join(" ")}\n${result.stderr}\n${result.stdout}`);
    return result;
  };
  const deploy = async (uses, files = {}) => {
    writeFiles(context.dir, { "convex/convex.config.ts": config(uses), ...files });
    return await cli(...DEPLOY);
  };
  const q = (name, args = {}) => context.http.query(`app:${name}`, args);
  const m = (name, args = {}) => context.http.mutation(`app:${name}`, args);
  const a = (name, args = {}) => context.http.action(`app:${name}`, args);

  before(async () => {
    context.server = await startServer();
    context.dir = makeProject({
      ...COUNTER, ...OUTER, ...PLAIN, "convex/app.ts": APP, "convex/convex.config.ts": config(FIRST + SECOND + REST),
    });
    context.http = new ConvexHttpClient(context.server.url);
    context.installed = await cli(...DEPLOY);
  });
  after(async () => await context.server?.stop());

  test("the CLI tells what was installed and generates types", () => {
    const { stderr } = context.installed;
    for (const name of ["first", "second", "outer", "outer/inner"]) {
      assert.match(stderr, new RegExp(`Installed component ${name}\\.`));
    }
    const generated = readFileSync(path.join(context.dir, "convex/counter/_generated/component.ts"), "utf8");
    assert.match(generated, /strictId/);
    assert.doesNotMatch(generated, /hidden/);
    assert.ok(existsSync(path.join(context.dir, "convex/outer/_generated/component.ts")));
  });

  test("136, 85, 86: mounts of one definition have tables of their own, nested ones too", async () => {
    await m("add", { name: "a", n: 1 });
    await m("addSecond", { name: "a", n: 20 });
    await m("addDeep", { name: "a", n: 300 });
    assert.deepEqual(await q("values", { name: "a" }), [1, 20, 300]);
  });

  test("85, 89: a failed call rolls back its own writes only, and its data come along", async () => {
    assert.deepEqual(await m("rollback", { name: "r" }), { data: { kind: "full", name: "r!" }, kept: 10, gone: 0 });
    assert.deepEqual(await q("own"), ["r"]);
  });

  test("arguments are checked at the boundary", async () => {
    assert.match(await m("badArgs"), /InvalidArgs: ArgumentValidationError/);
  });

  test("90: an unhandled rejection in a component can be caught, running out of time can not", async () => {
    assert.match(await m("catches", { what: "rejects" }), /nobody listens/);
    await assert.rejects(m("catches", { what: "spins" }), /timed out/);
  });

  test("73: pagination is refused in components", async () => {
    await assert.rejects(q("page"), /PaginationUnsupportedInComponents/);
  });

  test("144: ids and table names of one component give no access to another", async () => {
    const child = await m("add", { name: "ids", n: 1 });
    assert.equal(await q("childDocument", { id: child }), null);
    const own = await m("insertOwn");
    assert.deepEqual(await q("parentDocument", { id: own }), [null, null]);
    assert.match(await q("foreignId", { id: child }), /does not match validator|Found ID|ArgumentValidationError/);
    for (const table of ["own", "handles"]) assert.deepEqual(await q("readFrom", { table }), []);
    for (const table of ["_modules", "_components", "_environment_variables", "_function_handles"]) {
      assert.deepEqual(await q("readSystemFrom", { table }), []);
    }
  });

  test("139, 140: variables are those that were bound", async () => {
    await cli("env", "set", "SECRET", "top");
    await cli("env", "set", "HIDDEN", "top");
    await cli("env", "set", "APP_KEY", "k1");
    const [first, second, nested] = await q("envs");
    assert.deepEqual([first.label, second.label, nested.label], ["one", "two", "nested"]);
    for (const env of [first, second, nested]) {
      assert.deepEqual([env.secret, env.hidden, env.appKey], [null, null, null]);
    }
    assert.equal(first.key, "k1");
    assert.equal(second.key, null);
    assert.match(first.site, /^http:\/\/[^/]+\/first$/);
    assert.match(nested.site, /^http:\/\/[^/]+\/outer\/inner$/);
    assert.match(second.site, /^http:\/\/[^/]+$/);
    await cli("env", "set", "APP_KEY", "k2");
    assert.equal((await q("envs"))[0].key, "k2");
  });

  test("137: internal functions of a child are out of reach, a handle of one is not", async () => {
    const call = (reference) => q("reference", { reference });
    assert.match(await call("_reference/childComponent/first/index/hidden"), /InvalidReference/);
    assert.match(await call("_reference/childComponent/outer/inner/index/env"), /InvalidReference/);
    assert.match(await call("_reference/childComponent/none/index/env"), /ComponentNotFound/);
    assert.match(await call("_reference/currentSystemUdfInComponent/x"), /InvalidReference/);
    assert.match(await call("_reference/function/_system/frontend/components.js:list"), /Could not find function|InvalidFunctionCall/);
    await m("callBack", { name: "called back" });
    assert.ok((await q("own")).includes("called back"));
  });

  test("forged handles are refused", async () => {
    const handle = await q("handle");
    assert.match(handle, /^function:\/\/\w+$/);
    assert.equal((await q("call", { handle })).label, "one");
    const last = handle.at(-1) === "0" ? "1" : "0";
    for (const forged of [handle.slice(0, -1) + last, "function://", "function://index:hidden", handle + "a"]) {
      assert.match(await q("call", { handle: forged }), /FunctionHandleNotFound/, forged);
    }
  });

  test("actions call components", async () => {
    assert.deepEqual(await a("act", { name: "acted" }), [{ n: 5, identity: null }, 5]);
  });

  test("145: components do not hear who calls", async () => {
    const admin = new ConvexHttpClient(context.server.url);
    admin.setAdminAuth(context.server.adminKey, { issuer: "https://i.test", subject: "s" });
    assert.deepEqual(await admin.query("app:identity", {}), [true, null]);
    assert.equal(await admin.action("app:actIdentity", {}), null);
  });

  test("functions know where they are", async () => {
    const [own, child] = await q("meta");
    assert.deepEqual([own.name, own.componentPath], ["app:meta", ""]);
    assert.deepEqual([child.name, child.componentPath], ["index:meta", "second"]);
  });

  test("clients cannot call functions of components, administrators can", async () => {
    const url = context.server.url;
    const body = { path: "index:value", componentPath: "first", args: { name: "a" }, format: "json" };
    const post = (headers) => fetch(`${url}/api/function`, {
      method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body),
    });
    assert.ok([401, 403].includes((await post({})).status));
    await assert.rejects(context.http.query("index:value", { name: "a" }), /Could not find public function/);
    const { stdout } = await cli("run", "--component", "outer/inner", "index:value", '{"name":"a"}');
    assert.equal(stdout.trim(), "300");
  });

  test("the CLI shows the tables of a component", async () => {
    const { stdout } = await cli("data", "--component", "second");
    assert.equal(stdout.trim(), "counts");
    const rows = await cli("data", "counts", "--component", "second", "--format", "jsonLines");
    assert.deepEqual(rows.stdout.trim().split("\n").map((row) => JSON.parse(row).n).sort(), [20, 5]);
    const inline = await cli("run", "--component", "second", "--inline-query", 'await ctx.db.query("counts").collect()');
    assert.match(inline.stdout, /"n": 20/);
  });

  test("log entries name component and function", async () => {
    const { url, adminKey } = context.server;
    const response = await fetch(`${url}/api/stream_function_logs?cursor=0`, { headers: { authorization: `Convex ${adminKey}` } });
    const { entries } = await response.json();
    const line = entries.flatMap((entry) => entry.logLines ?? []).find((line) => line.componentPath === "outer/inner");
    assert.equal(line.udfPath, "index:add");
  });

  test("152: definitions that do not fit are refused by name", async () => {
    for (const [uses, text] of [
      [`app.use(counter, { name: "first", env: { NOPE: "1" } as any });`, /`NOPE`, which it does not declare/],
      [`app.use(counter); app.use(counter);`, /the name `counter`|Duplicate|already/],
      [`app.use(plain, { httpPrefix: "/plain/" });`, /component `plain` has no HTTP routes/],
    ]) {
      writeFiles(context.dir, { "convex/convex.config.ts": config(uses) });
      const result = await runCli(context.server, context.dir, DEPLOY);
      assert.notEqual(result.code, 0);
      assert.match(result.stderr + result.stdout, text);
    }
  });

  test("142, 138: unmounting keeps the data, remounting brings back functions and handles", async () => {
    await deploy(FIRST + SECOND + REST);
    await m("keepHandle");
    const gone = await deploy(SECOND + REST, { "convex/app.ts": APP.replaceAll("components.first", "(components as any).first") });
    assert.match(gone.stderr, /Unmounted component first\./);
    assert.match(await q("callKept"), /FunctionHandleNotFound/);
    await assert.rejects(m("add", { name: "a", n: 1 }), /ComponentNotFound/);
    const refused = await runCli(context.server, context.dir, ["run", "--component", "first", "index:add", '{"name":"a","n":1}']);
    assert.match(refused.stderr + refused.stdout, /UnmountedComponent/);
    assert.equal((await cli("data", "--component", "first")).stdout.trim(), "counts");
    const back = await deploy(FIRST + SECOND + REST);
    assert.match(back.stderr, /Remounted component first\./);
    assert.equal((await q("callKept")).label, "one");
    assert.equal((await q("values", { name: "a" }))[0], 1);
  });

  test("138: the handle of a function survives pushes and comes back with its function", async () => {
    const before = await q("handle");
    const index = COUNTER["convex/counter/index.ts"];
    await deploy(FIRST + SECOND + REST, { "convex/counter/index.ts": index.replace("export const env =", "export const env2 =") });
    assert.match(await q("call", { handle: before }), /FunctionHandleNotFound/);
    await deploy(FIRST + SECOND + REST, { "convex/counter/index.ts": index });
    assert.equal(await q("handle"), before);
    assert.equal((await q("call", { handle: before })).label, "one");
  });

  test("37: documents that a component's new schema does not allow keep the push from going live", async () => {
    const schema = COUNTER["convex/counter/schema.ts"];
    writeFiles(context.dir, { "convex/counter/schema.ts": schema.replace("n: v.number()", "n: v.string()") });
    const result = await runCli(context.server, context.dir, DEPLOY);
    assert.notEqual(result.code, 0);
    assert.match(result.stderr, /Schema validation failed in component "(first|second|outer\/inner)"/);
    await deploy(FIRST + SECOND + REST, { "convex/counter/schema.ts": schema });
  });
});
