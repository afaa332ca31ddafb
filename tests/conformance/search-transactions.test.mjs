// udf-runtime.md, section 12: searches see their transaction's writes (80), re-run when a commit could change what they
// found (81), and conflict with such a commit (section 3.9).

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { caller } from "./call.mjs";
import { sleep, until, useServer } from "./harness.mjs";

const use = useServer({ app: "search-app" });
const { ok } = caller(use);

const fill = (rows) => ok.mutation("docs:fill", { rows });
const search = (text, more = {}) => ok.query("docs:search", { text, ...more });

beforeEach(async () => {
  while ((await ok.mutation("docs:clear")) > 0);
});

test("search 80: a mutation finds what it inserted and patched, and not what it deleted", async () => {
  const steps = await ok.mutation("own:trace", { text: "apple" });
  assert.deepEqual(steps, {
    before: [],
    inserted: ["one"],
    "patched into it": ["two", "one"],
    "room a": ["two"],
    "room b": ["one"],
    "patched out of it": ["two"],
    replaced: ["two", "one again"],
    deleted: ["one again"],
    "all deleted": [],
  });
  assert.deepEqual(await search("apple"), []);
});

test("search 80: the same with documents of earlier commits", async () => {
  const row = (name, body) => ({ name, body });
  const [out, into, gone] = await fill([row("out", "pear"), row("into", "plum"), row("gone", "pear pear"), row("stays", "pear")]);
  const { before, after } = await ok.mutation("own:change", { text: "pear", out, into, gone });
  assert.deepEqual(before.sort(), ["gone", "out", "stays"]);
  assert.deepEqual(after.sort(), ["into", "stays"]);
  assert.deepEqual((await search("pear")).sort(), ["into", "stays"]);
});

test("search 80: writes of a nested mutation that failed are not found, those of one that did not are", async () => {
  const result = await ok.mutation("own:nested", { text: "nest" });
  assert.deepEqual(result.kept.sort(), ["kept", "outer"]);
  assert.match(result.error.error, /saw .*lost/);
  assert.deepEqual(result.inside.sort(), ["kept", "outer"]);
  assert.deepEqual(result.stale, []);
  assert.deepEqual(result.after.sort(), ["kept", "outer"]);
  assert.deepEqual(result.victim, ["victim"], "what the failed one deleted is back");
  assert.deepEqual((await search("nest")).sort(), ["kept", "outer"]);
});

test("search 80: results and order are the same in the mutation and after it", async () => {
  const rows = Array.from({ length: 60 }, (_, n) => ({ name: n, body: `${"kiwi ".repeat(1 + (n % 7))}${"filler ".repeat(n % 4)}` }));
  await fill(rows.slice(0, 30));
  await fill(rows.slice(30));
  assert.deepEqual(await ok.mutation("docs:inMutation", { text: "kiwi filler" }), await search("kiwi filler"));
});

test("search 80: patching matches while walking over them visits each once", async () => {
  await fill(Array.from({ length: 30 }, (_, n) => ({ name: n, body: "walk" })));
  const seen = await ok.mutation("own:iterate", { text: "walk" });
  assert.deepEqual([...new Set(seen)].length, seen.length);
  assert.equal(seen.length, 30);
});

test("search 81: a subscription re-runs for commits that could change its result, and for no others", async () => {
  const [match, other, elsewhere] = await fill([
    { name: "match", body: "river bank", room: "a" },
    { name: "other", body: "money bank", room: "a" },
    { name: "elsewhere", body: "river mouth", room: "b" },
  ]);
  const client = use.client();
  const seen = [];
  client.onUpdate("docs:watched", { text: "tall riv", filters: [["room", "a"]] }, (value) => seen.push(value));
  await until(() => seen.length === 1, "the first result");
  assert.deepEqual(seen[0].names, ["match"]);

  const quiet = async (what, run) => {
    const before = seen.length;
    const result = await run();
    await sleep(250);
    assert.equal(seen.length, before, `${what}: it ran again`);
    return result;
  };
  const rerun = async (what, names, run) => {
    const before = seen.length;
    const result = await run();
    await until(() => seen.length > before, what);
    assert.deepEqual(seen.at(-1).names.sort(), names, what);
    assert.equal(new Set(seen.map(({ execution }) => execution)).size, seen.length);
    return result;
  };
  const insert = (body, room = "a") => fill([{ name: `${body}`, body, room }]);
  const patch = (id, fields) => ok.mutation("docs:patch", { id, fields });

  await quiet("another text", () => insert("sea side"));
  await quiet("a word that only begins like the exact term", () => insert("taller"));
  await quiet("a word of which the prefix is no prefix", () => insert("driver ri"));
  await quiet("a match in another room", () => insert("tall river", "b"));
  await quiet("a match without a room", () => fill([{ name: "none", body: "tall river" }]));
  await quiet("no string", () => insert(["river"]));
  await quiet("a change of a document that does not match", () => patch(other, { note: 1 }));
  await quiet("a match in another room that changes", () => patch(elsewhere, { body: "river delta" }));
  await quiet("a delete of one", () => ok.mutation("docs:remove", { id: elsewhere }));
  await quiet("another table", () => ok.mutation("docs:fill", { table: "spots", rows: [{ name: "river", body: "river", room: "a" }] }));

  await rerun("the exact term", ["match", "tall"], () => insert("tall"));
  await rerun("the prefix", ["match", "rivulet", "tall"], () => insert("rivulet"));
  await rerun("another field of a match", ["match", "rivulet", "tall"], () => patch(match, { note: 2 }));
  await rerun("a text that comes to match", ["match", "other", "rivulet", "tall"], () => patch(other, { body: "riverside" }));
  await rerun("a text that no longer does", ["other", "rivulet", "tall"], () => patch(match, { body: "gone" }));
  await rerun("a match that moves away", ["rivulet", "tall"], () => patch(other, { room: "b" }));
  await rerun("a match that moves here", ["other", "rivulet", "tall"], () => patch(other, { room: "a" }));
  await rerun("a delete", ["rivulet", "tall"], () => ok.mutation("docs:remove", { id: other }));
  await quiet("what does not match any more", () => patch(match, { body: "still gone" }));
});

test("search 81: an empty result is watched, and an empty text changes with nothing", async () => {
  const client = use.client();
  const [found, empty] = [[], []];
  client.onUpdate("docs:watched", { text: "phantom" }, ({ names }) => found.push(names));
  client.onUpdate("docs:watched", { text: " ?! " }, ({ names }) => empty.push(names));
  await until(() => found.length === 1 && empty.length === 1, "first results");
  assert.deepEqual([found[0], empty[0]], [[], []]);
  await fill([{ name: "here", body: "Phantoms" }]);
  await until(() => found.length === 2, "the phantom");
  assert.deepEqual(found[1], ["here"]);
  await sleep(250);
  assert.deepEqual(empty, [[]]);
});

test("search 81: a subscribed page of a search stays live and keeps its end", async () => {
  await fill(Array.from({ length: 6 }, (_, n) => ({ name: n, body: "leaf" })));
  const client = use.client();
  const seen = [];
  client.onUpdate("docs:page", { text: "leaf", opts: { numItems: 3, cursor: null } }, ({ page }) => seen.push(page));
  await until(() => seen.length === 1, "the first page");
  assert.deepEqual(seen[0], [5, 4, 3]);
  await fill([{ name: 6, body: "leaf" }]);
  await until(() => seen.at(-1).includes(6), "the page that grew");
});

test("search: mutations that searched conflict with commits of matches", { timeout: 60_000 }, async () => {
  const append = () => ok.mutation("own:appendSlowly", { text: "queue slo", body: "slot", rounds: 2_000_000 });
  const results = await Promise.all(Array.from({ length: 12 }, append));
  for (const [before, again] of results) assert.equal(again, before, "one snapshot");
  assert.deepEqual(results.map(([before]) => before).sort((a, b) => a - b), Array.from({ length: 12 }, (_, n) => n));
  assert.equal((await search("slot")).length, 12);
});

test("search: what matches in another room does not count as a match", { timeout: 60_000 }, async () => {
  const append = (_, n) => ok.mutation("own:appendSlowly", { text: "slot", body: "slot", room: `${n}`, rounds: 500_000 });
  const results = await Promise.all(Array.from({ length: 8 }, append));
  assert.deepEqual(results, Array.from({ length: 8 }, () => [0, 0]));
});

test("search: a component searches its own documents, and pages of none", async () => {
  const add = (part, name, body) => ok.mutation("parts:add", { part, name, body, place: [1, 0, 0] });
  assert.deepEqual(await add("left", "one", "shared word"), ["one"]);
  assert.deepEqual(await add("right", "two", "shared word"), ["two"]);
  await fill([{ name: "of the app", body: "shared word" }]);
  assert.deepEqual(await ok.query("parts:search", { text: "shared" }), { left: ["one"], right: ["two"] });
  assert.deepEqual(await search("shared"), ["of the app"]);

  const client = use.client();
  const seen = [];
  client.onUpdate("parts:search", { text: "later" }, (value) => seen.push(value));
  await until(() => seen.length === 1, "the first result");
  await add("right", "three", "later");
  await until(() => seen.length > 1, "the insert in a component");
  assert.deepEqual(seen.at(-1), { left: [], right: ["three"] });
});
