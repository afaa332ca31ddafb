// What running functions costs: inside of the process (functions/examples/bench_runtime.rs), in a process that has just
// been started, and in a server. Keeps the raw result under benches/results/.
//
//   node tests/bench/runtime.mjs

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ConvexHttpClient } from "convex/browser";
import { deployApp, startServer } from "../lib/server.mjs";
import { keep, root } from "./report.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const targetDir = process.env.CARGO_TARGET_DIR ?? join(root, "target");
process.env.LAKEWIRE_BIN ??= join(targetDir, "release/lakewire");
const inside = join(targetDir, "release/examples/bench_runtime");

const sorted = (numbers) => [...numbers].sort((a, b) => a - b);
const quantile = (numbers, q) => sorted(numbers)[Math.round((numbers.length - 1) * q)];
const round = (number) => Math.round(number * 100) / 100;

/** From spawning a worker to its first result. */
async function coldWorker(rounds) {
  const folder = mkdtempSync(join(tmpdir(), "lakewire-bench-"));
  const file = join(folder, "program");
  execFileSync(inside, ["prepare", file]);
  const times = [];
  for (let i = 0; i < rounds; i++) {
    const started = performance.now();
    const worker = spawn(inside, ["cold", file], { stdio: ["ignore", "pipe", "inherit"] });
    const [result] = await once(worker.stdout, "data");
    times.push(round(performance.now() - started));
    if (String(result).trim() !== '"hello"') throw new Error(`the worker said ${result}`);
    await once(worker, "close");
  }
  rmSync(folder, { recursive: true });
  return { name: "cold process to first result, 1 MB app", times_ms: times, p50_ms: quantile(times, 0.5) };
}

const resident = (pid) =>
  Number(execFileSync("grep", ["VmRSS", `/proc/${pid}/status`], { encoding: "utf8" }).match(/\d+/)[0]) / 1024;

/** What 100 documents add to a query, one client, one call after the other. */
async function collect(http) {
  await http.mutation("bench:seedMessages", { channel: 1, count: 100 });
  const measure = async (name) => {
    const times = [];
    for (let nonce = 0; nonce < 1500; nonce++) {
      const started = performance.now();
      await http.query(name, { nonce });
      if (nonce >= 500) times.push(performance.now() - started);
    }
    return round(quantile(times, 0.5));
  };
  const [trivial, list] = [await measure("bench:trivial"), await measure("bench:list100")];
  return { name: "100 documents over HTTP, not cached", trivial_p50_ms: trivial, list100_p50_ms: list, added_ms: round(list - trivial) };
}

/** Memory after 42 heavy queries at once and a deploy. */
async function burst(server, http) {
  for (let nonce = 0; nonce < 200; nonce++) await http.query("bench:trivial", { nonce: -1 - nonce });
  await sleep(5_000);
  const idle = resident(server.pid);
  let peak = idle;
  const watch = setInterval(() => (peak = Math.max(peak, resident(server.pid))), 50);
  const started = performance.now();
  const all = Array.from({ length: 42 }, (_, nonce) => http.query("bench:heavy", { nonce }));
  const done = await Promise.allSettled(all);
  const failed = done.filter(({ status }) => status === "rejected");
  await deployApp(server, join(here, "app"));
  const took = round((performance.now() - started) / 1000);
  clearInterval(watch);
  const after = [];
  for (let second = 0; second < 60; second += 5) {
    await sleep(5_000);
    after.push(Math.round(resident(server.pid)));
  }
  return { name: "42 heavy queries at once and a deploy", failed: failed.length, took_s: took, idle_mb: Math.round(idle),
    peak_mb: Math.round(peak), after_mb_every_5_s: after, above_idle_after_60_s_mb: Math.round(after.at(-1) - idle) };
}

const results = execFileSync(inside, { encoding: "utf8" }).trim().split("\n").map((line) => JSON.parse(line));
results.push(await coldWorker(20));
const server = await startServer();
try {
  await deployApp(server, join(here, "app"));
  const http = new ConvexHttpClient(server.url, { logger: false });
  results.push(await collect(http), await burst(server, http));
} finally {
  await server.stop();
}
for (const result of results) console.error(JSON.stringify(result));
keep("runtime", { command: "node tests/bench/runtime.mjs", driver: "the npm client, on the same machine as the server", results });
