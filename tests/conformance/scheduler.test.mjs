// udf-runtime.md, section 12: the scheduler (126-130, 133), with the official client, and through kill -9.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { anyApi as api } from "convex/server";
import WebSocket from "ws";
import { deployApp, makeProject, startServer } from "../lib/server.mjs";
import { sleep, until } from "./harness.mjs";

const APP = {
  "convex/schema.ts": `
    import { defineSchema, defineTable } from "convex/server";
    import { v } from "convex/values";
    export default defineSchema({ marks: defineTable({ n: v.number() }).index("n", ["n"]) });`,
  "convex/jobs.ts": `
    import { mutation, query, action, internalMutation, internalAction } from "./_generated/server";
    import { internal } from "./_generated/api";
    import { v } from "convex/values";
    export const mark = internalMutation({ args: { n: v.number() }, handler: async (ctx, { n }) => { await ctx.db.insert("marks", { n }); } });
    export const slow = internalAction({ args: { n: v.number() }, handler: async (ctx, { n }) => {
      await ctx.runMutation(internal.jobs.mark, { n });
      await new Promise((done) => setTimeout(done, 300));
    } });
    export const schedule = mutation({ args: { from: v.number(), count: v.number(), ms: v.number(), slow: v.boolean(), fail: v.optional(v.boolean()) },
      handler: async (ctx, { from, count, ms, slow, fail }) => {
        const ids = [];
        for (let n = from; n < from + count; n++)
          ids.push(await ctx.scheduler.runAfter(ms, slow ? internal.jobs.slow : internal.jobs.mark, { n }));
        if (fail) throw new Error("on purpose");
        return ids;
      } });
    export const fromAction = action({ args: {}, handler: async (ctx) => {
      const [first, second] = [await ctx.scheduler.runAfter(0, internal.jobs.mark, { n: -1 }), await ctx.scheduler.runAt(Date.now() + 3600e3, internal.jobs.mark, { n: -2 })];
      await ctx.scheduler.cancel(second);
      throw new Error([first, second].join());
    } });
    export const cancel = mutation({ args: { id: v.id("_scheduled_functions") }, handler: async (ctx, { id }) => await ctx.scheduler.cancel(id) });
    export const job = query({ args: { id: v.id("_scheduled_functions") }, handler: async (ctx, { id }) => await ctx.db.system.get(id) });
    export const states = query({ args: {}, handler: async (ctx) => {
      const counts: Record<string, number> = {};
      for (const job of await ctx.db.system.query("_scheduled_functions").collect()) counts[job.state.kind] = (counts[job.state.kind] ?? 0) + 1;
      return counts;
    } });
    export const touch = mutation({ args: {}, handler: async (ctx) => { await ctx.db.insert("touches", {}); } });
    export const touches = query({ args: {}, handler: async (ctx) => (await ctx.db.query("touches").collect()).length });
    export const marks = query({ args: {}, handler: async (ctx) => (await ctx.db.query("marks").withIndex("n").collect()).map((mark) => mark.n) });`,
};

let server, client;
before(async () => {
  server = await startServer();
  await deployApp(server, makeProject(APP), { args: ["--typecheck", "disable"] });
  client = new ConvexHttpClient(server.url, { logger: false });
});
after(() => server?.stop());

const job = (id) => client.query(api.jobs.job, { id });
const over = async (id) => until(async () => !["pending", "inProgress"].includes((await job(id)).state.kind) && job(id), "the job ends");

test("runtime 126, 127: jobs come with their mutation, or not at all", async () => {
  const args = { from: 1, count: 2, ms: 0, slow: false };
  await assert.rejects(client.mutation(api.jobs.schedule, { ...args, fail: true }), /on purpose/);
  assert.deepEqual(await client.query(api.jobs.states), {});
  const [first, second] = await client.mutation(api.jobs.schedule, args);
  const done = await over(first);
  assert.equal(done.name, "jobs.js:mark");
  assert.deepEqual([done.args, done.state], [[{ n: 1 }], { kind: "success" }]);
  assert.ok(done.completedTime >= done.scheduledTime);
  await over(second);
  assert.deepEqual(await client.query(api.jobs.marks), [1, 2]);
});

test("a job runs at its time, and not when it was canceled", async () => {
  const at = Date.now();
  const [late] = await client.mutation(api.jobs.schedule, { from: 10, count: 1, ms: 700, slow: false });
  const [never] = await client.mutation(api.jobs.schedule, { from: 11, count: 1, ms: 400, slow: false });
  await client.mutation(api.jobs.cancel, { id: never });
  assert.equal((await over(late)).state.kind, "success");
  assert.ok(Date.now() - at >= 700, "too early");
  assert.equal((await job(never)).state.kind, "canceled");
  assert.ok(!(await client.query(api.jobs.marks)).includes(11));
});

test("an action schedules at once, even if it fails later", async () => {
  const error = await client.action(api.jobs.fromAction).then(assert.fail, (error) => error);
  const [first, second] = /Uncaught Error: (\w+),(\w+)/.exec(error.message).slice(1);
  assert.equal((await over(first)).state.kind, "success");
  assert.equal((await job(second)).state.kind, "canceled");
});

/** Jobs that are due at one moment. `LAKEWIRE_DUE_JOBS=10000` is what one deployment has to bear. */
const DUE = Number(process.env.LAKEWIRE_DUE_JOBS ?? 2000);

test(`${DUE} jobs that are due at once are all run, and live traffic goes on meanwhile`, { timeout: 60_000 + DUE * 30 }, async () => {
  const admin = new ConvexHttpClient(server.url, { logger: false });
  admin.setAdminAuth(server.adminKey);
  const size = (tableName) => admin.query("_system/frontend/tableSize", { tableName });
  const before = await size("marks");
  const socket = new ConvexClient(server.url, { webSocketConstructor: WebSocket, unsavedChangesWarning: false });
  try {
    // Far enough away for all of them to be there when it comes.
    const due = Date.now() + 2000 + DUE * 2;
    for (let from = 0; from < DUE; from += 1000) {
      const count = Math.min(1000, DUE - from);
      await client.mutation(api.jobs.schedule, { from: 1e6 + from, count, ms: due - Date.now(), slow: false });
    }
    assert.ok(Date.now() < due, "the jobs took too long to make");
    let seen = -1;
    socket.onUpdate(api.jobs.touches, {}, (count) => (seen = count));
    await until(() => seen >= 0, "the subscription has begun");
    await sleep(due - Date.now());
    const [calls, updates] = [[], []];
    const timed = async (times, work) => {
      const started = performance.now();
      await work();
      times.push(performance.now() - started);
    };
    while ((await size("marks")) < before + DUE) {
      const last = seen;
      await timed(updates, async () => {
        await timed(calls, () => client.mutation(api.jobs.touch, {}));
        await until(() => seen > last, "the subscription hears of the mutation");
      });
      await sleep(20);
    }
    const took = Date.now() - due;
    const at = (times, part) => Math.round(times.toSorted((a, b) => a - b)[Math.floor((times.length - 1) * part)]);
    console.log(`# ${DUE} jobs in ${took} ms; ${calls.length} mutations meanwhile: p50 ${at(calls, 0.5)} ms, p99 ${at(calls, 0.99)} ms; ` +
      `until a subscription has heard: p50 ${at(updates, 0.5)} ms, p99 ${at(updates, 0.99)} ms`);
    assert.ok(calls.length > 1, "no live traffic: this test has tested nothing");
    // Generous: other tests have the machine at the same time.
    assert.ok(at(calls, 0.5) < 500 && at(updates, 0.99) < 5000);
    assert.equal(await size("marks"), before + DUE, "each once");
  } finally {
    await socket.close();
  }
});

test("runtime 128, 129: kill -9 in the middle: mutations exactly once, actions at most once", { timeout: 120_000 }, async () => {
  const [MUTATIONS, ACTIONS, FROM] = [1500, 150, 1000];
  const ids = [];
  for (let at = 0; at < MUTATIONS; at += 500)
    ids.push(...(await client.mutation(api.jobs.schedule, { from: FROM + at, count: 500, ms: 50, slow: false })));
  const actions = await client.mutation(api.jobs.schedule, { from: FROM + MUTATIONS, count: ACTIONS, ms: 50, slow: true });
  for (let round = 0; round < 4; round++) {
    await sleep(100 + Math.random() * 300);
    await server.kill9();
    await server.restart();
  }
  const isOver = async () => {
    const { pending = 0, inProgress = 0 } = await client.query(api.jobs.states);
    return pending + inProgress === 0;
  };
  await until(isOver, "all jobs have ended", 90_000);
  const marks = (await client.query(api.jobs.marks)).filter((n) => n >= FROM);
  const expected = Array.from({ length: MUTATIONS }, (_, n) => FROM + n);
  assert.deepEqual(marks.filter((n) => n < FROM + MUTATIONS), expected, "every mutation once");
  const ran = marks.filter((n) => n >= FROM + MUTATIONS);
  assert.equal(new Set(ran).size, ran.length, "no action twice");
  let failed = 0;
  for (const [n, id] of actions.entries()) {
    const { state } = await job(id);
    if (state.kind === "failed") {
      failed++;
      assert.match(state.error, /^Transient error while executing action/);
    } else {
      assert.equal(state.kind, "success");
      assert.ok(ran.includes(FROM + MUTATIONS + n));
    }
  }
  assert.ok(failed > 0, "no action was under way when the server was killed: this test has tested nothing");
});
