// `log.audit` of the client package (udf-runtime.md, `1.0/auditLog`), deployed with the official CLI.

import assert from "node:assert/strict";
import { readFileSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { anyApi as api } from "convex/server";
import WebSocket from "ws";
import { deployApp, makeProject, runCli, startServer, notServerless } from "../lib/server.mjs";
import { nextValue, until } from "./harness.mjs";

const APP = {
  "convex/documents.ts": `
    import { action, internalMutation, mutation, query } from "./_generated/server";
    import { internal } from "./_generated/api";
    import { log } from "convex/server";
    import { v } from "convex/values";
    export const add = mutation({ args: { name: v.string(), fail: v.optional(v.boolean()) }, handler: async (ctx, { name, fail }) => {
      await log.audit({ action: "added", name, source: { ip: log.vars.ip, agent: log.vars.userAgent }, at: log.vars.now,
        request: log.vars.requestId, actor: log.vars.convexActor });
      await ctx.db.insert("documents", { name });
      if (fail) throw new Error("on purpose");
      return (await ctx.meta.getRequestMetadata()).requestId;
    } });
    export const inner = internalMutation({ args: { fail: v.boolean() }, handler: async (ctx, { fail }) => {
      await log.audit({ action: "inner", fail });
      if (fail) throw new Error("on purpose");
    } });
    export const outer = mutation(async (ctx) => {
      await log.audit({ action: "outer" });
      await ctx.runMutation(internal.documents.inner, { fail: true }).catch(() => {});
      await ctx.runMutation(internal.documents.inner, { fail: false });
    });
    export const contended = mutation({ args: { n: v.number() }, handler: async (ctx, { n }) => {
      const found = await ctx.db.query("counter").first();
      if (found) await ctx.db.patch(found._id, { n: found.n + 1 }); else await ctx.db.insert("counter", { n: 1 });
      await log.audit({ action: "contended", n });
    } });
    export const view = query({ args: { name: v.string() }, handler: async (ctx, { name }) => {
      await log.audit({ action: "viewed", name, request: log.vars.requestId, ip: log.vars.ip, agent: log.vars.userAgent, actor: log.vars.convexActor });
      return (await ctx.db.query("documents").collect()).filter((document) => document.name === name).length;
    } });
    export const act = action(async () => { await log.audit({ action: "acted" }); });
    export const actsByMutation = action(async (ctx): Promise<void> => { await ctx.runMutation(internal.documents.inner, { fail: false }); });
    export const limit = mutation({ args: { lines: v.number(), bytes: v.number() }, handler: async (ctx, { lines, bytes }) => {
      try { for (let n = 0; n < lines; n++) await log.audit({ action: "limit", text: "x".repeat(bytes) }); return null; }
      catch (error: any) { throw new Error("caught: " + error.message); }
    } });
    export const dollar = mutation({ args: { body: v.any() }, handler: async (ctx, { body }) => { await log.audit(JSON.parse(body)); } });`,
  "convex/inNode.ts": `"use node";
    import { action } from "./_generated/server";
    import { log } from "convex/server";
    export const act = action(async () => { await log.audit({ action: "acted in node", ip: log.vars.ip }); throw new Error("too late"); });`,
};

let server, client, project, directory;
before(async () => {
  directory = mkdtempSync(path.join(os.tmpdir(), "audit-"));
  server = await startServer({ env: { LAKEWIRE_AUDIT_LOG: path.join(directory, "audit.jsonl") } });
  project = makeProject(APP);
  await deployApp(server, project, { args: ["--typecheck", "disable"] });
  client = new ConvexHttpClient(server.url, { logger: false });
});
after(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** The lines in the file, of one action if that is given. */
const lines = (action) => {
  const text = readFileSync(path.join(directory, "audit.jsonl"), "utf8");
  const all = text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
  return action === undefined ? all : all.filter((line) => line.body.action === action);
};
const stream = async () => {
  const headers = { authorization: `Convex ${server.adminKey}` };
  const response = await fetch(`${server.url}/api/stream_function_logs?cursor=0`, { headers });
  return (await response.json()).entries.filter((entry) => entry.kind === "AuditLog");
};

test("a mutation's lines come with its commit, variables resolved", async () => {
  const begun = Date.now();
  const requestId = await client.mutation(api.documents.add, { name: "a" });
  const [line, ...others] = lines("added");
  assert.deepEqual(others, []);
  const { at, source, ...rest } = line.body;
  assert.deepEqual(rest, { action: "added", name: "a", request: requestId, actor: null });
  assert.equal(source.ip, "127.0.0.1");
  assert.equal(typeof source.agent, "string");
  assert.ok(at >= begun && at <= Date.now() && Number.isInteger(at));
  assert.deepEqual([line.udfType, line.identifier, line.componentPath, line.requestId, line.identityType],
    ["Mutation", "documents:add", null, requestId, "unknown"]);
  const entry = (await stream()).find((entry) => entry.requestId === requestId);
  assert.deepEqual(entry.body, line.body);
  assert.deepEqual(entry.logLines, []);
});

test("an administrator is the actor, also as a user", async () => {
  const admin = new ConvexHttpClient(server.url, { logger: false });
  admin.setAdminAuth(server.adminKey);
  await admin.mutation(api.documents.add, { name: "by admin" });
  admin.setAdminAuth(server.adminKey, { issuer: "https://i", subject: "s" });
  await admin.mutation(api.documents.add, { name: "as user" });
  const [plain, acting] = lines("added").slice(-2).map((line) => line.body.actor);
  assert.equal(plain.identityType, "instance_admin");
  assert.equal(acting.identityType, "member_acting_user");
  assert.equal(typeof acting.instance, "string");
});

test("nothing is emitted of what fails, nested or not", async () => {
  const before = lines().length;
  await assert.rejects(client.mutation(api.documents.add, { name: "b", fail: true }), /on purpose/);
  assert.equal(lines().length, before);
  await client.mutation(api.documents.outer, {});
  assert.deepEqual(lines().slice(before).map(({ body }) => body), [{ action: "outer" }, { action: "inner", fail: false }]);
});

test("a mutation that is run again emits the lines of the run that was committed", async () => {
  const count = 30;
  const clients = Array.from({ length: count }, () => new ConvexHttpClient(server.url, { logger: false }));
  await Promise.all(clients.map((one, n) => one.mutation(api.documents.contended, { n })));
  const emitted = lines("contended").map((line) => line.body.n).sort((a, b) => a - b);
  assert.deepEqual(emitted, Array.from({ length: count }, (_, n) => n));
});

test("a query's lines are emitted for everybody who gets the result, from the cache too", async () => {
  const of = (name) => lines("viewed").filter((line) => line.body.name === name);
  for (let n = 0; n < 3; n++) assert.equal(await client.query(api.documents.view, { name: "cached" }), 0);
  const viewed = of("cached");
  assert.equal(viewed.length, 3);
  assert.equal(new Set(viewed.map((line) => line.body.request)).size, 3, "each has its own request");
  const [first, second] = [0, 1].map(() => new ConvexClient(server.url, { webSocketConstructor: WebSocket, unsavedChangesWarning: false }));
  try {
    let updates = 0;
    first.onUpdate(api.documents.view, { name: "watched" }, () => updates++);
    await nextValue(second, api.documents.view, { name: "watched" }, (n) => n === 0);
    await until(() => updates === 1, "the first client is told");
    assert.equal(of("watched").length, 2);
    await client.mutation(api.documents.add, { name: "watched" });
    await until(() => updates === 2, "the first client is told again");
    await until(() => of("watched").length >= 3, "and that is on record");
    assert.ok(of("watched").every((line) => line.body.ip === "127.0.0.1" && line.udfType === "Query"));
  } finally {
    await Promise.all([first.close(), second.close()]);
  }
});

test("actions of the default runtime cannot, those of Node can", async () => {
  await assert.rejects(client.action(api.documents.act, {}), /AuditLogNotSupportedInAction/);
  await client.action(api.documents.actsByMutation, {});
  assert.equal(lines().at(-1).body.action, "inner");
  await assert.rejects(client.action(api.inNode.act, {}), /too late/);
  const { body, udfType } = lines().at(-1);
  assert.deepEqual([body, udfType], [{ action: "acted in node", ip: "127.0.0.1" }, "Action"]);
});

test("limits: size of a line, number, size of all", async () => {
  const refused = (lines, bytes, text) => assert.rejects(client.mutation(api.documents.limit, { lines, bytes }), text);
  await client.mutation(api.documents.limit, { lines: 500, bytes: 10 });
  assert.equal(lines("limit").length, 500);
  await refused(501, 10, /caught: .*AuditLogsExceedLimits.*500/);
  await refused(1, 100_000, /caught: .*AuditLogsExceedLimits.*100000 bytes/);
  await refused(41, 99_000, /caught: .*AuditLogsExceedLimits.*4000000 bytes/);
  assert.equal(lines("limit").length, 500);
  await assert.rejects(client.mutation(api.documents.dollar, { body: '{"a":{"$b":1}}' }), /must not start with "\$"/);
});

test("the CLI prints the lines with --jsonl, and none of them without", { skip: notServerless("`convex logs` shows what one process ran"), timeout: 60_000 }, async () => {
  // Both follow the log until they are ended.
  const run = (...args) => runCli(server, project, ["logs", "--history", "100000", ...args], { timeoutMs: 6000 });
  const [json, plain] = await Promise.all([run("--jsonl"), run("--success")]);
  assert.match(json.stdout, /"kind":"AuditLog"/);
  assert.match(plain.stdout, /documents:act/);
  assert.doesNotMatch(plain.stdout + plain.stderr, /acted in node|could not parse/i);
});

test("without a file the lines are part of the server's own log", { skip: notServerless("what functions print is in logs of their own"), timeout: 60_000 }, async () => {
  const other = await startServer();
  try {
    await deployApp(other, project, { args: ["--typecheck", "disable"] });
    const client = new ConvexHttpClient(other.url, { logger: false });
    await client.mutation(api.documents.add, { name: "for the log" });
    await until(() => /lakewire_audit.*\{.*"name":"for the log"/.test(other.log), "it is in the log");
  } finally {
    await other.stop();
  }
});
