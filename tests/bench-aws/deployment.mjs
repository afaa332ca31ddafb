// A deployment with the latencies of AWS and the app of `tests/bench`.

import { readFileSync } from "node:fs";
import path from "node:path";

import { packaged } from "../aws/lib/package.mjs";
import { startServerless } from "../aws/lib/serverless.mjs";
import { deployApp, freePort, Server } from "../lib/server.mjs";
import { root } from "../bench/report.mjs";

/** Milliseconds that requests take longer than the emulators. */
export const LATENCY = { dynamodb: 5, s3: 20 };
const TICKS_MS = 10;

/**
 * Starts one and deploys the app; the schedule is not kept.
 *
 * @param {object} [options]
 * @param {number} [options.relays]
 * @param {Record<string, object>} [options.functions] as of `startServerless`
 * @param {Record<string, string>} [options.env] as of `startServerless`
 * @returns {Promise<Deployment>}
 */
export async function deployment({ relays = 0, functions = {}, env = {} } = {}) {
  const server = await startServerless({ latency: LATENCY, schedule: false, functions, env });
  const deployed = new Deployment(server);
  try {
    await withoutSecret(server);
    await deployApp(server, path.join(root, "tests/bench/app"));
    // Each relay reads the addresses of those before it when it starts.
    for (let n = 0; n < relays; n++) await deployed.addRelay();
  } catch (error) {
    await deployed.stop();
    throw error;
  }
  return deployed;
}

/** As in the stack, upkeep does not know it. */
async function withoutSecret({ lambda, name, env: { INSTANCE_SECRET: _secret, INSTANCE_NAME: _name, ...env } }) {
  const { bootstrap } = packaged();
  await lambda.define(`${name}-upkeep`, { bootstrap, handler: "upkeep", env, memory: 1769, timeoutMs: 900_000 });
}

export class Deployment {
  /** @type {Relay[]} */
  relays = [];

  constructor(server) {
    this.server = server;
    this.lambda = server.lambda;
    this.faults = server.storage.faults ?? server.faults;
    this.httpFunction = `${server.name}-http`;
  }

  async addRelay(args = []) {
    const relay = new Relay({ command: "relay", storage: this.server.storage, args }, await freePort(), await freePort());
    relay.adminKey = this.server.adminKey;
    this.relays.push(relay);
    await relay.restart();
    return relay;
  }

  /** Calls a function of the app over the HTTP API. */
  async call(kind, name, args) {
    return await call(this.server.apiUrl, kind, name, args);
  }

  /** Figures of a function, by part. */
  async stats(part) {
    return await this.server.stats(part);
  }

  async stop() {
    await Promise.all(this.relays.map((relay) => relay.stop()));
    await this.server.stop();
  }
}

/** A relay process and what the kernel knows of it. */
class Relay extends Server {
  get socketUrl() {
    return `${this.url.replace("http", "ws")}/api/1.48.0/sync`;
  }

  /** Resident memory in bytes. */
  get resident() {
    return Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, "utf8"))[1]) * 1024;
  }

  /** Processor time in milliseconds. */
  get cpuMs() {
    const fields = readFileSync(`/proc/${this.pid}/stat`, "utf8").split(") ")[1].split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICKS_MS;
  }

  async call(kind, name, args) {
    return await call(this.url, kind, name, args);
  }

  /** Completed executions in the log of this process: `{identifier, udfType, cachedResult, ...}`, the newest thousands of them. */
  async executions() {
    const all = [];
    for (let cursor = 0; ; ) {
      const url = `${this.url}/api/stream_udf_execution?cursor=${cursor}`;
      // It holds the request until there is something new.
      const signal = AbortSignal.timeout(2_000);
      const answer = await fetch(url, { headers: { authorization: `Convex ${this.adminKey}` }, signal }).catch((error) => {
        if (error.name === "TimeoutError") return undefined;
        throw error;
      });
      if (answer === undefined) return all;
      if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
      const { entries, newCursor } = await answer.json();
      if (entries.length === 0) return all;
      all.push(...entries);
      cursor = newCursor;
    }
  }
}

async function call(url, kind, name, args) {
  const answer = await fetch(`${url}/api/${kind}`, {
    method: "POST",
    headers: { "content-type": "application/json", "convex-client": "npm-1.48.0" },
    body: JSON.stringify({ path: name, args: [args], format: "convex_encoded_json" }),
  });
  const text = await answer.text();
  const { status, value } = answer.ok ? JSON.parse(text) : {};
  if (status !== "success") throw new Error(`${kind} ${name}: ${answer.status} ${text}`);
  return value;
}
