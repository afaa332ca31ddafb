// Starts the release build, deploys the benchmark's app with the official CLI, runs the load generator,
// and keeps the raw result under benches/results/ with machine, commit and command.
//
//   node tests/bench/run.mjs [--only NAME] [--seconds N]

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { tmpdir } from "node:os";
import { mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { deployApp, startServer } from "../lib/server.mjs";
import { keep, root } from "./report.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const targetDir = process.env.CARGO_TARGET_DIR ?? join(root, "target");
process.env.LAKEWIRE_BIN ??= join(targetDir, "release/lakewire");
const generator = join(targetDir, "release/lakewire-bench");

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const answers = (port) =>
  new Promise((resolve) => {
    const request = http.get({ host: "127.0.0.1", port, path: "/version" }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on("error", () => resolve(false));
  });

/** From spawning the process to the first 200 of `/version`, asked again every millisecond or so. */
async function startToReady(rounds, port = 38_210) {
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const data = mkdtempSync(join(tmpdir(), "lakewire-bench-"));
    const started = performance.now();
    const args = ["serve", "--data", data, "--port", String(port), "--site-port", String(port + 1)];
    const server = spawn(process.env.LAKEWIRE_BIN, args, { stdio: "ignore" });
    while (!(await answers(port))) {
      if (server.exitCode !== null) throw new Error(`the server exited with ${server.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    times.push(performance.now() - started);
    const gone = once(server, "exit");
    server.kill("SIGTERM");
    await gone;
    rmSync(data, { recursive: true });
  }
  return { name: "start to ready, empty", rounds, times_ms: times, median_ms: median(times) };
}

async function freshMemory() {
  const server = await startServer();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const status = execFileSync("grep", ["VmRSS", `/proc/${server.pid}/status`], { encoding: "utf8" });
  await server.stop();
  return { name: "resident memory, fresh and empty", resident_mb: (Number(status.match(/\d+/)[0]) * 1024) / 1e6 };
}

/** Runs the generator against a server of its own, with the app deployed. */
async function measure(...args) {
  const server = await startServer();
  try {
    await deployApp(server, join(here, "app"));
    const host = new URL(server.url).host;
    const output = execFileSync(generator, ["--host", host, "--pid", String(server.pid), ...args], {
      encoding: "utf8",
      maxBuffer: 1 << 28,
      stdio: ["ignore", "pipe", "inherit"],
    });
    return JSON.parse(output);
  } finally {
    await server.stop();
  }
}

const asked = process.argv.slice(2);
const results = [];
if (asked.includes("--only")) {
  results.push(...(await measure(...asked)));
} else {
  results.push(await startToReady(7), await freshMemory());
  for (const result of results) console.error(JSON.stringify(result));
  // Where memory is the question, the server has done nothing else before.
  for (const alone of ["idle connection", "bulk insert"]) results.push(...(await measure("--only", alone, ...asked)));
  results.push(...(await measure("--skip", "idle connection", "--skip", "bulk insert", ...asked)));
}

keep("server", {
  command: ["node", "tests/bench/run.mjs", ...process.argv.slice(2)].join(" "),
  driver: "tests/bench (Rust, HTTP/1.1 keep-alive and WebSocket), on the same machine as the server",
  results,
});
