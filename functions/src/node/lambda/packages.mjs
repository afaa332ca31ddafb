// External packages: installed by npm once, at a push, then unpacked from the store.

import { spawn } from "node:child_process";
import { createReadStream, createWriteStream, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { pack, unpack } from "./archive.mjs";
import { only } from "./child.mjs";
import { folder, keep } from "./fetched.mjs";
import { get, putOnce } from "./http.mjs";

const INSTALL_MS = 5 * 60_000;
const SHOWN = 4096;

/** npm sees these, and its own settings: all of them are the operator's. */
const PASSED = ["PATH", "LANG", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "NODE_EXTRA_CA_CERTS"];
const ARGUMENTS = ["install", "--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier", "--no-package-lock",
  "--loglevel=error", "--install-links=false"];

/** npm did not install the packages. */
export class PackagesError extends Error {}

/** The folder whose `node_modules` has the packages; null if they are not in the store and may not be put there. */
export async function packagesFolder({ key, url, put, dependencies }) {
  return keep("packages", key, async (making) => {
    const response = await get(url);
    if (response !== null) {
      await unpack(response, making);
      mkdirSync(path.join(making, "node_modules"), { recursive: true });
      return true;
    }
    if (put === undefined) return false;
    await install(making, dependencies);
    await upload(making, put);
    return true;
  });
}

async function install(making, dependencies) {
  mkdirSync(path.join(making, "node_modules"));
  writeFileSync(path.join(making, "package.json"), JSON.stringify({ private: true, dependencies }));
  const scratch = mkdtempSync(path.join(folder("tmp"), "npm-"));
  try {
    const { ended, output } = await npm(making, scratch);
    if (ended === "timeout") throw new PackagesError(`npm took longer than ${INSTALL_MS / 1000} s\n${output}`);
    if (ended !== 0) throw new PackagesError(output.trim() || `npm: ${ended}`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function npm(cwd, scratch) {
  const settings = Object.keys(process.env).filter((name) => name.toLowerCase().startsWith("npm_config_"));
  const env = { HOME: scratch, npm_config_cache: path.join(scratch, "cache"), ...only([...PASSED, ...settings]), TMPDIR: scratch };
  const beside = path.join(path.dirname(process.execPath), "npm");
  return new Promise((resolve) => {
    const child = spawn(existsSync(beside) ? beside : "npm", ARGUMENTS, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let late = false;
    const timer = setTimeout(() => ((late = true), child.kill("SIGKILL")), INSTALL_MS);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (output = (output + text).slice(-SHOWN)));
    }
    const end = (ended) => (clearTimeout(timer), resolve({ ended: late ? "timeout" : ended, output }));
    child.on("error", (error) => end(`cannot run npm: ${error.message}`));
    child.on("close", (code, signal) => end(signal ?? code));
  });
}

async function upload(making, url) {
  const file = path.join(folder("tmp"), "packages");
  try {
    await pipeline(pack(making), createWriteStream(file));
    await putOnce(url, createReadStream(file), statSync(file).size);
  } finally {
    rmSync(file, { force: true });
  }
}
