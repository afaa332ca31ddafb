// The official `convex` CLI, pointed at a server under test.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryDir } from "./temporary.mjs";

const TESTS_DIR = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const CLI_TIMEOUT_MS = 120_000;
const PACKAGE_JSON = JSON.stringify({ private: true, type: "module", dependencies: { convex: "1.48.0" } });

/**
 * Runs one command of the official CLI in an app's directory.
 *
 * @param {{url: string, adminKey: string}} server
 * @param {string} dir the app
 * @param {string[]} args for example `["run", "messages:list"]`
 * @param {object} [options]
 * @param {Record<string, string>} [options.env] further environment variables
 * @param {string} [options.input] standard input; none if absent
 * @param {number} [options.timeoutMs]
 * @returns {Promise<{code: number | null, stdout: string, stderr: string}>} never rejects for a non-zero exit
 */
export async function runCli(server, dir, args, options = {}) {
  const cli = findCli(dir);
  const env = { ...process.env };
  // Either would send the CLI to another deployment than the one under test.
  delete env.CONVEX_DEPLOYMENT;
  delete env.CONVEX_DEPLOY_KEY;
  const child = spawn(process.execPath, [cli, ...args], {
    cwd: dir,
    stdio: ["pipe", "pipe", "pipe"],
    timeout: options.timeoutMs ?? CLI_TIMEOUT_MS,
    killSignal: "SIGKILL",
    env: {
      ...env,
      // Keeps the CLI from prompting and from reporting crashes to its vendor.
      CI: "1",
      NO_COLOR: "1",
      NO_PROXY: "127.0.0.1,localhost",
      CONVEX_SELF_HOSTED_URL: server.url,
      CONVEX_SELF_HOSTED_ADMIN_KEY: server.adminKey,
      ...options.env,
    },
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => (output.stdout += chunk));
  child.stderr.on("data", (chunk) => (output.stderr += chunk));
  child.stdin.end(options.input ?? "");
  const [code] = await once(child, "close");
  return { code, ...output };
}

/** The CLI that an app would use: of its own `node_modules`, or of the nearest folder above that has one. */
function findCli(dir) {
  for (let at = path.resolve(dir); ; at = path.dirname(at)) {
    const cli = path.join(at, "node_modules", "convex", "bin", "main.js");
    if (existsSync(cli)) return cli;
    if (at === path.dirname(at)) throw new Error(`found no \`convex\` package for \`${dir}\`: run \`make setup\``);
  }
}

/**
 * Deploys an app with `convex deploy`; throws with the CLI's output when that fails.
 *
 * @param {{url: string, adminKey: string}} server
 * @param {string} dir the app
 * @param {object} [options] as in `runCli`, and `args`: further arguments of `convex deploy`
 */
export async function deployApp(server, dir, options = {}) {
  const result = await runCli(server, dir, ["deploy", ...(options.args ?? [])], options);
  if (result.code !== 0) throw new Error(`convex deploy exited with ${result.code}\n${result.stderr}${result.stdout}`);
  return result;
}

/**
 * Makes a small app in a temporary directory, with the tests' own `node_modules`. It is removed when the process ends.
 *
 * @param {string | Record<string, string>} source a directory to copy, or path (such as `convex/messages.ts`) to content
 * @returns {string} its directory
 */
export function makeProject(source) {
  const dir = temporaryDir("app");
  symlinkSync(path.join(TESTS_DIR, "node_modules"), path.join(dir, "node_modules"));
  writeFiles(dir, { "package.json": PACKAGE_JSON });
  if (typeof source === "string") cpSync(source, dir, { recursive: true });
  else writeFiles(dir, source);
  return dir;
}

/**
 * Writes files below a directory, making the folders that they need.
 *
 * @param {string} dir
 * @param {Record<string, string>} files
 */
export function writeFiles(dir, files) {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(dir, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}
