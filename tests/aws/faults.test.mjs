// Workers and relays that die, a table that refuses and a network that loses and repeats: no acknowledged write is lost, none
// is done twice, and subscriptions end up right.
//
// LAKEWIRE_E2E_ROUNDS sets how often something is killed (6).

import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { anyApi as api } from "convex/server";

import { readLedger, verify } from "../crash/verify.mjs";
import { HttpWriter, SocketWriter } from "../crash/writers.mjs";
import { deployApp, makeProject } from "../lib/server.mjs";
import { startServerless } from "./lib/serverless.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const LEDGER = path.join(HERE, "..", "crash", "app");
const APP = path.join(HERE, "e2e-app");
const DEPLOY = { args: ["--codegen", "disable", "--typecheck", "disable"] };
const ROUNDS = Number(process.env.LAKEWIRE_E2E_ROUNDS ?? 6);
const ROUND_MS = 30_000;
/** What API Gateway says of a function that gave no answer. */
const UNANSWERED = /Internal Server Error|Service Unavailable/;
const APPEND = { service: "dynamodb", operation: "PutItem" };

async function start(t, app, options) {
  const server = await startServerless({ faults: { seed: 6 }, ...options });
  t.after(() => server.stop());
  await deployApp(server, makeProject(app), app === LEDGER ? DEPLOY : { args: ["--typecheck", "disable"] });
  return server;
}

/** A fault that kills the environments of a function that are at work, once the request has come to this point. */
const kills = (server, part, fault, rest = {}) => ({
  fault,
  ...APPEND,
  url: `${server.lambda.endpoint}/kill`,
  body: { function: `${server.name}-${part}`, which: "busy" },
  ...rest,
});

/** Clients that write all the time, and one that watches. */
class Load {
  constructor(t, server, sockets, https) {
    this.writers = [
      ...Array.from({ length: sockets }, (_, i) => new SocketWriter(`socket-${i}`, server.url)),
      ...Array.from({ length: https }, (_, i) => new HttpWriter(`http-${i}`, server.url, UNANSWERED)),
    ];
    this.server = server;
    this.problems = [];
    if (sockets > 0) this.#watch();
    t.after(async () => {
      for (const writer of this.writers) await writer.close();
      await this.watcher?.close();
    });
    for (const writer of this.writers) writer.start();
  }

  get acknowledged() {
    return this.writers.reduce((sum, writer) => sum + writer.acked.size, 0);
  }

  /** Waits until every writer has had so many more acknowledgements. */
  async progress(count = 3, of = () => true) {
    for (const writer of this.writers) writer.round = (this.round = (this.round ?? 0) + 1);
    const waiting = this.writers.filter(of);
    await until(() => waiting.every((writer) => writer.ackedInRound >= count), `progress of ${waiting.map(({ name }) => name)}`);
  }

  /** Stops them; what they know must be what is there. */
  async check(t) {
    await Promise.all(this.writers.map((writer) => writer.finish(ROUND_MS)));
    const ledger = await readLedger(new ConvexHttpClient(this.server.url, { logger: false }));
    if (this.watcher) await until(() => this.last === ledger.entries.length, `the subscription to say ${ledger.entries.length}; it says ${this.last}`);
    t.diagnostic(`${this.acknowledged} mutations acknowledged, ${ledger.entries.length} found`);
    assert.deepEqual([...verify(this.writers, ledger), ...this.problems], []);
  }

  /** Follows the total, which can only grow. */
  #watch() {
    this.watcher = new ConvexClient(this.server.url, { logger: false, unsavedChangesWarning: false });
    this.watcher.onUpdate(api.ledger.total, {}, (total) => {
      if (total < this.last) this.problems.push(`the subscription went back from ${this.last} to ${total}`);
      this.last = total;
    });
  }
}

test("a worker that dies before its commit has done nothing, and one that dies after it has done it once", { timeout: 120_000 }, async (t) => {
  const server = await start(t, LEDGER, {});
  const client = new ConvexHttpClient(server.url, { logger: false });
  const append = (seq) => client.mutation(api.ledger.append, { client: "one", seq, padding: "" });
  const seqs = async () => (await readLedger(client)).entries.map(({ seq }) => seq);
  await append(1);
  // The request is on its way, and never arrives: the process dies meanwhile.
  await server.faults.set({ plan: [{ fault: "LostRequest", ms: 3_000, ...APPEND }] });
  const second = assert.rejects(append(2), UNANSWERED);
  await until(async () => (await server.faults.stillPlanned("dynamodb")) === 0, "the commit");
  await server.lambda.kill(`${server.name}-http`, { which: "busy" });
  await second;
  assert.deepEqual(await seqs(), [1]);
  await server.faults.set({ plan: [kills(server, "http", "CallAfter")] });
  await assert.rejects(append(3), UNANSWERED);
  assert.deepEqual(await seqs(), [1, 3]);
  await append(4);
  assert.deepEqual(await seqs(), [1, 3, 4]);
  assert.equal((await server.stats("http")).crashes, 2);
});

test("workers die in the middle of commits under load", { timeout: 60_000 + ROUNDS * ROUND_MS }, async (t) => {
  const server = await start(t, LEDGER, {});
  const load = new Load(t, server, 0, 3);
  for (let round = 0; round < ROUNDS; round++) {
    await load.progress();
    await server.faults.set({ plan: [kills(server, "http", round % 2 === 0 ? "CallBefore" : "CallAfter")] });
    await until(async () => (await server.faults.stillPlanned("dynamodb")) === 0, "the kill");
  }
  await load.progress();
  await load.check(t);
});

test("relays die under load, and clients go on with the other one", { timeout: 60_000 + ROUNDS * 2 * ROUND_MS }, async (t) => {
  const server = await start(t, LEDGER, { relays: 2 });
  const load = new Load(t, server, 4, 1);
  for (let round = 0; round < ROUNDS; round++) {
    await load.progress();
    const relay = server.relays[round % 2];
    await relay.kill9();
    // All of them, while one relay is down.
    await load.progress();
    await relay.restart();
  }
  await load.progress();
  await load.check(t);
});

test("a table that throttles, answers that are lost, requests that come twice, reads that are stale", { timeout: 240_000 }, async (t) => {
  const twice = { duplicateEvents: true };
  const server = await start(t, LEDGER, { relays: 2, functions: { tick: twice, upkeep: twice }, latency: { dynamodb: 5, s3: 20 } });
  const load = new Load(t, server, 3, 2);
  await load.progress();
  await server.faults.set({
    staleMs: 50,
    plan: [
      { fault: "LostAnswer", ...APPEND, skip: 2, times: 3 },
      { fault: "Throttled", ...APPEND, skip: 2, times: 3 },
      { fault: "FailedAfter", status: 500, ...APPEND, skip: 2, times: 3 },
      { fault: "Late", ms: 300, ...APPEND, skip: 2, times: 3 },
    ],
    rates: [
      { fault: "Throttled", share: 0.05 },
      { fault: "Failed", status: 500, share: 0.03 },
      { fault: "FailedAfter", status: 500, share: 0.03 },
      { fault: "LostAnswer", share: 0.05 },
      { fault: "LostRequest", share: 0.03 },
      { fault: "Twice", share: 0.02 },
    ],
  });
  for (let round = 0; round < ROUNDS; round++) {
    await load.progress();
    await Promise.all([server.upkeep(), server.upkeep()]);
  }
  assert.equal(await server.faults.stillPlanned("dynamodb"), 0);
  await server.faults.set({ rates: [] });
  await load.progress();
  await load.check(t);
});

test("what is scheduled is run once, though ticks come twice and die", { timeout: 180_000 }, async (t) => {
  const server = await start(t, APP, { functions: { tick: { duplicateEvents: true, retryDelaysMs: [500, 500] } } });
  const client = new ConvexHttpClient(server.url, { logger: false });
  const counts = async () => {
    const runs = [];
    for (let n = 0; n < ROUNDS * 4; n++) runs.push((await client.query(api.jobs.runs, { name: `job ${n}` })).length);
    return runs;
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (let n = 0; n < 4; n++) await client.mutation(api.jobs.later, { name: `job ${round * 4 + n}`, ms: 50 * n });
    await server.lambda.kill(`${server.name}-tick`, { which: "busy", waitMs: 2_000 });
    await sleep(200);
  }
  await until(async () => (await counts()).every((count) => count > 0), "all jobs", 100_000);
  await server.tick();
  assert.deepEqual(await counts(), Array(ROUNDS * 4).fill(1));
});

async function until(condition, what, ms = ROUND_MS) {
  const deadline = Date.now() + ms;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `waited ${ms} ms in vain for ${what}`);
    await sleep(10);
  }
}
