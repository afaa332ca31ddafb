// Functions over the HTTP API: with a new process, with a restored one, and with one that is there.

import { setTimeout as sleep } from "node:timers/promises";

import { deployment } from "./deployment.mjs";
import { summary, target, timed } from "./statistics.mjs";

const ROUNDS = 21;
const FLUSHES = 7;
const WARM_UP = 30;
const CALLS = 200;
const SETTLE_MS = 200;

/** From a request that starts a process to its answer. */
export async function cold() {
  const deployed = await deployment();
  try {
    const { lambda, httpFunction } = deployed;
    const times = await fresh(deployed, ROUNDS, async () => await lambda.kill(httpFunction, { which: "all" }));
    const { initMs, durationMs } = await deployed.stats("http");
    const name = "cold worker to first answered query";
    const targets = [target(name, summary(times).p50_ms, 150, "ms")];
    const results = [{ name, ...summary(times), init_ms: initMs, invocation_ms: durationMs, targets }];
    // Each is the first start that finds a newer manifest and newer segments than the one before.
    const flushed = await fresh(deployed, FLUSHES, async (round) => {
      await deployed.call("mutation", "bench:bump", { name: `flushed ${round}` });
      await deployed.server.upkeep();
      await lambda.kill(httpFunction, { which: "all" });
    });
    results.push({ name: "first cold worker after a flush to first answered query", ...summary(flushed), targets: [] });
    return results;
  } finally {
    await deployed.stop();
  }
}

/** The same from a process that was stopped after its initialization, as SnapStart does. */
export async function restored() {
  const deployed = await deployment({ functions: { http: { snapStart: true, prepare: 1 } } });
  const killed = new Set();
  try {
    const times = await fresh(deployed, ROUNDS, async () => {
      for (;;) {
        const { environments } = await deployed.stats("http");
        for (const { state, pid } of environments) {
          if (state !== "idle" || killed.has(pid)) continue;
          killed.add(pid);
          process.kill(pid, "SIGKILL");
        }
        // The one that takes the place of what was restored is made in the background.
        if (environments.some(({ state }) => state === "snapshot") && !environments.some(({ state }) => state === "busy")) return;
        await sleep(10);
      }
    });
    const { restores, restoreMs, durationMs } = await deployed.stats("http");
    if (restores < ROUNDS) throw new Error(`${restores} restores, not ${ROUNDS}`);
    const name = "restored worker to first answered query";
    return [{ name, ...summary(times), restore_ms: restoreMs, invocation_ms: durationMs, targets: [target(name, summary(times).p50_ms, 150, "ms")] }];
  } finally {
    await deployed.stop();
  }
}

async function fresh(deployed, rounds, prepare) {
  await deployed.call("mutation", "bench:bump", { name: "cold" });
  const times = [];
  await deployed.lambda.resetStats();
  for (let n = 0; n < rounds; n++) {
    await prepare(n);
    await sleep(SETTLE_MS);
    times.push(...(await timed(1, () => deployed.call("query", "bench:counter", { name: "cold" }))));
  }
  return times;
}

/** With a process that is there, one call after the other. */
export async function warm() {
  const deployed = await deployment();
  try {
    await deployed.call("mutation", "bench:seedAccounts", { start: 0, count: 1 });
    const query = (nonce) => deployed.call("query", "bench:getByIndex", { number: 0, nonce });
    const mutation = (key) => deployed.call("mutation", "bench:insert", { key });
    const results = [];
    for (const [kind, call] of Object.entries({ query, mutation })) {
      await timed(WARM_UP, (n) => call(-1 - n));
      await deployed.lambda.resetStats();
      const times = await timed(CALLS, call);
      const { coldStarts, durationMs } = await deployed.stats("http");
      const name = `warm ${kind} over HTTP`;
      const targets = kind === "query" ? [target(name, summary(times).p50_ms, 15, "ms")] : [];
      results.push({ name, ...summary(times), cold_starts: coldStarts, invocation_ms: durationMs, targets });
    }
    return results;
  } finally {
    await deployed.stop();
  }
}
