// udf-runtime.md, point 134, and deploy-and-admin.md, point 22: cron jobs, deployed with the official CLI.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { ConvexHttpClient } from "convex/browser";
import { anyApi as api } from "convex/server";
import { runCli } from "../lib/cli.mjs";
import { deployApp, makeProject, startServer, writeFiles } from "../lib/server.mjs";
import { until } from "./harness.mjs";

const crons = (body) => ({
  "convex/crons.ts": `
    import { cronJobs } from "convex/server";
    import { internal } from "./_generated/api";
    const crons = cronJobs();
    ${body}
    export default crons;`,
});
const APP = {
  "convex/ticks.ts": `
    import { internalAction, internalMutation, internalQuery, query } from "./_generated/server";
    import { internal } from "./_generated/api";
    export const tick = internalMutation(async (ctx, { by }: any) => { await ctx.db.insert("ticks", { by }); });
    export const act = internalAction(async (ctx, args: any) => { await ctx.runMutation(internal.ticks.tick, args); });
    export const nothing = internalQuery(async () => null);
    export const list = query(async (ctx) => (await ctx.db.query("ticks").collect()).map((tick) => tick.by));`,
};
const EVERY_SECOND = `
  crons.interval("mutation", { seconds: 1 }, internal.ticks.tick, { by: "mutation" });
  crons.interval("action", { seconds: 1 }, internal.ticks.act, { by: "action" });`;

let server, client, project;
const deploy = () => deployApp(server, project, { args: ["--typecheck", "disable"] });
before(async () => {
  server = await startServer();
  project = makeProject({ ...APP, ...crons(EVERY_SECOND) });
  await deploy();
  client = new ConvexHttpClient(server.url, { logger: false });
});
after(() => server?.stop());

const list = (name) => {
  const admin = new ConvexHttpClient(server.url, { logger: false });
  admin.setAdminAuth(server.adminKey);
  return admin.query(`_system/frontend/${name}`, {});
};

test("runtime 134: intervals run, also after kill -9, and are remembered", { timeout: 60_000 }, async () => {
  const counts = async () => {
    const ticks = await client.query(api.ticks.list);
    return ["mutation", "action"].map((by) => ticks.filter((tick) => tick === by).length);
  };
  await until(async () => Math.min(...(await counts())) >= 3, "three ticks each");
  await server.kill9();
  await server.restart();
  const before = await counts();
  await until(async () => (await counts()).every((count, n) => count >= before[n] + 2), "two more each", 20_000);
  const jobs = await list("listCronJobs");
  assert.deepEqual(jobs.map((job) => job.name).sort(), ["action", "mutation"]);
  const [job] = jobs;
  assert.equal(typeof job.nextRun.nextTs, "bigint");
  assert.deepEqual(job.cronSpec.cronSchedule, { type: "interval", seconds: 1n });
  assert.ok(["success", "canceled", "err"].includes(job.lastRun.status.type));
  const runs = await list("listCronJobRuns");
  assert.ok(runs.length <= 10 && runs.filter((run) => run.status.type === "success").length >= 2);
});

test("runtime 134, deploy 22: a deploy changes what differs, and only that", { timeout: 60_000 }, async () => {
  const all = `
    crons.daily("daily", { hourUTC: 3, minuteUTC: 30 }, internal.ticks.tick, { by: "x" });
    crons.hourly("hourly", {}, internal.ticks.tick, { by: "x" });
    crons.weekly("weekly", { dayOfWeek: "monday", hourUTC: 1, minuteUTC: 0 }, internal.ticks.tick, { by: "x" });
    crons.monthly("monthly", { day: 1, hourUTC: 1, minuteUTC: 0 }, internal.ticks.tick, { by: "x" });
    crons.cron("cron", "*/5 4 1,15 * MON-FRI", internal.ticks.act, { by: "x" });`;
  writeFiles(project, crons(all));
  await deploy();
  const next = async () => Object.fromEntries((await list("listCronJobs")).map((job) => [job.name, job.nextRun.nextTs]));
  const first = await next();
  assert.deepEqual(Object.keys(first).sort(), ["cron", "daily", "hourly", "monthly", "weekly"]);
  assert.equal(new Date(Number(first.daily / 1_000_000n)).toISOString().slice(11, 16), "03:30");
  writeFiles(project, crons(all.replace(`"daily", { hourUTC: 3`, `"daily", { hourUTC: 4`).replace(/by: "x"/g, `by: "y"`)));
  await deploy();
  const second = await next();
  assert.notEqual(second.daily, first.daily);
  assert.deepEqual({ ...second, daily: 0 }, { ...first, daily: 0 }, "other arguments, the same times");
});

test("runtime 134: what is no cron job fails the push with InvalidCron", { timeout: 90_000 }, async () => {
  for (const [body, reason] of [
    [`crons.cron("bad", "61 * * * *", internal.ticks.tick, { by: "x" });`, /'bad' has the invalid cron expression '61 \* \* \* \*'/],
    [`crons.cron("never", "0 0 30 2 *", internal.ticks.tick, { by: "x" });`, /'never' .* matches no time/],
    [`crons.interval("query", { seconds: 1 }, internal.ticks.nothing as any, {});`, /is a query/],
    [`crons.interval("gone", { seconds: 1 }, "ticks:gone" as any, {});`, /does not exist/],
  ]) {
    writeFiles(project, crons(body));
    const result = await runCli(server, project, ["deploy", "--typecheck", "disable"]);
    assert.notEqual(result.code, 0);
    assert.match(result.stderr + result.stdout, reason);
  }
});

test("runtime 134, 125: a cron job runs an action of a Node module, once a time, and remembers how it ended", { timeout: 60_000 }, async () => {
  const inNode = {
    "convex/inNode.ts": `"use node";
      import { createHash } from "node:crypto";
      import { internalAction } from "./_generated/server";
      import { internal } from "./_generated/api";
      export const tick = internalAction(async (ctx, { by }: any) => {
        console.log("ticking in", typeof process.versions.node);
        await ctx.runMutation(internal.ticks.tick, { by: createHash("sha256").update(by).digest("hex") });
      });
      export const fails = internalAction(async () => { throw new Error("node says no"); });`,
  };
  const body = `
    crons.interval("in node", { seconds: 1 }, internal.inNode.tick, { by: "node" });
    crons.interval("fails in node", { seconds: 1 }, internal.inNode.fails, {});`;
  writeFiles(project, { ...inNode, ...crons(body) });
  await deploy();
  const digest = createHash("sha256").update("node").digest("hex");
  const ticks = async () => (await client.query(api.ticks.list)).filter((by) => by === digest).length;
  await until(async () => (await ticks()) >= 3, "it ticks", 30_000);
  const last = async (name) => (await list("listCronJobs")).find((job) => job.name === name)?.lastRun;
  const failed = await until(() => last("fails in node"), "the other one has run");
  assert.equal(failed.status.type, "err");
  assert.match(failed.status.error, /node says no/);
  const ran = await last("in node");
  assert.equal(ran.status.type, "success");
  assert.match(ran.logLines.logLines.join(), /ticking in/);
  assert.equal(ran.udfPath, "inNode.js:tick");
  const runs = (await list("listCronJobRuns")).filter((run) => run.name === "in node" && run.status.type === "success");
  assert.equal(new Set(runs.map((run) => run.ts)).size, runs.length, "never two runs of one time");
});
