// A relay that is stopped or killed and started again, as a thousand official clients see it.

import { setTimeout as sleep } from "node:timers/promises";

import { ConvexClient } from "convex/browser";
import { anyApi as api } from "convex/server";
import WebSocket from "ws";

import { deployment } from "./deployment.mjs";
import { summary, target } from "./statistics.mjs";

const CLIENTS = 1_000;
const DISTINCT = 20;
const PATIENCE_MS = 60_000;
const OPTIONS = { webSocketConstructor: WebSocket, unsavedChangesWarning: false, logger: false };

/** SIGTERM with draining, and SIGKILL: of the only relay, and of one of two behind a load balancer. */
export async function restart() {
  const results = [];
  for (const relays of [1, 2]) for (const signal of ["SIGTERM", "SIGKILL"]) results.push(await restarted(relays, signal));
  return results;
}

async function restarted(relays, signal) {
  const deployed = await deployment({ relays });
  const clients = [];
  try {
    const [relay] = deployed.relays;
    const { edge } = deployed.server;
    const targets = deployed.relays.map(({ url }) => ({ url, upgraded: 0 }));
    edge.routes = [["*", targets]];
    for (let n = 0; n < DISTINCT; n++) await relay.call("mutation", "bench:bump", { name: `q${n}` });
    let answers = 0;
    for (let n = 0; n < CLIENTS; n++) {
      const client = new ConvexClient(relays === 1 ? relay.url : edge.url, OPTIONS);
      client.onUpdate(api.bench.counter, { name: `q${n % DISTINCT}` }, () => (answers += 1));
      clients.push(client);
      if (n % 64 === 63) await sleep(20);
    }
    await until(() => answers >= CLIENTS, "clients have an answer");
    // A balancer is told of a relay that is to stop, and finds out about one that died.
    if (relays === 1) return await once(deployed, clients, signal, "the only relay", clients.length);
    if (signal === "SIGTERM") edge.routes = [["*", targets.slice(1)]];
    return await once(deployed, clients, signal, "one of two relays", targets[0].upgraded);
  } finally {
    for (const client of clients) await client.close();
    await deployed.stop();
  }
}

async function once({ relays: [relay, ...others] }, clients, signal, which, affected) {
  const before = await runs(others);
  const counts = clients.map((client) => client.connectionState().connectionCount);
  const held = clients.map((client) => client.connectionState().isWebSocketConnected);
  const started = performance.now();
  const times = clients.map(() => undefined);
  let ready;
  const again = (async () => {
    if (signal === "SIGKILL") await relay.kill9();
    await relay.restart();
    ready = performance.now() - started;
  })();
  await until(() => {
    // While it still runs, a client that comes back to the only relay is not back yet.
    if (others.length === 0 && ready === undefined) return false;
    for (const [n, client] of clients.entries()) {
      if (times[n] === undefined && held[n] && synced(client, counts[n] + 1)) times[n] = performance.now() - started;
    }
    return times.filter((time) => time !== undefined).length >= affected;
  }, `${affected} clients are back after ${signal}`, times);
  await again;
  const [queries, back] = [(await runs([relay, ...others])) - before, times.filter((time) => time !== undefined)];
  const attempts = clients.reduce((sum, client, n) => sum + client.connectionState().connectionCount - counts[n], 0);
  const name = `${back.length} clients back after ${signal} of ${which}`;
  return {
    name,
    ...summary(back),
    relay_ready_ms: ready,
    connections_per_client: attempts / back.length,
    distinct_queries: DISTINCT,
    queries_run: queries,
    targets: [target(name, Math.max(...back) / 1000, 5, "s"), target(`runs of each query after ${signal} of ${which}`, queries / DISTINCT, 1, "")],
  };
}

/** Queries that these processes ran since they were started. */
async function runs(relays) {
  const executions = (await Promise.all(relays.map((relay) => relay.executions()))).flat();
  return executions.filter(({ udfType, cachedResult }) => udfType === "Query" && !cachedResult).length;
}

/** Connected for the `count`th time or later, and told all that was asked for. */
function synced(client, count) {
  const { isWebSocketConnected, connectionCount, connectionRetries } = client.connectionState();
  return isWebSocketConnected && connectionCount >= count && connectionRetries === 0;
}

async function until(condition, what, times = []) {
  const deadline = performance.now() + PATIENCE_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not all ${what} after ${PATIENCE_MS} ms, but ${times.filter(Boolean).length}`);
    await sleep(5);
  }
}
