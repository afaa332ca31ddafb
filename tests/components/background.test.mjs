// Official components that work in the background, as they are on npm, through crashes of the server.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until, useComponents } from "./app.mjs";

describe("official components in the background", { concurrency: false }, () => {
  const context = useComponents();
  const { query, mutation } = context;
  const events = (of) => query("events:list", { of });
  const crash = async () => {
    await context.server.kill9();
    await context.server.restart();
  };

  test("action retrier: tries again until it works, and gives up when it never does", async () => {
    const good = await mutation("retried:start", { of: "good", after: 2 });
    const bad = await mutation("retried:start", { of: "bad", after: 100 });
    const done = await until(() => query("retried:status", { id: good }), (status) => status.type === "completed");
    assert.deepEqual(done.result, { type: "success", returnValue: "done after 3" });
    const failed = await until(() => query("retried:status", { id: bad }), (status) => status.type === "completed");
    assert.equal(failed.result.type, "failed");
    assert.match(failed.result.error, /attempt 5 fails/);
    const outcomes = await until(() => events("retrier"), (outcomes) => outcomes.length === 2);
    assert.deepEqual(outcomes.map(({ type }) => type).sort(), ["failed", "success"]);
  });

  test("workpool: one at a time in one pool, several in the other, each completion told", async () => {
    await mutation("pools:enqueue", { pool: "slow", from: 0, to: 6, mutations: false });
    await mutation("pools:enqueue", { pool: "fast", from: 10, to: 22, mutations: false });
    const slow = await until(() => events("slow completed"), (seen) => seen.length === 6);
    assert.deepEqual(slow.map(({ n, kind, returnValue }) => [n, kind, returnValue]).sort((a, b) => a[0] - b[0]),
      Array.from({ length: 6 }, (_, n) => [n, "success", n * n]));
    const order = await events("slow");
    for (let at = 0; at < order.length; at += 2) assert.equal(order[at + 1], order[at].replace("begin", "end"));
    const fast = await until(() => events("fast completed"), (seen) => seen.length === 12);
    assert.deepEqual(fast.filter(({ kind }) => kind !== "success").map(({ n, kind }) => [n, kind]), [[13, "failed"]]);
    let running = 0;
    const together = (await events("fast")).map((event) => (running += event.startsWith("begin") ? 1 : -1));
    assert.ok(Math.max(...together) > 1, "several at a time");
  });

  test("workpool: mutations are done exactly once through crashes", { timeout: 120_000 }, async () => {
    await mutation("pools:enqueue", { pool: "fast", from: 100, to: 160, mutations: true });
    for (let round = 0; round < 3; round++) {
      await sleep(300);
      await crash();
    }
    const wanted = Array.from({ length: 60 }, (_, n) => `added ${100 + n}`);
    const added = await until(() => events("fast"), (seen) => wanted.every((what) => seen.includes(what)), 60_000);
    assert.deepEqual(added.filter((what) => what.startsWith("added")).sort(), wanted);
    const completed = await until(() => events("fast completed"), (seen) => seen.filter(({ n }) => n >= 100).length >= 60, 60_000);
    assert.equal(completed.filter(({ n }) => n >= 100).length, 60, "each is told once");
  });

  test("workflow: steps run in order and in parallel, and end", { timeout: 60_000 }, async () => {
    const id = await mutation("flows:start", { of: "calm", items: [1, 2, 3] });
    const [result] = await until(() => events("calm completed"), (seen) => seen.length === 1);
    assert.deepEqual(result, { kind: "success", returnValue: { total: 60, random: false } });
    assert.deepEqual(await events("calm"), ["total 60", "shipped"]);
    assert.equal(await query("flows:status", { id }), "completed");
  });

  test("workflow: goes on after crashes between its steps, its mutations done once", { timeout: 120_000 }, async () => {
    for (const of of ["first", "second", "third"]) {
      await mutation("flows:start", { of, items: [5] });
      await until(() => events(of), (seen) => seen.includes("total 50"));
      await crash();
      const [result] = await until(() => events(`${of} completed`), (seen) => seen.length === 1, 60_000);
      assert.equal(result.kind, "success");
      assert.deepEqual(await events(of), ["total 50", "shipped"]);
    }
  });

  // The workpool looks after actions that were interrupted only when they are minutes old.
  test("workflow: an action that a crash interrupts fails the workflow, or had its result kept",
    { skip: !process.env.LAKEWIRE_SLOW && "takes eight minutes: LAKEWIRE_SLOW=1", timeout: 900_000 }, async () => {
      await mutation("flows:start", { of: "crash", items: [1, 2, 3, 4] });
      await until(() => events("crash prices"), (seen) => seen.length >= 1);
      await crash();
      const [result] = await until(() => events("crash completed"), (seen) => seen.length === 1, 800_000);
      assert.deepEqual(await events("crash"), result.kind === "success" ? ["total 100", "shipped"] : []);
    });

  test("crons: ticks at its interval until it is deleted, also after a crash", { timeout: 60_000 }, async () => {
    await mutation("timed:register", { name: "often", ms: 1_000 });
    await mutation("timed:registerDaily", { cronspec: "0 0 * * *" });
    await assert.rejects(mutation("timed:registerDaily", { cronspec: "0 0 * * *" }));
    assert.deepEqual((await query("timed:list")).sort(), ["daily", "often"]);
    await until(() => events("often"), (seen) => seen.length >= 2);
    await crash();
    const before = (await events("often")).length;
    await until(() => events("often"), (seen) => seen.length >= before + 2);
    await mutation("timed:remove", { name: "often" });
    const last = (await events("often")).length;
    await sleep(2_500);
    assert.equal((await events("often")).length, last);
    assert.deepEqual(await events("daily"), []);
  });

  test("migrations: batch by batch, a dry run changes nothing, from code and from the CLI", { timeout: 60_000 }, async () => {
    await mutation("migrations:fill", { count: 95 });
    await assert.rejects(mutation("migrations:start", { dryRun: true }), /DRY RUN/);
    assert.deepEqual(await query("migrations:progress"), { done: 0, all: 95 });
    await mutation("migrations:start", { dryRun: false });
    await until(() => query("migrations:progress"), ({ done, all }) => done === all);
    const again = await context.cli(["run", "migrations:run", '{"fn": "migrations:setPages"}']);
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stdout + again.stderr, /already done|isDone|success/i);
  });
});
