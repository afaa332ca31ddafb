// What AWS would run, made from the binary under test: once for each build of it.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { lakewireBinary } from "../../lib/server.mjs";
import { tool } from "./tools.mjs";

/** A zip with an executable, packed as fast as can be. */
const ZIP = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
    entry = zipfile.ZipInfo("bootstrap")
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o100755 << 16
    with open(sys.argv[2], "rb") as source, archive.open(entry, "w") as target:
        while piece := source.read(1 << 20):
            target.write(piece)
`;

/** @returns {{bootstrap: string, zip: string}} the executable as it is in a Lambda function, and the package that it is from */
export function packaged() {
  const binary = lakewireBinary();
  const { mtimeMs, size } = statSync(binary);
  const directory = path.join(os.tmpdir(), `lakewire-package-${Math.round(mtimeMs)}-${size}`);
  const made = { bootstrap: path.join(directory, "bootstrap"), zip: path.join(directory, "lakewire-lambda.zip") };
  if (existsSync(directory)) return made;
  // Another test process may make it at the same time.
  const draft = `${directory}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  execFileSync("strip", ["-o", path.join(draft, "bootstrap"), binary]);
  execFileSync(tool("venv", "bin", "python"), ["-c", ZIP, path.join(draft, "lakewire-lambda.zip"), path.join(draft, "bootstrap")]);
  try {
    renameSync(draft, directory);
  } catch (error) {
    if (!existsSync(directory)) throw error;
    execFileSync("rm", ["-rf", draft]);
  }
  return made;
}
