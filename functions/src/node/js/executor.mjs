// One Node process of Lakewire: runs the `"use node"` actions of one bundle under one environment, several at a time.
// Standard input, or the descriptor that the command line names, is a socket to the server, with one JSON object a line in
// both directions; see `protocol.rs`.

import { createRequire } from "node:module";
import net from "node:net";
import path from "node:path";
import { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { analyze } from "./analyze.mjs";
import { installConsole } from "./console.mjs";
import { describe, frames, useSourceMaps } from "./errors.mjs";
import { convex } from "./convex.mjs";
import { als, Run } from "./run.mjs";

const modules = process.argv[2];
const channel = new net.Socket({ fd: Number(process.argv[3] ?? 0), readable: true, writable: true });
// Half a character would be no message to the server.
const wellFormed = (_, value) => (typeof value === "string" ? value.toWellFormed() : value);
const send = (message) => void channel.write(JSON.stringify(message, wellFormed) + "\n");
const runs = new Map();
const reallyExit = process.exit.bind(process);

// A loop that never ends keeps this thread from noticing that the server is gone; another one does.
const watch = `const parent = process.ppid; setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
}, 1000);`;
new Worker(watch, { eval: true, env: {}, stdin: false }).unref();

function importModule(module) {
  return import(pathToFileURL(path.join(modules, module)));
}

function finish(run, message) {
  if (!runs.delete(run.id)) return;
  send({ run: run.id, unawaited: run.unawaited(), ...message });
}

function fail(run, thrown, recycle = false) {
  const { message, data } = failure(thrown);
  finish(run, { t: "failed", message, data, recycle });
}

function failure(thrown) {
  let message = `Uncaught ${describe(thrown)}`;
  const lines = frames(thrown);
  if (lines !== "") message += `\n${lines}`;
  const marker = Symbol.for("ConvexError");
  const isObject = typeof thrown === "object" && thrown !== null;
  const data = isObject && thrown.ConvexErrorSymbol === marker && typeof thrown.data === "string" ? thrown.data : null;
  return { message, data };
}

/** Fails the action that the current asynchronous context belongs to; all of them if that is unknown. */
function failCurrent(thrown) {
  const current = als.getStore();
  for (const run of current === undefined ? [...runs.values()] : [current]) fail(run, thrown, true);
  // What happens to nobody's action leaves the process in a state that nobody knows.
  if (current === undefined) send({ t: "recycle" });
}

async function execute({ run: id, module, export: name, args, requestId }) {
  const run = new Run(id, send);
  runs.set(id, run);
  await als.run(run, async () => {
    try {
      const target = (await importModule(module))[name];
      if (target === undefined || target === null) throw new Error(`Couldn't find \`${name}\` in module \`${module}\`.`);
      if (target.isAction !== true || typeof target.invokeAction !== "function") {
        throw new Error(`\`${name}\` in module \`${module}\` is not an action: only actions can run in Node.js.`);
      }
      const result = await target.invokeAction(requestId, args);
      if (typeof result !== "string") throw new Error(`\`${name}\` in module \`${module}\` did not return a string`);
      finish(run, { t: "done", result });
    } catch (error) {
      fail(run, error);
    }
  });
}

async function executeAnalysis({ run: id, modules: paths }) {
  const run = new Run(id, send);
  runs.set(id, run);
  await als.run(run, async () => {
    const found = [];
    for (const module of paths) {
      try {
        found.push(await analyze(modules, module, await importModule(module)));
      } catch (error) {
        const { message } = failure(error);
        return finish(run, { t: "failed", message: `Failed to analyze ${module}: ${message}`, data: null, recycle: true });
      }
    }
    finish(run, { t: "analyzed", modules: found });
  });
}

function receive(message) {
  switch (message.t) {
    case "init":
      Object.assign(process.env, message.env);
      return;
    case "run":
      return void execute(message);
    case "analyze":
      return void executeAnalysis(message);
    case "ping":
      return send({ t: "pong" });
    default:
      return runs.get(message.run)?.receive(message);
  }
}

let parts = [];
channel.on("data", (piece) => {
  for (;;) {
    const end = piece.indexOf(10);
    if (end < 0) break;
    const line = Buffer.concat([...parts, piece.subarray(0, end)]).toString();
    parts = [];
    piece = piece.subarray(end + 1);
    als.exit(() => receive(JSON.parse(line)));
  }
  if (piece.length > 0) parts.push(piece);
});
for (const event of ["end", "error", "close"]) channel.on(event, () => reallyExit(0));

process.on("unhandledRejection", (reason) => failCurrent(reason));
process.on("uncaughtException", (error) => failCurrent(error));
process.exit = (code) => {
  const error = new Error(`process.exit(${code ?? ""}) was called: an action must not end its process`);
  failCurrent(error);
  throw error;
};
Object.defineProperty(process, "stdin", { configurable: true, get: () => Readable.from([]) });

useSourceMaps(modules);
installConsole();
globalThis.Convex = convex;
globalThis.require = createRequire(path.join(modules, "index.js"));
globalThis.__dirname = modules;
globalThis.__filename = path.join(modules, "index.js");
globalThis.exports = {};
send({ t: "ready", version: process.versions.node });
