// Runs the benchmark of the storage layer and keeps the raw result under benches/results/.
//
//   node tests/bench-storage/run.mjs [--only NAME] [--documents N] [--seconds N]

import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { keep, root } from "../bench/report.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const targetDir = process.env.CARGO_TARGET_DIR ?? join(root, "target");
const asked = process.argv.slice(2);
const results = [];
const bench = spawn(join(targetDir, "release/lakewire-bench-storage"), asked, { stdio: ["ignore", "pipe", "inherit"] });
const exited = once(bench, "exit");
for await (const line of createInterface({ input: bench.stdout })) {
  console.error(line);
  results.push(JSON.parse(line));
}
const [code] = await exited;
if (code !== 0) throw new Error(`the benchmark ended with ${code}`);
keep("storage", {
  command: ["node", "tests/bench-storage/run.mjs", ...asked].join(" "),
  driver: `${here.slice(root.length + 1)}, in one process with the database; latencies of log and store emulated (log-normal): append 5/15 ms, GET 20/80 ms, PUT 30/120 ms (p50/p99)`,
  results,
});
