// The stack on emulated AWS, with stand-ins for the programs: what calls what, and with which environment.

import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";

import { echoPackages } from "../lib/echo.mjs";
import { startMinistack } from "../lib/ministack.mjs";
import { deployStack } from "../lib/stack.mjs";

const COMMON = [
  "CONVEX_CLOUD_ORIGIN",
  "CONVEX_SITE_ORIGIN",
  "INSTANCE_NAME",
  "LAKEWIRE_LOG",
  "LAKEWIRE_SECRET_ARN",
  "LAKEWIRE_STORE",
  "LAKEWIRE_TABLE",
];
const CALLS = ["LAKEWIRE_NODE_FUNCTION", "LAKEWIRE_UPKEEP_FUNCTION"];
const WITH_TICK = [...CALLS, "LAKEWIRE_TICK_FUNCTION"];

/** What the functions are told besides, by mode and function. */
const TOLD = {
  none: {
    http: [...COMMON, ...WITH_TICK, "LAKEWIRE_SITE_API"],
    tick: [...COMMON, ...CALLS],
    run: [...COMMON, "LAKEWIRE_NODE_FUNCTION"],
  },
  "socket-api": {
    http: [...COMMON, ...WITH_TICK, "LAKEWIRE_SITE_API", "LAKEWIRE_SOCKET_FUNCTION"],
    tick: [...COMMON, ...CALLS, "LAKEWIRE_SOCKET_FUNCTION"],
    socket: [...COMMON, ...WITH_TICK, "LAKEWIRE_SOCKET_ENDPOINT", "LAKEWIRE_SOCKET_FUNCTION"],
  },
  fargate: {
    http: [...COMMON, ...CALLS, "LAKEWIRE_SITE_API", "LAKEWIRE_RELAY_URL"],
    tick: [...COMMON, ...CALLS, "LAKEWIRE_RELAY_URL"],
    upkeep: COMMON.filter((name) => name !== "LAKEWIRE_SECRET_ARN"),
  },
};

let ministack;
let packages;
/** A stack that is left alone until the clock has called its function. */
let clock;

before(async () => {
  ministack = await startMinistack();
  packages = echoPackages();
  clock = await deployStack({ ministack, relay: "none", name: "clock", ...packages });
});

after(async () => await ministack?.stop());

for (const relay of ["none", "socket-api", "fargate"]) {
  test(`the stack is made, works and goes, with relay ${relay}`, async (t) => {
    const name = `wire-${relay}`;
    const stack = await deployStack({ ministack, relay, name, ...packages, environment: { EXTRA: "told" } });
    let there = true;
    t.after(async () => there && (await stack.destroy()));

    const api = await (await fetch(`${stack.apiUrl}/api/query?a=b`, { method: "POST", body: "hello" })).json();
    assert.equal(api.handler, "http");
    assert.equal(api.event.version, "2.0");
    assert.equal(api.event.rawPath, "/api/query");
    assert.equal(api.event.rawQueryString, "a=b");
    assert.equal(api.event.requestContext.http.method, "POST");
    const site = await (await fetch(`${stack.siteUrl}/anything`)).json();
    assert.equal(site.handler, "http");
    assert.equal(site.event.requestContext.apiId, site.environment.LAKEWIRE_SITE_API);
    assert.notEqual(api.event.requestContext.apiId, site.environment.LAKEWIRE_SITE_API);

    for (const [part, names] of Object.entries(TOLD[relay])) {
      const environment = await environmentOf(ministack.aws, stack.functions[part]);
      const ours = Object.keys(environment).filter((variable) => /^(LAKEWIRE|CONVEX|INSTANCE)_/.test(variable));
      assert.deepEqual(ours.sort(), [...names].sort(), part);
      assert.equal(environment.EXTRA, "told");
      assert.equal(environment.CONVEX_CLOUD_ORIGIN, stack.apiUrl);
    }
    const secret = await ministack.aws.json("secretsmanager", "secretsmanager.GetSecretValue", { SecretId: stack.secretArn });
    assert.match(secret.SecretString, /^[0-9a-f]{64}$/);
    assert.match(stack.outputs.ApiUrl, relay === "none" ? /^https:\/\/\w+\.execute-api\./ : /^https:\/\/\w+\.cloudfront\.net$/);
    assert.match(stack.outputs.SiteUrl, /^https:\/\/\w+\.execute-api\./);
    assert.equal(stack.outputs.DeploymentName, name);

    if (relay === "socket-api") await checkSocket(ministack, stack);
    if (relay === "fargate") await checkNudges(ministack, stack);
    await stack.destroy();
    there = false;
    await assert.rejects(ministack.aws.request("s3", "GET", `/${stack.bucket}?list-type=2`), { status: 404 });
  });
}

test("the clock calls tick", { timeout: 120_000 }, async () => {
  const logGroupName = `/aws/lambda/${clock.functions.tick}`;
  for (;;) {
    const { events } = await ministack.aws.json("logs", "Logs_20140328.FilterLogEvents", { logGroupName });
    if (events.some(({ message }) => message === "called")) break;
    await sleep(500);
  }
  await clock.destroy();
});

/** A connection by the URL of the deployment arrives at the function `socket`, with the client's version. */
async function checkSocket({ aws }, stack) {
  const socket = new WebSocket(`${stack.apiUrl.replace("http", "ws")}/api/1.48.0/sync`);
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const answered = new Promise((resolve) => socket.once("message", resolve));
  socket.send(JSON.stringify({ type: "Connect" }));
  const { handler, event, environment } = JSON.parse(String(await answered));
  assert.equal(handler, "socket");
  assert.equal(event.requestContext.routeKey, "$default");
  // Where the function is told to write to is where the connection is.
  const { pathname } = new URL(environment.LAKEWIRE_SOCKET_ENDPOINT);
  assert.equal(`${pathname}/@connections`, stack.connections);
  const pushed = new Promise((resolve) => socket.once("message", resolve));
  await aws.request("execute-api", "POST", `${stack.connections}/${event.requestContext.connectionId}`, { body: "pushed" });
  assert.equal(String(await pushed), "pushed");
  socket.close();
}

/** Functions are told of an address that leads to relays, and there to one thing. */
async function checkNudges({ aws }, stack) {
  const asked = [];
  const relay = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.end();
  });
  await new Promise((resolve) => relay.listen(0, "127.0.0.1", resolve));
  stack.setRelays(`http://127.0.0.1:${relay.address().port}`);
  const { LAKEWIRE_RELAY_URL } = await environmentOf(aws, stack.functions.http);
  const paths = ["/api/lakewire/nudge", "/version"];
  const answers = await Promise.all(paths.map((place) => fetch(LAKEWIRE_RELAY_URL + place, { method: "POST" })));
  assert.deepEqual(answers.map(({ status }) => status), [200, 502]);
  assert.equal((await fetch(`${stack.apiUrl}/api/lakewire/node/call`, { method: "POST" })).status, 200);
  assert.deepEqual(asked, ["POST /api/lakewire/nudge", "POST /api/lakewire/node/call"]);
  relay.close();
}

async function environmentOf(aws, name) {
  const answer = await (await aws.request("lambda", "POST", `/2015-03-31/functions/${name}/invocations`, { body: "{}" })).json();
  return JSON.parse(answer.body).environment;
}
