// A local deployment on its way to a bucket and table, and back.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { test } from "node:test";
import { awsStorage } from "../lib/emulators.mjs";
import { lakewire, lakewireBinary, startServer } from "../lib/server.mjs";
import { temporaryDir } from "../lib/temporary.mjs";
import { deployNotes, Notes } from "./notes.mjs";

const temporary = () => path.join(temporaryDir("promote"), "data");

const MAX_ATTEMPTS = 10;

/** Kills a copy when it has said that it copies; gives whether it died of that. */
async function killedPromote(from, to) {
  const child = spawn(lakewireBinary(), ["promote", "--from", from, "--to", to], { stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  child.stderr.on("data", (chunk) => {
    output += chunk;
    if (output.includes("copying")) child.kill("SIGKILL");
  });
  const [, signal] = await once(child, "exit");
  return signal === "SIGKILL";
}

test("a deployment goes to a bucket and back, with data, functions, branches and keys", { timeout: 240_000 }, async (t) => {
  const running = new Set();
  t.after(async () => {
    for (const server of running) await server.stop();
  });
  const serve = async (storage, ...args) => {
    const server = await startServer({ storage, args });
    running.add(server);
    return server;
  };
  const stop = async (server) => {
    await server.stop();
    running.delete(server);
  };

  const [from, back, aws] = [temporary(), temporary(), await awsStorage()];
  const local = { args: ["--data", from] };
  let server = await serve(local);
  await deployNotes(server);
  let notes = new Notes(server);
  await notes.add(0, 400, "local");
  await server.restart();
  await notes.mark(0, 50, "marked");
  await lakewire(["branch", "create", "trial"], local);
  let trial = new Notes(server, notes);
  await notes.remove(100, 110);
  const key = server.adminKey;

  // Not while it is served, since what is written meanwhile would be left behind.
  const up = ["--from", from, "--to", aws.store, "--to-table", aws.table, "--create-table"];
  const busy = await lakewire(["promote", ...up], { args: [], env: aws.env }, { mayFail: true });
  assert.notEqual(busy.code, 0);
  assert.match(busy.stderr, /stop|in use|locked/);
  // With commits that are only in the log.
  await server.kill9();
  running.delete(server);
  const { stderr } = await lakewire(["promote", ...up], { args: [], env: aws.env });
  assert.match(stderr, /objects/);

  const there = { args: ["--log", "dynamodb", "--table", aws.table, "--store", aws.store], env: aws.env };
  server = await serve(there);
  assert.equal((await fetch(`${server.url}/instance_name`).then((answer) => answer.text())), key.split("|")[0]);
  notes = new Notes(server, notes);
  await notes.check();
  await notes.add(1_000, 1_020, "aws");
  const branch = await serve(there, "--branch", "trial");
  trial = new Notes(branch, trial);
  await trial.check();
  await trial.add(2_000, 2_010, "on-the-branch");
  await stop(branch);
  await stop(server);

  const down = ["--from", aws.store, "--from-table", aws.table, "--to", back];
  await lakewire(["promote", ...down], { args: [], env: aws.env });
  server = await serve({ args: ["--data", back] });
  notes = new Notes(server, notes);
  await notes.check();
  await deployNotes(server);
  await notes.add(3_000, 3_010, "home");
  await notes.check();
  await new Notes(await serve({ args: ["--data", back] }, "--branch", "trial"), trial).check();

  // The way there again is refused: that is a deployment of its own now, and so is any other.
  const again = await lakewire(["promote", ...up], { args: [], env: aws.env }, { mayFail: true });
  assert.notEqual(again.code, 0);
  assert.match(again.stderr, /already/);
});

test("a copy that died is no deployment, and goes on where it was", { timeout: 240_000 }, async (t) => {
  const from = temporary();
  let server = await startServer({ storage: { args: ["--data", from] } });
  t.after(() => server.stop());
  await deployNotes(server);
  const notes = new Notes(server);
  for (let part = 0; part < 6; part++) {
    await notes.add(part * 50, part * 50 + 50, "part");
    await server.restart();
  }
  await server.stop();
  // A kill can come too late; then the copy is whole, and another target is tried.
  let to;
  for (let attempt = 0; to === undefined; attempt++) {
    assert.ok(attempt < MAX_ATTEMPTS, "no copy was killed before its end");
    const target = temporary();
    if (await killedPromote(from, target)) to = target;
  }
  const half = await lakewire(["storage"], { args: ["--data", to] }, { mayFail: true });
  assert.notEqual(half.code, 0, "half a copy is no deployment");
  await lakewire(["promote", "--from", from, "--to", to]);
  server = await startServer({ storage: { args: ["--data", to] } });
  await new Notes(server, notes).check();
});
