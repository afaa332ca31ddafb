// Official components, as they are on npm, in an app of our own.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { useComponents } from "./app.mjs";

describe("official components", { concurrency: false }, () => {
  const context = useComponents();
  const { query, mutation } = context;

  test("all eighteen are installed with their children, two of them twice", () => {
    const installed = [...context.deployed.stderr.matchAll(/Installed component (\S+)\./g)].map(([, path]) => path);
    assert.deepEqual(installed.sort(), ["actionCache", "actionRetrier", "agent", "aggregate", "aggregate/batchWorker", "byPlayer",
      "byPlayer/batchWorker", "crons", "fastPool", "fastPool/batchWorker", "geospatial", "launchdarkly", "migrations",
      "persistentTextStreaming", "polar", "prosemirrorSync", "pushNotifications", "r2", "r2/actionRetrier", "rateLimiter",
      "rateLimiter/batchWorker", "shardedCounter", "slowPool", "slowPool/batchWorker", "twilio", "workflow",
      "workflow/workpool", "workflow/workpool/batchWorker"]);
  });

  test("sharded counter: concurrent increments add up, failed ones do not count", async () => {
    await Promise.all(Array.from({ length: 20 }, () => mutation("counters:add", { n: 2 })));
    await assert.rejects(mutation("counters:addAndFail"), /after counting/);
    assert.equal(await query("counters:count"), 40);
  });

  test("rate limiter: limits by key, with data, and gives back what a failed mutation took", async () => {
    const signUps = [];
    for (let n = 0; n < 3; n++) signUps.push(await mutation("limits:signUp"));
    assert.deepEqual(signUps, [true, true, false]);
    await assert.rejects(mutation("limits:sendAndFail", { user: "a" }), /after taking/);
    for (let n = 0; n < 3; n++) await mutation("limits:send", { user: "a" });
    await assert.rejects(mutation("limits:send", { user: "a" }), (error) => {
      assert.equal(error.data.kind, "RateLimited");
      return true;
    });
    assert.equal(await query("limits:canSend", { user: "a" }), false);
    assert.equal(await query("limits:canSend", { user: "b" }), true);
  });

  test("aggregate: two instances agree with what was inserted and deleted", async () => {
    const scores = Array.from({ length: 60 }, (_, n) => ({ player: `p${n % 3}`, score: n }));
    await mutation("scores:add", { scores });
    assert.deepEqual(await query("scores:summary", { player: "p1" }), {
      count: 60, sum: 1770, third: 2, rank: 50, best: 58, own: 20,
    });
    await mutation("scores:remove", { player: "p0" });
    const rest = scores.filter((score) => score.player !== "p0").map((score) => score.score);
    assert.deepEqual(await query("scores:summary", { player: "p0" }), {
      count: 40, sum: rest.reduce((a, b) => a + b), third: rest[2], rank: rest.filter((n) => n < 50).length, best: null, own: 0,
    });
  });

  test("action cache: the action runs once for each argument", async () => {
    for (const text of ["x", "x", "y"]) assert.equal(await context.http.action("cached:fetch", { text }), text.toUpperCase());
    assert.equal(await query("cached:runs"), 2);
  });
});
