// Two servers on one table and bucket.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ConvexHttpClient } from "convex/browser";
import { anyApi } from "convex/server";
import { awsStorage } from "../lib/emulators.mjs";
import { startServer } from "../lib/server.mjs";
import { deployNotes, Notes, watchTexts } from "./notes.mjs";

test("a mutation at one server reaches a subscription at the other", { timeout: 120_000 }, async (t) => {
  const storage = await awsStorage();
  const servers = [await startServer({ storage }), await startServer({ storage })];
  const watchers = [];
  t.after(async () => {
    for (const watcher of watchers) await watcher.close();
    for (const server of servers) await server.stop();
  });
  const [one, two] = servers;
  await deployNotes(one);
  watchers.push(watchTexts(one), watchTexts(two));
  await watchers[1].until((texts) => texts.length === 0);

  const notes = new Notes(one);
  await notes.add(0, 10, "one");
  await watchers[1].until((texts) => texts.length === 10);
  const back = new Notes(two, notes);
  await back.mark(0, 5, "two");
  await watchers[0].until((texts) => texts.filter((text) => text.startsWith("two")).length === 5);

  // A query over HTTP sees what any server acknowledged before.
  for (let round = 0; round < 20; round++) {
    await back.mark(0, 5, `round-${round}`);
    const seen = await new ConvexHttpClient(one.url, { logger: false }).query(anyApi.notes.texts, {});
    assert.equal(seen[0], `round-${round} 0`);
  }
  // So does a subscription, from its first value on.
  for (let round = 0; round < 5; round++) {
    await back.mark(0, 5, `fresh-${round}`);
    const fresh = watchTexts(one);
    const [first] = await fresh.until(() => true);
    await fresh.close();
    assert.equal(first, `fresh-${round} 0`);
  }
  await back.check();

  // Both write at once: every acknowledged mutation is there, once.
  const all = await Promise.all(
    servers.map(async (server, which) => {
      const client = new ConvexHttpClient(server.url, { logger: false });
      for (let n = 0; n < 30; n++) {
        const from = 1_000 + (n * 2 + which) * 10;
        await client.mutation(anyApi.notes.add, { from, to: from + 10, tag: `both-${which}` });
      }
    }),
  );
  assert.equal(all.length, 2);
  for (const server of servers) {
    const client = new ConvexHttpClient(server.url, { logger: false });
    for (const which of [0, 1]) {
      const found = await client.query(anyApi.notes.tagged, { tag: `both-${which}` });
      assert.equal(found.length, 300);
      assert.equal(new Set(found).size, 300);
    }
  }
  for (const watcher of watchers) await watcher.until((texts) => texts.length === 610);

  // One of them dies; the other goes on, and the first comes back with everything.
  await one.kill9();
  await new Notes(two).add(5_000, 5_010, "survivor");
  await one.restart();
  const found = await new ConvexHttpClient(one.url, { logger: false }).query(anyApi.notes.tagged, { tag: "survivor" });
  assert.equal(found.length, 10);
});
