// What a component may not reach: documents, files, scheduled functions, variables, functions and memory of the app and of
// another mount of the very same code; by the package's API, and by `Convex` called by hand.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ConvexHttpClient } from "convex/browser";
import { deployApp, makeProject, runCli, startServer } from "../lib/server.mjs";

const SECRET = "the-secret-of-first";

const BOX = {
  "convex/box/convex.config.ts": `
    import { defineComponent } from "convex/server";
    import { v } from "convex/values";
    export default defineComponent("box", { env: { KEY: v.optional(v.string()) } });`,
  "convex/box/schema.ts": `
    import { defineSchema, defineTable } from "convex/server";
    import { v } from "convex/values";
    export default defineSchema({ things: defineTable({ text: v.string() }).index("by_text", ["text"]) });`,
  "convex/box/index.ts": `
    import { action, internalMutation, internalQuery, mutation, query } from "./_generated/server";
    import { internal } from "./_generated/api";
    import { createFunctionHandle } from "convex/server";
    const told = async (run: () => any) => { try { return { value: (await run()) ?? null }; } catch (error: any) { return { error: String(error.message) }; } };
    export const put = mutation(async (ctx, { text }: any) => await ctx.db.insert("things", { text }));
    export const texts = query(async (ctx) => (await ctx.db.query("things").collect()).map((thing) => thing.text));
    export const hidden = internalQuery(async (ctx) => (await ctx.db.query("things").first())?.text ?? null);
    export const later = internalMutation(async (ctx, { text }: any) => { await ctx.db.insert("things", { text }); });
    export const file = action(async (ctx, { text }: any) => {
      const id = await ctx.storage.store(new Blob([text]));
      return { id, uuid: (await ctx.storage.getUrl(id))!.split("/").pop()! };
    });
    export const uploadUrl = mutation(async (ctx) => await ctx.storage.generateUploadUrl());
    export const fileUrl = query(async (ctx, { id }: any) => await ctx.storage.getUrl(id));
    export const schedule = mutation(async (ctx, { text }: any) => await ctx.scheduler.runAfter(3_600_000, internal.index.later, { text }));
    export const jobs = query(async (ctx) => (await ctx.db.system.query("_scheduled_functions").collect()).map((job) => [job._id, job.state.kind]));
    export const handle = query(async () => await createFunctionHandle(internal.index.hidden));
    export const env = query(async () => [process.env.KEY, process.env.SECRET].map((x) => x ?? null));

    const reads: Record<string, (ctx: any, id: any) => any> = {
      get: (ctx, id) => ctx.db.get(id),
      getByTable: (ctx, id) => ctx.db.get("things", id),
      getSystem: (ctx, id) => ctx.db.system.get(id),
      normalize: (ctx, id) => ctx.db.normalizeId("things", id),
      normalizeSystem: (ctx, id) => ctx.db.system.normalizeId("_storage", id),
      url: (ctx, id) => ctx.storage.getUrl(id),
      metadata: (ctx, id) => ctx.storage.getMetadata(id),
      asIndex: (ctx, id) => ctx.db.query("things").withIndex("by_id", (q: any) => q.eq("_id", id)).first(),
      systemIndex: (ctx, id) => ctx.db.system.query("_storage").withIndex("by_id", (q: any) => q.eq("_id", id)).first(),
      filter: (ctx, id) => ctx.db.query("things").filter((q: any) => q.eq(q.field("_id"), id)).first(),
    };
    const writes: Record<string, (ctx: any, id: any) => any> = {
      patch: (ctx, id) => ctx.db.patch(id, { text: "taken" }),
      replace: (ctx, id) => ctx.db.replace(id, { text: "taken" }),
      remove: (ctx, id) => ctx.db.delete(id),
      removeFile: (ctx, id) => ctx.storage.delete(id),
      loadFile: async (ctx, id) => { const blob = await ctx.storage.get?.(id); return blob && await blob.text?.(); },
      cancel: (ctx, id) => ctx.scheduler.cancel(id),
    };
    const all = async (ctx: any, table: any, id: any) => {
      const found: any = {};
      for (const [name, run] of Object.entries(table) as any) found[name] = await told(() => run(ctx, id));
      return found;
    };
    export const readAll = query(async (ctx, { id }: any) => await all(ctx, reads, id));
    export const writeAll = mutation(async (ctx, { id }: any) => await all(ctx, { ...reads, ...writes }, id));
    export const actAll = action(async (ctx, { id }: any) => await all(ctx, {
      url: reads.url, metadata: reads.metadata, removeFile: writes.removeFile, loadFile: writes.loadFile, cancel: writes.cancel,
    }, id));

    const raw = async (calls: any) => {
      const found: any[] = [];
      for (const [op, args] of calls) {
        for (const call of ["asyncSyscall", "syscall"]) {
          found.push([op, await told(async () => await (globalThis as any).Convex[call](op, JSON.stringify(args)))]);
        }
      }
      return found;
    };
    export const rawQuery = query(async (_ctx, { calls }: any) => await raw(calls));
    export const rawMutation = mutation(async (_ctx, { calls }: any) => await raw(calls));
    export const rawAction = action(async (_ctx, { calls }: any) => await raw(calls));
    export const callHandle = mutation(async (ctx, { handle }: any) => [
      await told(() => ctx.runQuery(handle, {})), await told(() => ctx.runMutation(handle, { text: "taken" })),
      await told(() => ctx.scheduler.runAfter(0, handle, {})),
    ]);
    export const callReference = mutation(async (ctx, { reference }: any) => {
      const named: any = { [Symbol.for("toReferencePath")]: reference, [Symbol.for("functionName")]: undefined };
      return [await told(() => ctx.runQuery(named, {})), await told(() => ctx.runQuery(reference, {})), await told(() => createFunctionHandle(named))];
    });`,
  // The same, but asking for its context to be used again.
  "convex/box/kept.ts": `
    import { mutation, query } from "./_generated/server";
    export const experimental_reuseContext = true;
    const kept: any[] = [];
    export const q = query(async (_ctx, { text }: any) => { const found = [...kept, (globalThis as any).kept ?? null, process.env.KEY ?? null]; kept.push(text); (globalThis as any).kept = text; return found; });
    export const m = mutation(async (_ctx, { text }: any) => { const found = [...kept, (globalThis as any).kept ?? null]; kept.push(text); (globalThis as any).kept = text; return found; });`,
};

const APP = {
  "convex/convex.config.ts": `
    import { defineApp } from "convex/server";
    import box from "./box/convex.config";
    const app = defineApp();
    app.use(box, { name: "first", env: { KEY: ${JSON.stringify(SECRET)} } });
    app.use(box, { name: "second", env: { KEY: "of second" } });
    export default app;`,
  "convex/app.ts": `
    import { action, internalQuery, mutation, query } from "./_generated/server";
    import { components } from "./_generated/api";
    const of = (component: string, name: string, module = "index") => (components as any)[component][module][name];
    export const q = query(async (ctx, { to, name, args, module }: any) => await ctx.runQuery(of(to, name, module), args));
    export const m = mutation(async (ctx, { to, name, args, module }: any) => await ctx.runMutation(of(to, name, module), args));
    export const a = action(async (ctx, { to, name, args }: any) => await ctx.runAction(of(to, name), args));
    export const secret = internalQuery(async () => ${JSON.stringify(SECRET)});
    export const own = mutation(async (ctx) => await ctx.db.insert("own", { text: ${JSON.stringify(SECRET)} }));
    export const ownFile = action(async (ctx) => await ctx.storage.store(new Blob([${JSON.stringify(SECRET)}])));
    export const ownTexts = query(async (ctx) => (await ctx.db.query("own").collect()).map((doc) => doc.text));
    export const get = query(async (ctx, { id }: any) => { try { return await ctx.db.get(id); } catch (error: any) { return error.message; } });
    export const getFile = query(async (ctx, { id }: any) => { try { return await ctx.storage.getUrl(id); } catch (error: any) { return error.message; } });
    export const jobs = query(async (ctx) => await ctx.db.system.query("_scheduled_functions").collect());`,
};

let server, client;
const victim = {};
const q = (to, name, args = {}) => client.query("app:q", { to, name, args });
const m = (to, name, args = {}) => client.mutation("app:m", { to, name, args }, { skipQueue: true });
const a = (to, name, args = {}) => client.action("app:a", { to, name, args });

before(async () => {
  server = await startServer();
  const dir = makeProject({ ...BOX, ...APP });
  await deployApp(server, dir, { args: ["--typecheck", "disable"] });
  assert.equal((await runCli(server, dir, ["env", "set", "SECRET", SECRET])).code, 0);
  client = new ConvexHttpClient(server.url, { logger: false });
  victim.document = await m("first", "put", { text: SECRET });
  victim.file = await a("first", "file", { text: SECRET });
  victim.job = await m("first", "schedule", { text: SECRET });
  victim.handle = await q("first", "handle");
  victim.own = await client.mutation("app:own");
  victim.ownFile = await client.action("app:ownFile");
  await m("second", "put", { text: "of second" });
  await a("second", "file", { text: "of second" });
  await m("second", "schedule", { text: "of second" });
});
after(() => server?.stop());

const ids = () => [victim.document, victim.file.id, victim.file.uuid, victim.job, victim.own, victim.ownFile];

/** The victim has what it had, and nobody else has any of it. */
async function unharmed(...found) {
  for (const part of found) {
    const text = JSON.stringify(part);
    assert.ok(!text.includes(SECRET), text.slice(0, 2000));
    assert.ok(!text.includes(victim.file.uuid) || ids().some((id) => text === JSON.stringify(id)), text.slice(0, 2000));
  }
  assert.deepEqual(await q("first", "texts"), [SECRET]);
  assert.deepEqual(await q("second", "texts"), ["of second"]);
  assert.deepEqual(await client.query("app:ownTexts"), [SECRET]);
  assert.deepEqual(await q("first", "jobs"), [[victim.job, "pending"]]);
  const url = await q("first", "fileUrl", { id: victim.file.id });
  assert.equal(await (await fetch(url)).text(), SECRET);
}

test("ids of another component and of the app are of no use, in queries, mutations and actions", async () => {
  for (const id of ids()) {
    for (const found of [await q("second", "readAll", { id }), await m("second", "writeAll", { id }), await a("second", "actAll", { id })]) {
      const text = JSON.stringify(found).replaceAll(victim.file.uuid, "");
      assert.ok(!text.includes(SECRET), `${id}: ${text}`);
      for (const [name, { value = null }] of Object.entries(found)) {
        // The number of a table may be one of the component's own, too; then the id is that of no document.
        if (name.startsWith("normalize")) continue;
        assert.equal(value, null, `${name} of ${id}`);
      }
    }
  }
  await unharmed();
});

test("the app reaches what is in its components as little", async () => {
  for (const id of [victim.document, victim.job]) assert.doesNotMatch(`${JSON.stringify(await client.query("app:get", { id }))}`, new RegExp(SECRET));
  for (const id of [victim.file.id, victim.file.uuid]) assert.doesNotMatch(`${await client.query("app:getFile", { id })}`, /^http/);
  assert.deepEqual(await client.query("app:jobs"), []);
  await unharmed();
});

test("a component sees its own scheduled functions only", async () => {
  const [own] = await q("second", "jobs");
  assert.equal((await q("second", "jobs")).length, 1);
  assert.notEqual(own[0], victim.job);
});

test("variables of the app and of another mount are not to be had", async () => {
  assert.deepEqual(await q("second", "env"), ["of second", null]);
  assert.deepEqual(await q("first", "env"), [SECRET, null]);
});

/** Arguments that claim to be somebody else, or privileged. */
const claims = () => [
  {}, { isSystem: true }, { component: "first" }, { componentPath: "first" }, { componentId: "first" }, { namespace: 1 }, { namespace: 0 },
  { table: "things" }, { table: "first/things" }, { version: "99.0.0" }, { identity: { admin: true } }, { privileged: true },
];
const tables = ["things", "first/things", "../things", "first:things", "_modules", "_environment_variables", "_tables", "_indexes", "_components",
  "_function_handles", "_deployment", "_session_requests", "_scheduled_jobs", "_scheduled_functions", "_storage", "_file_storage", "_auth", "own", "", "\u0000things"];

function forgedCalls() {
  const calls = [];
  for (const claim of claims()) {
    for (const id of ids()) {
      calls.push(["1.0/get", { id, ...claim }], ["1.0/storageGetUrl", { storageId: id, ...claim }], ["1.0/storageGetMetadata", { storageId: id, ...claim }],
        ["1.0/storageDelete", { storageId: id, ...claim }], ["1.0/storageGet", { storageId: id, ...claim }], ["1.0/cancel_job", { id, ...claim }],
        ["1.0/actions/cancel_job", { id, ...claim }], ["1.0/remove", { id, ...claim }], ["1.0/shallowMerge", { id, value: { text: "taken" }, ...claim }],
        ["1.0/replace", { id, value: { text: "taken" }, ...claim }]);
    }
  }
  for (const table of tables) {
    for (const source of [
      { type: "FullTableScan", tableName: table, order: "asc" }, { type: "IndexRange", indexName: `${table}.by_creation_time`, range: [], order: "asc" },
      { type: "IndexRange", indexName: `${table}.by_id`, range: [], order: "asc" },
    ]) {
      const query = { source, operators: [] };
      calls.push(["1.0/queryStream", { query, version: "1.48.0" }], ["1.0/queryStream", { query, isSystem: true }], ["1.0/queryStreamNext", { queryId: 0 }],
        ["1.0/queryPage", { query, cursor: null, pageSize: 10, version: "1.48.0" }]);
    }
    calls.push(["1.0/count", { table }], ["1.0/db/normalizeId", { table, idString: victim.document }], ["1.0/db/normalizeId", { table, idString: victim.job }]);
  }
  const places = [
    { name: "app:secret" }, { name: "app.js:secret" }, { name: "../app:secret" }, { name: "first/index:hidden" }, { name: "_system/cli:queryEnvironmentVariables" },
    { name: "_system/frontend/listTableScan" }, { name: "_system/cli/tables:default" }, { name: "_system/frontend/common:tableSize" },
    { reference: "_reference/childComponent/first/index/hidden" }, { reference: "_reference/childComponent/index/hidden" }, { reference: "_reference/parent/app/secret" },
    { reference: "_reference/function/../app:secret" }, { reference: "_reference/componentArgument/x" }, { reference: "_reference/currentSystemUdfInComponent/x" },
    { reference: "_reference/function/_system/cli:queryEnvironmentVariables" }, { name: "index:hidden", component: "first" }, { name: "index:hidden", componentPath: "first" },
    { functionHandle: `function://${victim.document}` }, { functionHandle: "function://first;index:hidden" }, { functionHandle: "function://;app:secret" },
  ];
  for (const place of places) {
    for (const udfType of ["query", "mutation", "action", "snapshotQuery", "system", "httpAction"]) calls.push(["1.0/runUdf", { udfType, args: {}, ...place }]);
    for (const kind of ["query", "mutation", "action"]) calls.push([`1.0/actions/${kind}`, { args: {}, version: "1.48.0", requestId: "x", ...place }]);
    calls.push(["1.0/createFunctionHandle", { version: "1.48.0", ...place }], ["1.0/schedule", { ts: 0, args: {}, version: "1.48.0", ...place }],
      ["1.0/actions/schedule", { ts: 0, args: {}, version: "1.48.0", ...place }]);
  }
  return calls;
}

for (const [kind, run] of [["query", (calls) => q("second", "rawQuery", { calls })], ["mutation", (calls) => m("second", "rawMutation", { calls })],
  ["action", (calls) => a("second", "rawAction", { calls })]]) {
  test(`syscalls by hand in a ${kind}: claims, tables of the system, other components' functions`, { timeout: 120_000 }, async () => {
    const calls = forgedCalls();
    for (let at = 0; at < calls.length; at += 40) {
      const part = calls.slice(at, at + 40);
      const found = await run(part).catch((error) => error.message);
      const text = JSON.stringify(found);
      assert.ok(!text.includes(SECRET), text.slice(0, 3000));
      // Whatever is found in tables is the component's own.
      assert.doesNotMatch(text, /INSTANCE_SECRET|instance_secret|"source"|sourcePackage/);
    }
    await m("second", "writeAll", { id: "none" });
    await unharmed();
  });
}

test("no reference leads up or aside; a handle that was not given is of no use", async () => {
  const references = ["_reference/childComponent/first/index/hidden", "_reference/childComponent/second/index/hidden", "_reference/parent/app/secret",
    "_reference/childComponent/../first/index/texts", "_reference/function/app:secret", "app:secret", "first/index:texts", "../app:secret",
    "_reference/function/_system/cli:queryEnvironmentVariables"];
  for (const reference of references) {
    const found = await m("second", "callReference", { reference });
    for (const { value } of found) assert.equal(value, undefined, `${reference}: ${JSON.stringify(found)}`);
  }
  const flip = (text, at) => text.slice(0, at) + (text[at] === "a" ? "b" : "a") + text.slice(at + 1);
  const start = "function://".length;
  for (let at = start; at < victim.handle.length; at += 3) {
    const found = await m("second", "callHandle", { handle: flip(victim.handle, at) });
    for (const { error } of found) assert.match(error ?? "called", /FunctionHandleNotFound|handle/i);
  }
  await unharmed();
});

test("upload URLs are of the component that asked for them", async () => {
  const upload = async (to) => {
    const response = await fetch(await m(to, "uploadUrl"), { method: "POST", body: "uploaded" });
    return (await response.json()).storageId;
  };
  const [first, second] = [await upload("first"), await upload("second")];
  assert.match(await q("first", "fileUrl", { id: first }), /^http/);
  assert.match(await q("second", "fileUrl", { id: second }), /^http/);
  assert.equal((await q("second", "readAll", { id: first })).url.value ?? null, null);
  assert.equal((await q("first", "readAll", { id: second })).url.value ?? null, null);
});

test("a module that keeps its context keeps nothing of another mount", async () => {
  const call = (kind, to, text) => client[kind](`app:${kind[0]}`, { to, name: kind[0], module: "kept", args: { text } });
  for (let i = 0; i < 8; i++) {
    for (const kind of ["query", "mutation"]) {
      const mine = await call(kind, "second", `of second ${i} ${kind}`);
      assert.ok(!JSON.stringify(mine).includes(SECRET), JSON.stringify(mine));
      assert.ok(!JSON.stringify(await call(kind, "first", `${SECRET} ${i} ${kind}`)).includes("of second"));
    }
    const found = await Promise.all(Array.from({ length: 4 }, (_, n) => call("query", n % 2 ? "first" : "second", n % 2 ? `${SECRET} ${i} ${n}` : `of second ${i} ${n}`)));
    for (const [n, mine] of found.entries()) assert.ok(!JSON.stringify(mine).includes(n % 2 ? "of second" : SECRET), JSON.stringify(mine));
  }
});
