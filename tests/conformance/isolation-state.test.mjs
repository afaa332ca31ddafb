// What one call leaves behind, the next must not find: the channels of `isolation-channels.mjs`, each in every kind of
// function, one after another and at the same time.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ConvexHttpClient } from "convex/browser";
import { deployApp, makeProject, startServer } from "../lib/server.mjs";
import { CHANNELS, channelFiles } from "./isolation-channels.mjs";

const FEW = { inTurn: 6, atOnce: 4 };
/** More than the calls after which a thread may have a context ready that is used again. */
const MANY = { inTurn: 24, atOnce: 8 };
const MARK = "left-behind";
let marks = 0;
const secret = () => `${MARK}-${marks++}`;

let server, client;
before(async () => {
  server = await startServer();
  await deployApp(server, makeProject(channelFiles()), { args: ["--typecheck", "disable"] });
  client = new ConvexHttpClient(server.url, { logger: false });
});
after(() => server?.stop());

/** Calls `find` in turn and at once; gives all that was found. */
async function hammer(find, { inTurn, atOnce }) {
  const found = [];
  for (let i = 0; i < inTurn; i++) found.push(await find(i));
  found.push(...(await Promise.all(Array.from({ length: atOnce }, (_, i) => find(inTurn + i)))));
  return found.flat();
}

/** Tries every channel by `find(name, step)`; what each call found must be the same, and nothing that a call wrote. */
async function nothingIsLeft(find, calls = FEW) {
  const leaks = [];
  for (const { name } of CHANNELS) {
    let found;
    try {
      found = await hammer((step) => find(name, step), calls);
    } catch (error) {
      leaks.push(`${name}: ${error.message}`);
      continue;
    }
    if (new Set(found).size !== 1 || found.some((text) => text.includes(MARK))) leaks.push(`${name}: ${[...new Set(found)].join(" | ")}`);
  }
  assert.deepEqual(leaks, []);
}

test("the table has no channel twice", () => {
  assert.equal(new Set(CHANNELS.map(({ name }) => name)).size, CHANNELS.length);
});

test("within one call, every channel carries something, unless it can't at all", { timeout: 300_000 }, async () => {
  const other = [];
  for (const { name, silent } of CHANNELS) {
    const args = () => ({ secret: secret(), step: 0 });
    const pairs = [await client.action(`${name}:selfAction`, args()), await client.mutation(`${name}:selfMutation`, args())];
    if (pairs.every(([before, after]) => before === after) !== silent) other.push(name);
  }
  assert.deepEqual(other, []);
});

test("what a module does while it is loaded is not seen in others", async () => {
  for (const module of ["looker", "vandal", "looker"]) {
    for (const run of [() => client.query(`${module}:q`), () => client.mutation(`${module}:m`), () => client.action(`${module}:a`)]) {
      assert.deepEqual(await Promise.all(Array.from({ length: FEW.inTurn }, run)), Array(FEW.inTurn).fill([]));
    }
  }
});

test("queries find nothing of one another", { timeout: 300_000 }, async () => {
  await nothingIsLeft((name, step) => client.query(`${name}:q`, { secret: secret(), step }), MANY);
});

test("mutations find nothing of one another", { timeout: 300_000 }, async () => {
  await nothingIsLeft((name, step) => client.mutation(`${name}:m`, { secret: secret(), step }, { skipQueue: true }), MANY);
});

test("actions find nothing of one another", { timeout: 300_000 }, async () => {
  await nothingIsLeft((name, step) => client.action(`${name}:a`, { secret: secret(), step }));
});

test("HTTP actions find nothing of one another", { timeout: 300_000 }, async () => {
  await nothingIsLeft(async (name) => {
    const response = await fetch(`${server.siteUrl}/${name}?secret=${secret()}`);
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return text;
  });
});

const three = () => [secret(), secret(), secret()];

test("queries within a query find nothing of one another", { timeout: 300_000 }, async () => {
  await nothingIsLeft((name) => client.query("nested:inQuery", { name, secrets: three() }));
});

test("queries and mutations within a mutation find nothing of one another", { timeout: 300_000 }, async () => {
  await nothingIsLeft((name) => client.mutation("nested:inMutation", { name, secrets: three() }, { skipQueue: true }));
});

test("queries of one action find nothing of one another", { timeout: 300_000 }, async () => {
  await nothingIsLeft((name) => client.action("nested:inAction", { name, secrets: three() }));
});

test("all kinds of functions at once find nothing of one another", { timeout: 300_000 }, async () => {
  await nothingIsLeft((name, step) => {
    const args = () => ({ secret: secret(), step });
    return Promise.all([
      client.query(`${name}:q`, args()),
      client.mutation(`${name}:m`, args(), { skipQueue: true }),
      client.action(`${name}:a`, args()),
    ]);
  });
});
