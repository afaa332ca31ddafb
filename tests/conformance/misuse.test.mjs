// What goes wrong outside the protocol: a directory or port that is taken, a damaged log, functions that return what
// is no value, a deploy that the data contradicts.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  appendFileSync, closeSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync,
  writeSync,
} from "node:fs";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { crc32 } from "node:zlib";
import { deployApp, freePort, lakewireBinary, makeProject, runCli, startServer, writeFiles } from "../lib/server.mjs";
import { caller } from "./call.mjs";
import { useServer } from "./harness.mjs";

const NOTES = `
  import { query, mutation } from "./_generated/server";
  export const list = query(async (ctx) => (await ctx.db.query("notes").collect()).map((note) => note.n));
  export const add = mutation(async (ctx, { n }) => await ctx.db.insert("notes", { n }));
`;
const DEPLOY = ["--typecheck", "disable", "--codegen", "disable"];

/** Runs the binary to its end, which must come by itself. */
async function run(...args) {
  const child = spawn(lakewireBinary(), args, { stdio: ["ignore", "pipe", "pipe"] });
  const result = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => (result.stdout += chunk));
  child.stderr.on("data", (chunk) => (result.stderr += chunk));
  const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
  const [code, signal] = await new Promise((resolve) => child.once("close", (...end) => resolve(end)));
  clearTimeout(timer);
  assert.equal(signal, null, `lakewire ${args.join(" ")} did not end:\n${result.stdout}${result.stderr}`);
  return { code, ...result };
}

const serve = async (dataDir, { port, sitePort } = {}) =>
  await run("serve", "--data", dataDir, "--port", `${port ?? (await freePort())}`, "--site-port", `${sitePort ?? (await freePort())}`);

/** An error that a person can read: the exit code is not 0, and no panic shows. */
function isClear({ code, stderr }, ...patterns) {
  assert.notEqual(code, 0);
  assert.doesNotMatch(stderr, /panicked|RUST_BACKTRACE/);
  for (const pattern of patterns) {
    if (typeof pattern === "string") assert.ok(stderr.includes(pattern), `\`${pattern}\` in: ${stderr}`);
    else assert.match(stderr, pattern);
  }
}

describe("a server on its directory and ports", () => {
  let server;
  before(async () => {
    server = await startServer();
    await deployApp(server, makeProject({ "convex/notes.ts": NOTES }), { args: ["--typecheck", "disable"] });
  });
  after(async () => await server?.stop());
  const works = async (n) => {
    const { ok } = caller(server);
    await ok.mutation("notes:add", { n });
    assert.ok((await ok.query("notes:list")).includes(n));
  };

  test("a second server on the same data directory exits and names the directory; the first goes on", async () => {
    isClear(await serve(server.dataDir), server.dataDir, /in use|lock/);
    await works(1);
  });

  test("a taken port, of either kind, is named", async () => {
    const taken = createServer();
    await new Promise((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address();
    const dir = mkdtempSync(path.join(os.tmpdir(), "lakewire-misuse-"));
    try {
      isClear(await serve(dir, { port }), `${port}`, /in use/i);
      isClear(await serve(dir, { sitePort: port }), `${port}`, /in use/i);
    } finally {
      taken.close();
      rmSync(dir, { recursive: true, force: true });
    }
  });

  test("a data directory that is a file, or can't be made, is named", async () => {
    const dir = mkdtempSync(path.join(os.tmpdir(), "lakewire-misuse-"));
    const file = path.join(dir, "file");
    writeFileSync(file, "not a directory");
    try {
      isClear(await serve(file), file);
      isClear(await serve(path.join(file, "below")), file);
      isClear(await run("keys", "create", "--data", file), file);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  test("`keys create` works beside a running server, and the server accepts the key", async () => {
    const { code, stdout } = await run("keys", "create", "--data", server.dataDir);
    assert.equal(code, 0);
    const keyed = async (adminKey) =>
      (await fetch(`${server.url}/api/get_config_hashes`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ version: "1.48.0", adminKey }),
      })).status;
    assert.equal(await keyed(stdout.trim()), 200);
    assert.notEqual(await keyed(`${stdout.trim().slice(0, -4)}0000`), 200);
  });

  test("unknown options and commands are refused with a hint", async () => {
    isClear(await run("serve", "--no-such-option"), "--no-such-option");
    isClear(await run("nonsense"), "nonsense");
  });
});

describe("a torn log", () => {
  let server, file;
  let acknowledged = [];
  before(async () => {
    server = await startServer();
    await deployApp(server, makeProject({ "convex/notes.ts": NOTES }), { args: ["--typecheck", "disable"] });
  });
  after(async () => await server?.stop());

  /** The last frame of the newest log file, as docs/format.md lays it out: length (u32), number (u64), checksum, entry. */
  const lastFrame = () => {
    const bytes = readFileSync(file);
    let frame = { start: 24, end: 24, number: 0n };
    for (let at = 24; at + 16 <= bytes.length && bytes.readUInt32LE(at) > 0; at = frame.end) {
      frame = { start: at, end: at + 16 + bytes.readUInt32LE(at), number: bytes.readBigUInt64LE(at + 4) };
    }
    assert.ok(frame.end > 24 && frame.end <= bytes.length);
    return frame;
  };
  const writeAt = (bytes, at) => {
    const fd = openSync(file, "r+");
    writeSync(fd, bytes, 0, bytes.length, at);
    closeSync(fd);
  };

  /** Acknowledged writes, a crash, `damage` to the newest file of the log, a start, and another write. */
  const survives = async (damage, lost = 0) => {
    const { ok } = caller(server);
    const add = async () => {
      const n = (acknowledged.at(-1) ?? -1) + 1;
      await ok.mutation("notes:add", { n });
      acknowledged.push(n);
    };
    for (let i = 0; i < 5; i++) await add();
    await server.kill9();
    const log = path.join(server.dataDir, "log");
    const files = readdirSync(log).map((name) => path.join(log, name)).filter((name) => statSync(name).size > 24);
    file = files.sort().at(-1);
    damage(lastFrame());
    await server.restart();
    acknowledged = acknowledged.slice(0, acknowledged.length - lost);
    assert.deepEqual(await ok.query("notes:list"), acknowledged);
    await add();
    await server.kill9();
    await server.restart();
    assert.deepEqual(await ok.query("notes:list"), acknowledged, "after what was written behind the cut");
  };
  const garbage = Buffer.from("00ff7f1337004299deadbeef0102030405060708", "hex");

  test("garbage behind the last entry is cut off, everything acknowledged is there", async () => {
    await survives(({ end }) => writeAt(garbage, end));
  });

  test("garbage at the end of the file changes nothing", async () => {
    await survives(() => appendFileSync(file, garbage));
  });

  test("half of an append that was never acknowledged is cut off", async () => {
    await survives(({ end, number }) => {
      // Longer than two sectors, which are written whole or not at all.
      const torn = Buffer.alloc(16 + 40);
      torn.writeUInt32LE(1300, 0);
      torn.writeBigUInt64LE(number + 1n, 4);
      torn.writeUInt32LE(crc32(torn.subarray(0, 12)), 12);
      torn.fill(0x5a, 16);
      writeAt(torn, end);
    });
  });

  test("a file that lost the space behind its entries is whole", async () => {
    await survives(({ end }) => truncateSync(file, end));
  });

  test("a last entry that is cut short is dropped alone", async () => {
    await survives(({ start, end }) => truncateSync(file, Math.floor((start + end) / 2)), 1);
  });
});

describe("functions that return what is no value", () => {
  const use = useServer();
  for (const [kind, name] of Object.entries({ function: /Function/, symbol: /Symbol/, classInstance: /Point/, date: /Date|1970/, map: /Map/ })) {
    test(`${kind}: the error tells what it was`, async () => {
      const { query, mutation, action } = caller(use);
      for (const result of [
        await query("rtInvoke:make", { kind }),
        await mutation("rtInvoke:makeMutation", { kind }),
        await action("rtInvoke:makeAction", { kind }),
      ]) {
        assert.match(result.error, /is not a supported Convex type/);
        assert.match(result.error, name);
      }
    });
  }
});

test("a deploy whose schema the data contradicts names document and table, and the old code serves on", async () => {
  const server = await startServer();
  try {
    const dir = makeProject({ "convex/notes.ts": NOTES });
    await deployApp(server, dir, { args: ["--typecheck", "disable"] });
    const { ok } = caller(server);
    const id = await ok.mutation("notes:add", { n: 1 });
    writeFiles(dir, {
      "convex/schema.ts": `import { defineSchema, defineTable } from "convex/server";
        import { v } from "convex/values";
        export default defineSchema({ notes: defineTable({ n: v.string() }) });`,
      "convex/notes.ts": NOTES.replace("note.n", '"new code"'),
    });
    const { code, stderr } = await runCli(server, dir, ["deploy", ...DEPLOY]);
    assert.equal(code, 1, stderr);
    assert.ok(stderr.includes(id), stderr);
    assert.match(stderr, /"notes"/);
    assert.deepEqual(await ok.query("notes:list"), [1]);
    await ok.mutation("notes:add", { n: 2 });
    assert.deepEqual(await ok.query("notes:list"), [1, 2]);
  } finally {
    await server.stop();
  }
});
