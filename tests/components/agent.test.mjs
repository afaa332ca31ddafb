// The agent component with its mock model: threads, messages, tools, objects, streamed answers and files. Searching is
// in agent-search.test.mjs.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, describe, test } from "node:test";
import { ConvexClient } from "convex/browser";
import { until, useComponents } from "./app.mjs";

describe("official components: agent", { concurrency: false }, () => {
  // Files of a local deployment have local URLs, which the component reads for the model.
  const context = useComponents(() => ({ args: ["--allow-fetch", "127.0.0.1"] }));
  const { query, mutation, action } = context;
  const clients = [];
  after(async () => await Promise.all(clients.map((client) => client.close())));
  const pageOf = (numItems, cursor = null) => ({ numItems, cursor });
  const open = (title = "a thread", userId = "ada") => mutation("agents:open", { userId, title });
  const messages = async (threadId) => {
    const { page } = await query("agents:messages", { threadId, paginationOpts: pageOf(50) });
    return page.sort((a, b) => a.order - b.order || a.stepOrder - b.stepOrder);
  };
  const said = async (threadId) => (await messages(threadId)).map(({ message, text, status }) => [message?.role, text, status]);

  test("its text and vector indexes are deployed", async () => {
    const tableNamespace = await context.componentId("agent");
    const index = async (tableName, wanted) => {
      const indexes = await context.dashboard("indexes", { tableName, tableNamespace });
      const { fields, backfill } = indexes.find(({ name }) => name === wanted);
      return { ...fields, state: backfill.state };
    };
    assert.deepEqual(await index("threads", "title"), { searchField: "title", filterFields: ["userId"], state: "done" });
    const messages = { searchField: "text", filterFields: ["threadId", "userId"], state: "done" };
    assert.deepEqual(await index("messages", "text_search"), messages);
    const filterFields = ["model_table_threadId", "model_table_userId"];
    for (const dimensions of [128, 256, 512, 768, 1024, 1408, 1536, 2048, 2560, 3072, 4096]) {
      const wanted = { vectorField: "vector", filterFields, dimensions, state: "done" };
      assert.deepEqual(await index(`embeddings_${dimensions}`, "vector"), wanted);
    }
  });

  test("threads are listed, renamed, and deleted with what is in them", async () => {
    const ids = [];
    for (const title of ["one", "two", "three"]) ids.push(await open(title, "lister"));
    await mutation("agents:rename", { threadId: ids[1], title: "zwei" });
    const titles = [];
    for (let cursor = null, isDone = false; !isDone; ) {
      const { page, ...rest } = await query("agents:threads", { userId: "lister", paginationOpts: pageOf(2, cursor) });
      titles.push(...page.map(({ title, status }) => [title, status]));
      ({ continueCursor: cursor, isDone } = rest);
    }
    assert.deepEqual(titles, [["three", "active"], ["zwei", "active"], ["one", "active"]]);
    await action("agents:ask", { threadId: ids[0], prompt: "Hi", answer: "Ho" });
    assert.equal((await messages(ids[0])).length, 2);
    await mutation("agents:close", { threadId: ids[0] });
    const list = async () => (await query("agents:threads", { userId: "lister", paginationOpts: pageOf(5) })).page;
    await until(list, (threads) => threads.length === 2);
    assert.deepEqual(await messages(ids[0]), []);
  });

  test("the model is asked with all that was said before", async () => {
    const threadId = await open();
    const first = await action("agents:ask", { threadId, prompt: "My name is Ada.", answer: "Hello Ada." });
    assert.equal(first.text, "Hello Ada.");
    const second = await action("agents:ask", { threadId, prompt: "Who am I?", answer: "You are Ada." });
    const [prompt] = JSON.parse(second.asked);
    assert.deepEqual(prompt.map(({ role, content }) => [role, typeof content === "string" ? content : content[0].text]), [
      ["system", "You are a clerk."], ["user", "My name is Ada."], ["assistant", "Hello Ada."], ["user", "Who am I?"],
    ]);
    assert.deepEqual(await said(threadId), [
      ["user", "My name is Ada.", "success"], ["assistant", "Hello Ada.", "success"],
      ["user", "Who am I?", "success"], ["assistant", "You are Ada.", "success"],
    ]);
    const [, answer] = await messages(threadId);
    assert.deepEqual([answer.agentName, answer.model, answer.provider], ["clerk", "mock-model-id", "mock-provider"]);
    assert.deepEqual([answer.usage.promptTokens, answer.usage.completionTokens], [3, 10]);
  });

  test("pages of messages begin with the last one", async () => {
    const threadId = await open();
    for (const n of [1, 2, 3]) await action("agents:ask", { threadId, prompt: `question ${n}`, answer: `answer ${n}` });
    const seen = [];
    for (let cursor = null, isDone = false; !isDone; ) {
      const { page, ...rest } = await query("agents:messages", { threadId, paginationOpts: pageOf(4, cursor) });
      seen.push(page.map(({ text }) => text));
      ({ continueCursor: cursor, isDone } = rest);
    }
    const wanted = [3, 2, 1].flatMap((n) => [`answer ${n}`, `question ${n}`]);
    assert.deepEqual(seen.flat(), wanted);
    assert.deepEqual(seen[0], wanted.slice(0, 4));
  });

  test("tools run in the app, and the model gets what they found", async () => {
    const threadId = await open("hotel", "guest");
    for (const of of ["free at Ritz", "free at Ritz", "free at Plaza"]) {
      const noted = await context.cli(["run", "events:note", JSON.stringify({ of, what: "room" })]);
      assert.equal(noted.code, 0, noted.stderr);
    }
    const { text, asked } = await action("agents:askAboutRooms", { threadId, hotel: "Ritz" });
    assert.equal(text, "That is how many.");
    const [, second] = JSON.parse(asked);
    const { content: [result] } = second.at(-1);
    assert.deepEqual([result.type, result.toolName, result.output], ["tool-result", "roomsFree", { type: "json", value: { free: 2, for: "guest" } }]);
    const kept = (await messages(threadId)).map(({ message: { role, content }, tool }) =>
      [role, tool, typeof content === "string" ? content : (content[0].text ?? content[0].type)]);
    assert.deepEqual(kept, [["user", false, "Rooms at Ritz?"], ["assistant", true, "tool-call"], ["tool", true, "tool-result"],
      ["assistant", false, "That is how many."]]);
  });

  test("a tool that fails is told to the model; a model that fails fails the message", async () => {
    const threadId = await open();
    const { asked } = await action("agents:askAboutRooms", { threadId, hotel: "Nowhere" });
    assert.match(JSON.stringify(JSON.parse(asked)[1].at(-1)), /no such hotel/);
    const other = await open();
    await assert.rejects(action("agents:ask", { threadId: other, prompt: "Hello?", answer: "", fail: true }), /model is out/);
    const kept = await messages(other);
    assert.ok(kept.some(({ status, error }) => status === "failed" && /model is out/.test(error)), JSON.stringify(kept));
  });

  test("objects are checked against their schema", async () => {
    const threadId = await open();
    assert.deepEqual(await action("agents:askForObject", { threadId, answer: '{"free": 7}' }), { free: 7 });
    await assert.rejects(action("agents:askForObject", { threadId, answer: '{"free": "seven"}' }), /No object generated/);
  });

  test("clients see an answer grow while it is streamed", { timeout: 60_000 }, async () => {
    const threadId = await open();
    const client = new ConvexClient(context.server.url, { logger: false });
    clients.push(client);
    const words = Array.from({ length: 40 }, (_, n) => `word${n}`);
    const [paginationOpts, statuses] = [pageOf(10), []];
    client.onUpdate("agents:chat", { threadId, paginationOpts, streamArgs: { kind: "list" } }, ({ streams, page }) => {
      statuses.push([streams.messages.map(({ status }) => status).join(), page.at(-1)?.status]);
    });
    await mutation("agents:askLater", { threadId, prompt: "Say much.", words, delay: 25 });
    const list = () => query("agents:chat", { threadId, paginationOpts, streamArgs: { kind: "list" } });
    const { streams: { messages: [{ streamId }] } } = await until(list, ({ streams }) => streams.messages.length === 1);
    const seen = [];
    let firstParts;
    await new Promise((resolve, reject) => {
      const streamArgs = { kind: "deltas", cursors: [{ streamId, cursor: 0 }] };
      client.onUpdate("agents:chat", { threadId, paginationOpts, streamArgs }, ({ streams: { deltas }, page }) => {
        const parts = deltas.flatMap(({ parts }) => parts);
        firstParts ??= parts;
        const text = parts.filter(({ type }) => type === "text-delta").map(({ delta }) => delta).join("");
        if (text !== seen.at(-1)) seen.push(text);
        for (let at = 1; at < deltas.length; at++) assert.equal(deltas[at].start, deltas[at - 1].end, "without gaps");
        if (page.at(-1)?.role === "assistant" && page.at(-1).status === "success") resolve();
      }, reject);
    });
    const whole = words.join(" ");
    assert.ok(seen.length > 5, `in steps: ${seen.length}`);
    for (const text of seen) assert.ok(whole.startsWith(text.trimEnd()), text);
    assert.equal(seen.at(-1), whole);
    assert.deepEqual(await said(threadId), [["user", "Say much.", "success"], ["assistant", whole, "success"]]);
    await until(async () => statuses.at(-1), ([streams]) => streams === "finished");
    assert.ok(statuses.some(([streams]) => streams === "streaming"));
  });

  test("files are kept once, readable by URL, and reach the model", async () => {
    const threadId = await open();
    const bytes = crypto.getRandomValues(new Uint8Array(1_000));
    const file = { bytes: bytes.buffer, type: "application/pdf", filename: "menu.pdf" };
    const [first, second] = [await action("agents:keepFile", file), await action("agents:keepFile", file)];
    assert.deepEqual(second, first);
    assert.equal(first.hash, createHash("sha256").update(bytes).digest("hex"));
    const read = await fetch(first.url);
    assert.equal(read.headers.get("content-type"), "application/pdf");
    assert.deepEqual(new Uint8Array(await read.arrayBuffer()), bytes);
    assert.equal((await query("agents:file", { fileId: first.fileId })).refcount, 0);
    const { text, files } = await action("agents:askAboutFile", { threadId, fileId: first.fileId, answer: "It is a menu." });
    assert.equal(text, "It is a menu.");
    assert.deepEqual(files, [{ bytes: [...bytes], type: "application/pdf" }]);
    assert.equal((await query("agents:file", { fileId: first.fileId })).refcount, 1);
    const [{ message, fileIds }] = await messages(threadId);
    assert.deepEqual(fileIds, [first.fileId]);
    assert.equal(message.content.find(({ type }) => type === "file").data, first.url);
  });
});
