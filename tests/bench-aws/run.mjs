// Measures a deployment on emulated AWS with the latencies of AWS, keeps the raw result under benches/results/ and prints what
// became of the targets.
//
//   node tests/bench-aws/run.mjs [--only NAME] [--usage]

import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { keep } from "../bench/report.mjs";
import { cold, restored, warm } from "./cold.mjs";
import { LATENCY } from "./deployment.mjs";
import { latency } from "./relay.mjs";
import { requests } from "./requests.mjs";
import { restart } from "./restart.mjs";
import { sockets } from "./sockets.mjs";
import { load } from "./statistics.mjs";
import { throughput } from "./throughput.mjs";
import { writeUsage } from "./usage.mjs";

const MEASUREMENTS = { cold, restored, warm, latency, throughput, sockets, restart, requests };

const { values: asked } = parseArgs({ options: { only: { type: "string", multiple: true }, usage: { type: "boolean" } } });
const unknown = (asked.only ?? []).filter((name) => !(name in MEASUREMENTS));
if (unknown.length > 0) throw new Error(`there is no ${unknown.join(", ")}, but ${Object.keys(MEASUREMENTS).join(", ")}`);
const cache = process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), ".cache");
process.env.LAKEWIRE_BIN ??= path.join(process.env.CARGO_TARGET_DIR ?? path.join(cache, "lakewire", "target"), "release", "lakewire");

const results = [];
for (const [name, measure] of Object.entries(MEASUREMENTS)) {
  if (asked.only && !asked.only.includes(name)) continue;
  const before = load();
  try {
    const measured = await measure();
    for (const result of measured) results.push({ measurement: name, ...result, load: { before, after: load() } });
    if (name === "requests" && asked.usage) writeUsage(measured);
  } catch (error) {
    // The others are worth having all the same.
    console.error(error);
    results.push({ measurement: name, name, failed: String(error), targets: [], load: { before, after: load() } });
    process.exitCode = 1;
  }
  for (const result of results) if (result.measurement === name) console.error(JSON.stringify(result));
}

keep("aws", {
  command: ["node", "tests/bench-aws/run.mjs", ...process.argv.slice(2)].join(" "),
  driver: `tests/bench-aws on emulated AWS, with ${LATENCY.dynamodb} ms more for each request to the table and ${LATENCY.s3} ms to the bucket; emulators, clients and server share the machine`,
  results,
});
const rows = results.flatMap(({ targets }) => targets).map(({ what, value, unit, most, least, met }) => [
  what,
  `${value} ${unit}`,
  most === undefined ? `at least ${least}` : `at most ${most}`,
  met ? "met" : "NOT met",
]);
for (const { name, failed } of results) if (failed) rows.push([name, "", "", `FAILED: ${failed}`]);
const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column].length)));
for (const row of rows) console.log(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
// Emulators and sockets that a failure left behind.
process.exit();
