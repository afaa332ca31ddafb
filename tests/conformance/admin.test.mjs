// What dashboards do: the system functions of deploy-and-admin.md, section 18.2, that change something or tell of files,
// jobs, crons and events, and the routes of section 24.2. Deployed with the official CLI; the app has components.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ConvexHttpClient } from "convex/browser";
import { runCli, makeProject, startServer, writeFiles } from "../lib/server.mjs";
import { until } from "./harness.mjs";

const SHARED = (where) => `
  import { mutation, query, internalMutation, internalAction } from "${where}_generated/server";
  import { internal } from "${where}_generated/api";
  import { v } from "convex/values";
  export const mark = internalMutation({ args: { n: v.number() }, handler: async (ctx, { n }) => { await ctx.db.insert("marks", { n }); } });
  export const other = internalMutation({ args: { n: v.number() }, handler: async (ctx, { n }) => { await ctx.db.insert("marks", { n: -n }); } });
  export const slow = internalAction(async () => { await new Promise((done) => setTimeout(done, 1500)); });
  export const schedule = mutation({ args: { count: v.number(), ms: v.number(), which: v.optional(v.string()) }, handler: async (ctx, { count, ms, which }) => {
    const ids: string[] = [];
    for (let n = 0; n < count; n++) ids.push(await ctx.scheduler.runAfter(ms + n * 1000, (internal.jobs as any)[which ?? "mark"], which === "slow" ? {} : { n }));
    return ids;
  } });
  export const states = query({ args: {}, handler: async (ctx) => {
    const counts: Record<string, number> = {};
    for (const job of await ctx.db.system.query("_scheduled_functions").collect()) counts[job.state.kind] = (counts[job.state.kind] ?? 0) + 1;
    return counts;
  } });
  export const keep = mutation({ args: { text: v.string() }, handler: async (ctx, { text }) => {
    const id = await ctx.storage.store(new Blob([text]));
    return { id, url: await ctx.storage.getUrl(id) };
  } });
  export const note = mutation({ args: { text: v.string() }, handler: async (ctx, { text }) => await ctx.db.insert("notes", { text }) });
  export const loose = mutation({ args: { table: v.string() }, handler: async (ctx, { table }) => { for (let n = 0; n < 5; n++) await ctx.db.insert(table, { n }); } });
  export const count = query({ args: { table: v.string() }, handler: async (ctx, { table }) => (await ctx.db.query(table).collect()).length });`;

const SCHEMA = `
  import { defineSchema, defineTable } from "convex/server";
  import { v } from "convex/values";
  export default defineSchema({ notes: defineTable({ text: v.string() }).index("text", ["text"]) }, { schemaValidation: true, strictTableNameTypes: false });`;

const APP = {
  "convex/schema.ts": SCHEMA,
  "convex/jobs.ts": SHARED("./"),
  "convex/crons.ts": `
    import { cronJobs } from "convex/server";
    import { internal } from "./_generated/api";
    const crons = cronJobs();
    crons.daily("nightly", { hourUTC: 3, minuteUTC: 30 }, internal.jobs.mark, { n: 7 });
    export default crons;`,
  "convex/app.ts": `
    import { mutation, query } from "./_generated/server";
    import { components } from "./_generated/api";
    import { createFunctionHandle } from "convex/server";
    import { v } from "convex/values";
    const part: any = (components as any).part;
    export const schedule = mutation({ args: { args: v.any() }, handler: async (ctx, { args }) => await ctx.runMutation(part.jobs.schedule, args) });
    export const states = query({ args: {}, handler: async (ctx) => await ctx.runQuery(part.jobs.states, {}) });
    export const keep = mutation({ args: { text: v.string() }, handler: async (ctx, args) => await ctx.runMutation(part.jobs.keep, args) });
    export const note = mutation({ args: { text: v.string() }, handler: async (ctx, args) => await ctx.runMutation(part.jobs.note, args) });
    export const count = query({ args: { table: v.string() }, handler: async (ctx, args) => await ctx.runQuery(part.jobs.count, args) });
    export const handle = mutation(async () => await createFunctionHandle(part.jobs.count));
    export const plain = 7;`,
  "convex/part/convex.config.ts": `import { defineComponent } from "convex/server"; export default defineComponent("part");`,
  "convex/part/schema.ts": SCHEMA,
  "convex/part/jobs.ts": SHARED("./"),
  "convex/part/crons.ts": `
    import { cronJobs } from "convex/server";
    import { internal } from "./_generated/api";
    const crons = cronJobs();
    crons.interval("of the part", { hours: 5 }, internal.jobs.mark, { n: 1 });
    export default crons;`,
};
const config = (mounted) => `
  import { defineApp } from "convex/server";
  import part from "./part/convex.config";
  const app = defineApp();
  ${mounted ? "app.use(part);" : ""}
  export default app;`;

describe("administration", { concurrency: false }, () => {
  let server, dir, user, admin, part;
  const deploy = async (mounted = true) => {
    writeFiles(dir, { "convex/convex.config.ts": config(mounted) });
    const result = await runCli(server, dir, ["deploy", "--typecheck", "disable"]);
    assert.equal(result.code, 0, result.stderr + result.stdout);
    return result;
  };
  const system = (name, args = {}) => admin.query(`_system/frontend/${name}`, args);
  const change = (name, args = {}) => admin.mutation(`_system/frontend/${name}`, args);
  const post = async (path, body, { key = server.adminKey } = {}) => {
    const headers = { "content-type": "application/json", ...(key === null ? {} : { authorization: `Convex ${key}` }) };
    const response = await fetch(`${server.url}/api/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    const text = await response.text();
    return { status: response.status, ...(response.status === 200 ? { text } : JSON.parse(text)) };
  };
  const done = async (path, body) => assert.deepEqual(await post(path, body), { status: 200, text: "" });
  const events = async (...actions) => {
    const filters = { minDate: 0, ...(actions.length === 0 ? {} : { actions }) };
    return (await system("paginatedDeploymentEvents", { paginationOpts: { cursor: null, numItems: 100 }, filters })).page;
  };

  before(async () => {
    server = await startServer();
    dir = makeProject(APP);
    user = new ConvexHttpClient(server.url, { logger: false });
    admin = new ConvexHttpClient(server.url, { logger: false });
    admin.setAdminAuth(server.adminKey);
    await deploy();
    part = (await system("components:list")).find((component) => component.path === "part").id;
  });
  after(() => server?.stop());

  test("the routes are for administrators", async () => {
    for (const path of ["cancel_job", "cancel_all_jobs", "delete_scheduled_functions_table", "delete_tables", "delete_component"]) {
      for (const key of [null, "nobody|00"]) assert.equal((await post(path, {}, { key })).status, 403, path);
    }
    await assert.rejects(user.mutation("_system/frontend/createTable", { table: "x" }), /Could not find public function/);
    await assert.rejects(user.mutation("_system/frontend/fileStorageV2:deleteFile", { storageId: "x" }), /Could not find public function/);
  });

  test("one scheduled function is canceled, and only by who names its component", async () => {
    const [first, second] = await user.mutation("jobs:schedule", { count: 2, ms: 3600_000 });
    const [ofPart] = await user.mutation("app:schedule", { args: { count: 1, ms: 3600_000 } });
    await done("cancel_job", { id: first, componentId: null });
    assert.deepEqual(await user.query("jobs:states"), { canceled: 1, pending: 1 });
    await done("cancel_job", { id: first, componentId: null });
    assert.equal((await post("cancel_job", { id: ofPart, componentId: null })).code, "ScheduledFunctionNotFound");
    assert.equal((await post("cancel_job", { id: "abc", componentId: null })).code, "InvalidArgument");
    assert.equal((await post("cancel_job", { id: second, componentId: "abc" })).code, "ComponentNotFound");
    assert.equal((await post("cancel_job", { componentId: null })).code, "BadJsonBody");
    assert.deepEqual(await user.query("app:states"), { pending: 1 });
    await done("cancel_job", { id: ofPart, componentId: part });
    assert.deepEqual(await user.query("app:states"), { canceled: 1 });
    assert.equal((await events("cancel_scheduled_function"))[0].metadata.id, ofPart);
  });

  test("scheduled functions are canceled by function, by time, by component", async () => {
    const jobs = async (componentId = null) =>
      (await system("paginatedScheduledJobs", { componentId, paginationOpts: { cursor: null, numItems: 100 } })).page;
    await done("cancel_all_jobs", {});
    await user.mutation("jobs:schedule", { count: 300, ms: 3600_000 });
    await user.mutation("jobs:schedule", { count: 3, ms: 3600_000, which: "other" });
    await user.mutation("app:schedule", { args: { count: 2, ms: 3600_000 } });
    await done("cancel_all_jobs", { componentId: null, udfPath: "jobs:other" });
    assert.equal((await user.query("jobs:states")).pending, 300);
    const times = (await jobs()).map((job) => job.nextTs);
    // As a dashboard has it: from the sixth on, up to and without the ninth.
    await done("cancel_all_jobs", { udfPath: "jobs.js:mark", startNextTs: String(times[5]), endNextTs: String(times[8]) });
    const left = (await jobs()).map((job) => job.nextTs);
    assert.deepEqual(left.slice(0, 6), [...times.slice(0, 5), times[8]]);
    await done("cancel_all_jobs", { startNextTs: Number(times[50]) });
    const pending = (await user.query("jobs:states")).pending;
    assert.ok(pending >= 46 && pending <= 48, `${pending}`);
    await done("cancel_all_jobs", { componentPath: "part" });
    assert.equal((await user.query("app:states")).pending, undefined);
    assert.equal((await user.query("jobs:states")).pending, pending);
    assert.equal((await post("cancel_all_jobs", { componentPath: "none" })).code, "ComponentNotFound");
    assert.equal((await post("cancel_all_jobs", { startNextTs: "soon" })).code, "BadJsonBody");
    await done("cancel_all_jobs", {});
    assert.equal((await user.query("jobs:states")).pending, undefined);
    const [last] = await events("cancel_all_scheduled_functions");
    assert.equal(last.metadata.canceled, pending);
  });

  test("all scheduled functions of a component are deleted, those under way end quietly", async () => {
    await user.mutation("jobs:schedule", { count: 1, ms: 0, which: "slow" });
    await until(async () => (await user.query("jobs:states")).inProgress === 1, "it runs");
    const before = await user.query("app:states");
    await done("delete_scheduled_functions_table", { componentId: null });
    assert.deepEqual(await user.query("jobs:states"), {});
    await new Promise((resolve) => setTimeout(resolve, 2000));
    assert.deepEqual(await user.query("jobs:states"), {});
    assert.deepEqual(await user.query("app:states"), before);
    const [id] = await user.mutation("jobs:schedule", { count: 1, ms: 0 });
    await until(async () => (await user.query("jobs:states")).success === 1, `${id} runs`);
    assert.equal((await events("delete_scheduled_functions_table")).length, 1);
  });

  test("tables are deleted with what is in them, unless the schema has them", async () => {
    for (const table of ["loose", "looser"]) await user.mutation("jobs:loose", { table });
    assert.equal((await post("delete_tables", { tableNames: ["loose", "none"], componentId: null })).code, "TableNotFound");
    assert.equal((await post("delete_tables", { tableNames: ["loose", "notes"], componentId: null })).code, "TableInSchema");
    assert.equal((await post("delete_tables", { tableNames: ["_scheduled_functions"], componentId: null })).code, "TableNotFound");
    assert.equal(await user.query("jobs:count", { table: "loose" }), 5);
    assert.equal(await system("tableSize", { tableName: "loose" }), 5);
    await done("delete_tables", { tableNames: ["loose", "looser"], componentId: null });
    for (const table of ["loose", "looser"]) assert.equal(await user.query("jobs:count", { table }), 0);
    assert.equal(await system("tableSize", { tableName: "loose" }), 0);
    const names = Object.values(await system("getTableMapping"));
    assert.ok(!names.includes("loose") && names.includes("notes"));
    await user.mutation("jobs:loose", { table: "loose" });
    assert.equal(await user.query("jobs:count", { table: "loose" }), 5);
    assert.deepEqual((await events("delete_tables"))[0].metadata.table_names, ["loose", "looser"]);
  });

  test("files: listed, uploaded, deleted, of the app and of components", async () => {
    const url = await change("fileStorageV2:generateUploadUrl", {});
    assert.match(url, /\/api\/storage\/upload\?token=/);
    const { storageId } = await (await fetch(url, { method: "POST", body: "hello", headers: { "content-type": "text/plain" } })).json();
    const file = await system("fileStorageV2:getFile", { storageId });
    assert.equal(await (await fetch(file.url)).text(), "hello");
    const ofPart = await fetch(await change("fileStorageV2:generateUploadUrl", { componentId: part }), { method: "POST", body: "there" });
    const inPart = (await ofPart.json()).storageId;
    assert.equal(await system("fileStorageV2:getFile", { storageId: inPart }), null);
    assert.equal(await system("fileStorageV2:numFiles", { componentId: part }), 1);
    await assert.rejects(change("fileStorageV2:deleteFile", { storageId: inPart }), /there is no stored file/);
    const { id } = await user.mutation("jobs:keep", { text: "more" });
    await assert.rejects(change("fileStorageV2:deleteFiles", { storageIds: [id, inPart] }), /there is no stored file/);
    assert.equal(await system("fileStorageV2:numFiles"), 2);
    assert.equal(await change("fileStorageV2:deleteFiles", { storageIds: [id, storageId] }), null);
    assert.equal(await system("fileStorageV2:numFiles"), 0);
    assert.equal((await fetch(file.url)).status, 404);
    assert.equal(await change("fileStorageV2:deleteFile", { storageId: inPart, componentId: part }), null);
    assert.equal(await system("fileStorageV2:numFiles", { componentId: part }), 0);
  });

  test("modules come with the specs of cron jobs", async () => {
    const modules = Object.fromEntries(await system("modules:list"));
    const [[name, spec], ...others] = modules["crons.js"].cronSpecs;
    assert.deepEqual(others, []);
    assert.deepEqual([name, spec.udfPath, spec.cronSchedule], ["nightly", "jobs.js:mark", { type: "daily", hourUTC: 3n, minuteUTC: 30n }]);
    assert.deepEqual(JSON.parse(Buffer.from(spec.udfArgs).toString()), [{ n: 7 }]);
    assert.equal("cronSpecs" in modules["jobs.js"], false);
    const all = await system("modules:listForAllComponents");
    const ofPart = Object.fromEntries(all.find(([id]) => id === part)[1]);
    assert.deepEqual(ofPart["crons.js"].cronSpecs.map(([name]) => name), ["of the part"]);
    assert.deepEqual((await system("listCronJobs", { componentId: part })).map((job) => job.name), ["of the part"]);
  });

  test("events: by page, by kind, by time", async () => {
    const page = async (cursor, filters = {}) =>
      await system("paginatedDeploymentEvents", { paginationOpts: { cursor, numItems: 2 }, filters: { minDate: 0, ...filters } });
    const all = [];
    for (let cursor = null, isDone = false; !isDone; ) {
      const next = await page(cursor);
      all.push(...next.page);
      ({ continueCursor: cursor, isDone } = next);
    }
    assert.deepEqual(all.map((event) => event._id), (await events()).map((event) => event._id));
    const times = all.map((event) => event._creationTime);
    assert.deepEqual(times, times.toSorted((a, b) => b - a), "newest first");
    assert.ok(all.some((event) => event.action === "push_config_with_components"));
    const since = await system("listDeploymentEventsFromTime", { fromTimestamp: times[2] });
    assert.deepEqual(since.map((event) => event._id), all.slice(0, 3).reverse().map((event) => event._id));
    const [middle] = (await page(null, { minDate: times[2], maxDate: times[1] })).page;
    assert.equal(middle._id, all[1]._id);
    assert.deepEqual((await page(null, { authorMemberIds: [5n] })).page, []);
    assert.deepEqual(await system("listConfiguredSinks"), []);
  });

  test("documents are edited; what the schema refuses is told", async () => {
    assert.deepEqual(await change("addDocument", { table: "notes", documents: [{ text: "a" }, { text: "b" }] }), { success: true });
    const refused = await change("addDocument", { table: "notes", documents: [{ text: "c" }, { text: 5 }] });
    assert.equal(refused.success, false);
    assert.match(refused.error, /text/);
    assert.equal(await user.query("jobs:count", { table: "notes" }), 2);
    const [first, second] = (await system("listTableScan", { table: "notes", limit: 2 })).reverse();
    assert.deepEqual(await change("replaceDocument", { id: first._id, document: { text: "changed" } }), { success: true });
    assert.equal((await system("getById", { id: first._id })).text, "changed");
    assert.equal((await change("replaceDocument", { id: first._id, document: { wrong: 1 } })).success, false);
    assert.deepEqual(await change("deleteDocuments", { toDelete: [{ id: second._id, tableName: "notes" }, { id: second._id, tableName: "notes" }] }), { success: true });
    assert.equal(await user.query("jobs:count", { table: "notes" }), 1);
    assert.equal(await change("createTable", { table: "made", componentId: part }), null);
    assert.ok(Object.values(await system("getTableMapping", { componentId: part })).includes("made"));
    await user.mutation("jobs:loose", { table: "cleared" });
    const cleared = await change("clearTablePage", { tableName: "cleared", cursor: null });
    assert.deepEqual([cleared.deleted, cleared.hasMore], [5, false]);
    await assert.rejects(change("clearTablePage", { tableName: "_modules", cursor: null }), /system table/);
    await assert.rejects(change("addDocument", { table: "notes" }), /missing the required field `documents`/);
    await assert.rejects(admin.query("_system/frontend/createTable", { table: "x" }), /as Query, but it is defined as Mutation/);
    await assert.rejects(admin.mutation("_system/frontend/tableSize", { tableName: "notes" }), /as Mutation, but it is defined as Query/);
  });

  test("a component is deleted once it is unmounted, with all that it has", { timeout: 180_000 }, async () => {
    assert.equal((await post("delete_component", { componentId: part })).code, "ComponentNotUnmounted");
    for (const id of [null, "root"]) assert.equal((await post("delete_component", { componentId: id })).code, "ComponentNotUnmounted");
    assert.equal((await post("delete_component", { componentId: "abc" })).code, "ComponentNotFound");
    await user.mutation("app:note", { text: "kept by the part" });
    await user.mutation("app:schedule", { args: { count: 300, ms: 3600_000 } });
    const file = await user.mutation("app:keep", { text: "a file" });
    const handle = await user.mutation("app:handle", {});
    await deploy(false);
    const list = async () => (await system("components:list")).map(({ path, state }) => [path, state]);
    assert.deepEqual(await list(), [["", "active"], ["part", "unmounted"]]);
    assert.equal((await fetch(file.url)).status, 200);
    await assert.rejects(change("addDocument", { table: "notes", documents: [{ text: "no" }], componentId: part }), /not mounted/);
    await done("delete_component", { componentId: part });
    assert.deepEqual(await list(), [["", "active"]]);
    assert.equal((await fetch(file.url)).status, 404);
    await assert.rejects(system("fileStorageV2:numFiles", { componentId: part }), /no component/);
    assert.equal((await post("delete_component", { componentId: part })).code, "ComponentNotFound");
    assert.equal((await events("delete_component"))[0].metadata.component_path, "part");
    await server.kill9();
    await server.restart();
    assert.deepEqual(await list(), [["", "active"]]);
    // What comes back is another one, and empty.
    await deploy(true);
    const back = (await system("components:list")).find((component) => component.path === "part");
    assert.notEqual(back.id, part);
    assert.equal(await user.query("app:count", { table: "notes" }), 0);
    assert.deepEqual(await user.query("app:states"), {});
    assert.notEqual(await user.mutation("app:handle", {}), handle);
    await user.mutation("app:note", { text: "anew" });
    assert.equal(await user.query("app:count", { table: "notes" }), 1);
  });
});
