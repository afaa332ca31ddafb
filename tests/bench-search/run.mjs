// Runs the benchmark of searching and keeps the raw result under benches/results/: corpora, other engines on them, Lakewire.
//
//   node tests/bench-search/run.mjs [--documents N] [--vectors N] [--only text|vector] [--queries N]
//       [--others|--alone] [--corpus DIR] [--data DIR] [--cache MB]
//
// Corpora are kept beside other caches and used again. `--others` measures only the other engines, `--alone` only Lakewire.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { keep, root } from "../bench/report.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "lakewire");
const targetDir = process.env.CARGO_TARGET_DIR ?? join(root, "target");
const { values: options } = parseArgs({
  options: {
    documents: { type: "string", default: "1000000" },
    vectors: { type: "string", default: "1000000" },
    only: { type: "string" },
    corpus: { type: "string" },
    data: { type: "string" },
    cache: { type: "string" },
    queries: { type: "string" },
    others: { type: "boolean", default: false },
    alone: { type: "boolean", default: false },
  },
});
const python = join(cache, "tools/bench-search/bin/python");
const corpus = options.corpus ?? join(cache, `bench-search-${options.documents}-${options.vectors}`);
const own = join(targetDir, "release/lakewire-bench-search");
const size = ["--documents", options.documents, "--vectors", options.vectors, ...(options.only ? ["--only", options.only] : [])];
const results = [];

/** Runs a program that prints a line of JSON for each result. */
async function run(program, args) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    console.error(line);
    results.push(JSON.parse(line));
  }
  const [code, signal] = await exited;
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${signal ?? code}`);
}

await run(own, [corpus, ...size]);
if (!options.alone) {
  if (!existsSync(python)) throw new Error("run `scripts/setup bench` first, or measure with --alone");
  for (const [kind, script] of [["text", "compare_text.py"], ["vector", "compare_vectors.py"]]) {
    if (options.only === undefined || options.only === kind) await run(python, [join(here, script), corpus]);
  }
}
if (!options.others) {
  const more = ["data", "cache", "queries"].flatMap((name) => (options[name] === undefined ? [] : [`--${name}`, options[name]]));
  await run(own, [corpus, "--measure", ...size, ...more]);
}
const versions = spawnSync(python, ["-m", "pip", "list", "--format", "freeze"], { encoding: "utf8" }).stdout ?? "";
keep("search", {
  command: ["node", "tests/bench-search/run.mjs", ...process.argv.slice(2)].join(" "),
  driver: `${here.slice(root.length + 1)}, in one process with the database; latencies of log and store emulated (log-normal): append 5/15 ms, GET 20/80 ms, PUT 30/120 ms (p50/p99); other engines (${versions.trim().split("\n").filter((line) => /tantivy|faiss|hnswlib|numpy/.test(line)).join(", ")}) in memory or on this disk, without latencies`,
  results,
});
