// client-protocol.md, section 8, "Connection and versions": points 1-12. A test names the points it covers.

import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import WebSocket from "ws";
import { nextValue, sleep, until, useServer } from "./harness.mjs";
import { notServerless } from "../lib/server.mjs";

const use = useServer();

test("1: the client connects, with and without permessage-deflate", async () => {
  for (const perMessageDeflate of [true, false]) {
    class Configured extends WebSocket {
      constructor(url) {
        super(url, { perMessageDeflate });
        Configured.url = url;
      }
    }
    const client = use.client(use.url, { webSocketConstructor: Configured });
    await until(() => client.connectionState().isWebSocketConnected, "connected");
    assert.match(Configured.url, /\/api\/1\.48\.0\/sync$/);
    assert.equal(await nextValue(client, "mod:named", {}), "named of mod");
  }
});

test("2: an address with a trailing slash works, over the socket and HTTP", { skip: notServerless("CloudFront has no pattern for two slashes") }, async () => {
  const client = use.client(`${use.url}/`);
  assert.equal(await nextValue(client, "mod:named", {}), "named of mod");
  const response = await fetch(`${use.url}//api/query`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ path: "mod:named", args: {} }),
  });
  assert.deepEqual(await response.json(), { status: "success", value: "named of mod" });
});

test("3, 4: an empty first query set is answered by a transition from zero", async () => {
  const raw = await use.raw();
  raw.connect();
  raw.modify(0, 1, []);
  const first = await raw.next();
  assert.equal(first.type, "Transition");
  assert.deepEqual(first.startVersion, { querySet: 0, identity: 0, ts: "AAAAAAAAAAA=" });
  assert.equal(first.endVersion.querySet, 1);
  assert.deepEqual(first.modifications, []);
  const client = use.client();
  await until(() => client.connectionState().isWebSocketConnected, "connected");
  await until(() => client.connectionState().connectionRetries === 0, "retries reset");
});

test("5: Connect with the type last, a null reason and a count of 1 is accepted", async () => {
  const raw = await use.raw();
  raw.send(
    '{"connectionCount":1,"lastCloseReason":null,"clientTs":1785000000123,' +
      '"sessionId":"6f1b0c3e-2d54-4c0e-9a77-0b5f2f4f8e21","type":"Connect"}',
  );
  raw.modify(0, 1, [raw.add(0, "mod:named")]);
  const transition = await raw.transition((t) => t.endVersion.querySet === 1);
  assert.equal(transition.modifications[0].value, "named of mod");
});

test("6: a session without Connect answers queries, mutations and actions", async () => {
  const raw = await use.raw();
  raw.send({ type: "Authenticate", baseVersion: 0, tokenType: "None" });
  raw.modify(0, 1, [raw.add(0, "mod:named")]);
  const transition = await raw.transition((t) => t.endVersion.querySet === 1);
  assert.equal(transition.endVersion.identity, 1);
  assert.equal(transition.modifications[0].value, "named of mod");
  raw.mutate(0, "mod");
  assert.equal((await raw.response(0)).result, "default of mod");
  raw.act(1, "values:echoAction", { value: 7 });
  assert.equal((await raw.response(1)).result, 7);
});

test("7: a wrong client clock breaks nothing, and the skew is reported in ms", async () => {
  const year = 365 * 86400 * 1000;
  for (const skew of [-20 * year, -60_000, 0, 90_000, 20 * year]) {
    const raw = await use.raw();
    raw.connect({ clientTs: Date.now() + skew });
    raw.modify(0, 1, [raw.add(0, "mod:named")]);
    const transition = await raw.transition((t) => t.endVersion.querySet === 1);
    assert.ok(Math.abs(transition.clientClockSkew - skew) < 5_000, `skew ${skew}: ${transition.clientClockSkew}`);
    assert.ok(Math.abs(transition.serverTs / 1e6 - Date.now()) < 5_000);
  }
});

test("8: unknown events and payloads are ignored", async () => {
  const raw = await use.raw();
  raw.connect();
  for (const [eventType, event] of [
    ["ClientConnect", [{ name: "webSocketOpen", startTime: 12.5 }]],
    ["ClientReceivedTransition", { transitionTransitTime: 41, messageLength: 9000 }],
    ["NetworkRecoveryReconnect", { timeSavedMs: 800 }],
    ["NobodyKnowsThis", null],
    ["NorThis", "text"],
  ]) {
    raw.send({ type: "Event", eventType, event });
  }
  raw.modify(0, 1, [raw.add(0, "mod:named")]);
  await raw.transition((t) => t.endVersion.querySet === 1);
});

test("9, 10: an idle socket gets a Ping at least every 15 s, also before any message of the client", async () => {
  const silent = await use.raw();
  const idle = use.client();
  await until(() => idle.connectionState().isWebSocketConnected, "connected");
  await sleep(17_000);
  assert.ok(silent.pings >= 1, "a Ping within 15 s on a socket that said nothing");
  assert.equal(silent.socket.readyState, WebSocket.OPEN);
  assert.equal(idle.connectionState().connectionCount, 1);
});

test("12: the Convex-Client header overrides the path, garbage is refused, old clients are refused", async () => {
  const refused = async (options) => {
    try {
      await use.raw(options);
    } catch (error) {
      return { status: error.response.statusCode, headers: error.response.headers, body: JSON.parse(error.body) };
    }
    throw new Error("was accepted");
  };
  const garbage = await refused({ version: "garbage" });
  assert.equal(garbage.status, 400);
  assert.equal(garbage.body.code, "InvalidClientVersion");
  const old = await refused({ version: "0.19.1" });
  assert.equal(old.status, 400);
  assert.equal(old.body.code, "ClientVersionUnsupported");
  assert.ok(old.headers["x-convex-deprecation-state"]);
  assert.ok(old.headers["x-convex-deprecation-message"]);
  const byHeader = await refused({ version: "1.48.0", headers: { "convex-client": "npm-0.19.1" } });
  assert.equal(byHeader.body.code, "ClientVersionUnsupported");
  const saved = await use.raw({ version: "0.19.1", headers: { "convex-client": "npm-1.48.0" } });
  saved.close();
  const versionless = await use.raw({ version: null, headers: { "convex-client": "rust-0.9.0" } });
  versionless.connect();
  versionless.modify(0, 1, [versionless.add(0, "mod:named")]);
  await versionless.transition((t) => t.endVersion.querySet === 1);
});

test("a handshake that never ends, garbage bytes and an unknown path leave the server well", async () => {
  const { hostname, port } = new URL(use.url);
  const half = net.connect(Number(port), hostname);
  half.write("GET /api/1.48.0/sync HTTP/1.1\r\nHost: x\r\n");
  const garbage = net.connect(Number(port), hostname);
  garbage.on("error", () => {});
  garbage.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]));
  const unknown = await fetch(`${use.url}/api/no/such/path`);
  assert.equal(unknown.status, 404);
  assert.equal(await use.http().query("mod:named", {}), "named of mod");
  half.destroy();
  garbage.destroy();
});
