// client-protocol.md, section 8, "Auth" without JWT providers: points 71-73, 78-80.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ConvexHttpClient } from "convex/browser";
import { nextValue, until, useServer } from "./harness.mjs";

const use = useServer();
const uma = { issuer: "https://id.example", subject: "u7", name: "Uma" };
const vic = { issuer: "https://id.example", subject: "u8", name: "Vic" };

test("71, 72: an identity change runs every query again, and none of the old identity is shown after it", async () => {
  const raw = await use.raw();
  raw.connect();
  const as = (baseVersion, impersonating) =>
    raw.send({ type: "Authenticate", baseVersion, tokenType: "Admin", value: use.adminKey, impersonating });
  as(0, uma);
  raw.modify(0, 1, [raw.add(0, "errors:whoami")]);
  let identity = null;
  const follow = (accept) =>
    raw.transition((t) => {
      for (const m of t.modifications) if (m.type === "QueryUpdated") identity = m.value;
      return accept(t);
    });
  await follow((t) => t.endVersion.querySet === 1);
  assert.equal(identity.subject, "u7");
  as(1, vic);
  await follow((t) => t.endVersion.identity === 2);
  assert.equal(identity.subject, "u8");
  raw.send({ type: "Authenticate", baseVersion: 2, tokenType: "None" });
  await follow((t) => t.endVersion.identity === 3);
  assert.equal(identity, null);
});

test("73: a mutation sent right after Authenticate runs as that identity", async () => {
  const raw = await use.raw();
  raw.connect();
  raw.modify(0, 1, []);
  raw.mutate(0, "errors:whoamiMutation");
  raw.send({ type: "Authenticate", baseVersion: 0, tokenType: "Admin", value: use.adminKey, impersonating: uma });
  raw.mutate(1, "errors:whoamiMutation");
  raw.send({ type: "Authenticate", baseVersion: 1, tokenType: "None" });
  raw.mutate(2, "errors:whoamiMutation");
  assert.equal((await raw.response(0)).result, null);
  assert.equal((await raw.response(1)).result.subject, "u7");
  assert.equal((await raw.response(2)).result, null);
  await raw.transition((t) => t.endVersion.identity === 2);
});

test("every Authenticate advances the identity, also an identical one", async () => {
  const raw = await use.raw();
  raw.connect();
  raw.modify(0, 1, []);
  for (let base = 0; base < 3; base++) raw.send({ type: "Authenticate", baseVersion: base, tokenType: "None" });
  await raw.transition((t) => t.endVersion.identity === 3);
});

test("78: admin keys over socket and HTTP, right and wrong", async () => {
  const check = async (authorization) => {
    const headers = authorization === undefined ? {} : { authorization };
    const response = await fetch(`${use.url}/api/check_admin_key`, { headers });
    return { status: response.status, body: await response.json() };
  };
  const good = await check(`Convex ${use.adminKey}`);
  assert.equal(good.status, 200);
  assert.deepEqual(good.body, { success: true, allowedOps: [], isReadOnly: false });
  assert.equal((await check(undefined)).status, 403);
  for (const wrong of [`${use.adminKey.split("|")[0]}|0123456789abcdef`, "garbage"]) {
    const refused = await check(`Convex ${wrong}`);
    assert.ok([401, 403].includes(refused.status), `${refused.status}`);
    assert.equal(typeof refused.body.code, "string");
    assert.equal(typeof refused.body.message, "string");
  }
  const raw = await use.raw();
  raw.connect();
  raw.send({ type: "Authenticate", baseVersion: 0, tokenType: "Admin", value: "demo|00" });
  const error = await raw.next((m) => m.type === "AuthError");
  assert.equal(error.authUpdateAttempted, true);
  assert.equal(error.baseVersion, 0);
  assert.equal((await raw.closed).code, 1005);
});

test("78: a user token, while no provider is configured, is an AuthError on the socket and a 401 over HTTP", async () => {
  const part = (object) => Buffer.from(JSON.stringify(object)).toString("base64url");
  const token = `${part({ alg: "RS256", typ: "JWT" })}.${part({ iss: "https://nobody", sub: "x", aud: "y" })}.c2ln`;
  const raw = await use.raw();
  raw.connect();
  raw.send({ type: "Authenticate", baseVersion: 0, tokenType: "User", value: token });
  const error = await raw.next((m) => m.type === "AuthError");
  assert.equal(error.authUpdateAttempted, true);
  await raw.closed;
  const client = new ConvexHttpClient(use.url);
  client.setAuth(token);
  await assert.rejects(client.query("mod:named", {}), /NoAuthProvider|provider/i);
});

test("79: a deployment type before the name is accepted, another name is not", async () => {
  const [name, secret] = use.adminKey.split("|");
  for (const key of [`prod:${name}|${secret}`, `dev:${name}|${secret}`]) {
    const response = await fetch(`${use.url}/api/check_admin_key`, { headers: { authorization: `Convex ${key}` } });
    assert.equal(response.status, 200, key);
  }
  const other = await fetch(`${use.url}/api/check_admin_key`, {
    headers: { authorization: `Convex ${name}x|${secret}` },
  });
  assert.ok([401, 403].includes(other.status));
});

test("80: acting as a user over both transports; internal functions for admins only", async () => {
  const http = use.adminHttp();
  http.setAdminAuth(use.adminKey, uma);
  const identity = await http.query("errors:whoami", {});
  assert.deepEqual(identity, { ...uma, tokenIdentifier: "https://id.example|u7" });
  const socket = use.client();
  socket.client.setAdminAuth(use.adminKey, uma);
  const seen = await nextValue(socket, "errors:whoami", {}, (value) => value !== null);
  assert.equal(seen.tokenIdentifier, "https://id.example|u7");
  assert.equal(await http.query("values:hidden", {}), "internal");
  await assert.rejects(use.http().query("values:hidden", {}), /Could not find public function/);
  const plainAdmin = use.adminHttp();
  assert.equal(await plainAdmin.query("errors:whoami", {}), null);
  await until(() => true, "done");
});
