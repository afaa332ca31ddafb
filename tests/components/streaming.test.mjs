// persistent-text-streaming: text that an HTTP action streams to one client and keeps for all others.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { until, useComponents } from "./app.mjs";

describe("official components: persistent text streaming", { concurrency: false }, () => {
  const context = useComponents();
  const { query, mutation } = context;
  const body = (id) => query("streams:body", { id });
  const write = (request, options = {}) =>
    fetch(`${context.server.siteUrl}/stream`, { method: "POST", body: JSON.stringify(request), ...options });
  /** Reads a response part by part: `next()` gives the text that came, or undefined at the end. */
  const readerOf = (response) => {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    return { next: async () => (await reader.read()).value, cancel: () => reader.cancel() };
  };
  const parts = ["Once upon a time. ", "There was ", "a lake! ", "The end"];

  test("each part is there as soon as it is written, and kept at the end of each sentence", async () => {
    const id = await mutation("streams:create");
    assert.deepEqual(await body(id), { text: "", status: "pending" });
    const response = await write({ id, parts });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("access-control-allow-origin"), "*");
    const reader = readerOf(response);
    // The writer waits for each step, so that what is read here can't have waited for the rest.
    assert.equal(await reader.next(), parts[0]);
    await until(() => body(id), ({ text }) => text !== "");
    assert.deepEqual(await body(id), { text: parts[0], status: "streaming" });
    await mutation("streams:step", { id });
    assert.equal(await reader.next(), parts[1]);
    assert.deepEqual(await body(id), { text: parts[0], status: "streaming" }, "no sentence ended");
    await mutation("streams:step", { id });
    assert.equal(await reader.next(), parts[2]);
    await until(() => body(id), ({ text }) => text === parts.slice(0, 3).join(""));
    await mutation("streams:step", { id });
    assert.equal(await reader.next(), parts[3]);
    assert.equal(await reader.next(), undefined);
    assert.deepEqual(await body(id), { text: parts.join(""), status: "done" });
  });

  test("who asks for the stream again gets 205 and nothing", async () => {
    const id = await mutation("streams:create");
    assert.equal(await (await write({ id, parts: ["All of it."] })).text(), "All of it.");
    const again = await write({ id, parts: ["More of it."] });
    assert.deepEqual([again.status, await again.text()], [205, ""]);
    assert.deepEqual(await body(id), { text: "All of it.", status: "done" });
  });

  test("the text is kept although the client goes away", async () => {
    const id = await mutation("streams:create");
    const reader = readerOf(await write({ id, parts }));
    assert.equal(await reader.next(), parts[0]);
    await reader.cancel();
    for (let step = 1; step < parts.length; step++) await mutation("streams:step", { id });
    await until(() => body(id), ({ status }) => status === "done");
    assert.equal((await body(id)).text, parts.join(""));
  });

  test("a writer that fails leaves what it wrote, and says so", async () => {
    const id = await mutation("streams:create");
    assert.equal(await (await write({ id, parts: ["Half of it. "], fail: true })).text(), "Half of it. ");
    await until(() => body(id), ({ status }) => status !== "streaming");
    assert.deepEqual(await body(id), { text: "Half of it. ", status: "error" });
  });

  test("the component's own cron is there, to end streams whose writer is dead", async () => {
    const componentId = await context.componentId("persistentTextStreaming");
    const crons = await context.dashboard("listCronJobs", { componentId });
    assert.deepEqual(crons.map(({ name, cronSpec }) => [name, cronSpec.udfPath]), [["cleanup expired streams", "lib.js:cleanupExpiredStreams"]]);
  });

  test("a deleted stream is gone with its parts", async () => {
    const data = () => context.cli(["data", "chunks", "--component", "persistentTextStreaming", "--limit", "1000"]);
    const id = await mutation("streams:create");
    await (await write({ id, parts: ["Gone soon."] })).text();
    assert.match((await data()).stdout, /Gone soon\./);
    await mutation("streams:remove", { id });
    await assert.rejects(body(id), /Stream not found/);
    const { stdout } = await until(data, ({ stdout }) => !stdout.includes("Gone soon."));
    assert.match(stdout, /Half of it\./, "those of others are there");
  });
});
