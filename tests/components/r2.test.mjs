// The R2 component against an emulated S3, which checks signatures. Its endpoint is a setting; that it is on this machine
// is for the operator to permit.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { s3Bucket } from "../lib/emulators.mjs";
import { until, useComponents } from "./app.mjs";

describe("official components: r2", { concurrency: false }, () => {
  let s3;
  const context = useComponents(async () => {
    s3 = await s3Bucket("auto");
    const variables = {
      R2_BUCKET: s3.bucket, R2_ENDPOINT: s3.endpoint, R2_ACCESS_KEY_ID: s3.accessKeyId, R2_SECRET_ACCESS_KEY: s3.secretAccessKey,
    };
    return { args: ["--allow-fetch", "127.0.0.1"], variables };
  });
  const { query, mutation, action } = context;
  const events = (of) => query("events:list", { of: `objects ${of}` });
  const metadata = (key) => query("objects:getMetadata", { key });
  const list = async (numItems, cursor = null) => await query("objects:listMetadata", { paginationOpts: { numItems, cursor } });

  test("an action stores text and bytes; anybody with the signed URL reads them", async () => {
    const text = "Smørrebrød \u{1f956}";
    const key = await action("objects:storeText", { text, key: "menus/lunch.txt", type: "text/plain;charset=utf-8" });
    assert.equal(key, "menus/lunch.txt");
    const stored = await fetch(await query("objects:url", { key }));
    assert.deepEqual([stored.status, await stored.text()], [200, text]);
    assert.equal(stored.headers.get("content-type"), "text/plain;charset=utf-8");
    assert.equal(stored.headers.get("cache-control"), "max-age=60");
    const { url, bucket, size, contentType, lastModified } = await metadata(key);
    assert.deepEqual([bucket, size, contentType], [s3.bucket, Buffer.byteLength(text), "text/plain;charset=utf-8"]);
    assert.ok(Math.abs(Date.now() - Date.parse(lastModified)) < 60_000, lastModified);
    assert.equal(await (await fetch(url)).text(), text);
    await assert.rejects(action("objects:storeText", { text, key, type: "text/plain" }), /Metadata already exists for key/);

    const bytes = crypto.getRandomValues(new Uint8Array(60_000));
    const made = await action("objects:storeBytes", { bytes: bytes.buffer });
    assert.match(made, /^[0-9a-f-]{36}$/);
    const read = await fetch(await query("objects:url", { key: made }));
    assert.deepEqual(new Uint8Array(await read.arrayBuffer()), bytes);
  });

  test("without a signature that fits, nothing is read", async () => {
    const url = new URL(await query("objects:url", { key: "menus/lunch.txt" }));
    assert.equal((await fetch(url)).status, 200);
    assert.equal((await fetch(url.origin + url.pathname)).status, 403);
    url.pathname = url.pathname.replace("lunch", "supper");
    assert.equal((await fetch(url)).status, 403);
  });

  test("a client uploads by a signed URL, then has the metadata taken over", async () => {
    const { key, url } = await mutation("objects:generateUploadUrl");
    const put = () => fetch(url, { method: "PUT", body: "from the client", headers: { "Content-Type": "text/markdown" } });
    assert.equal((await put()).status, 200);
    assert.equal(await metadata(key), null, "nobody was told of it");
    await mutation("objects:syncMetadata", { key });
    assert.deepEqual(await events("uploaded"), [key]);
    const { size, contentType } = await until(() => metadata(key), (seen) => seen !== null);
    assert.deepEqual([size, contentType], [15, "text/markdown"]);
    await until(() => events("synced"), (synced) => synced.length === 1);
    await mutation("objects:syncMetadata", { key });
    assert.deepEqual(await until(() => events("synced"), (synced) => synced.length === 2), [{ key, isNew: true }, { key, isNew: false }]);
  });

  test("the metadata of all objects is listed, page by page", async () => {
    const all = await list(10);
    assert.deepEqual([all.page.length, all.isDone], [3, true]);
    const pages = [];
    for (let cursor = null, isDone = false; !isDone; ) {
      const { page, ...rest } = await list(2, cursor);
      pages.push(page.map(({ key }) => key));
      ({ continueCursor: cursor, isDone } = rest);
    }
    assert.deepEqual(pages.flat(), all.page.map(({ key }) => key));
    assert.equal(pages[0].length, 2);
    for (const { url, size } of all.page) assert.equal((await (await fetch(url)).arrayBuffer()).byteLength, size);
  });

  test("a deleted object is gone from the list and from the bucket", async () => {
    const kept = await action("objects:storeText", { text: "kept", key: "kept/one.txt", type: "text/plain" });
    await assert.rejects(mutation("objects:deleteObject", { key: kept }), /not this one/);
    const gone = "menus/lunch.txt";
    const url = await query("objects:url", { key: gone });
    await mutation("objects:deleteObject", { key: gone });
    await until(() => metadata(gone), (seen) => seen === null);
    await until(async () => (await fetch(url)).status, (status) => status === 404);
    assert.deepEqual(await events("deleted"), [gone]);
    assert.equal(await (await fetch(await query("objects:url", { key: kept }))).text(), "kept");
    assert.deepEqual((await list(10)).page.map(({ key }) => key).includes(gone), false);
  });
});
