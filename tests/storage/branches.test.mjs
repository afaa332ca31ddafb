// Branches and restores, on a data directory and on emulated AWS.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { awsStorage } from "../lib/emulators.mjs";
import { lakewire, startServer } from "../lib/server.mjs";
import { temporaryDir } from "../lib/temporary.mjs";
import { deployNotes, Notes } from "./notes.mjs";

const STORAGES = {
  "a data directory": {
    shared: false,
    make: async () => ({ args: ["--data", temporaryDir("branches")] }),
  },
  "a bucket and a table": { shared: true, make: awsStorage },
};

/** Creating and restoring take no longer than this, whatever the size; the process' start and a busy machine included. */
const SECONDS_MS = 5_000;

async function quickly(args, storage) {
  const began = Date.now();
  const result = await lakewire(args, storage);
  assert.ok(Date.now() - began < SECONDS_MS, `lakewire ${args.join(" ")} took ${Date.now() - began} ms`);
  return result;
}

const names = async (storage) =>
  (await lakewire(["branch", "list"], storage)).stdout.trim().split("\n").slice(1).map((line) => line.split(/\s+/)[0]).sort();

/** A moment between what was written before and what comes after. */
async function moment() {
  await sleep(5);
  const ns = `${BigInt(Date.now()) * 1_000_000n}`;
  await sleep(5);
  return ns;
}

for (const [name, { shared, make }] of Object.entries(STORAGES)) {
  describe(name, () => {
    test("branches start as a copy and go their own ways", { timeout: 180_000 }, async (t) => {
      const storage = await make();
      const servers = [];
      t.after(async () => {
        for (const server of servers) await server.stop();
      });
      const serve = async (...args) => {
        const server = await startServer({ storage, args });
        servers.push(server);
        return server;
      };
      const main = await serve();
      await deployNotes(main);
      const notes = new Notes(main);
      await notes.add(0, 300, "both");
      await main.restart();
      await notes.add(300, 320, "tail");

      // A branch of now, while the parent is served: segments and the tail of the log are in it, and the functions.
      await quickly(["branch", "create", "now"], storage);
      const at = await moment();
      const before = new Notes(main, notes);
      await notes.mark(0, 100, "parent");
      await quickly(["branch", "create", "then", "--at", at], storage);
      assert.deepEqual(await names(storage), ["main", "now", "then"]);
      const taken = await lakewire(["branch", "create", "now"], storage, { mayFail: true });
      assert.notEqual(taken.code, 0);
      assert.match(taken.stderr, /`now`/);

      const now = await serve("--branch", "now");
      const then = await serve("--branch", "then");
      const onNow = new Notes(now, before);
      const onThen = new Notes(then, before);
      await onNow.check();
      await onThen.check();
      await onNow.mark(50, 150, "now");
      await onNow.remove(200, 210);
      await onThen.add(900, 950, "then");
      await notes.remove(0, 10);
      for (const each of [notes, onNow, onThen]) await each.check();

      // Also after all three wrote segments of their own, and merged them.
      for (const server of servers) await server.restart();
      for (const branch of ["main", "now", "then"]) await lakewire(["compact", "--branch", branch], storage);
      for (const each of [notes, onNow, onThen]) await each.check();

      // A branch of a branch, and the end of the one in between.
      await quickly(["branch", "create", "child", "--from", "now"], storage);
      await now.stop();
      servers.splice(servers.indexOf(now), 1);
      await lakewire(["branch", "delete", "now"], storage);
      assert.deepEqual(await names(storage), ["child", "main", "then"]);
      const gone = await lakewire(["serve", "--port", "0", "--site-port", "0", "--branch", "now"], storage, { mayFail: true });
      assert.notEqual(gone.code, 0);
      assert.match(gone.stderr, /no branch `now`/);
      await new Notes(await serve("--branch", "child"), onNow).check();
      await notes.check();
      const kept = await lakewire(["branch", "delete", "main"], storage, { mayFail: true });
      assert.notEqual(kept.code, 0);
    });

    test("a restore shows the old data, and what is acknowledged after it stays", { timeout: 180_000 }, async (t) => {
      const storage = await make();
      const server = await startServer({ storage });
      t.after(() => server.stop());
      await deployNotes(server);
      const notes = new Notes(server);
      await notes.add(0, 200, "kept");
      const at = await moment();
      const old = new Notes(server, notes);
      await notes.remove(0, 150);
      await notes.add(500, 520, "mistake");
      await notes.check();

      for (const never of ["2100-01-01T00:00:00Z", "yesterday"]) {
        assert.notEqual((await lakewire(["restore", "--at", never], storage, { mayFail: true })).code, 0);
      }
      if (shared) {
        const ended = server.ended();
        await quickly(["restore", "--at", at], storage);
        assert.notEqual(await ended, 0);
        assert.match(server.log, /restored/);
      } else {
        const refused = await lakewire(["restore", "--at", at], storage, { mayFail: true });
        assert.notEqual(refused.code, 0);
        assert.match(refused.stderr, /stop/);
        await notes.check();
        await server.kill9();
        await quickly(["restore", "--at", at], storage);
      }
      await server.restart();
      await old.check();
      await old.add(700, 720, "after");
      await server.kill9();
      await server.restart();
      await old.check();
      await server.restart();
      await old.check();
      await lakewire(["compact"], storage);
      await old.check();
    });
  });
}
