// Runs `lakewire-emulator`.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import os from "node:os";
import path from "node:path";

/**
 * Starts emulators in a process that ends with this one.
 *
 * @param {string[]} args as the program takes them
 * @param {number} [count] how many of them there are
 * @returns {Promise<{endpoints: [name: string, url: string][], stop: () => Promise<void>}>} in the order of `args`
 */
export async function startEmulator(args, count = args.length) {
  const cache = process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), ".cache");
  const target = process.env.CARGO_TARGET_DIR ?? path.join(cache, "lakewire", "target");
  const binary = process.env.LAKEWIRE_EMULATOR ?? path.join(target, "debug", "lakewire-emulator");
  if (!existsSync(binary)) throw new Error(`no \`${binary}\`: run \`make storage\`, or set LAKEWIRE_EMULATOR`);
  // It ends when its standard input does, which is when this process is gone, however that comes.
  const child = spawn(binary, args, { stdio: ["pipe", "pipe", "pipe"] });
  const end = () => child.kill("SIGTERM");
  process.once("exit", end);
  const ended = new Promise((resolve) => child.once("close", resolve));
  let [output, errors] = ["", ""];
  child.stderr.on("data", (chunk) => {
    errors += chunk;
    if (process.env.LAKEWIRE_TEST_LOG) process.stderr.write(chunk);
  });
  await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => reject(new Error(`lakewire-emulator exited with ${code}: ${errors}`)));
    child.stdout.on("data", (chunk) => {
      output += chunk;
      if (output.split("\n").length > count) resolve();
    });
  });
  // The tests may end although it runs.
  child.unref();
  for (const stream of child.stdio) stream.unref();
  const stop = async () => {
    process.off("exit", end);
    child.ref();
    child.stdin.end();
    await ended;
  };
  return { endpoints: output.trim().split("\n").map((line) => line.split(" ")), stop };
}

/** Calls a control endpoint; gives its JSON, or its text if it is none. */
export async function control(method, url, body) {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${text}`);
  return answer.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text;
}
