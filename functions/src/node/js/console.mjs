// `console` output goes to the log of the action that prints it, rendered as in the other runtime.

import { readFileSync } from "node:fs";
import { runInThisContext } from "node:vm";
import { frames } from "./errors.mjs";
import { als } from "./run.mjs";

const source = readFileSync(new URL("inspect.js", import.meta.url), "utf8");
const { inspect } = runInThisContext(source)();

function render(value) {
  try {
    return inspect(value);
  } catch (error) {
    return `[could not be shown: ${error}]`;
  }
}

function print(level, args) {
  als.getStore()?.log(level, args.map(render));
}

function elapsed(label, values, end) {
  const run = als.getStore();
  const started = run?.timers.get(label);
  if (started === undefined) return run?.log("WARN", [`Timer '${label}' does not exist`]);
  if (end) run.timers.delete(label);
  run.log("INFO", [`${label}: ${Math.trunc(performance.now() - started)}ms`, ...values.map(render)]);
}

const methods = {
  trace(...args) {
    const here = new Error();
    als.getStore()?.log("LOG", [...args.map(render), frames(here).trimStart()]);
  },
  time(label = "default") {
    const run = als.getStore();
    if (run?.timers.has(`${label}`)) run.log("WARN", [`Timer '${label}' already exists`]);
    else run?.timers.set(`${label}`, performance.now());
  },
  timeLog: (label = "default", ...values) => elapsed(`${label}`, values, false),
  timeEnd: (label = "default") => elapsed(`${label}`, [], true),
};
for (const level of ["debug", "error", "info", "log", "warn"]) {
  methods[level] = (...args) => print(level.toUpperCase(), args);
}

/** What is written to the process's own output is a line of the log, too. */
function redirect(stream, level) {
  stream.write = (chunk, encoding, callback) => {
    const text = typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
    als.getStore()?.log(level, [text.replace(/\n$/, "")]);
    const done = typeof encoding === "function" ? encoding : callback;
    if (done !== undefined) queueMicrotask(() => done());
    return true;
  };
}

export function installConsole() {
  redirect(process.stdout, "LOG");
  redirect(process.stderr, "ERROR");
  Object.assign(console, methods);
}
