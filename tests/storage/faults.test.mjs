// A server whose table and bucket are slow, refuse, and lose answers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ConvexHttpClient } from "convex/browser";
import { anyApi } from "convex/server";
import { awsStorage } from "../lib/emulators.mjs";
import { startServer } from "../lib/server.mjs";
import { deployNotes, Notes, watchTexts } from "./notes.mjs";

test("no acknowledged write is lost, and none is done twice", { timeout: 180_000 }, async (t) => {
  const storage = await awsStorage({ faults: { seed: 6 }, latency: { dynamodb: 5, s3: 20 } });
  const server = await startServer({ storage });
  let watcher;
  t.after(async () => {
    await watcher?.close();
    await server.stop();
    await storage.faults.stop();
  });
  await deployNotes(server);
  watcher = watchTexts(server);
  await watcher.until((texts) => texts.length === 0);

  const append = { service: "dynamodb", operation: "PutItem" };
  await storage.faults.set({
    plan: [
      { fault: "LostAnswer", ...append, skip: 2, times: 2 },
      { fault: "Throttled", ...append, skip: 2 },
      { fault: "FailedAfter", status: 500, ...append, skip: 2 },
    ],
    rates: [
      { fault: "Throttled", share: 0.05 },
      { fault: "Failed", status: 500, share: 0.03 },
      { fault: "FailedAfter", status: 500, share: 0.03 },
      { fault: "LostAnswer", share: 0.05 },
      { fault: "LostRequest", share: 0.03 },
      { fault: "Twice", share: 0.02 },
    ],
  });
  const notes = new Notes(server);
  for (let n = 0; n < 40; n++) await notes.add(n * 10, n * 10 + 10, `n${n}`);
  await notes.mark(0, 50, "marked");
  assert.equal(await storage.faults.stillPlanned("dynamodb"), 0);

  await storage.faults.set({ rates: [] });
  await watcher.until((texts) => texts.length === 400 && texts.filter((text) => text.startsWith("marked")).length === 50);
  await notes.check();
});

test("a mutation is one write of one unit", { timeout: 120_000 }, async (t) => {
  const storage = await awsStorage({ faults: {} });
  const server = await startServer({ storage });
  t.after(async () => {
    await server.stop();
    await storage.faults.stop();
  });
  await deployNotes(server);
  const client = new ConvexHttpClient(server.url, { logger: false });
  await client.mutation(anyApi.notes.add, { from: 0, to: 1, tag: "first" });
  await storage.faults.resetStats();
  for (let n = 1; n <= 20; n++) await client.mutation(anyApi.notes.add, { from: n, to: n + 1, tag: "small" });
  const { operations } = await storage.faults.stats();
  const put = operations["dynamodb.PutItem"];
  assert.deepEqual([put.requests, put.wru], [20, 20]);
});
