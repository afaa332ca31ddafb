// What AWS would run, made from the binary under test by `lakewire package`: once for each build of it.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { lakewireBinary } from "../../lib/server.mjs";
import { tool } from "./tools.mjs";

/** Unpacks a zip with the permissions that its files have. */
const UNZIP = `
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    for entry in archive.infolist():
        os.chmod(archive.extract(entry, sys.argv[2]), entry.external_attr >> 16 & 0o777 or 0o644)
`;

/**
 * @typedef {object} Packaged
 * @property {string} bootstrap the executable as it is in a Lambda function
 * @property {string} node the folder of the function for Node.js
 * @property {string} zip the package of the executable
 * @property {string} nodeZip that of the function for Node.js
 */

/** @returns {Packaged} */
export function packaged() {
  const binary = lakewireBinary();
  const { mtimeMs, size } = statSync(binary);
  const directory = path.join(os.tmpdir(), `lakewire-packages-${Math.round(mtimeMs)}-${size}`);
  const arch = process.arch === "arm64" ? "arm64" : "x86_64";
  const zips = (folder) => [path.join(folder, `lakewire-lambda-${arch}.zip`), path.join(folder, "lakewire-node.zip")];
  if (!existsSync(directory)) {
    // Another test process may make it at the same time.
    const draft = `${directory}.${process.pid}`;
    mkdirSync(draft, { recursive: true });
    execFileSync(binary, ["package", "--format", "zip", "--out", draft], { stdio: ["ignore", "ignore", "inherit"] });
    const [worker, node] = zips(draft);
    for (const [zip, folder] of [[worker, "worker"], [node, "node"]]) {
      execFileSync(tool("venv", "bin", "python"), ["-c", UNZIP, zip, path.join(draft, folder)]);
    }
    try {
      renameSync(draft, directory);
    } catch (error) {
      if (!existsSync(directory)) throw error;
      rmSync(draft, { recursive: true });
    }
  }
  const [zip, nodeZip] = zips(directory);
  return { bootstrap: path.join(directory, "worker", "bootstrap"), node: path.join(directory, "node"), zip, nodeZip };
}
