// Transactions and the scheduler over the boundary between an app and its component. The numbers are points of the runtime
// specification (section 12).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ConvexHttpClient } from "convex/browser";
import { anyApi as api } from "convex/server";
import { deployApp, makeProject, startServer } from "../lib/server.mjs";
import { until } from "./harness.mjs";

const APP = {
  "convex/convex.config.ts": `
    import { defineApp } from "convex/server";
    import tower from "./tower/convex.config";
    const app = defineApp();
    app.use(tower);
    export default app;`,
  "convex/tower/convex.config.ts": `import { defineComponent } from "convex/server"; export default defineComponent("tower");`,
  "convex/tower/index.ts": `
    import { action, internalMutation, mutation, query } from "./_generated/server";
    import { internal } from "./_generated/api";
    import { v } from "convex/values";
    export const deep = query({ args: { levels: v.number(), up: v.string() }, handler: async (ctx, { levels, up }): Promise<any> =>
      levels === 0 ? "bottom" : await ctx.runQuery(up as any, { levels: levels - 1 }) });
    export const write = mutation({ args: { n: v.number() }, handler: async (ctx, { n }) => {
      for (let i = 0; i < n; i++) await ctx.db.insert("rows", { i });
      return await ctx.meta.getTransactionMetrics();
    } });
    export const read = query({ args: {}, handler: async (ctx) => (await ctx.db.query("rows").collect()).length });
    export const readWithMore = query({ args: {}, handler: async (ctx): Promise<any> => {
      try { return await ctx.runQuery("index:read" as any, {}, { transactionLimits: { documentsRead: 1000 } } as any); }
      catch (error: any) { return error.message; }
    } });
    export const schedule = mutation({ args: { ms: v.number() }, handler: async (ctx, { ms }) => await ctx.scheduler.runAfter(ms, internal.index.later, {}) });
    export const scheduleInAction = action({ args: {}, handler: async (ctx): Promise<string> => await ctx.scheduler.runAfter(0, internal.index.later, {}) });
    export const later = internalMutation({ args: {}, handler: async (ctx) => { await ctx.db.insert("ran", { where: "tower" }); } });
    export const ran = query({ args: {}, handler: async (ctx) => (await ctx.db.query("ran").collect()).length });
    export const job = query({ args: { id: v.string() }, handler: async (ctx, { id }) => await ctx.db.system.get(id as any) });
    export const jobs = query({ args: {}, handler: async (ctx) => (await ctx.db.system.query("_scheduled_functions").collect()).map((job) => job._id) });
    export const cancel = mutation({ args: { id: v.string() }, handler: async (ctx, { id }) => await ctx.scheduler.cancel(id as any) });`,
  "convex/app.ts": `
    import { action, mutation, query } from "./_generated/server";
    import { components } from "./_generated/api";
    import { anyApi, createFunctionHandle } from "convex/server";
    import { v } from "convex/values";
    const tower: any = components.tower.index;
    const settle = async (run: () => Promise<any>) => { try { return await run(); } catch (error: any) { return error.message; } };
    export const deep = query({ args: { levels: v.number() }, handler: async (ctx, { levels }): Promise<any> =>
      levels === 0 ? "bottom" : await ctx.runQuery(tower.deep, { levels: levels - 1, up: await createFunctionHandle(anyApi.app.deep as any) }) });
    export const limited = mutation(async (ctx): Promise<any> => {
      await ctx.runMutation(tower.write, { n: 5 });
      const limits = { transactionLimits: { documentsRead: 3 } } as any;
      return [
        await settle(() => ctx.runQuery(tower.read, {}, limits)),
        await settle(() => ctx.runQuery(tower.readWithMore, {}, limits)),
        await settle(() => ctx.runMutation(tower.write, { n: 3 }, { transactionLimits: { documentsWritten: 6 } } as any)),
        await settle(() => ctx.runQuery(tower.read, {})),
      ];
    });
    export const metrics = mutation(async (ctx): Promise<any> => {
      await ctx.db.insert("own", {});
      const inside = await ctx.runMutation(tower.write, { n: 2 });
      await ctx.runQuery(tower.read, {});
      return [inside, await ctx.meta.getTransactionMetrics()];
    });
    export const schedule = mutation({ args: { ms: v.number() }, handler: async (ctx, { ms }): Promise<any> => [
      await ctx.scheduler.runAfter(ms, tower.write, { n: 1 }), await ctx.runMutation(tower.schedule, { ms }),
    ] });
    export const scheduleInAction = action(async (ctx): Promise<any> => await ctx.runAction(tower.scheduleInAction, {}));
    export const job = query({ args: { id: v.string() }, handler: async (ctx, { id }): Promise<any> =>
      [await ctx.db.system.get(id as any), await ctx.runQuery(tower.job, { id })] });
    export const jobs = query(async (ctx): Promise<any> =>
      [(await ctx.db.system.query("_scheduled_functions").collect()).map((job) => job._id), await ctx.runQuery(tower.jobs, {})]);
    export const counts = query(async (ctx): Promise<any> => [await ctx.runQuery(tower.read, {}), await ctx.runQuery(tower.ran, {})]);
    export const cancel = mutation({ args: { id: v.string() }, handler: async (ctx, { id }) => await ctx.scheduler.cancel(id as any) });
    export const cancelInTower = mutation({ args: { id: v.string() }, handler: async (ctx, args): Promise<any> => await ctx.runMutation(tower.cancel, args) });`,
};

let server, client;
before(async () => {
  server = await startServer();
  await deployApp(server, makeProject(APP), { args: ["--typecheck", "disable"] });
  client = new ConvexHttpClient(server.url, { logger: false });
});
after(() => server?.stop());

test("87: calls over the boundary count as levels, both ways", async () => {
  assert.equal(await client.query(api.app.deep, { levels: 7 }), "bottom");
  await assert.rejects(client.query(api.app.deep, { levels: 8 }), /MaximumCallDepthExceeded/);
});

test("88: limits of a call hold in the component, can't be raised there, and end with the call", async () => {
  const [read, more, write, free] = await client.mutation(api.app.limited, {});
  assert.match(read, /TooManyDocumentsRead/);
  assert.match(more, /TooManyDocumentsRead/);
  assert.match(write, /TooManyDocumentsWritten|TooManyWrites/);
  assert.equal(free, 5, "what the limited call wrote is rolled back");
});

test("91: metrics are those of the whole transaction, on both sides", async () => {
  const [inside, whole] = await client.mutation(api.app.metrics, {});
  assert.equal(inside.documentsWritten.used, 3);
  assert.equal(whole.documentsWritten.used, 3);
  assert.ok(whole.documentsRead.used > inside.documentsRead.used);
  assert.equal(whole.documentsWritten.remaining, inside.documentsWritten.remaining);
});

test("143: the row of a scheduled function is its scheduler's, wherever the function is", async () => {
  const [ofApp, ofTower] = await client.mutation(api.app.schedule, { ms: 3600_000 });
  assert.deepEqual(await client.query(api.app.jobs, {}), [[ofApp], [ofTower]]);
  const [[seen, hidden], [other, own]] = [await client.query(api.app.job, { id: ofApp }), await client.query(api.app.job, { id: ofTower })];
  assert.deepEqual([seen.name, hidden, other, own.name], ["index.js:write", null, null, "index.js:later"]);
  // Nobody cancels what is another's.
  await client.mutation(api.app.cancel, { id: ofTower });
  await client.mutation(api.app.cancelInTower, { id: ofApp });
  assert.equal((await client.query(api.app.job, { id: ofApp }))[0].state.kind, "pending");
  assert.equal((await client.query(api.app.job, { id: ofTower }))[1].state.kind, "pending");
  await client.mutation(api.app.cancel, { id: ofApp });
  await client.mutation(api.app.cancelInTower, { id: ofTower });
  assert.equal((await client.query(api.app.job, { id: ofApp }))[0].state.kind, "canceled");
  assert.equal((await client.query(api.app.job, { id: ofTower }))[1].state.kind, "canceled");
});

test("143: they run in the component of the function, also if an action schedules them", async () => {
  const [rows, ran] = await client.query(api.app.counts, {});
  await client.mutation(api.app.schedule, { ms: 0 });
  await until(async () => {
    const [now, times] = await client.query(api.app.counts, {});
    return now === rows + 1 && times === ran + 1;
  }, "both have run in the component");
  const id = await client.action(api.app.scheduleInAction, {});
  await until(async () => (await client.query(api.app.job, { id }))[1].state.kind === "success", "it has run");
  assert.equal((await client.query(api.app.job, { id }))[0], null);
  assert.equal((await client.query(api.app.counts, {}))[1], ran + 2);
});
