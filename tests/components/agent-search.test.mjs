// How the agent component searches: titles of threads, and messages by their words, by vectors of a model that knows three
// concepts, and by both.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { ConvexClient } from "convex/browser";
import { until, useComponents } from "./app.mjs";

const SAID = [
  "The inn has a bed with a view",
  "We took the boat out in the morning",
  "Bread and soup for dinner",
  "The shore is stony, and good to swim from",
  "Trains leave at nine",
];

describe("official components: agent, searching", { concurrency: false }, () => {
  const context = useComponents();
  const { query, mutation, action } = context;
  const clients = [];
  after(async () => await Promise.all(clients.map((client) => client.close())));
  const open = (title, userId = "ada") => mutation("agents:open", { userId, title });
  const recall = (args) => action("recall:recall", { limit: 10, ...args });

  test("threads are found by their titles", async () => {
    for (const title of ["Lakes in the north", "A lake house", "Mountains"]) await open(title, "titles");
    await open("Lakes of another user", "other");
    const find = (query_, more = {}) => query("recall:threadsWith", { query: query_, limit: 10, ...more });
    assert.deepEqual(await find("lake", { userId: "titles" }), ["A lake house", "Lakes in the north"]);
    assert.deepEqual((await find("lakes")).sort(), ["Lakes in the north", "Lakes of another user"]);
    assert.deepEqual(await find("mount", { userId: "other" }), []);
    assert.equal((await find("lake", { limit: 1 })).length, 1);
  });

  test("messages are found by their words, in their thread", async () => {
    const [threadId, other] = [await open("words"), await open("other words")];
    await action("recall:remember", { threadId, texts: SAID });
    await action("recall:remember", { threadId: other, texts: ["A boat in another thread"] });
    assert.deepEqual(await recall({ threadId, text: "boat", textSearch: true }), [SAID[1]]);
    assert.deepEqual(await recall({ threadId, text: "soup bre", textSearch: true }), [SAID[2]]);
    assert.deepEqual(await recall({ threadId, text: "trains bread", textSearch: true }), [SAID[2], SAID[4]]);
    assert.deepEqual(await recall({ threadId, text: "sleeping", textSearch: true }), []);
    assert.deepEqual(await query("recall:messagesWith", { threadId, text: "boat", limit: 5 }), [SAID[1]]);
  });

  test("messages are found by vectors, without a word in common", async () => {
    const threadId = await open("vectors");
    await action("recall:remember", { threadId, texts: SAID });
    const by = (text, more) => recall({ threadId, text, vectorSearch: true, vectorScoreThreshold: 0.5, ...more });
    assert.deepEqual(await by("hotel room"), [SAID[0]]);
    assert.deepEqual(await by("lake water"), [SAID[1], SAID[3]]);
    assert.deepEqual(await by("hungry"), [SAID[2]]);
    assert.equal((await by("lake water", { limit: 1 })).length, 1);
    assert.deepEqual(await by("zzz"), []);
    assert.deepEqual(await by("hungry", { around: 1 }), SAID.slice(1, 4), "with what was said before and after");
  });

  test("both at once give what either finds", async () => {
    const threadId = await open("hybrid");
    await action("recall:remember", { threadId, texts: SAID });
    const options = { threadId, textSearch: true, vectorSearch: true, vectorScoreThreshold: 0.5 };
    assert.deepEqual(await recall({ ...options, text: "hotel at nine" }), [SAID[0], SAID[4]]);
    assert.deepEqual(await recall({ ...options, text: "the boat" }), SAID.filter((text) => /boat|the|shore/i.test(text)));
    assert.deepEqual(await recall({ ...options, text: "hungry trains", limit: 1 }), [SAID[2]]);
  });

  test("a user's other threads are searched, and nobody else's", async () => {
    const [one, two, else_] = [await open("1", "grace"), await open("2", "grace"), await open("3", "alan")];
    await action("recall:remember", { threadId: one, texts: ["My boat is blue"] });
    await action("recall:remember", { threadId: two, texts: ["Her boat is red"] });
    await action("recall:remember", { threadId: else_, texts: ["His boat is green"] });
    for (const how of [{ textSearch: true }, { vectorSearch: true }, { textSearch: true, vectorSearch: true }]) {
      const found = await recall({ userId: "grace", text: "boat", ...how });
      assert.deepEqual(found.sort(), ["Her boat is red", "My boat is blue"], JSON.stringify(how));
    }
  });

  test("the model is asked with what was found", async () => {
    const threadId = await open("asked");
    await action("recall:remember", { threadId, texts: SAID });
    const asked = await action("recall:askRemembering", { threadId, prompt: "Where is my hotel?" });
    assert.match(asked, /The inn has a bed/);
    assert.match(asked, /Where is my hotel\?/);
    assert.doesNotMatch(asked, /Bread and soup/);
  });

  test("a search for words is live", async () => {
    const threadId = await open("live");
    const client = new ConvexClient(context.server.url, { logger: false });
    clients.push(client);
    const seen = [];
    client.onUpdate("recall:messagesWith", { threadId, text: "comet", limit: 5 }, (texts) => seen.push(texts));
    await until(async () => seen.length, (count) => count === 1);
    await action("recall:remember", { threadId, texts: ["No such thing", "Comets are back"] });
    await until(async () => seen.at(-1), (texts) => texts.length === 1);
    assert.deepEqual(seen.at(-1), ["Comets are back"]);
  });

  test("everything is still found after a kill -9", async () => {
    const threadId = await open("kept");
    await action("recall:remember", { threadId, texts: SAID });
    await context.server.kill9();
    await context.server.restart();
    assert.deepEqual(await recall({ threadId, text: "boat", textSearch: true }), [SAID[1]]);
    assert.deepEqual(await recall({ threadId, text: "hungry", vectorSearch: true, vectorScoreThreshold: 0.5 }), [SAID[2]]);
  });
});
