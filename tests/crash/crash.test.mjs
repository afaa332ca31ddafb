// Kills the server with SIGKILL at random moments under load, starts it again on the same data, and at the end looks
// whether every acknowledged mutation is there exactly once, and none by half.
//
// LAKEWIRE_CRASH_ROUNDS sets the number of rounds (50), each of about a second.

import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { anyApi } from "convex/server";
import { deployApp, makeProject, startServer } from "../lib/server.mjs";
import { readLedger, verify } from "./verify.mjs";
import { HttpWriter, SocketWriter } from "./writers.mjs";

const APP = path.join(path.dirname(fileURLToPath(import.meta.url)), "app");
const ROUNDS = Number(process.env.LAKEWIRE_CRASH_ROUNDS ?? 50);
const SOCKET_WRITERS = 3;
const HTTP_WRITERS = 2;
/** A round ends at a random moment after this many acknowledgements, so that there is always something to lose. */
const ACKS_PER_ROUND = 20;
const ROUND_TIMEOUT_MS = 30_000;
/** Every so many rounds the server also dies while it is still recovering from the round before. */
const CRASH_IN_RECOVERY_EVERY = 5;

test(`${ROUNDS} crashes lose, repeat and halve nothing`, { timeout: 120_000 + ROUNDS * ROUND_TIMEOUT_MS }, async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  await deployApp(server, makeProject(APP), { args: ["--codegen", "disable", "--typecheck", "disable"] });

  const writers = [];
  for (let i = 0; i < SOCKET_WRITERS; i++) writers.push(new SocketWriter(`socket-${i}`, server.url));
  for (let i = 0; i < HTTP_WRITERS; i++) writers.push(new HttpWriter(`http-${i}`, server.url));
  const watcher = watchTotal(server.url);
  t.after(async () => {
    for (const writer of writers) await writer.close();
    await watcher.close();
  });

  const acknowledged = () => writers.reduce((sum, writer) => sum + writer.acked.size, 0);
  for (const writer of writers) writer.start();
  const startedAt = Date.now();
  for (let round = 1; round <= ROUNDS; round++) {
    for (const writer of writers) writer.round = round;
    await until(() => writers.every((writer) => writer.ackedInRound >= ACKS_PER_ROUND / writers.length), server);
    await sleep(Math.random() * 300);
    await server.kill9();
    if (round % CRASH_IN_RECOVERY_EVERY === 0) await crashInRecovery(server);
    await server.restart();
  }
  const seconds = (Date.now() - startedAt) / 1000;

  await Promise.all(writers.map((writer) => writer.finish(ROUND_TIMEOUT_MS)));
  const ledger = await readLedger(new ConvexHttpClient(server.url, { logger: false }));
  await until(() => watcher.last === ledger.entries.length, server);
  t.diagnostic(
    `${ROUNDS} crashes in ${seconds.toFixed(1)} s: ${acknowledged()} mutations acknowledged, ${ledger.entries.length} found`,
  );
  assert.deepEqual([...verify(writers, ledger), ...watcher.problems], []);
});

/** Follows the total over a subscription. It counts committed mutations, so that it can only grow. */
function watchTotal(url) {
  const client = new ConvexClient(url, { logger: false, unsavedChangesWarning: false });
  const watcher = { last: 0, problems: [], close: () => client.close() };
  client.onUpdate(anyApi.ledger.total, {}, (total) => {
    if (total < watcher.last) watcher.problems.push(`the subscription went back from ${watcher.last} to ${total}`);
    watcher.last = total;
  });
  return watcher;
}

async function crashInRecovery(server) {
  const starting = server.restart().catch(() => {});
  await sleep(Math.random() * 60);
  await server.kill9();
  await starting;
}

async function until(condition, server) {
  const deadline = Date.now() + ROUND_TIMEOUT_MS;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `no progress for ${ROUND_TIMEOUT_MS} ms\n${server.log}`);
    await sleep(5);
  }
}
