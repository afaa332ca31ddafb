// Keeps the raw results of benchmarks, with machine and commit.

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

const git = (...args) => {
  const run = spawnSync("git", args, { cwd: root, encoding: "utf8" });
  return run.status === 0 ? run.stdout.trim() : null;
};

/** Writes `benches/results/{name}-{date}.json`: `report` (command, driver, results), machine, commit, date. */
export function keep(name, { command, driver, results }) {
  const date = new Date().toISOString();
  const report = {
    commit: git("rev-parse", "HEAD"),
    uncommitted_changes: git("status", "--porcelain") !== "",
    command,
    date,
    machine: { cpu: cpus()[0].model, cores: cpus().length, memory_gb: Math.round(totalmem() / 1e9), kernel: release() },
    driver,
    results,
  };
  const directory = join(root, "benches/results");
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${name}-${date.slice(0, 19).replaceAll(":", "")}Z.json`);
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  console.log(`wrote ${file}`);
}
