// An app on functions alone, and with two relays beside them: what the official CLI and clients see.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { anyApi as api } from "convex/server";
import WebSocket from "ws";

import { deployApp, makeProject, runCli, writeFiles } from "../lib/server.mjs";
import { startServerless } from "./lib/serverless.mjs";

const APP = path.join(path.dirname(fileURLToPath(import.meta.url)), "e2e-app");
const DEPLOY = { args: ["--typecheck", "disable"] };
/** What starting a process and reading the log may take on a busy machine. */
const COLD_MS = 10_000;
const CRONS = `
  import { cronJobs } from "convex/server";
  import { internal } from "./_generated/api";
  const crons = cronJobs();
  crons.interval("often", { seconds: 2 }, internal.jobs.ran, { name: "cron" });
  export default crons;`;

describe("without a relay", () => {
  let server, dir, client;
  const cli = (...args) => convex(server, dir, args);
  before(async () => {
    server = await startServerless();
    dir = makeProject(APP);
    client = new ConvexHttpClient(server.url, { logger: false });
    await deployApp(server, dir, DEPLOY);
  });
  after(() => server?.stop());

  const runs = async (name, count = 1, ms = COLD_MS) => {
    const deadline = Date.now() + ms;
    for (;;) {
      const found = await client.query(api.jobs.runs, { name });
      if (found.length >= count) return found;
      assert.ok(Date.now() < deadline, `\`${name}\` ran ${found.length} times in ${ms} ms`);
      await sleep(50);
    }
  };

  test("the official client queries, mutates and acts", async (t) => {
    for (let n = 0; n < 5; n++) await client.mutation(api.messages.send, { by: "client", text: `${n}` });
    assert.deepEqual(await client.query(api.messages.list), [0, 1, 2, 3, 4].map((n) => `client: ${n}`));
    // Several at once are several processes, and each sees what was acknowledged before.
    const sent = await Promise.all(Array.from({ length: 8 }, (_, n) => new ConvexHttpClient(server.url, { logger: false }).mutation(api.messages.send, { by: "many", text: `${n}` })));
    assert.equal(new Set(sent).size, 8);
    const counts = await Promise.all(Array.from({ length: 8 }, () => new ConvexHttpClient(server.url, { logger: false }).query(api.messages.count)));
    assert.deepEqual(counts, Array(8).fill(13));
    const { initMs, durationMs, coldStarts } = await server.stats("http");
    assert.ok(coldStarts > 1, "it was one process all the time");
    t.diagnostic(`http: ${coldStarts} cold starts of ${initMs.p50} ms (median), invocations of ${durationMs.p50} ms`);
  });

  test("HTTP actions are at an address of their own", async () => {
    const answer = await fetch(`${server.siteUrl}/send?a=b%20c`, { method: "POST", body: "hello" });
    assert.deepEqual([answer.status, answer.headers.get("x-answer"), await answer.text()], [201, "yes", `${server.siteUrl}/send?a=b%20c`]);
    assert.ok((await client.query(api.messages.list)).includes("http: hello"));
    const bytes = Uint8Array.from({ length: 1000 }, (_, n) => n % 256);
    const back = await fetch(`${server.siteUrl}/bytes`, { method: "POST", body: bytes });
    assert.deepEqual(new Uint8Array(await back.arrayBuffer()), bytes.toReversed());
    assert.equal((await fetch(`${server.siteUrl}/nowhere`)).status, 404);
  });

  test("files go in and out", async () => {
    const data = Buffer.alloc(3 << 20, "file");
    const url = await client.mutation(api.files.uploadUrl);
    const answer = await fetch(url, { method: "POST", body: data, headers: { "content-type": "application/x-file" } });
    assert.equal(answer.status, 200, await answer.clone().text());
    const { storageId } = await answer.json();
    const file = await fetch(await client.query(api.files.url, { id: storageId }));
    assert.equal(file.headers.get("content-type"), "application/x-file");
    assert.ok(data.equals(Buffer.from(await file.arrayBuffer())));
  });

  test("an answer that Lambda does not take comes from the bucket", async () => {
    const length = 5_000_000;
    const direct = await fetch(`${server.url}/api/query`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ path: "messages:long", args: { length }, format: "json" }),
      redirect: "manual",
    });
    assert.equal(direct.status, 303);
    const place = new URL(direct.headers.get("location"));
    assert.match(place.pathname, /\/tmp\/[0-9a-f]{32}$/);
    assert.equal(place.origin, server.storage.direct.AWS_ENDPOINT_URL_S3);
    // Nobody gets it without the signature.
    assert.equal((await client.query(api.messages.long, { length })).length, length);
    assert.equal((await client.action(api.messages.longAction, { length })).length, length);
    const site = await fetch(`${server.siteUrl}/long/${length}`);
    assert.deepEqual([site.redirected, (await site.text()).length], [true, length]);
    const small = await fetch(`${server.siteUrl}/long/1000`);
    assert.deepEqual([small.redirected, (await small.text()).length], [false, 1000]);
  });

  test("what is scheduled runs when it is due, though nobody waits for it", { timeout: 180_000 }, async (t) => {
    await startOfMinute();
    const late = async (name, due) => {
      const [run, ...more] = await runs(name, 1, due - Date.now() + COLD_MS);
      assert.deepEqual([more.length, run.at >= run.due - 1], [0, true], JSON.stringify(run));
      return run.at - run.due;
    };
    await client.mutation(api.jobs.later, { name: "at once", ms: 0 });
    const first = await late("at once", Date.now());
    await client.mutation(api.jobs.later, { name: "soon", ms: 3_000 });
    await client.action(api.jobs.laterByAction, { name: "by an action", ms: 3_000 });
    await client.mutation(api.jobs.later, { name: "an action", ms: 2_000, inAction: true });
    const delays = [];
    for (const name of ["soon", "by an action", "an action"]) delays.push(await late(name, Date.now() + 3_000));
    assert.ok(Math.max(...delays) < 1_000, `late by ${delays} ms`);
    // Of the next minute: nobody is told, and the schedule finds it.
    const ms = 62_000 - (Date.now() % 60_000);
    await client.mutation(api.jobs.later, { name: "next minute", ms });
    const next = await late("next minute", Date.now() + ms);
    assert.ok(next < 1_000, `late by ${next} ms`);
    t.diagnostic(`at once: after ${first} ms, with a cold start; later: late by ${delays} ms; in the next minute: ${next} ms`);
  });

  test("crons run", { timeout: 120_000 }, async () => {
    await startOfMinute();
    writeFiles(dir, { "convex/crons.js": CRONS });
    await deployApp(server, dir, DEPLOY);
    const found = (await runs("cron", 4, 20_000)).map(({ at }) => at);
    const gaps = found.slice(1).map((at, n) => at - found[n]);
    assert.ok(Math.min(...gaps) > 900 && Math.max(...gaps) < 3_500, `${gaps}`);
    writeFiles(dir, { "convex/crons.js": CRONS.replace(/crons\.interval.*\n/, "") });
    await deployApp(server, dir, DEPLOY);
    const { length } = await client.query(api.jobs.runs, { name: "cron" });
    await sleep(3_000);
    assert.equal((await client.query(api.jobs.runs, { name: "cron" })).length, length, "it runs though it is no longer there");
  });

  test("the CLI sets variables and runs functions", async () => {
    await cli("env", "set", "PLACE", "the clouds");
    assert.equal(await client.query(api.messages.variable, { name: "PLACE" }), "the clouds");
    await cli("env", "remove", "PLACE");
    assert.equal(await client.query(api.messages.variable, { name: "PLACE" }), null);
    const before = JSON.parse(await cli("run", "messages:count"));
    await cli("run", "messages:send", '{"by": "cli", "text": "hello"}');
    assert.equal(await client.query(api.messages.count), before + 1);
  });

  test("upkeep flushes, and nothing is lost by it", async () => {
    const before = await client.query(api.messages.list);
    const { error, payload } = await server.upkeep();
    assert.equal(error, undefined, JSON.stringify(payload));
    assert.ok(payload.flushed > 0, JSON.stringify(payload));
    assert.deepEqual(await client.query(api.messages.list), before);
    await server.kill9();
    assert.deepEqual(await client.query(api.messages.list), before);
  });
});

for (const relays of [2, "socket-api"]) describe(`with relays: ${relays}`, () => {
  let server, dir, client;
  const clients = [];
  const cli = (...args) => convex(server, dir, args);
  before(async () => {
    server = await startServerless({ relays });
    dir = makeProject(APP);
    client = new ConvexHttpClient(server.url, { logger: false });
    await deployApp(server, dir, DEPLOY);
  });
  after(async () => {
    for (const client of clients) await client.close();
    await server?.stop();
  });

  const subscribe = () => {
    const client = new ConvexClient(server.url, { webSocketConstructor: WebSocket, unsavedChangesWarning: false, logger: false });
    clients.push(client);
    let last = [];
    let check = () => {};
    client.onUpdate(api.messages.list, {}, (texts) => {
      last = texts;
      check();
    });
    const sees = async (text, ms = COLD_MS) => {
      const started = performance.now();
      while (!last.includes(text)) {
        assert.ok(performance.now() - started < ms, `\`${text}\` is not seen in ${ms} ms; the last are ${last.slice(-3)}`);
        await Promise.race([new Promise((resolve) => (check = resolve)), sleep(100)]);
      }
      return performance.now() - started;
    };
    return { client, sees };
  };

  test("each client sees what is committed through the other relay, and through none", async (t) => {
    const [one, two] = [subscribe(), subscribe()];
    await Promise.all([one, two].map(({ client }) => client.query(api.messages.count)));
    const upgraded = server.edge.routes[0][1].map((target) => target.upgraded);
    assert.deepEqual(upgraded, relays === 2 ? [1, 1] : [2]);
    const times = { relays: [], http: [] };
    for (let n = 0; n < 10; n++) {
      await one.client.mutation(api.messages.send, { by: "one", text: `${n}` });
      times.relays.push(await two.sees(`one: ${n}`));
      await two.client.mutation(api.messages.send, { by: "two", text: `${n}` });
      times.relays.push(await one.sees(`two: ${n}`));
      await client.mutation(api.messages.send, { by: "http", text: `${n}` });
      times.http.push(...(await Promise.all([one.sees(`http: ${n}`), two.sees(`http: ${n}`)])));
    }
    await fetch(`${server.siteUrl}/send`, { method: "POST", body: "by an HTTP action" });
    await Promise.all([one.sees("http: by an HTTP action"), two.sees("http: by an HTTP action")]);
    for (const [how, found] of Object.entries(times)) t.diagnostic(`${how}: seen after ${median(found)} ms`);
  });

  test("a mutation that only fails has seen what was acknowledged before", async () => {
    const one = subscribe();
    for (let n = 0; n < 30; n++) {
      const text = `needed ${n}`;
      await client.mutation(api.messages.send, { by: "http", text });
      await one.client.mutation(api.messages.need, { text });
    }
    await assert.rejects(one.client.mutation(api.messages.need, { text: "nothing" }), /nobody has said nothing/);
  });

  // Of what the CLI does, this needs subscriptions.
  test("the CLI lists variables and data, and describes functions", { timeout: 60_000 }, async () => {
    await client.mutation(api.messages.send, { by: "relay", text: "hello" });
    await cli("env", "set", "PLACE", "the clouds");
    assert.match(await cli("env", "list"), /PLACE=/);
    assert.match(await cli("data", "messages"), /relay/);
    assert.match(await cli("function-spec"), /messages.js:send/);
  });

  test("files of any size go through a relay", { skip: relays !== 2 }, async () => {
    const data = Buffer.alloc(24 << 20, "a large file");
    const answer = await fetch(await client.mutation(api.files.uploadUrl), { method: "POST", body: data });
    assert.equal(answer.status, 200, await answer.clone().text());
    const { storageId } = await answer.json();
    const file = await fetch(await client.query(api.files.url, { id: storageId }));
    assert.ok(data.equals(Buffer.from(await file.arrayBuffer())));
  });
});

/** Waits for the next minute if this one is over soon. */
async function startOfMinute() {
  const left = 60_000 - (Date.now() % 60_000);
  if (left < 25_000) await sleep(left + 100);
}

function median(times) {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)].toFixed(1);
}

/** What a command of the CLI prints. */
async function convex(server, dir, args) {
  const result = await runCli(server, dir, args);
  assert.equal(result.code, 0, `convex ${args.join(" ")}: ${result.stderr}${result.stdout}`);
  return result.stdout;
}
