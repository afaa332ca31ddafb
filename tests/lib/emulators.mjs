// Emulated AWS for tests, by `lakewire-emulator`: started when first asked for, one in a test process, and gone with it.

import { createHash, createHmac, randomBytes } from "node:crypto";

import { startEmulator } from "./emulator.mjs";
import { Faults } from "./faults.mjs";
import { Lambda } from "./lambda.mjs";

const BUCKET = "lakewire-tests";
const REGION = "us-east-1";
/** What the emulators know; the one of S3 checks signatures. */
const [ACCESS_KEY_ID, SECRET_ACCESS_KEY] = ["lakewiretests", "lakewire-tests-secret"];

let started;

/**
 * A place for one deployment: a table that is not there yet, and a prefix of a bucket.
 *
 * @param {object} [options] with any of them, a proxy is in front of both, for this deployment only: `faults` of the result
 * @param {object} [options.faults] what goes wrong, as `Faults.set` takes it; `{}` for nothing yet
 * @param {object} [options.latency] added milliseconds by `service` or `service.Operation`: a number, or `{p50, p99}`
 * @returns {Promise<import("./server.mjs").Storage & {table: string, store: string, direct: Record<string, string>, faults?: Faults}>}
 *   `direct`: the environment of a client that is spared
 */
export async function awsStorage({ faults: wanted, latency } = {}) {
  const env = await (started ??= start());
  const name = randomBytes(6).toString("hex");
  const [table, store] = [`lakewire-${name}`, `s3://${BUCKET}/${name}`];
  const faults = wanted === undefined && latency === undefined ? undefined : await Faults.start(env);
  // This DynamoDB checks no signatures.
  await faults?.set({ capacity: "ask", ...(latency && { latency }), ...wanted });
  return {
    table,
    store,
    args: ["--log", "dynamodb", "--table", table, "--store", store],
    env: { ...env, ...faults?.env, LAKEWIRE_CREATE_TABLE: "true" },
    direct: env,
    faults,
  };
}

/** A Lambda service without functions; the caller stops it. */
export async function lambda() {
  return await Lambda.start();
}

/** Starts both emulators; gives what the environment of an AWS client has to say. */
async function start() {
  const endpoints = Object.fromEntries((await startEmulator(["dynamodb", "s3"])).endpoints);
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
 * @param {{store: string, env?: Record<string, string>, direct?: Record<string, string>}} storage
 * @param {string} key within the store
 */
export async function readObject(storage, key) {
  const { AWS_ENDPOINT_URL_S3: endpoint } = storage.direct ?? storage.env;
  const answer = await s3("GET", endpoint, `/${storage.store.slice("s3://".length)}/${key}`);
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
