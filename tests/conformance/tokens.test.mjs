// client-protocol.md, section 8, "Auth" with JWT providers: points 65-77, 92; udf-runtime.md, section 12: points 151, 154.
// The issuer is a real one of this process, which the server reaches over HTTP.

import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { after, before, test } from "node:test";
import { ConvexClient, ConvexHttpClient } from "convex/browser";
import WebSocket from "ws";
import { startIssuer } from "../lib/issuer.mjs";
import { deployApp, makeProject, runCli, startServer, writeFiles } from "../lib/server.mjs";
import { caller } from "./call.mjs";
import { RawSocket, nextValue, sleep, until } from "./harness.mjs";

const FUNCTIONS = `
import { action, mutation, query } from "./_generated/server";
import { v } from "convex/values";
export const whoami = query({ args: {}, handler: (ctx) => ctx.auth.getUserIdentity() });
export const inMutation = mutation({ args: {}, handler: (ctx) => ctx.auth.getUserIdentity() });
export const inAction = action({ args: {}, handler: (ctx) => ctx.auth.getUserIdentity() });
export const meta = mutation({ args: {}, handler: async (ctx) => (await ctx.meta.getRequestMetadata()).authToken });
export const sign = mutation({ args: { options: v.any() }, handler: (ctx, { options }) => ctx.auth.signJwt(options) });
export const signTwice = mutation({
  args: {},
  handler: async (ctx) => [await ctx.auth.signJwt({ expiresInSeconds: 1 }), Date.now(), process.env.CONVEX_CLOUD_URL],
});
`;

/** The provider objects of `auth.config.ts`, as its source. */
const config = (...providers) => `export default { providers: ${JSON.stringify(providers)} };`;

const use = {};
let issuer, custom, project;

const providers = () => [
  { domain: issuer.url, applicationID: "app" },
  { type: "customJwt", issuer: custom.url, applicationID: "app", jwks: `${custom.url}/keys`, algorithm: "ES256" },
];

before(async () => {
  [issuer, custom, use.server] = await Promise.all([startIssuer(), startIssuer(), startServer()]);
  Object.assign(use, { url: use.server.url, adminKey: use.server.adminKey });
  project = makeProject({ "convex/auth.config.ts": config(...providers()), "convex/auth.ts": FUNCTIONS });
  await deployApp(use.server, project);
});
after(async () => {
  await Promise.all([issuer?.stop(), custom?.stop(), use.server?.stop()]);
});

const { mutation } = caller(use);
const as = (token) => {
  const client = new ConvexHttpClient(use.url);
  if (token !== undefined) client.setAuth(token);
  return client;
};
const whoami = (token) => as(token).query("auth:whoami", {});

async function withSocket(body) {
  const client = new ConvexClient(use.url, { webSocketConstructor: WebSocket, unsavedChangesWarning: false });
  try {
    await body(client);
  } finally {
    await client.close();
  }
}

test("74, 76: OpenID Connect: every algorithm, the same user in queries, mutations and actions", async () => {
  for (const alg of ["RS256", "ES256", "EdDSA"]) {
    const client = as(issuer.token({ given_name: "Uma", updated_at: 1700000000, org: { id: 7 } }, { alg }));
    for (const seen of [
      await client.query("auth:whoami", {}),
      await client.mutation("auth:inMutation", {}),
      await client.action("auth:inAction", {}),
    ]) {
      assert.deepEqual(seen, {
        tokenIdentifier: `${issuer.url}|uma`,
        issuer: issuer.url,
        subject: "uma",
        givenName: "Uma",
        updatedAt: "2023-11-14T22:13:20Z",
        org: { id: 7 },
      });
    }
  }
  assert.equal(await whoami(), null);
  const token = issuer.token();
  assert.equal(await as(token).mutation("auth:meta", {}), token);
  assert.equal(await as().mutation("auth:meta", {}), null);
});

test("74, 77, 92: forged, misdirected and old tokens are a 401 with a code", async () => {
  const status = async (token) => {
    const response = await fetch(`${use.url}/api/query`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `bearer ${token}` },
      body: JSON.stringify({ path: "auth:whoami", args: {}, format: "json" }),
    });
    return `${response.status} ${(await response.json()).code}`;
  };
  assert.equal(await status(issuer.token({ aud: "other" })), "401 NoAuthProvider");
  assert.equal(await status(issuer.token({ iss: "https://nobody.example" })), "401 NoAuthProvider");
  assert.equal(await status(issuer.token({}, { seconds: -1 })), "401 Unauthenticated");
  assert.equal(await status(issuer.token({ sub: undefined })), "401 InvalidAuthHeader");
  assert.equal(await status(issuer.token({}, { kid: "unknown" })), "401 InvalidAuthHeader");
  assert.equal(await status(custom.token({ iss: issuer.url }, { kid: issuer.keys.RS256.kid })), "401 Unauthenticated");
  assert.equal(await status("garbage"), "401 InvalidAuthHeader");
  assert.equal((await whoami(issuer.token({ iss: `${issuer.url}/` }))).tokenIdentifier, `${issuer.url}/|uma`);
});

test("75: custom JWT: its algorithm and no other, kid required, dotted claims", async () => {
  const es = { alg: "ES256" };
  const seen = await whoami(custom.token({ properties: { email: "u@x", roles: ["a"] }, email: "raw" }, es));
  assert.equal(seen["properties.email"], "u@x");
  assert.deepEqual(seen["properties.roles"], ["a"]);
  assert.equal(seen.email, "raw");
  await assert.rejects(whoami(custom.token({}, { alg: "RS256" })), /RS256/);
  await assert.rejects(whoami(custom.token({}, { alg: "ES256", kid: null })), /kid/);
});

test("65, 71-73: a socket signs in, switches users and signs out; queries and mutations follow", async () => {
  await withSocket(async (client) => {
    const seen = [];
    client.onUpdate("auth:whoami", {}, (user) => seen.push(user?.subject ?? null));
    await until(() => seen.length > 0, "the first result");
    const states = [];
    client.setAuth(async () => issuer.token({ jti: `${Math.random()}` }), (state) => states.push(state));
    assert.equal((await client.mutation("auth:inMutation", {})).subject, "uma");
    await until(() => seen.at(-1) === "uma", "results of the user");
    assert.ok(states.length > 0 && states.every((state) => state), `${states}`);
    client.setAuth(async () => issuer.token({ sub: "vic" }));
    assert.equal((await client.mutation("auth:inMutation", {})).subject, "vic");
    await until(() => seen.at(-1) === "vic", "results of the other user");
    client.client.clearAuth();
    await until(() => seen.at(-1) === null, "results of nobody");
    assert.deepEqual(seen.filter((subject, at) => subject !== seen[at - 1]), [null, "uma", "vic", null]);
  });
});

test("66: the same token twice is one Authenticate that stays", async () => {
  await withSocket(async (client) => {
    const token = issuer.token();
    client.setAuth(async () => token);
    assert.equal((await nextValue(client, "auth:whoami", {}, (user) => user !== null)).subject, "uma");
    assert.equal((await client.action("auth:inAction", {})).subject, "uma");
  });
});

test("67, 68: a bad token is replaced by a good one; with bad ones only, the client is signed out", async () => {
  await withSocket(async (client) => {
    const asked = [];
    client.setAuth(async ({ forceRefreshToken }) => {
      asked.push(forceRefreshToken);
      return forceRefreshToken ? issuer.token() : issuer.token({ aud: "other" });
    });
    assert.equal((await nextValue(client, "auth:whoami", {}, (user) => user !== null)).subject, "uma");
    assert.deepEqual(asked.slice(0, 2), [false, true]);
  });
  await withSocket(async (client) => {
    const states = [];
    client.setAuth(async () => issuer.token({ aud: "other", jti: `${Math.random()}` }), (state) => states.push(state));
    await until(() => states.at(-1) === false, "signed out");
    assert.equal(await nextValue(client, "auth:whoami", {}), null);
  });
});

test("69: a token that expires soon is refreshed in place", { timeout: 60_000 }, async () => {
  await withSocket(async (client) => {
    let tokens = 0;
    const fetchToken = async () => issuer.token({ jti: `${tokens++}` }, { seconds: 12 });
    client.setAuth(fetchToken);
    await nextValue(client, "auth:whoami", {}, (user) => user !== null);
    const [before, connections] = [tokens, client.connectionState().connectionCount];
    await until(() => tokens >= before + 2, "two refreshes", 20_000);
    assert.equal((await client.mutation("auth:inMutation", {})).subject, "uma");
    assert.equal(client.connectionState().connectionCount, connections);
  });
});

test("70: a token that has expired is told at the next mutation", async () => {
  const raw = await RawSocket.open(use.url);
  raw.connect();
  raw.send({ type: "Authenticate", baseVersion: 0, tokenType: "User", value: issuer.token({}, { seconds: 2 }) });
  await raw.transition((t) => t.endVersion.identity === 1);
  raw.mutate(0, "auth:inMutation");
  assert.equal((await raw.response(0)).result.subject, "uma");
  await sleep(2500);
  raw.mutate(1, "auth:inMutation");
  const error = await raw.next((message) => message.type === "AuthError");
  assert.deepEqual([error.authUpdateAttempted, error.baseVersion], [false, 1]);
  assert.equal((await raw.closed).code, 1005);
});

test("74: keys of the issuer change, and it goes down: nobody is signed out", async () => {
  const old = issuer.token();
  assert.equal((await whoami(old)).subject, "uma");
  // What the other tests used up of the pace at which an issuer is asked.
  await sleep(5_500);
  issuer.rotate();
  assert.equal((await whoami(issuer.token())).subject, "uma");
  await assert.rejects(whoami(old));
  issuer.failing = 503;
  assert.equal((await whoami(issuer.token())).subject, "uma", "its keys are kept");
  await sleep(5_500);
  issuer.rotate();
  await withSocket(async (client) => {
    const changes = [];
    client.setAuth(async () => issuer.token(), (state) => changes.push(state));
    await sleep(1000);
    assert.deepEqual(changes, [], "neither signed in nor out");
    issuer.failing = null;
    const seen = await nextValue(client, "auth:whoami", {}, (user) => user !== null, 30_000);
    assert.equal(seen.subject, "uma");
  });
});

test("runtime 154: signJwt: claims, lifetimes, and keys by which anybody can verify", async () => {
  const { value: token } = await mutation("auth:sign", { options: { claims: { sub: "s", a: [1] }, expiresInSeconds: 90 } });
  const [header, payload, signature] = token.split(".");
  const decode = (part) => JSON.parse(Buffer.from(part, "base64url"));
  const response = await fetch(`${use.url}/.well-known/jwks.json`);
  assert.match(response.headers.get("content-type"), /^application\/json/);
  const jwk = (await response.json()).keys.find((key) => key.kid === decode(header).kid);
  assert.deepEqual([decode(header).alg, decode(header).typ, jwk.d], ["ES256", "JWT", undefined]);
  const key = { key: createPublicKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" };
  assert.ok(verify("sha256", Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, "base64url")));
  const { iat, ...claims } = decode(payload);
  assert.deepEqual(claims, { iss: use.url, sub: "s", a: [1], exp: iat + 90 });
  assert.ok(Math.abs(iat - Date.now() / 1000) < 5);
  for (const claims of [{ iss: "x" }, { iat: 1 }, { exp: 1 }, { nbf: 1 }, { convexA: 1 }, { CVX: 1 }]) {
    const { error } = await mutation("auth:sign", { options: { claims, expiresInSeconds: 60 } });
    assert.match(error, new RegExp(`InvalidArgument.*${Object.keys(claims)[0]}`));
  }
  for (const expiresInSeconds of [0, 3601, -1, "60", null]) {
    const { error } = await mutation("auth:sign", { options: { expiresInSeconds } });
    assert.match(error, /InvalidArgument/, `${expiresInSeconds}`);
  }
});

test("runtime 154: the deployment is a provider of its own; a changed auth.config holds at once", async () => {
  const own = {
    type: "customJwt",
    issuer: use.url,
    applicationID: "self",
    jwks: `${use.url}/.well-known/jwks.json`,
    algorithm: "ES256",
  };
  const options = { claims: { sub: "bot", aud: "self" }, expiresInSeconds: 60 };
  const { value: token } = await mutation("auth:sign", { options });
  await assert.rejects(whoami(token), /auth provider/i);
  const inline = {
    type: "customJwt",
    issuer: "https://inline.example",
    jwks: `data:application/json;base64,${Buffer.from(JSON.stringify(custom.jwks)).toString("base64")}`,
    algorithm: "EdDSA",
  };
  writeFiles(project, { "convex/auth.config.ts": config(own, inline) });
  await deployApp(use.server, project);
  assert.equal((await whoami(token)).tokenIdentifier, `${use.url}|bot`);
  const byKeysInTheConfig = await whoami(custom.token({ iss: "https://inline.example", aud: undefined }, { alg: "EdDSA" }));
  assert.equal(byKeysInTheConfig.subject, "uma");
  await assert.rejects(whoami(issuer.token()), /auth provider/i);
});

test("runtime 151: an auth.config with a variable that is not set is named by the CLI", async () => {
  const source = "export default { providers: [{ domain: process.env.MY_ISSUER!, applicationID: 'app' }] };";
  writeFiles(project, { "convex/auth.config.ts": source });
  const refused = await runCli(use.server, project, ["deploy"]);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr + refused.stdout, /Environment variable MY_ISSUER is used in auth config file but/);
  assert.equal((await runCli(use.server, project, ["env", "set", "MY_ISSUER", issuer.url])).code, 0);
  await deployApp(use.server, project);
  assert.equal((await whoami(issuer.token())).subject, "uma");
  // The next authentication is by the variable as it is then.
  assert.equal((await runCli(use.server, project, ["env", "set", "MY_ISSUER", "https://elsewhere.example"])).code, 0);
  await assert.rejects(whoami(issuer.token()), /auth provider/i);
});
