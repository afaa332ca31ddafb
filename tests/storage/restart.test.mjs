// The same life of a deployment on every storage: written, stopped, started, crashed, compacted.

import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { awsStorage } from "../lib/emulators.mjs";
import { lakewire, startServer } from "../lib/server.mjs";
import { temporaryDir } from "../lib/temporary.mjs";
import { deployNotes, Notes } from "./notes.mjs";

const STORAGES = {
  "a data directory": async () => ({ args: ["--data", temporaryDir("storage")] }),
  "a folder with the log in it": async () => ({ args: ["--log", "object-store", "--store", `file://${temporaryDir("storage")}`] }),
  "a bucket and a table": awsStorage,
  "a bucket with the log in it": async () => {
    const { store, env } = await awsStorage();
    return { args: ["--log", "object-store", "--store", store], env };
  },
};

/** A server that starts says so in the log; such entries have no documents, and go to segments with others. */
const SIGNS_OF_LIFE = 3;

for (const [name, make] of Object.entries(STORAGES)) {
  describe(name, () => {
    test("what was written is there after a stop, a crash and a compaction", { timeout: 180_000 }, async (t) => {
      const storage = await make();
      const server = await startServer({ storage, args: ["--flush-bytes", "256KiB"] });
      t.after(() => server.stop());
      await deployNotes(server);
      const notes = new Notes(server);
      for (let batch = 0; batch < 20; batch++) await notes.add(batch * 100, batch * 100 + 100, `tag-${batch % 3}`);
      await notes.mark(0, 500, "marked");
      await notes.remove(250, 300);
      await notes.check();

      await server.restart();
      await notes.check();
      assert.ok((await status(storage)).live > 0, "a stop writes all commits into segments");
      assert.ok((await status(storage)).tail <= SIGNS_OF_LIFE, "next to nothing is left to be read from the log");

      await notes.mark(1_000, 1_200, "again");
      await notes.remove(1_900, 1_950);
      await server.kill9();
      await server.restart();
      await notes.check();

      await lakewire(["compact"], storage);
      await notes.check();
      assert.equal((await status(storage)).runs, 1);
      await notes.add(5_000, 5_100, "late");
      await server.kill9();
      await server.restart();
      await notes.check();
      await lakewire(["keys", "create"], storage);
    });
  });
}

/** The figures that `lakewire storage` prints. */
async function status(storage) {
  const { stdout } = await lakewire(["storage"], storage);
  const figure = (name) => {
    const found = new RegExp(`^${name}\\s+([\\d,]+)`, "m").exec(stdout);
    assert.ok(found, `\`${name}\` in:\n${stdout}`);
    return Number(found[1].replaceAll(",", ""));
  };
  return { runs: figure("runs"), live: figure("live bytes"), tail: figure("entries not in segments") };
}

test("a store in memory serves, and is gone afterwards", { timeout: 60_000 }, async (t) => {
  const storage = { args: ["--store", "memory://"], env: { INSTANCE_NAME: "memory", INSTANCE_SECRET: "ab".repeat(32) } };
  const server = await startServer({ storage });
  t.after(() => server.stop());
  await deployNotes(server);
  const notes = new Notes(server);
  await notes.add(0, 50, "gone");
  await notes.check();
  await server.restart();
  await deployNotes(server);
  await new Notes(server).check();
});

test("what does not go together is said, and nothing is made", { timeout: 60_000 }, async () => {
  const dir = path.join(temporaryDir("storage"), "data");
  for (const [args, pattern] of [
    [["--store", "s3://bucket/prefix"], /`--log dynamodb` or `--log object-store`/],
    [["--data", dir, "--log", "dynamodb"], /`--table NAME`/],
    [["--data", dir, "--table", "t"], /`--table t` goes with `--log dynamodb`/],
    [["--data", dir, "--store", "memory://", "--log", "local"], /memory:\/\/.*`--log local`/],
    [["--data", dir, "--store", "gs://bucket"], /`gs:\/\/bucket` is no store/],
    [["--data", dir, "--branch", "nowhere"], /no branch `nowhere`/],
  ]) {
    const { code, stderr } = await lakewire(["serve", "--port", "0", "--site-port", "0"], { args }, { mayFail: true });
    assert.notEqual(code, 0);
    assert.match(stderr, pattern);
    assert.doesNotMatch(stderr, /panicked/);
  }
  // A branch can only be looked for in a registry, which is made then.
  const made = existsSync(dir) ? readdirSync(dir, { recursive: true }) : [];
  assert.ok(!made.some((file) => file.endsWith(".wal") || file.endsWith(".parquet")), `${made}`);
});

test("a store keeps to its log", { timeout: 60_000 }, async (t) => {
  const store = `file://${temporaryDir("storage")}`;
  const server = await startServer({ storage: { args: ["--store", store, "--log", "object-store"] } });
  t.after(() => server.stop());
  await server.kill9();
  const other = { args: ["--store", store, "--data", temporaryDir("storage")] };
  const { code, stderr } = await lakewire(["serve", "--port", "0", "--site-port", "0"], other, { mayFail: true });
  assert.notEqual(code, 0);
  assert.match(stderr, /belongs to the log in itself/);
});
