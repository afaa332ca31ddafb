// Texts by which somebody proves something, made up or tampered with: admin keys, upload tokens, storage ids, handles, cursors,
// journals, session ids, user tokens. Nothing but the very text that a deployment gave out is good for anything, and only there.

import assert from "node:assert/strict";
import { createHmac, createPublicKey, generateKeyPairSync, randomBytes, randomUUID, sign } from "node:crypto";
import { after, before, test } from "node:test";
import { ConvexHttpClient } from "convex/browser";
import { startIssuer } from "../lib/issuer.mjs";
import { deployApp, makeProject, startServer } from "../lib/server.mjs";
import { RawSocket } from "./harness.mjs";
import { caller } from "./call.mjs";

const APP = {
  "convex/app.ts": `
    import { action, internalQuery, mutation, query } from "./_generated/server";
    import { internal } from "./_generated/api";
    import { createFunctionHandle } from "convex/server";
    export const whoami = query(async (ctx) => await ctx.auth.getUserIdentity());
    export const add = mutation(async (ctx, { table, n }: any) => await ctx.db.insert(table, { n }));
    export const page = query(async (ctx, { table, options, index }: any) =>
      await (index ? ctx.db.query(table).withIndex("by_creation_time").order("desc") : ctx.db.query(table)).paginate(options));
    export const uploadUrl = mutation(async (ctx) => await ctx.storage.generateUploadUrl());
    export const fileUrl = query(async (ctx, { id }: any) => await ctx.storage.getUrl(id));
    export const secret = internalQuery(async () => "internal");
    export const handle = query(async () => await createFunctionHandle(internal.app.secret));
    export const call = query(async (ctx, { handle }: any) => { try { return await ctx.runQuery(handle, {}); } catch (error: any) { return "refused: " + error.message; } });
    export const count = mutation(async (ctx) => { const found = await ctx.db.query("counts").first(); if (found) { await ctx.db.patch(found._id, { n: found.n + 1 }); return found.n + 1; } await ctx.db.insert("counts", { n: 1 }); return 1; });
    export const act = action(async (ctx, { op, args }: any) => { try { return await (globalThis as any).Convex.asyncSyscall(op, args); } catch (error: any) { return "refused: " + error.message; } });`,
};

let issuer, one, two, client;
const config = (providers) => `export default { providers: ${JSON.stringify(providers)} };`;
before(async () => {
  [issuer, one, two] = await Promise.all([startIssuer(), startServer({ args: ["--instance-name", "same-name"] }), startServer({ args: ["--instance-name", "same-name"] })]);
  const providers = [
    { domain: issuer.url, applicationID: "app" },
    { type: "customJwt", issuer: "https://custom.example", applicationID: "app", jwks: `${issuer.url}/keys`, algorithm: "RS256" },
  ];
  const dir = makeProject({ ...APP, "convex/auth.config.ts": config(providers) });
  for (const server of [one, two]) await deployApp(server, dir, { args: ["--typecheck", "disable"] });
  client = new ConvexHttpClient(one.url, { logger: false });
});
after(async () => await Promise.all([issuer?.stop(), one?.stop(), two?.stop()]));

/** Every text that differs in one bit of `bytes`, as `render` writes it. */
const bitFlips = (bytes, render) => Array.from({ length: bytes.length * 8 }, (_, bit) => {
  const copy = Buffer.from(bytes);
  copy[bit >> 3] ^= 1 << (bit & 7);
  return render(copy);
});

const asAdmin = async (key) => {
  const response = await fetch(`${one.url}/api/list_environment_variables`, { headers: { authorization: `Convex ${key}` } });
  const run = await fetch(`${one.url}/api/query`, {
    method: "POST", headers: { "content-type": "application/json", authorization: `Convex ${key}` }, body: JSON.stringify({ path: "app:secret", args: {}, format: "json" }),
  });
  return [response.status, run.status === 200 && (await run.json()).value === "internal"];
};

test("admin keys: flipped, cut, extended, renamed, of another deployment of the same name", { timeout: 120_000 }, async () => {
  assert.ok((await asAdmin(one.adminKey))[1]);
  const [name, hex] = one.adminKey.split("|");
  const bytes = Buffer.from(hex, "hex");
  const forged = bitFlips(bytes, (copy) => `${name}|${copy.toString("hex")}`);
  for (let cut = 0; cut < hex.length; cut += 7) forged.push(`${name}|${hex.slice(0, cut)}`);
  const otherName = two.adminKey;
  forged.push(
    `${name}|${hex}00`, `${name}|${hex}${hex}`, `other|${hex}`, `|${hex}`, hex, name, "", "|", `${name}|`, `${name} |${hex}`, `${name}x|${hex}`, `${name}|${hex} `,
    `${name}|${"00".repeat(bytes.length)}`, `${name}|${"ff".repeat(bytes.length)}`, `${name}|${randomBytes(bytes.length).toString("hex")}`, otherName,
    `${name}|${two.adminKey.split("|")[1]}`, `${name}|01${createHmac("sha256", "").update(bytes.subarray(0, 17)).digest("hex")}`,
    `${name}|${hex}:${Buffer.from(JSON.stringify({ issuer: "x", subject: "y" })).toString("base64")}`.replace(hex, "00"), "null", "undefined", "a".repeat(100_000),
  );
  for (const key of forged) {
    const [status, ran] = await asAdmin(encodeURI(key)).catch(() => [400, false]);
    assert.ok([400, 401, 403, 431].includes(status) && !ran, `${status} ${ran}: ${key.slice(0, 200)}`);
  }
  assert.ok((await asAdmin(one.adminKey))[1]);
});

test("admin keys over the socket, and acting as a user without one", async () => {
  for (const value of [two.adminKey, one.adminKey.slice(0, -1), one.adminKey.replace(/.$/, (last) => (last === "0" ? "1" : "0"))]) {
    const raw = await RawSocket.open(one.url);
    raw.connect();
    raw.send({ type: "Authenticate", baseVersion: 0, tokenType: "Admin", value, impersonating: { issuer: "https://x", subject: "root" } });
    raw.modify(0, 1, [raw.add(0, "app:whoami"), raw.add(1, "app:secret")]);
    const message = await raw.next((message) => message.type === "AuthError" || message.type === "FatalError" || message.type === "Transition");
    assert.notEqual(message.type, "Transition", JSON.stringify(message).slice(0, 500));
    raw.close();
  }
});

test("upload tokens: flipped, cut, of another deployment, with another method", async () => {
  const url = new URL(await client.mutation("app:uploadUrl"));
  const theirs = new URL(await new ConvexHttpClient(two.url).mutation("app:uploadUrl"));
  const token = url.searchParams.get("token");
  const upload = async (text) => (await fetch(`${one.url}/api/storage/upload?token=${encodeURIComponent(text)}`, { method: "POST", body: "x" })).status;
  const forged = bitFlips(Buffer.from(token, "base64url"), (copy) => copy.toString("base64url"));
  const last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (const end of last) if (token.at(-1) !== end) forged.push(token.slice(0, -1) + end);
  for (let cut = 0; cut < token.length; cut += 5) forged.push(token.slice(0, cut));
  forged.push(theirs.searchParams.get("token"), `${token}A`, `${token}=`, `${token}.${token}`, ` ${token}`, `\u0000${token}`, one.adminKey, "null");
  for (const text of forged) assert.ok([400, 401, 403].includes(await upload(text)), text);
  assert.equal(await upload(token), 200);
});

test("stored files: ids of others, guessed names, paths that lead elsewhere", async () => {
  const { storageId } = await (await fetch(await client.mutation("app:uploadUrl"), { method: "POST", body: "mine" })).json();
  const url = await client.query("app:fileUrl", { id: storageId });
  assert.equal(await (await fetch(url)).text(), "mine");
  const uuid = url.split("/").pop();
  const flipped = uuid.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
  for (const name of [flipped, storageId, randomUUID(), "00000000-0000-0000-0000-000000000000", "..%2f..%2finstance.json", "%2e%2e/%2e%2e/instance.json", `${uuid}%00`, `${uuid}%2f..`, "*", ""]) {
    const response = await fetch(`${one.url}/api/storage/${name}`);
    const text = await response.text();
    assert.ok(response.status >= 400 && !text.includes("mine") && !text.includes("secret"), `${name}: ${response.status}`);
  }
  assert.equal((await fetch(url.replace(one.url, two.url))).status, 404);
});

test("function handles: flipped, of another deployment, made from names", async () => {
  const handle = await client.query("app:handle");
  assert.equal(await client.query("app:call", { handle }), "internal");
  const body = handle.slice("function://".length);
  const forged = [...body].map((digit, at) => `function://${body.slice(0, at)}${digit === "0" ? "1" : "0"}${body.slice(at + 1)}`);
  forged.push("function://", `function://${body}0`, `function://${body.slice(1)}`, `FUNCTION://${body}`, `function:///${body}`, `function://${body}/..`, "function://;app:secret", "function://app:secret");
  for (const text of forged) assert.match(await client.query("app:call", { handle: text }), /^refused/, text);
  const theirs = new ConvexHttpClient(two.url, { logger: false });
  await theirs.query("app:handle");
  // The same function of the same app has no handle there that was made here, unless it is by chance the same.
  const [here, there] = [handle, await theirs.query("app:handle")];
  if (here !== there) assert.match(await theirs.query("app:call", { handle: here }), /^refused/);
});

test("cursors: flipped, of another query, of another deployment, made by hand", { timeout: 120_000 }, async () => {
  for (const table of ["left", "right"]) for (let n = 0; n < 6; n++) await client.mutation("app:add", { table, n });
  const page = async (cursor, table = "left", rest = {}, from = one) => await caller(from).query("app:page", { table, options: { numItems: 2, cursor }, ...rest });
  const first = (await page(null)).value;
  assert.deepEqual((await page(first.continueCursor)).value.page.map(({ n }) => n), [2, 3]);
  const cursor = first.continueCursor;
  const isRefused = (found, what) => assert.match(found.error ?? JSON.stringify(found.value), /InvalidCursor|cursor/i, what);
  isRefused(await page(cursor, "right"), "of another table");
  isRefused(await page(cursor, "left", { index: true }), "of another order");
  await deployApp(two, makeProject(APP), { args: ["--typecheck", "disable"] });
  const theirs = new ConvexHttpClient(two.url, { logger: false });
  for (let n = 0; n < 6; n++) await theirs.mutation("app:add", { table: "left", n });
  isRefused(await page(cursor, "left", {}, two), "of another deployment");
  const forged = [...cursor].map((character, at) => cursor.slice(0, at) + (character === "0" ? "1" : "0") + cursor.slice(at + 1));
  forged.push(cursor.slice(0, -1), cursor.slice(1), `${cursor}0`, cursor + cursor, "", "0", "x".repeat(100_000), "{}", "null", "\u0000", randomBytes(64).toString("hex"), randomBytes(64).toString("base64"));
  for (const text of forged) isRefused(await page(text), `${text.slice(0, 100)} for ${cursor}`);
});

test("a journal made by hand is no way to read elsewhere, and no fault", async () => {
  for (const journal of ["", "{}", '{"endCursor":"x"}', '{"end_cursor":"0"}', "x".repeat(10_000), "[".repeat(10_000), "\u0000"]) {
    const raw = await RawSocket.open(one.url);
    raw.connect();
    raw.modify(0, 1, [raw.add(0, "app:page", { table: "left", options: { numItems: 2, cursor: null } }, { journal })]);
    const message = await raw.next((message) => message.type === "FatalError" || message.type === "Transition");
    assert.ok(!JSON.stringify(message).includes("InternalServerError"), JSON.stringify(message));
    raw.close();
  }
  assert.equal(await client.query("app:whoami"), null);
});

test("session ids: a request of one session is not answered with the result of another, nor run twice", async () => {
  const sessionId = randomUUID();
  const talk = async (sessionId, requestId) => {
    const raw = await RawSocket.open(one.url);
    raw.connect({ sessionId });
    raw.modify(0, 1, []);
    raw.mutate(requestId, "app:count");
    const { result } = await raw.response(requestId);
    raw.close();
    return result;
  };
  const first = await talk(sessionId, 0);
  assert.equal(await talk(sessionId, 0), first);
  assert.equal(await talk(randomUUID(), 0), first + 1);
  for (const bad of ["", "0".repeat(10_000), null, 5, {}, [sessionId]]) {
    const raw = await RawSocket.open(one.url);
    raw.send({ type: "Connect", sessionId: bad, connectionCount: 0, lastCloseReason: "x", clientTs: 0 });
    raw.mutate(0, "app:count");
    const message = await Promise.race([raw.next(() => true, 5_000).catch(() => null), raw.closed]);
    assert.ok(message === null || message.type === "FatalError" || message.code !== undefined, JSON.stringify(message));
    raw.close();
  }
  assert.equal(await talk(randomUUID(), 0), first + 2);
});

const b64 = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const whoami = async (token) => {
  const response = await fetch(`${one.url}/api/query`, {
    method: "POST", headers: { "content-type": "application/json", authorization: `Bearer ${token}` }, body: JSON.stringify({ path: "app:whoami", args: {}, format: "json" }),
  });
  return [response.status, response.status === 200 ? (await response.json()).value : null];
};

test("user tokens: no signature, the public key as a secret, keys of their own, headers that point elsewhere", { timeout: 120_000 }, async () => {
  const good = issuer.token();
  assert.equal((await whoami(good))[1].subject, "uma");
  const [header, payload, signature] = good.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url"));
  const root = { ...claims, sub: "root" };
  const { kid } = issuer.keys.RS256;
  const forged = [];
  for (const alg of ["none", "None", "NONE", "nOnE", "", null, undefined]) {
    for (const end of ["", ".", `.${signature}`, "."]) forged.push(`${b64({ alg, typ: "JWT", kid })}.${b64(root)}${end}`);
  }
  const jwk = createPublicKey(issuer.keys.RS256.privateKey).export({ format: "jwk" });
  const publicForms = ["spki", "pkcs1"].flatMap((type) => ["pem", "der"].map((format) => createPublicKey(issuer.keys.RS256.privateKey).export({ type, format })));
  publicForms.push(JSON.stringify(jwk), jwk.n, Buffer.from(jwk.n, "base64url"), "", kid);
  for (const [alg, hash] of [["HS256", "sha256"], ["HS384", "sha384"], ["HS512", "sha512"]]) {
    for (const secret of publicForms) {
      const signed = `${b64({ alg, typ: "JWT", kid })}.${b64(root)}`;
      forged.push(`${signed}.${createHmac(hash, secret).update(signed).digest("base64url")}`);
    }
  }
  const own = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const ownJwk = { ...own.publicKey.export({ format: "jwk" }), kid: "own", alg: "RS256", use: "sig" };
  for (const head of [{ kid }, { kid: "own" }, { kid: "own", jwk: ownJwk }, { jwk: ownJwk }, { kid: "own", jku: "http://127.0.0.1:1/keys" }, { kid, x5c: ["MIIB"] }, { kid: "../../keys" }, { kid, crit: ["exp"], exp: 0 }]) {
    const signed = `${b64({ alg: "RS256", typ: "JWT", ...head })}.${b64(root)}`;
    forged.push(`${signed}.${sign("sha256", Buffer.from(signed), own.privateKey).toString("base64url")}`);
  }
  // The signature of one kind of key given as that of another, and of another text.
  for (const alg of ["ES256", "EdDSA", "RS384", "RS512", "PS256"]) forged.push(`${b64({ alg, typ: "JWT", kid })}.${payload}.${signature}`);
  forged.push(`${header}.${b64(root)}.${signature}`, `${header}.${payload}.`, `${header}.${payload}`, `${header}..${signature}`, `.${payload}.${signature}`, `${good}.${good}`, `${header}.${payload}.${signature}.x`);
  forged.push(issuer.token({ sub: "root", aud: "other" }), issuer.token({ sub: "root", aud: ["other"] }), issuer.token({ sub: "root", aud: [] }), issuer.token({ sub: "root", aud: undefined }),
    issuer.token({ sub: "root" }, { seconds: -3600 }), issuer.token({ sub: "root", exp: "never" }), issuer.token({ sub: "root", exp: undefined }), issuer.token({ sub: "root", nbf: Math.floor(Date.now() / 1000) + 3600 }),
    issuer.token({ sub: "root", iss: "https://custom.example/" + "x" }), issuer.token({ sub: "root", iss: issuer.url + ".evil.example" }), issuer.token({ sub: "root", iss: issuer.url.toUpperCase() + "x" }),
    issuer.token({ sub: { toString: "root" } }), issuer.token({ sub: ["root"] }));
  const tampered = bitFlips(Buffer.from(signature, "base64url").subarray(0, 32), (copy) => `${header}.${payload}.${Buffer.concat([copy, Buffer.from(signature, "base64url").subarray(32)]).toString("base64url")}`);
  for (const token of [...forged, ...tampered]) {
    const [status, identity] = await whoami(token);
    assert.ok(identity === null && status >= 400 && status < 500, `${status} ${JSON.stringify(identity)}: ${token.slice(0, 300)}`);
  }
  assert.equal((await whoami(good))[1].subject, "uma");
});

test("an action can't answer, or ask, in the name of another execution", async () => {
  for (const [op, args] of [["1.0/actions/query", { name: "app:secret", args: {}, version: "1.48.0", requestId: "other", parentScheduledJob: "x", identity: { admin: true } }],
    ["1.0/actions/mutation", { name: "app:add", args: { table: "_environment_variables", n: 1 }, requestId: "x" }],
    ["1.0/getUserIdentity", { identity: { subject: "root" }, token: two.adminKey }], ["1.0/storageGenerateUploadUrl", { component: "x", namespace: 3 }]]) {
    const found = await client.action("app:act", { op, args: JSON.stringify(args) });
    assert.ok(typeof found === "string" && !found.includes("root"), `${op}: ${found}`);
  }
  // There is no door for callbacks of actions to knock at from outside.
  for (const path of ["/api/actions/query", "/api/actions/mutation", "/api/actions/storage_store", "/api/actions/schedule_job", "/actions/query"]) {
    const response = await fetch(one.url + path, { method: "POST", headers: { "content-type": "application/json", "convex-action-callback-token": "x" }, body: "{}" });
    assert.ok([401, 403, 404, 405].includes(response.status), `${path}: ${response.status}`);
  }
});
