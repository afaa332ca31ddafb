// Runs the `lakewire` binary for tests: one server per call, on free ports and a data directory of its own.
//
//   const server = await startServer();
//   await deployApp(server, "../examples/chat");
//   await server.kill9();      // as a crash would
//   await server.restart();    // same ports, same data
//   await server.stop();       // graceful; removes a data directory that startServer made

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { awsStorage } from "./emulators.mjs";

export { deployApp, makeProject, runCli, writeFiles } from "./cli.mjs";

const START_TIMEOUT_MS = Number(process.env.LAKEWIRE_START_TIMEOUT_MS ?? 60_000);
const STOP_TIMEOUT_MS = 15_000;
const LOG_LINES_KEPT = 200;

/**
 * What servers are whose test does not choose: a process with a data directory (`local`) or with emulated AWS (`aws`), or
 * functions of an emulated Lambda (`serverless`), with as many relays as LAKEWIRE_RELAYS says, or `socket-api`.
 */
const STORAGE = process.env.LAKEWIRE_STORAGE ?? "local";

/**
 * For tests that only a process of one's own can pass: `skip: notServerless("why")`.
 *
 * @param {string} why what of the topology it is that does not allow it
 */
export const notServerless = (why) => STORAGE === "serverless" && why;

/** The same for what API Gateway's WebSockets do not allow: `docs/socket-api.md`. */
export const notOverGateway = (why) => STORAGE === "serverless" && process.env.LAKEWIRE_RELAYS === "socket-api" && why;

/** Servers that still run; whatever happens to the test, none outlives its process. */
const running = new Set();

/**
 * Starts a server and waits until `GET /version` answers 200.
 *
 * @param {object} [options]
 * @param {string} [options.dataDir] existing or new data directory; a temporary one if absent
 * @param {Storage} [options.storage] where the deployment is; `--data dataDir`, or what LAKEWIRE_STORAGE says, if absent
 * @param {string} [options.command] `serve` if absent
 * @param {string[]} [options.args] further arguments of it
 * @param {Record<string, string>} [options.env] further environment variables
 * @param {number} [options.port] port of the API; a free one if absent
 * @param {number} [options.sitePort] port of the HTTP actions; a free one if absent
 * @returns {Promise<Server | import("../aws/lib/serverless.mjs").Serverless>}
 */
export async function startServer(options = {}) {
  if (STORAGE === "serverless" && options.storage === undefined && options.dataDir === undefined) {
    const { startServerless } = await import("../aws/lib/serverless.mjs");
    const relays = process.env.LAKEWIRE_RELAYS ?? "0";
    return await startServerless({ relays: relays === "socket-api" ? relays : Number(relays), ...options });
  }
  const storage = options.storage ?? (options.dataDir === undefined ? await chosenStorage() : undefined);
  options = { ...options, storage };
  const server = new Server(options, options.port ?? (await freePort()), options.sitePort ?? (await freePort()));
  try {
    await server.restart();
    server.adminKey = (await lakewire(["keys", "create"], server.storage)).stdout.trim();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

/**
 * Where a deployment is: what every command needs to find it.
 *
 * @typedef {{args: string[], env?: Record<string, string>}} Storage
 */

/** @returns {Promise<Storage | undefined>} undefined: a data directory of the server's own */
async function chosenStorage() {
  if (STORAGE === "local") return undefined;
  if (STORAGE === "aws") return await awsStorage();
  throw new Error(`LAKEWIRE_STORAGE is \`${STORAGE}\`, and \`local\`, \`aws\` and \`serverless\` are known`);
}

/**
 * Runs one command of the binary to its end.
 *
 * @param {string[]} args for example `["branch", "list"]`
 * @param {Storage} [storage]
 * @param {object} [options]
 * @param {boolean} [options.mayFail] give the exit code instead of throwing
 * @returns {Promise<{code: number | null, stdout: string, stderr: string}>}
 */
export async function lakewire(args, storage = { args: [] }, options = {}) {
  const all = [...args, ...storage.args];
  const child = spawn(lakewireBinary(), all, { env: { ...process.env, ...storage.env }, stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => (output.stdout += chunk));
  child.stderr.on("data", (chunk) => (output.stderr += chunk));
  const [code, signal] = await once(child, "close");
  if (code !== 0 && !options.mayFail) throw new Error(`lakewire ${all.join(" ")}: ${signal ?? code}\n${output.stderr}`);
  return { code, ...output };
}

/** A server process, or the place of one between `kill9` and `restart`. */
export class Server {
  #options;
  #child = null;
  /** The process that was told to end. */
  #ending = null;
  /** Whether it is expected to end by itself. */
  #mayEnd = false;
  #log = [];
  #ownsDataDir;

  constructor(options, port, sitePort) {
    this.#options = options;
    this.#ownsDataDir = options.dataDir === undefined && options.storage === undefined;
    this.dataDir = this.#ownsDataDir ? mkdtempSync(path.join(os.tmpdir(), "lakewire-test-")) : options.dataDir;
    this.storage = options.storage ?? { args: ["--data", this.dataDir] };
    this.port = port;
    this.sitePort = sitePort;
    this.url = `http://127.0.0.1:${port}`;
    this.siteUrl = `http://127.0.0.1:${sitePort}`;
    this.adminKey = "";
  }

  /** Process id, or `undefined` while the server is down. */
  get pid() {
    return this.#child?.pid;
  }

  /** The last lines that the server printed, oldest first. */
  get log() {
    return this.#log.join("\n");
  }

  /** Ends the process the way a crash does (SIGKILL) and waits until it is gone. */
  async kill9() {
    await this.#end("SIGKILL");
  }

  /** Waits until the process has ended by itself; gives its exit code. */
  async ended(timeoutMs = STOP_TIMEOUT_MS) {
    const child = this.#child;
    if (child === null) throw new Error("the server does not run");
    this.#mayEnd = true;
    const [code] = await once(child, "exit", { signal: AbortSignal.timeout(timeoutMs) });
    this.#mayEnd = false;
    return code;
  }

  /** Stops the process gracefully, and starts it again if it runs; same ports, same data directory. */
  async restart() {
    await this.#end("SIGTERM");
    const args = [this.#options.command ?? "serve", ...this.storage.args, "--port", `${this.port}`, "--site-port", `${this.sitePort}`];
    const child = spawn(lakewireBinary(), [...args, ...(this.#options.args ?? [])], {
      env: { ...process.env, ...this.storage.env, ...this.#options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    running.add(this);
    child.stdout.on("data", (chunk) => this.#keepLog(chunk));
    child.stderr.on("data", (chunk) => this.#keepLog(chunk));
    let failure;
    child.once("error", (error) => (failure = error.message));
    child.once("exit", (code, signal) => {
      failure = `exited with ${signal ?? code}`;
      if (this.#child !== child) return;
      this.#child = null;
      running.delete(this);
      // A test that only sees its requests fail should still tell why.
      if (this.#ending !== child && !this.#mayEnd) console.error(`lakewire ${failure}, and nobody asked it to:\n${this.log}`);
    });
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await isReady(this.url))) {
      if (failure !== undefined) throw new Error(`lakewire ${args.join(" ")}: ${failure}\n${this.log}`);
      if (Date.now() > deadline) throw new Error(`lakewire is not ready after ${START_TIMEOUT_MS} ms\n${this.log}`);
      await sleep(10);
    }
  }

  /** Stops the process gracefully (SIGTERM, then SIGKILL) and removes the data directory if it was made here. */
  async stop() {
    await this.#end("SIGTERM");
    this.#removeOwnData();
  }

  /** For the end of the test process, where nothing can be awaited any more. */
  stopNow() {
    this.#child?.kill("SIGKILL");
    this.#removeOwnData();
  }

  async #end(signal) {
    const child = this.#child;
    if (child === null || child.pid === undefined) {
      this.#child = null;
      return;
    }
    const exited = once(child, "exit");
    this.#ending = child;
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }

  #removeOwnData() {
    running.delete(this);
    if (this.#ownsDataDir) rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 3 });
  }

  #keepLog(chunk) {
    if (process.env.LAKEWIRE_TEST_LOG) process.stderr.write(chunk);
    this.#log.push(...chunk.toString().split("\n").filter(Boolean));
    if (this.#log.length > LOG_LINES_KEPT) this.#log.splice(0, this.#log.length - LOG_LINES_KEPT);
  }
}

process.once("exit", () => {
  for (const server of running) server.stopNow();
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

/**
 * The binary under test: `LAKEWIRE_BIN`, else the newer one of the release and the debug build.
 *
 * @returns {string} absolute path
 */
export function lakewireBinary() {
  if (process.env.LAKEWIRE_BIN) return path.resolve(process.env.LAKEWIRE_BIN);
  const cache = process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), ".cache");
  const target = process.env.CARGO_TARGET_DIR ?? path.join(cache, "lakewire", "target");
  const built = ["release", "debug"].map((profile) => path.join(target, profile, "lakewire")).filter(existsSync);
  if (built.length === 0) throw new Error(`no lakewire binary under \`${target}\`: run \`make build\`, or set LAKEWIRE_BIN`);
  return built.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];
}

async function isReady(url) {
  try {
    const response = await fetch(`${url}/version`, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

/**
 * A free port below the range that the kernel gives to outgoing connections. From within that range, a client that
 * reconnects while its server is down can be given the server's own port and end up connected to itself.
 *
 * @returns {Promise<number>}
 */
export async function freePort() {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = createServer();
    const free = await new Promise((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error("found no free port");
}
