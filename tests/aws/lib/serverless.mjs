// A whole deployment without a server of its own: functions of an emulated Lambda, table and bucket, HTTP APIs, and relays if
// wanted, behind one host name.
//
//   const server = await startServerless({ relays: 2 });
//   await deployApp(server, "../examples/chat");
//   await server.tick();       // as the schedule does every minute
//   await server.stop();

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { awsStorage, lambda as startLambda } from "../../lib/emulators.mjs";
import { freePort, lakewire, Server } from "../../lib/server.mjs";
import { Aws } from "./aws.mjs";
import { Edge } from "./edge.mjs";
import { packaged } from "./package.mjs";

/** The command of a relay. */
export const RELAY = "relay";
/** What stands for relays where API Gateway holds the sockets. */
const SOCKET_API = "socket-api";
/** The function of CloudFront that leads sockets to API Gateway. */
const SYNC = fileURLToPath(new URL("../../../infra/cdk/edge/sync.js", import.meta.url));
/** Clients name their version; tests also do without. */
const SYNC_PATHS = ["/api/*/sync", "/api/sync"];
const MINUTE_MS = 60_000;
/** As in `infra`: handler to what the function may use. */
const FUNCTIONS = {
  http: { memory: 1769, timeoutMs: 30_000 },
  run: { memory: 1769, timeoutMs: 60_000 },
  tick: { memory: 1769, timeoutMs: 900_000 },
  upkeep: { memory: 1769, timeoutMs: 900_000 },
  socket: { memory: 1769, timeoutMs: 900_000 },
};
/** Variables of options that are not named after them. */
const VARIABLES = {
  "redact-logs-to-client": "REDACT_LOGS_TO_CLIENT",
  "instance-name": "INSTANCE_NAME",
  "action-timeout": "ACTIONS_USER_TIMEOUT_SECS",
  "node-action-timeout": "NODE_ACTION_USER_TIMEOUT_SECS",
};

/**
 * Starts one; what it is made of ends with this process.
 *
 * @param {object} [options]
 * @param {number | "socket-api"} [options.relays] how many processes; or none, and API Gateway holds the sockets
 * @param {object} [options.faults] as of `awsStorage`
 * @param {object} [options.latency] as of `awsStorage`
 * @param {Record<string, object>} [options.functions] changes of the definitions of functions, by part
 * @param {boolean} [options.schedule] whether the tick is invoked every minute; it is if absent
 * @param {string[]} [options.args] arguments as `lakewire serve` has them, for relays and functions
 * @param {Record<string, string>} [options.env] further environment variables of both
 * @param {number} [options.port] of all but HTTP actions; a free one if absent
 * @returns {Promise<Serverless>}
 */
export async function startServerless(options = {}) {
  const server = new Serverless();
  try {
    await server.start(options);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

/** What tests take for a server. */
export class Serverless {
  /** @type {Server[]} */
  relays = [];
  adminKey = "";
  #timer;

  /** To be called once. */
  async start({ relays = 0, faults, latency, functions = {}, schedule = true, args = [], env = {} }) {
    const { bootstrap } = packaged();
    const name = instanceName(args);
    [this.storage, this.lambda, this.edge] = await Promise.all([awsStorage({ faults, latency }), startLambda(), Edge.start()]);
    this.faults = this.storage.faults;
    await createTable(this.storage);
    // Before the functions, which are told where they are reached.
    const api = async (id) => (await this.lambda.api(id, { kind: "http", function: `${name}-http` })).url;
    [this.apiUrl, this.siteUrl] = [await api("api"), await api("site")];
    this.url = this.edge.url;
    this.name = name;
    const socket = relays === SOCKET_API ? await this.lambda.api("socket", { kind: "websocket", function: `${name}-socket` }) : undefined;
    [this.port, this.sitePort] = [this.url, this.siteUrl].map((url) => Number(new URL(url).port));
    const { LAKEWIRE_CREATE_TABLE: _made, ...aws } = this.storage.env;
    this.env = {
      ...aws,
      ...this.lambda.env,
      LAKEWIRE_LOG: "dynamodb",
      LAKEWIRE_TABLE: this.storage.table,
      LAKEWIRE_STORE: this.storage.store,
      INSTANCE_NAME: name,
      INSTANCE_SECRET: randomBytes(32).toString("hex"),
      CONVEX_CLOUD_ORIGIN: this.url,
      CONVEX_SITE_ORIGIN: this.siteUrl,
      LAKEWIRE_TICK_FUNCTION: `${name}-tick`,
      LAKEWIRE_UPKEEP_FUNCTION: `${name}-upkeep`,
      ...(socket && { LAKEWIRE_SOCKET_FUNCTION: `${name}-socket`, LAKEWIRE_SOCKET_ENDPOINT: socket.endpoint }),
      ...variables(args),
      ...env,
    };
    for (const [part, definition] of Object.entries(FUNCTIONS)) {
      const told = { ...this.env, LAKEWIRE_SITE_API: "site", RUST_LOG: process.env.RUST_LOG ?? "warn,lakewire=info" };
      await this.lambda.define(`${name}-${part}`, { bootstrap, handler: part, env: told, ...definition, ...functions[part] });
    }
    this.storage = { ...this.storage, args: [], env: this.env };
    this.adminKey = (await lakewire(["keys", "create"], this.storage)).stdout.trim();
    for (let i = 0; i < relays; i++) {
      const port = await freePort();
      const env = { LAKEWIRE_RUN_FUNCTION: `${name}-run`, LAKEWIRE_RELAY_ADDRESS: `http://127.0.0.1:${port}` };
      const relay = new Server({ command: RELAY, storage: this.storage, env }, port, await freePort());
      this.relays.push(relay);
      await relay.restart();
    }
    const relayed = this.relays.map(({ url }) => ({ url }));
    const sockets = socket ? [{ url: socket.url.replace("ws", "http"), code: readFileSync(SYNC, "utf8") }] : relayed;
    const routes = [...SYNC_PATHS.map((path) => [path, sockets]), ["/api/storage/*", relayed], ["*", [{ url: this.apiUrl }]]];
    this.edge.routes = routes.filter(([, targets]) => targets.length > 0);
    if (schedule) this.#schedule();
  }

  /** Runs what is due, as the schedule does; gives what `Lambda.invoke` gives, once all has run. */
  async tick() {
    return await this.lambda.invoke(`${this.name}-tick`, {});
  }

  /** Flushes, merges and deletes, as the schedule does. */
  async upkeep() {
    return await this.lambda.invoke(`${this.name}-upkeep`, {});
  }

  /** Figures of a function, by part: see `tests/emulators/README.md`. */
  async stats(part) {
    return (await this.lambda.stats()).functions[`${this.name}-${part}`];
  }

  /** What the relays printed last; `functionLog` says what functions did. */
  get log() {
    return this.relays.map((relay) => relay.log).join("\n");
  }

  /** What the processes of a function printed, by part. */
  async functionLog(part) {
    return await this.lambda.log(`${this.name}-${part}`);
  }

  /** Kills every process of the deployment. */
  async kill9() {
    const functions = Object.keys(FUNCTIONS).map((part) => this.lambda.kill(`${this.name}-${part}`, { which: "all" }));
    await Promise.all([...this.relays.map((relay) => relay.kill9()), ...functions]);
  }

  /** Starts the relays again; functions start when they are asked. */
  async restart() {
    await Promise.all(this.relays.map((relay) => relay.restart()));
    await this.lambda.kill(`${this.name}-http`, { which: "idle" });
  }

  async stop() {
    clearTimeout(this.#timer);
    await Promise.all(this.relays.map((relay) => relay.stop()));
    this.edge?.stop();
    if (process.env.LAKEWIRE_TEST_LOG && this.lambda) {
      for (const part of Object.keys(FUNCTIONS)) process.stderr.write(await this.functionLog(part));
    }
    await this.lambda?.stop();
    await this.faults?.stop();
  }

  /** Invokes the tick at the start of every minute. */
  #schedule() {
    this.#timer = setTimeout(() => {
      this.lambda.invoke(`${this.name}-tick`, {}, "Event").catch((error) => console.error(`the tick is not invoked: ${error}`));
      this.#schedule();
    }, MINUTE_MS - (Date.now() % MINUTE_MS));
    this.#timer.unref();
  }
}

function instanceName(args) {
  const at = args.indexOf("--instance-name");
  return at === -1 ? "serverless" : args[at + 1];
}

/** The environment that says what arguments do. */
function variables(args) {
  const told = {};
  for (let i = 0; i < args.length; i++) {
    const option = args[i].replace(/^--/, "");
    const name = VARIABLES[option] ?? `LAKEWIRE_${option.toUpperCase().replaceAll("-", "_")}`;
    const value = args[i + 1]?.startsWith("--") === false ? args[++i] : "true";
    told[name] = name in told ? `${told[name]},${value}` : value;
  }
  return told;
}

/** As the stack does; the functions must not. */
async function createTable({ direct, table }) {
  const identity = { accessKeyId: direct.AWS_ACCESS_KEY_ID, secretAccessKey: direct.AWS_SECRET_ACCESS_KEY };
  const aws = new Aws(direct.AWS_ENDPOINT_URL_DYNAMODB, identity, direct.AWS_REGION);
  await aws.json("dynamodb", "DynamoDB_20120810.CreateTable", {
    TableName: table,
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
  });
}
