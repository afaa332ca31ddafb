// What `"use node"` code sees of the machine: the server's environment, memory and data, other processes, other bundles. It runs
// as the server's user, and Linux confines it; a server that is told not to confine it is looked at in the end.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { ConvexHttpClient } from "convex/browser";
import { deployApp, makeProject, startServer, writeFiles } from "../lib/server.mjs";

const SECRET = "a-secret-of-the-operator";

const SPY = `"use node";
  import { execFileSync } from "node:child_process";
  import fs from "node:fs";
  import http from "node:http";
  import os from "node:os";
  import path from "node:path";
  import { Worker } from "node:worker_threads";
  import { action } from "./_generated/server";
  const told = async (run: () => any) => { try { return { value: (await run()) ?? null }; } catch (error: any) { return { error: String(error.code ?? error.message) }; } };
  export const self = action(async () => ({ pid: process.pid, parent: process.ppid, cwd: process.cwd(), temporary: os.tmpdir(), uid: process.getuid!() }));
  export const environment = action(async () => ({ ...process.env }));
  export const read = action(async (_ctx, { file }: any) => await told(() => fs.readFileSync(file).toString("latin1").slice(0, 100_000)));
  export const list = action(async (_ctx, { file }: any) => await told(() => fs.readdirSync(file)));
  export const write = action(async (_ctx, { file }: any) => await told(() => fs.writeFileSync(file, "written")));
  export const remove = action(async (_ctx, { file }: any) => await told(() => fs.rmSync(file, { recursive: true })));
  export const link = action(async (_ctx, { file }: any) => await told(() => {
    const link = path.join(os.tmpdir(), "link" + Math.random());
    fs.symlinkSync(file, link);
    return fs.readFileSync(link).toString("latin1");
  }));
  export const hardLink = action(async (_ctx, { file }: any) => await told(() => {
    const link = path.join(os.tmpdir(), "hard" + Math.random());
    fs.linkSync(file, link);
    return fs.readFileSync(link).toString("latin1");
  }));
  export const run = action(async (_ctx, { command }: any) => await told(() => execFileSync("/bin/sh", ["-c", command], { stdio: ["ignore", "pipe", "pipe"] }).toString()));
  export const inWorker = action(async (_ctx, { file }: any) => await told(() => new Promise((resolve, reject) => {
    const worker = new Worker(\`require("worker_threads").parentPort.postMessage(require("fs").readFileSync(\${JSON.stringify(file)}).toString("latin1"))\`, { eval: true });
    worker.on("message", resolve).on("error", reject);
  })));
  export const signal = action(async (_ctx, { pid, name }: any) => await told(() => process.kill(pid, name)));
  export const memory = action(async (_ctx, { pid }: any) => await told(() => {
    const maps = fs.readFileSync(\`/proc/\${pid}/maps\`, "latin1");
    const mem = fs.openSync(\`/proc/\${pid}/mem\`, "r");
    return [maps.length, mem];
  }));
  export const descriptors = action(async () => fs.readdirSync("/proc/self/fd").map((fd) => { try { return fs.readlinkSync("/proc/self/fd/" + fd); } catch { return "gone"; } }));
  export const useful = action(async () => {
    const file = path.join(os.tmpdir(), "scratch.txt");
    fs.writeFileSync(file, "kept");
    const child = execFileSync(process.execPath, ["-e", "process.stdout.write(require('os').hostname())"]).toString();
    const answered = await new Promise((resolve, reject) => {
      const server = http.createServer((_, response) => response.end("answered"));
      server.listen(0, "127.0.0.1", () => {
        fetch(\`http://127.0.0.1:\${(server.address() as any).port}/\`).then((r) => r.text()).then((text) => { server.close(); resolve(text); }, reject);
      });
    });
    return { file: fs.readFileSync(file, "utf8"), child: child === os.hostname(), answered, user: os.userInfo().uid, lookup: await told(() => require("node:dns").promises.lookup("localhost").then(() => true)) };
  });
  export const sleep = action(async (_ctx, { ms }: any) => { await new Promise((resolve) => setTimeout(resolve, ms)); return process.pid; });
  export const stash = action(async (_ctx, { text }: any) => { (globalThis as any).stash = text; return process.pid; });
`;

const call = (client) => (name, args = {}) => client.action(`spy:${name}`, args);
let server, spy, folder, cache, own;
const start = async (args = []) => {
  const started = await startServer({
    args,
    env: { LAKEWIRE_NODE_CACHE: cache, OPERATOR_SECRET: SECRET, AWS_SECRET_ACCESS_KEY: SECRET },
  });
  await deployApp(started, makeProject({ "convex/spy.ts": SPY }), { args: ["--typecheck", "disable"] });
  return started;
};

before(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), "lakewire-isolation-"));
  cache = path.join(folder, "cache");
  mkdirSync(path.join(folder, "elsewhere"));
  writeFileSync(path.join(folder, "elsewhere", "secret.txt"), SECRET);
  server = await start();
  spy = call(new ConvexHttpClient(server.url, { logger: false }));
  own = await spy("self");
});
after(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const refused = (found, what) => assert.match(found.error ?? `got ${JSON.stringify(found)}`, /^(EACCES|EPERM|ENOENT|Command failed|EXDEV)/, what);

test("what actions are for works: files of their own, children, the network, workers", async () => {
  const { lookup, ...found } = await spy("useful");
  assert.deepEqual(found, { file: "kept", child: true, answered: "answered", user: own.uid });
  assert.deepEqual(lookup, { value: true });
  assert.match((await spy("run", { command: "echo $((1 + 1)); id -u" })).value, /^2\n/);
  assert.equal(own.parent, server.pid);
});

test("the server's environment is not to be had, neither handed down nor from its process", async () => {
  assert.ok(!JSON.stringify(await spy("environment")).includes(SECRET));
  assert.ok(!JSON.stringify(await spy("read", { file: "/proc/self/environ" })).includes(SECRET));
  for (const file of [`/proc/${server.pid}/environ`, `/proc/${server.pid}/task/${server.pid}/environ`, `/proc/${process.pid}/environ`, "/proc/1/environ"]) {
    refused(await spy("read", { file }), file);
    refused(await spy("inWorker", { file }), file);
    refused(await spy("link", { file }), file);
  }
  refused(await spy("run", { command: `cat /proc/${server.pid}/environ` }));
  const children = await spy("run", { command: "cat /proc/[0-9]*/environ 2>/dev/null; true" });
  assert.ok(!JSON.stringify(children).includes(SECRET));
});

test("the server's memory, files and working folder are not to be had from its process", async () => {
  refused(await spy("memory", { pid: server.pid }));
  for (const name of ["mem", "maps", "cwd/instance.json", "root/etc/hostname", "fd/0", "fd/7", "fdinfo/7", "stack", "auxv", "io"]) {
    const file = `/proc/${server.pid}/${name}`;
    refused(await spy("read", { file }), file);
  }
});

test("the data folder, with the secret behind the admin keys, can't be read, listed, linked, changed or removed", async () => {
  const { dataDir } = server;
  const instance = path.join(dataDir, "instance.json");
  assert.ok(existsSync(instance));
  const before = readFileSync(instance, "utf8");
  refused(await spy("list", { file: dataDir }));
  for (const name of ["read", "link", "hardLink", "inWorker", "write", "remove"]) refused(await spy(name, { file: instance }), name);
  for (const command of [`cat ${instance}`, `cp ${instance} "$TMPDIR/x"`, `cd ${dataDir}/log && ls`, `mv ${dataDir} ${dataDir}-gone`, `ln ${instance} "$TMPDIR/y" && cat "$TMPDIR/y"`]) {
    refused(await spy("run", { command }), command);
  }
  refused(await spy("write", { file: path.join(dataDir, "log", "new") }));
  assert.equal(readFileSync(instance, "utf8"), before);
});

test("other files of the machine: nothing of users, of the temporary folder, of the server's cache", async () => {
  for (const file of [path.join(folder, "elsewhere", "secret.txt"), "/etc/shadow", path.join(os.homedir(), ".npmrc"), path.join(os.homedir(), ".bashrc")]) {
    refused(await spy("read", { file }), file);
  }
  for (const file of [folder, os.tmpdir(), os.homedir(), "/", "/var", cache, path.join(cache, "bundles"), path.join(cache, "tmp")]) refused(await spy("list", { file }), file);
  const [bundle] = readdirSync(path.join(cache, "bundles"));
  const [scripts] = readdirSync(path.join(cache, "scripts"));
  for (const file of [path.join(cache, "bundles", bundle, "modules", "spy.js"), path.join(cache, "scripts", scripts, "executor.mjs"), "/usr/bin/evil", "/etc/evil", path.join(folder, "evil"), "/dev/shm/evil"]) {
    refused(await spy("write", { file }), file);
  }
});

test("no process but its own can be signalled", async () => {
  for (const pid of [server.pid, process.pid]) {
    for (const name of ["SIGTERM", "SIGSTOP", "SIGUSR1", 0]) refused(await spy("signal", { pid, name }), `${name} to ${pid}`);
  }
  assert.equal((await spy("self")).parent, server.pid);
});

test("a process has no file open but its connection to the server", async () => {
  const open = (await spy("descriptors")).filter((file) => !/^(socket|anon_inode|pipe):|^\/dev\/(null|urandom)$|^\/proc\/|^gone$/.test(file));
  assert.deepEqual(open, []);
});

test("another bundle: neither its files nor its process", async () => {
  const sleeping = spy("sleep", { ms: 4_000 });
  await spy("stash", { text: SECRET });
  const before = readdirSync(path.join(cache, "bundles"));
  const other = await startServer({ env: { LAKEWIRE_NODE_CACHE: cache } });
  try {
    const dir = makeProject({ "convex/spy.ts": SPY });
    writeFiles(dir, { "convex/more.ts": `"use node";\nimport { action } from "./_generated/server"; export const a = action(async () => 1);` });
    await deployApp(other, dir, { args: ["--typecheck", "disable"] });
    const theirs = call(new ConvexHttpClient(other.url, { logger: false }));
    const at = (place) => path.basename(path.dirname(place.cwd));
    assert.ok(before.includes(at(own)) && !before.includes(at(await theirs("self"))), JSON.stringify([before, own, await theirs("self")]));
    for (const bundle of before) refused(await theirs("list", { file: path.join(cache, "bundles", bundle) }), bundle);
    const { pid, temporary } = own;
    refused(await theirs("memory", { pid }));
    refused(await theirs("read", { file: `/proc/${pid}/environ` }));
    refused(await theirs("signal", { pid, name: "SIGKILL" }));
    refused(await theirs("list", { file: temporary }));
    refused(await theirs("read", { file: path.join(server.dataDir, "instance.json") }));
    assert.equal(await sleeping, pid);
  } finally {
    await other.stop();
  }
});

test("a temporary folder goes with its process", async () => {
  const other = await startServer({ env: { LAKEWIRE_NODE_CACHE: cache } });
  let temporary;
  try {
    await deployApp(other, makeProject({ "convex/spy.ts": SPY }), { args: ["--typecheck", "disable"] });
    const theirs = call(new ConvexHttpClient(other.url, { logger: false }));
    await theirs("useful");
    ({ temporary } = await theirs("self"));
    assert.ok(existsSync(path.join(temporary, "scratch.txt")));
    await theirs("run", { command: "kill -9 $PPID" }).catch(() => {});
    assert.notEqual((await theirs("self")).temporary, temporary);
    for (let i = 0; i < 100 && existsSync(temporary); i++) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(!existsSync(temporary));
  } finally {
    await other.stop();
  }
});

test("an operator can allow a folder, or all", async () => {
  const file = path.join(folder, "elsewhere", "secret.txt");
  const allowed = await start(["--node-allow-path", path.dirname(file)]);
  try {
    const theirs = call(new ConvexHttpClient(allowed.url, { logger: false }));
    assert.equal((await theirs("read", { file })).value, SECRET);
    assert.deepEqual(await theirs("write", { file: path.join(folder, "elsewhere", "new") }), { value: null });
    refused(await theirs("list", { file: folder }));
  } finally {
    await allowed.stop();
  }
  const free = await start(["--node-sandbox", "off"]);
  try {
    const theirs = call(new ConvexHttpClient(free.url, { logger: false }));
    assert.equal((await theirs("read", { file })).value, SECRET);
    // Root may look into any process; others not into this one.
    if (own.uid !== 0) refused(await theirs("read", { file: `/proc/${free.pid}/environ` }));
  } finally {
    await free.stop();
  }
});
