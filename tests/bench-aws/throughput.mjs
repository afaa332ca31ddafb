// How many mutations one relay takes, from the load generator of `tests/bench`.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";

import { deployment } from "./deployment.mjs";
import { target } from "./statistics.mjs";

/** Each has 16 connections with one call at a time. */
const GENERATORS = 8;
const SECONDS = 10;
const SCENARIO = ["--only", "insert 1 document", "--skip", "one connection"];
const run = promisify(execFile);

/** Mutations that insert a document each, over HTTP to the relay. */
export async function throughput() {
  const deployed = await deployment({ relays: 1 });
  try {
    const [relay] = deployed.relays;
    await deployed.faults.resetStats();
    const [cpu, started] = [relay.cpuMs, performance.now()];
    const args = ["--host", new URL(relay.url).host, "--pid", `${relay.pid}`, "--seconds", `${SECONDS}`, ...SCENARIO];
    const loads = (await Promise.all(Array.from({ length: GENERATORS }, () => run(generator(), args)))).map(({ stdout }) => JSON.parse(stdout)[0]);
    const [usedMs, seconds] = [relay.cpuMs - cpu, (performance.now() - started) / 1000];
    const { operations } = await deployed.faults.stats();
    const sum = (field) => loads.reduce((total, one) => total + one[field], 0);
    const rate = sum("calls_per_s");
    const entries = operations["dynamodb.PutItem"].requests;
    const name = "mutations through one relay";
    return [
      {
        name,
        connections: GENERATORS * 16,
        calls: sum("calls"),
        calls_per_s: rate,
        errors: sum("errors"),
        p50_ms: loads.map(({ p50_ms }) => p50_ms),
        p99_ms: loads.map(({ p99_ms }) => p99_ms),
        relay_cores: usedMs / 1000 / seconds,
        // With those of the warm-up.
        entries_per_s: entries / seconds,
        resident_mb: relay.resident / 1e6,
        targets: [target(name, rate, 2000, "/s", "least")],
      },
    ];
  } finally {
    await deployed.stop();
  }
}

function generator() {
  const cache = process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), ".cache");
  const target = process.env.CARGO_TARGET_DIR ?? path.join(cache, "lakewire", "target");
  const binary = path.join(target, "release", "lakewire-bench");
  if (!existsSync(binary)) throw new Error(`no \`${binary}\`: run \`make bench-aws\``);
  return binary;
}
