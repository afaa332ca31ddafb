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

/** SIGTERM with draining, and SIGKILL. */
export async function restart() {
  const deployed = await deployment({ relays: 1 });
  const clients = [];
  try {
    const [relay] = deployed.relays;
    for (let n = 0; n < DISTINCT; n++) await deployed.call("mutation", "bench:bump", { name: `q${n}` });
    for (let n = 0; n < CLIENTS; n++) {
      const client = new ConvexClient(relay.url, OPTIONS);
      client.onUpdate(api.bench.counter, { name: `q${n % DISTINCT}` }, () => {});
      clients.push(client);
      if (n % 64 === 63) await sleep(20);
    }
    await until(() => clients.every((client) => synced(client, 1)), "clients are connected");
    const results = [];
    for (const signal of ["SIGTERM", "SIGKILL"]) results.push(await once(relay, clients, signal));
    return results;
  } finally {
    for (const client of clients) await client.close();
    await deployed.stop();
  }
}

async function once(relay, clients, signal) {
  const counts = clients.map((client) => client.connectionState().connectionCount);
  const started = performance.now();
  const times = Array.from(clients, () => undefined);
  let ready;
  const restarted = (async () => {
    if (signal === "SIGKILL") await relay.kill9();
    await relay.restart();
    ready = performance.now() - started;
  })();
  await until(() => {
    for (const [n, client] of clients.entries()) {
      if (times[n] === undefined && synced(client, counts[n] + 1)) times[n] = performance.now() - started;
    }
    return times.every((time) => time !== undefined);
  }, `clients are back after ${signal}`, times);
  await restarted;
  const runs = (await relay.executions()).filter(({ udfType, cachedResult }) => udfType === "Query" && !cachedResult).length;
  const attempts = clients.reduce((sum, client, n) => sum + client.connectionState().connectionCount - counts[n], 0);
  const name = `${clients.length} clients back after ${signal} of their relay`;
  return {
    name,
    ...summary(times),
    relay_ready_ms: ready,
    connections_per_client: attempts / clients.length,
    distinct_queries: DISTINCT,
    queries_run: runs,
    targets: [target(name, Math.max(...times) / 1000, 5, "s"), target(`runs of each query after ${signal}`, runs / DISTINCT, 1, "")],
  };
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
