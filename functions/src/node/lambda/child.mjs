// A process with the executor, and the JSON lines that go to and from it.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { folder as own } from "./fetched.mjs";

const EXECUTOR = fileURLToPath(new URL("executor/executor.mjs", import.meta.url));
/** The descriptor that the process speaks on. */
const CHANNEL = 3;
const START_MS = 30_000;
const LAST_WORDS_MS = 200;
const KEPT_OUTPUT = 8192;
/** MiB that are not for the heap of user code: both processes, without it. */
const TAKEN_MIB = 320;
const LEAST_MIB = 64;

const PASSED = ["PATH", "LANG", "NODE_PATH"];

/** Of variables that have a value. */
export function only(names, from = process.env) {
  return Object.fromEntries(names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]));
}

export class Child {
  #process;
  #scratch;
  #channel;
  #output = "";
  #runs = 0;
  #listener = null;
  #ended = null;
  #parts = [];
  /** It gets nothing new. */
  retired = false;

  /** Starts a process for the modules in `modules` and waits until it can be used. */
  static async start(modules, vars) {
    const child = new Child(modules);
    const ready = new Promise((resolve) => (child.#listener = resolve));
    child.send({ t: "init", env: vars });
    const timer = setTimeout(() => child.end(), START_MS);
    const message = await ready;
    clearTimeout(timer);
    child.#listener = null;
    if (message.t === "ready") return child;
    throw Object.assign(new Error(`it does not start: ${message.output || message.how}`), { why: "unavailable" });
  }

  constructor(modules) {
    this.#scratch = mkdtempSync(path.join(own("tmp"), "child-"));
    const memory = Number(process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE) || 1024;
    const heap = `--max-old-space-size=${Math.max(LEAST_MIB, memory - TAKEN_MIB)}`;
    this.#process = spawn(process.execPath, [heap, EXECUTOR, modules, String(CHANNEL)], {
      cwd: modules,
      env: { ...only(PASSED), TZ: "UTC", TMPDIR: this.#scratch },
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      // A group of its own, with what it starts.
      detached: true,
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (this.#output = (this.#output + text).slice(-KEPT_OUTPUT)));
    }
    this.#channel = this.#process.stdio[CHANNEL];
    this.#channel.on("data", (piece) => this.#receive(piece));
    // The exit tells more.
    this.#channel.on("error", () => {});
    this.#ended = new Promise((resolve) => {
      const gone = (how) => {
        this.retired = true;
        this.#kill();
        // Its last words may be on their way.
        setTimeout(() => {
          rmSync(this.#scratch, { recursive: true, force: true });
          const output = this.#output.trim();
          this.#listener?.({ t: "ended", how, output, outOfMemory: output.includes("heap out of memory") });
          resolve();
        }, LAST_WORDS_MS);
      };
      this.#process.on("error", (error) => gone(error.message));
      this.#process.on("exit", (code, signal) => gone(signal === null ? `exit status: ${code}` : `signal: ${signal}`));
    });
  }

  get usable() {
    return !this.retired;
  }

  /** Begins a run: `listener` gets its messages, and one if the process ends. */
  begin(listener) {
    const run = ++this.#runs;
    this.#listener = (message) => {
      if (message.run === run || message.t === "ended") listener(message);
    };
    return run;
  }

  /** Ends the run: nobody listens any more. */
  finish() {
    this.#listener = null;
  }

  send(message) {
    if (!this.#channel.destroyed) this.#channel.write(JSON.stringify(message) + "\n");
  }

  /** Ends the process at once; resolves when it has. */
  end() {
    this.retired = true;
    this.#kill();
    return this.#ended;
  }

  #kill() {
    try {
      process.kill(-this.#process.pid, "SIGKILL");
    } catch {
      // Nothing of it is left, or it never started.
    }
  }

  #receive(piece) {
    for (;;) {
      const end = piece.indexOf(10);
      if (end < 0) break;
      const line = Buffer.concat([...this.#parts, piece.subarray(0, end)]).toString();
      this.#parts = [];
      piece = piece.subarray(end + 1);
      this.#handle(line);
    }
    if (piece.length > 0) this.#parts.push(piece);
  }

  #handle(line) {
    try {
      const message = JSON.parse(line);
      if (message.t === "recycle") this.retired = true;
      else this.#listener?.(message);
    } catch (error) {
      // User code has the descriptor, too.
      console.error("a Node process sent what is no message", error);
    }
  }
}
