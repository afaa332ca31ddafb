// Emulated AWS for tests, by `lakewire-emulator`: started when first asked for, one in a test process, and gone with it.

import { spawn } from "node:child_process";
import { createHash, createHmac, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import os from "node:os";
import path from "node:path";

const BUCKET = "lakewire-tests";
const REGION = "us-east-1";
/** What the emulators know; the one of S3 checks signatures. */
const [ACCESS_KEY_ID, SECRET_ACCESS_KEY] = ["lakewiretests", "lakewire-tests-secret"];

let started;

/**
 * A place for one deployment: a table that is not there yet, and a prefix of a bucket.
 *
 * @returns {Promise<import("./server.mjs").Storage & {table: string, store: string}>}
 */
export async function awsStorage() {
  const env = await (started ??= start());
  const name = randomBytes(6).toString("hex");
  const [table, store] = [`lakewire-${name}`, `s3://${BUCKET}/${name}`];
  return {
    table,
    store,
    args: ["--log", "dynamodb", "--table", table, "--store", store],
    env: { ...env, LAKEWIRE_CREATE_TABLE: "true" },
  };
}

/** Starts both emulators; gives what the environment of an AWS client has to say. */
async function start() {
  const endpoints = await startEmulators(["dynamodb", "s3"]);
  await createBucket(endpoints.s3, BUCKET, REGION);
  return {
    AWS_ACCESS_KEY_ID: ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: SECRET_ACCESS_KEY,
    AWS_REGION: REGION,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb,
    AWS_ENDPOINT_URL_S3: endpoints.s3,
    NO_PROXY: "127.0.0.1,localhost",
  };
}

/** Starts the emulators of some services; gives their URLs. */
async function startEmulators(services) {
  const cache = process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), ".cache");
  const target = process.env.CARGO_TARGET_DIR ?? path.join(cache, "lakewire", "target");
  const binary = process.env.LAKEWIRE_EMULATOR ?? path.join(target, "debug", "lakewire-emulator");
  if (!existsSync(binary)) throw new Error(`no \`${binary}\`: run \`make storage\`, or set LAKEWIRE_EMULATOR`);
  // It ends when its standard input does, which is when this process is gone, however that comes.
  const child = spawn(binary, services, { stdio: ["pipe", "pipe", "pipe"] });
  process.once("exit", () => child.kill("SIGTERM"));
  let [output, errors] = ["", ""];
  child.stderr.on("data", (chunk) => (errors += chunk));
  await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => reject(new Error(`lakewire-emulator exited with ${code}: ${errors}`)));
    child.stdout.on("data", (chunk) => {
      output += chunk;
      if (output.split("\n").length > services.length) resolve();
    });
  });
  // The tests may end although it runs.
  child.unref();
  for (const stream of child.stdio) stream.unref();
  return Object.fromEntries(output.trim().split("\n").map((line) => line.split(" ")));
}

async function createBucket(endpoint, bucket, region) {
  // The first region of AWS may not be named.
  const where = `<CreateBucketConfiguration><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`;
  const answer = await s3("PUT", endpoint, `/${bucket}`, { region, body: region === REGION ? "" : where });
  if (!answer.ok) throw new Error(`the emulated S3 made no bucket: ${answer.status} ${await answer.text()}`);
}

/**
 * A bucket of its own in the emulated S3, for who speaks to S3 himself.
 *
 * @param {string} region whose signatures it takes
 * @returns {Promise<{endpoint: string, bucket: string, accessKeyId: string, secretAccessKey: string}>}
 */
export async function s3Bucket(region = REGION) {
  const { AWS_ENDPOINT_URL_S3: endpoint } = await (started ??= start());
  const bucket = `lakewire-${randomBytes(6).toString("hex")}`;
  await createBucket(endpoint, bucket, region);
  return { endpoint, bucket, accessKeyId: ACCESS_KEY_ID, secretAccessKey: SECRET_ACCESS_KEY };
}

/**
 * The text of an object of a deployment's store, or undefined if there is none.
 *
 * @param {{store: string, env?: Record<string, string>}} storage
 * @param {string} key within the store
 */
export async function readObject(storage, key) {
  const answer = await s3("GET", storage.env.AWS_ENDPOINT_URL_S3, `/${storage.store.slice("s3://".length)}/${key}`);
  if (answer.ok) return await answer.text();
  await answer.arrayBuffer();
  if (answer.status === 404) return undefined;
  throw new Error(`the emulated S3 answers ${answer.status} for \`${key}\``);
}

/** A request, signed as AWS wants it (version 4). */
async function s3(method, endpoint, place, { region = REGION, body = "" } = {}) {
  const hash = (text) => createHash("sha256").update(text).digest("hex");
  const hmac = (key, text) => createHmac("sha256", key).update(text).digest();
  const now = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const headers = { host: new URL(endpoint).host, "x-amz-content-sha256": hash(body), "x-amz-date": now };
  const names = Object.keys(headers).join(";");
  const canonical = [method, place, "", ...Object.entries(headers).map((header) => header.join(":")), "", names, hash(body)];
  const scope = [now.slice(0, 8), region, "s3", "aws4_request"];
  const key = scope.reduce(hmac, `AWS4${SECRET_ACCESS_KEY}`);
  const signature = hmac(key, ["AWS4-HMAC-SHA256", now, scope.join("/"), hash(canonical.join("\n"))].join("\n")).toString("hex");
  const credential = `${ACCESS_KEY_ID}/${scope.join("/")}`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`;
  return await fetch(`${endpoint}${place}`, { method, headers: { ...headers, authorization }, body: body || undefined });
}
