// Open tables: what an app wrote, read from the store by DuckDB and pyiceberg while nothing of ours runs.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ConvexHttpClient } from "convex/browser";
import { anyApi } from "convex/server";
import { convexToJson } from "convex/values";
import { awsStorage, readObject } from "../lib/emulators.mjs";
import { deployApp, lakewire, makeProject, startServer } from "../lib/server.mjs";
import { temporaryDir } from "../lib/temporary.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const CHECK = path.join(here, "../lake/check.py");

/** What `--open-data` says, and the bound that docs/open-data.md gives: an interval, an eighth, and a publication, here 2 s. */
const INTERVAL_MS = 1_000;
const FRESH_MS = INTERVAL_MS * 1.125 + 2_000;

/** Places of a deployment: `root` is what readers know the store as, `read` gives the text of an object or undefined. */
const PLACES = {
  "a data directory": async () => {
    const dir = temporaryDir("open-data");
    const root = path.join(dir, "store");
    const read = async (key) => (existsSync(path.join(root, key)) ? readFileSync(path.join(root, key), "utf8") : undefined);
    return { storage: { args: ["--data", dir] }, root, read };
  },
  "a bucket": async () => {
    const storage = await awsStorage();
    return { storage, root: storage.store, read: (key) => readObject(storage, key) };
  },
};

for (const [name, make] of Object.entries(PLACES)) {
  describe(name, () => {
    test("tables are fresh, and readable when the server is gone", { timeout: 120_000 }, async (t) => {
      const { storage, root, read } = await make();
      const server = await startServer({ storage, args: ["--open-data", `${INTERVAL_MS}ms`] });
      t.after(() => server.stop());
      await deployApp(server, makeProject(path.join(here, "open-app")), { args: ["--typecheck", "disable", "--codegen", "disable"] });
      const app = new App(server, read);
      await app.insert("people", PEOPLE);
      const [zoe] = await app.insert("people", [{ name: "Zoë", contact: "z@example.org", tags: [] }]);
      await app.insert("things", THINGS);
      const history = [await app.published("people", "things")];

      // Changes, among them a new field and a column that has to become wider.
      await app.replace(zoe, { name: "Zoë", contact: 12, tags: ["moved"], address: { city: "Köln" }, friends: [zoe] });
      await app.insert("things", [{ number: "not a number any more", fresh: [{ deep: { er: 1n } }] }]);
      history.push(await app.published("people", "things"));
      await app.remove(zoe);
      history.push(await app.published("people"));

      await server.kill9();
      const tables = {};
      for (const publication of history) {
        for (const [table, documents] of Object.entries(publication.tables)) {
          (tables[table] ??= []).push({ ts: publication.ts, documents });
        }
      }
      await check({ root: `${root}/tables/main`, tables }, storage.env);
    });
  });
}

test("tables of a deleted branch leave the store", { timeout: 120_000 }, async (t) => {
  const dir = temporaryDir("open-data");
  const storage = { args: ["--data", dir] };
  const main = await startServer({ storage });
  t.after(() => main.stop());
  await deployApp(main, makeProject(path.join(here, "open-app")), { args: ["--typecheck", "disable", "--codegen", "disable"] });
  await lakewire(["branch", "create", "trial"], storage);
  const trial = { args: [...storage.args, "--branch", "trial"] };
  const server = await startServer({ storage: trial, args: ["--open-data", "500ms"] });
  t.after(() => server.stop());
  const tables = path.join(dir, "store/tables");
  const read = async (key) => {
    const file = path.join(dir, "store", key.replace("tables/main", "tables/trial"));
    return existsSync(file) ? readFileSync(file, "utf8") : undefined;
  };
  const app = new App(server, read);
  await app.insert("things", THINGS);
  await app.published("things");
  assert.ok(existsSync(path.join(tables, "trial/things")));
  await server.stop();
  await lakewire(["branch", "delete", "trial"], storage);
  assert.ok(!existsSync(path.join(tables, "trial/catalog.json")));
  assert.ok(!existsSync(path.join(tables, "trial/things/metadata/version-hint.text")));
});

test("no tables are published where none are wanted", { timeout: 60_000 }, async (t) => {
  const dir = temporaryDir("open-data");
  const server = await startServer({ storage: { args: ["--data", dir] }, args: ["--open-data", "off"] });
  t.after(() => server.stop());
  await deployApp(server, makeProject(path.join(here, "open-app")), { args: ["--typecheck", "disable", "--codegen", "disable"] });
  await new ConvexHttpClient(server.url, { logger: false }).mutation(anyApi.documents.insert, { table: "things", documents: THINGS });
  await sleep(1_500);
  assert.ok(!existsSync(path.join(dir, "store/tables")));
});

/** The app by the official client. */
class App {
  #client;
  #server;
  #read;
  #writtenAt = 0;

  constructor(server, read) {
    this.#server = server;
    this.#client = new ConvexHttpClient(server.url, { logger: false });
    this.#read = read;
  }

  insert = (table, documents) => this.#write(anyApi.documents.insert, { table, documents });
  replace = (id, document) => this.#write(anyApi.documents.replace, { id, document });
  remove = (id) => this.#write(anyApi.documents.remove, { id });

  async #write(mutation, args) {
    const result = await this.#client.mutation(mutation, args);
    this.#writtenAt = performance.now();
    return result;
  }

  /** Waits until all that was written is published, and sees that it is so in time; gives the documents of some tables. */
  async published(...tables) {
    const answer = await fetch(`${this.#server.url}/api/query_ts`, { method: "POST" });
    const ts = Buffer.from((await answer.json()).ts, "base64").readBigUInt64LE();
    for (;;) {
      const catalog = await this.#read("tables/main/catalog.json");
      if (catalog !== undefined && BigInt(/"ts": (\d+)/.exec(catalog)[1]) >= ts) break;
      const age = performance.now() - this.#writtenAt;
      assert.ok(age <= FRESH_MS, `not published ${age} ms after the commit`);
      await sleep(20);
    }
    const documents = {};
    for (const table of tables) documents[table] = convexToJson(await this.#client.query(anyApi.documents.all, { table }));
    return { ts, tables: documents };
  }
}

/** Compares the tables with the documents, by the script that the tests of the publication use. */
async function check(expected, env = {}) {
  // Timestamps have more digits than a number of JavaScript.
  const text = JSON.stringify(expected, (name, value) => (name === "ts" ? `${value}` : value));
  const file = path.join(temporaryDir("open-data"), "expected.json");
  writeFileSync(file, text.replaceAll(/"ts":"(\d+)"/g, '"ts":$1'));
  const cache = process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), ".cache");
  const python = path.join(process.env.LAKEWIRE_TOOLS ?? path.join(cache, "lakewire/tools"), "venv/bin/python");
  const environment = { ...process.env, ...env, ...(env.AWS_ENDPOINT_URL_S3 && { AWS_ENDPOINT_URL: env.AWS_ENDPOINT_URL_S3 }) };
  const { stdout } = await promisify(execFile)(python, [CHECK, file], { env: environment });
  assert.match(stdout, /^\d+ rows are as they should be/);
}

const PEOPLE = [
  { name: "Ada", age: 36, contact: "ada@example.org", address: { city: "London" }, tags: ["math", ""] },
  { name: "", age: -0, contact: 5.5, tags: [] },
  { name: "O'Brien \"quoted\" \u{1F600}\n", contact: { street: "Main" }, address: { city: "Cork", zip: "T12" }, tags: ["a"] },
];

/** Every type of value, also inside of others, and fields that only some documents have. */
const THINGS = [
  { number: 1.5, int: 9_007_199_254_740_993n, flag: true, bytes: new Uint8Array([0, 255, 7]).buffer, nothing: null, list: [1, 2], text: "é" },
  { number: Number.NaN, int: -(2n ** 63n), flag: false, bytes: new ArrayBuffer(0), list: [], nested: { a: { b: [{ c: 1 }, { c: 2, d: "x" }] } } },
  { number: Number.NEGATIVE_INFINITY, int: 0n, mixed: "text", record: { "a-b": 1, "c d": 2 } },
  { number: -0, mixed: 7n, list: [3], nested: { a: { b: [] } } },
  { mixed: { of: [null, "several", { types: true }] }, Text: "differs in case" },
];
