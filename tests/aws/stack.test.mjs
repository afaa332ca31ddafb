// The package itself in the stack of `infra/cdk`, on emulated AWS that checks signatures and permissions: every part has the
// rights it needs, as roles give them.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { anyApi as api } from "convex/server";
import WebSocket from "ws";

import { deployApp, freePort, lakewire, makeProject, Server } from "../lib/server.mjs";
import { echoPackages } from "./lib/echo.mjs";
import { startMinistack } from "./lib/ministack.mjs";
import { packaged } from "./lib/package.mjs";
import { RELAY } from "./lib/serverless.mjs";
import { deployStack, takeRole } from "./lib/stack.mjs";

const APP = path.join(path.dirname(fileURLToPath(import.meta.url)), "e2e-app");
const NAME = "e2e";

let ministack, stack, relay, deployed, client;

before(async () => {
  ministack = await startMinistack();
  const { nodePackage } = echoPackages();
  stack = await deployStack({ ministack, relay: "fargate", name: NAME, package: packaged().zip, nodePackage, environment: { AWS_ENDPOINT_URL: ministack.endpoint } });
  const { SecretString: secret } = await ministack.aws.json("secretsmanager", "secretsmanager.GetSecretValue", { SecretId: stack.secretArn });
  const identity = { INSTANCE_NAME: NAME, INSTANCE_SECRET: secret };
  const adminKey = (await lakewire(["keys", "create"], { args: [], env: { ...identity, LAKEWIRE_STORE: `s3://${stack.bucket}` } })).stdout.trim();
  deployed = { url: stack.apiUrl, siteUrl: stack.siteUrl, adminKey };
  await deployApp(deployed, makeProject(APP), { args: ["--typecheck", "disable"] });
  client = new ConvexHttpClient(stack.apiUrl, { logger: false });
  deployed.identity = identity;
});

after(async () => {
  await relay?.stop();
  await stack?.destroy();
  await ministack?.stop();
});

test("an app is deployed, and called over HTTP", async () => {
  await client.mutation(api.messages.send, { by: "client", text: "one" });
  assert.deepEqual(await client.query(api.messages.list), ["client: one"]);
  const site = await fetch(`${stack.siteUrl}/send`, { method: "POST", body: "two" });
  assert.equal(site.status, 201, await site.text());
  assert.deepEqual(await client.query(api.messages.list), ["client: one", "http: two"]);
  assert.equal((await client.query(api.messages.long, { length: 5_000_000 })).length, 5_000_000);
  const uploaded = await fetch(await client.mutation(api.files.uploadUrl), { method: "POST", body: "a file" });
  const { storageId } = await uploaded.json();
  assert.equal(await (await fetch(await client.query(api.files.url, { id: storageId }))).text(), "a file");
});

test("what is due is run by the tick, which the mutation has invoked", async () => {
  await client.mutation(api.jobs.later, { name: "soon", ms: 100 });
  const deadline = Date.now() + 70_000;
  while ((await client.query(api.jobs.runs, { name: "soon" })).length === 0) {
    assert.ok(Date.now() < deadline, `it did not run\n${ministack.log().slice(-5_000)}`);
    await sleep(100);
  }
  assert.equal((await client.query(api.jobs.runs, { name: "soon" })).length, 1);
});

test("upkeep flushes and trims the log with the rights that it has", async () => {
  const place = `/2015-03-31/functions/${stack.functions.upkeep}/invocations`;
  const answer = await ministack.aws.request("lambda", "POST", place, { body: "{}" });
  const kept = await answer.json();
  assert.equal(answer.headers.get("x-amz-function-error"), null, JSON.stringify(kept));
  assert.ok(kept.flushed > 0, JSON.stringify(kept));
  assert.equal((await client.query(api.messages.list)).length, 2);
});

test("a relay works with the rights of its role", async () => {
  const role = await takeRole(ministack, stack.roles.relay);
  const { accessKeyId, secretAccessKey, sessionToken } = role.credentials;
  const env = {
    ...ministack.env,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
    CONVEX_CLOUD_ORIGIN: stack.apiUrl,
    CONVEX_SITE_ORIGIN: stack.siteUrl,
    ...deployed.identity,
  };
  const storage = { args: ["--log", "dynamodb", "--table", stack.table, "--store", `s3://${stack.bucket}`], env };
  relay = new Server({ command: RELAY, storage }, await freePort(), await freePort());
  await relay.restart();
  stack.setRelays(relay.url);
  const live = new ConvexClient(stack.apiUrl, { webSocketConstructor: WebSocket, unsavedChangesWarning: false, logger: false });
  try {
    const seen = new Promise((resolve) => live.onUpdate(api.messages.list, {}, (texts) => texts.includes("live: three") && resolve()));
    await client.mutation(api.messages.send, { by: "live", text: "three" });
    await seen;
    await live.mutation(api.messages.send, { by: "live", text: "four" });
    assert.equal(await client.query(api.messages.count), 4);
  } finally {
    await live.close();
  }
});
