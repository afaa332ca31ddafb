// udf-runtime.md, point 135, and client-protocol.md, points 99-102: stored files over HTTP.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import { after, before, test } from "node:test";
import { ConvexHttpClient } from "convex/browser";
import { anyApi as api } from "convex/server";
import { deployApp, makeProject, startServer, notServerless } from "../lib/server.mjs";

const APP = {
  "convex/files.ts": `
    import { mutation, query } from "./_generated/server";
    export const uploadUrl = mutation(async (ctx) => await ctx.storage.generateUploadUrl());
    export const url = query(async (ctx, { id }: any) => await ctx.storage.getUrl(id));
    export const metadata = query(async (ctx, { id }: any) => await (ctx.storage as any).getMetadata(id));
    export const row = query(async (ctx, { id }: any) => await ctx.db.system.get(id));
    export const remove = mutation(async (ctx, { id }: any) => await ctx.storage.delete(id));`,
};

let server, client;
before(async () => {
  server = await startServer();
  await deployApp(server, makeProject(APP), { args: ["--typecheck", "disable"] });
  client = new ConvexHttpClient(server.url, { logger: false });
});
after(() => server?.stop());

const sha256 = (data, form) => createHash("sha256").update(data).digest(form);
async function upload(body, headers = {}) {
  const url = await client.mutation(api.files.uploadUrl);
  return await fetch(url, { method: "POST", body, headers });
}

test("runtime 135, protocol 99: upload, row, URL, metadata, delete", async () => {
  const data = "some text";
  const headers = { "content-type": "text/plain; charset=x", digest: `sha-256=${sha256(data, "base64")}`, origin: "http://a.example" };
  const response = await upload(data, headers);
  assert.equal(response.status, 200, await response.clone().text());
  assert.equal(response.headers.get("access-control-allow-origin"), "http://a.example");
  const { storageId: id } = await response.json();
  const { _id, _creationTime, ...row } = await client.query(api.files.row, { id });
  assert.deepEqual(row, { sha256: sha256(data, "base64"), size: 9, contentType: headers["content-type"] });
  const url = await client.query(api.files.url, { id });
  const file = await fetch(url);
  assert.deepEqual([file.status, await file.text()], [200, data]);
  assert.equal(file.headers.get("content-type"), headers["content-type"]);
  assert.equal(file.headers.get("digest"), headers.digest);
  assert.equal(file.headers.get("cache-control"), "private, max-age=2592000");
  const metadata = await client.query(api.files.metadata, { id });
  assert.deepEqual(metadata, { storageId: url.split("/").pop(), sha256: sha256(data, "hex"), size: 9, contentType: headers["content-type"] });
  await client.mutation(api.files.remove, { id });
  assert.equal(await client.query(api.files.url, { id }), null);
  const gone = await fetch(url);
  assert.deepEqual([gone.status, (await gone.json()).code], [404, "FileNotFound"]);
});

test("protocol 100: what is refused", async () => {
  const code = async (response) => [response.status, (await response.json()).code];
  assert.deepEqual(await code(await upload("x", { digest: `sha-256=${sha256("y", "base64")}` })), [400, "Sha256Mismatch"]);
  assert.deepEqual(await code(await upload("x", { digest: "md5=abc" })), [400, "BadHeader"]);
  const forged = await fetch(`${server.url}/api/storage/upload?token=AAAA`, { method: "POST", body: "x" });
  assert.equal(forged.status, 400);
  const { storageId } = await (await upload("x")).json();
  assert.deepEqual(await code(await fetch(`${server.url}/api/storage/${storageId}`)), [400, "InvalidStoragePath"]);
});

test("runtime 135, protocol 101: ranges and HEAD", async () => {
  const { storageId: id } = await (await upload("0123456789")).json();
  const url = await client.query(api.files.url, { id });
  for (const [range, status, text, contentRange] of [
    ["bytes=2-4", 206, "234", "bytes 2-4/10"],
    ["bytes=7-", 206, "789", "bytes 7-9/10"],
    ["bytes=-2", 206, "89", "bytes 8-9/10"],
    ["bytes=20-", 416, "", "bytes */10"],
    ["bytes=0-1,3-4", 416, "", "bytes */10"],
  ]) {
    const part = await fetch(url, { headers: { range } });
    assert.deepEqual([part.status, await part.text(), part.headers.get("content-range")], [status, text, contentRange], range);
    assert.equal(part.headers.get("digest"), null);
  }
  const head = await fetch(url, { method: "HEAD" });
  assert.deepEqual([head.status, head.headers.get("content-length"), await head.text()], [200, "10", ""]);
  const etag = head.headers.get("etag");
  const ifRange = async (known) => (await fetch(url, { headers: { range: "bytes=1-1", "if-range": known } })).status;
  assert.deepEqual([await ifRange(etag), await ifRange('"other"')], [206, 200]);
  const { storageId: empty } = await (await upload("")).json();
  const nothing = await fetch(await client.query(api.files.url, { id: empty }), { headers: { range: "bytes=0-" } });
  assert.deepEqual([nothing.status, await nothing.text()], [200, ""]);
});

test("1 GB goes in and out at constant memory", { skip: notServerless("there is no one process to measure"), timeout: 180_000 }, async (t) => {
  const [CHUNK, CHUNKS, BOUND] = [1 << 20, 1024, 300];
  const chunk = Buffer.alloc(CHUNK, "lakewire");
  const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))[1]) / 1024;
  const before = rss();
  let most = before;
  const watch = setInterval(() => (most = Math.max(most, rss())), 20);
  t.after(() => clearInterval(watch));
  const hash = createHash("sha256");
  const url = await client.mutation(api.files.uploadUrl);
  const started = Date.now();
  const body = await new Promise((resolve, reject) => {
    const request = http.request(url, { method: "POST", headers: { "content-type": "application/octet-stream" } }, async (response) => {
      let text = "";
      for await (const part of response) text += part;
      resolve(text);
    });
    request.on("error", reject);
    (async () => {
      for (let n = 0; n < CHUNKS; n++) {
        hash.update(chunk);
        if (!request.write(chunk)) await new Promise((done) => request.once("drain", done));
      }
      request.end();
    })();
  });
  const { storageId: id } = JSON.parse(body);
  const digest = hash.digest("base64");
  const row = await client.query(api.files.row, { id });
  assert.deepEqual([row.size, row.sha256], [CHUNK * CHUNKS, digest]);
  const back = createHash("sha256");
  for await (const part of (await fetch(await client.query(api.files.url, { id }))).body) back.update(part);
  assert.equal(back.digest("base64"), digest);
  clearInterval(watch);
  t.diagnostic(`1 GB in and out in ${(Date.now() - started) / 1000} s; server: ${before.toFixed()} MB before, at most ${most.toFixed()} MB`);
  assert.ok(most < before + BOUND, `the server grew from ${before} to ${most} MB`);
  await client.mutation(api.files.remove, { id });
});
