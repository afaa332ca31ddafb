// udf-runtime.md, section 12, full-text search: points 75-79, what operators and pages make of a search, and all errors of
// section 3.7. The table is cleared before each test, which no search may notice.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { caller } from "./call.mjs";
import { useServer } from "./harness.mjs";

const use = useServer({ app: "search-app" });
const { ok } = caller(use);

const fill = (rows) => ok.mutation("docs:fill", { rows });
/** Documents whose name is their text, or `{name: text}`. */
const bodies = (texts) =>
  fill(Array.isArray(texts) ? texts.map((body) => ({ name: body, body })) : Object.entries(texts).map(([name, body]) => ({ name, body })));
const search = (text, more = {}) => ok.query("docs:search", { text, ...more });
const found = async (text, more) => (await search(text, more)).sort();
const settled = (text, more = {}) => ok.query("docs:settled", { text, ...more });
const upTo = (count) => Array.from({ length: count }, (_, i) => i);

beforeEach(async () => {
  while ((await ok.mutation("docs:clear")) > 0);
});

test("search 75: documents that contain the term, and no others", async () => {
  await bodies({ one: "A lake in the hills", two: "hills without water", three: "lakeside", four: "The LAKE, again" });
  assert.deepEqual(await found("lake hut"), ["four", "one"]);
  assert.deepEqual(await found("hills"), ["one", "two"]);
  assert.deepEqual(await found("sea"), []);
});

test("search 75: several terms are joined by OR, each exact", async () => {
  await bodies({ one: "red apples", two: "green pears", three: "red pears", four: "blue plums" });
  assert.deepEqual(await found("red pears"), ["one", "three", "two"]);
  assert.deepEqual((await search("red pears"))[0], "three");
  assert.deepEqual(await found("blue yellow"), ["four"]);
});

test("search 75: the last token is a prefix too, and only the last", async () => {
  await bodies({ alphabet: "alphabet", soup: "soup", souped: "souped up" });
  assert.deepEqual(await found("alpha"), ["alphabet"]);
  assert.deepEqual(await found("soup alpha"), ["alphabet", "soup"]);
  assert.deepEqual(await found("alpha soup"), ["soup", "souped"]);
  assert.deepEqual(await found("alpha "), ["alphabet"], "separators after it change nothing");
  assert.deepEqual(await found("alpha?!"), ["alphabet"]);
  assert.deepEqual(await found("alphabets"), []);
  assert.deepEqual(await found("lphabet"), []);
  assert.deepEqual(await found("s"), ["soup", "souped"]);
});

test("search 75: a prefix stands for at most 16 terms, always the same", async () => {
  await bodies(upTo(20).map((n) => `common${String(n).padStart(2, "0")}`));
  const first = await found("common");
  assert.equal(first.length, 16);
  assert.deepEqual(await found("common"), first);
  await bodies({ exact: "common" });
  assert.ok((await search("common")).includes("exact"));
});

test("search 75: case is ignored, in all scripts; accents are not", async () => {
  await bodies({ latin: "\u00c4PFEL und Birnen", greek: "\u0391\u0398\u0397\u039d\u0391", cyrillic: "\u041c\u043e\u0441\u043a\u0432\u0430" });
  assert.deepEqual(await found("\u00e4pfel x"), ["latin"]);
  assert.deepEqual(await found("\u00c4pFeL x"), ["latin"]);
  assert.deepEqual(await found("apfel x"), []);
  assert.deepEqual(await found("\u03b1\u03b8\u03b7\u03bd\u03b1 x"), ["greek"]);
  assert.deepEqual(await found("\u041c\u041e\u0421\u041a\u0412\u0410 x"), ["cyrillic"]);
});

test("search 75: no stemming and no stop words", async () => {
  await bodies({ running: "running shoes", runs: "she runs", the: "the" });
  assert.deepEqual(await found("run fast"), []);
  assert.deepEqual(await found("runs fast"), ["runs"]);
  assert.deepEqual(await found("shoe x"), []);
  assert.deepEqual(await found("the x"), ["the"]);
});

test("search 75: whatever is neither letter nor digit separates", async () => {
  await bodies({ code: "foo-bar_baz.qux(quux);don't", mail: "ada@example.com", emoji: "sun\u{1f31e}shine", digits: "v2 2024-05-06" });
  for (const word of ["foo", "bar", "baz", "qux", "quux", "don", "t"]) assert.deepEqual(await found(`${word} x`), ["code"], word);
  assert.deepEqual(await found("example/x"), ["mail"]);
  assert.deepEqual(await found("sun x"), ["emoji"]);
  assert.deepEqual(await found("shine x"), ["emoji"]);
  assert.deepEqual(await found("2024 x"), ["digits"]);
  assert.deepEqual(await found("05 x"), ["digits"]);
  assert.deepEqual(await found("FOO+BAR"), ["code"]);
});

test("search 75: tokens of more than 32 bytes are dropped, in documents and in queries", async () => {
  const [kept, dropped] = ["k".repeat(32), "d".repeat(33)];
  const [keptWide, droppedWide] = ["\u00e9".repeat(16), "\u00fc".repeat(17)];
  await bodies({ kept: `${kept} a`, dropped: `${dropped} b`, keptWide, droppedWide });
  assert.deepEqual(await found(`${kept} x`), ["kept"]);
  assert.deepEqual(await found(`${dropped} x`), []);
  assert.deepEqual(await found(`b ${dropped} b`), ["dropped"]);
  assert.deepEqual(await found("ddd"), []);
  assert.deepEqual(await found(`${keptWide} x`), ["keptWide"]);
  assert.deepEqual(await found(`${droppedWide} x`), []);
});

test("search 75: the first 16 tokens of a query count", async () => {
  await bodies(upTo(17).map((n) => `word${n}x`));
  const query = upTo(17).map((n) => `word${n}x`).join(" ");
  assert.deepEqual(await found(query), upTo(16).map((n) => `word${n}x`).sort());
});

test("search 75: words inside Chinese and Japanese sentences", async () => {
  await bodies({
    walk: "\u6211\u559c\u6b22\u5728\u6e56\u8fb9\u6563\u6b65\u3002", // I like to walk by the lake.
    weather: "\u6771\u4eac\u90fd\u306e\u5929\u6c17\u306f\u6674\u308c\u3067\u3059\u3002", // The weather in Tokyo is fine.
    mixed: "\u6211\u7684iPhone\u624b\u673a", // my iPhone
    latin: "a walk in Tokyo",
  });
  assert.equal((await search("\u6e56\u8fb9"))[0], "walk"); // lakeside
  assert.equal((await search("\u6563\u6b65"))[0], "walk"); // to walk
  assert.equal((await search("\u5929\u6c17"))[0], "weather"); // weather
  assert.equal((await search("\u6771\u4eac"))[0], "weather"); // Tokyo
  assert.equal((await search("\u624b\u673a"))[0], "mixed"); // telephone
  for (const name of await found("\u98de\u673a\u573a")) assert.equal(name, "mixed"); // airport: at most a shared character
  assert.deepEqual(await found("tokyo x"), ["latin"]);
});

test("search 76: equality filters are joined by AND", async () => {
  await fill([
    { name: "a1", body: "word", room: "a", other: 1 },
    { name: "a2", body: "word", room: "a", other: 2 },
    { name: "b1", body: "word", room: "b", other: 1 },
    { name: "no word", body: "else", room: "a", other: 1 },
  ]);
  assert.deepEqual(await found("word", { filters: [["room", "a"]] }), ["a1", "a2"]);
  assert.deepEqual(await found("word", { filters: [["room", "a"], ["other", 1]] }), ["a1"]);
  assert.deepEqual(await found("word", { filters: [["room", "a"], ["room", "b"]] }), []);
  assert.deepEqual(await found("word", { filters: [["room", "a"], ["room", "a"]] }), ["a1", "a2"]);
  assert.deepEqual(await found("word", { filters: [["room", "c"]] }), []);
});

test("search 76: `undefined` is the missing field, `null` is a value; nested fields", async () => {
  await fill([
    { name: "missing", body: "word" },
    { name: "null", body: "word", room: null },
    { name: "text", body: "word", room: "null" },
    { name: "deep", body: "word", room: "x", deep: { er: 7 } },
    { name: "shallow", body: "word", room: "x", deep: 7 },
  ]);
  assert.deepEqual(await found("word", { filters: [["room"]] }), ["missing"]);
  assert.deepEqual(await found("word", { filters: [["room", null]] }), ["null"]);
  assert.deepEqual(await found("word", { filters: [["deep.er", 7]] }), ["deep"]);
  assert.deepEqual(await found("word", { filters: [["deep.er"], ["room", "x"]] }), ["shallow"]);
});

test("search 76: filters take any value, and types differ", async () => {
  const [id] = await fill([{ name: "id", body: "else" }]);
  const values = {
    float: 1, int: 1n, text: "1", true: true, bytes: new Uint8Array([1]).buffer, list: [1, "a"], object: { a: 1, b: [2] }, id,
    zero: 0, minusZero: -0, nan: NaN, empty: "", emptyObject: {}, long: "x".repeat(3_000), longer: "x".repeat(3_001),
  };
  await fill(Object.entries(values).map(([name, room]) => ({ name, body: "word", room })));
  for (const [name, value] of Object.entries(values)) {
    assert.deepEqual(await found("word", { filters: [["room", value]] }), [name], name);
  }
});

test("search 77: the score decides, then the newest first", async () => {
  await bodies({ once: "apple b c d", twice: "apple apple c d" });
  assert.deepEqual(await search("apple"), ["twice", "once"], "more often, at the same length");
  await ok.mutation("docs:clear");
  await bodies({ short: "apple b", long: "apple b c d e f g h i j" });
  assert.deepEqual(await search("apple"), ["short", "long"], "in a shorter text");
  await ok.mutation("docs:clear");
  await bodies({ rare: "rare x", c1: "common x", c2: "common x", c3: "common x", c4: "common x" });
  assert.deepEqual(await search("common rare"), ["rare", "c4", "c3", "c2", "c1"], "the rarer term");
  await ok.mutation("docs:clear");
  await bodies({ both: "apple pear", one: "apple plum", two: "pear plum" });
  assert.equal((await search("apple pear"))[0], "both");
  await ok.mutation("docs:clear");
  await bodies({ exact: "star", prefix: "starling" });
  assert.deepEqual(await search("star"), ["exact", "prefix"], "exact before prefix");
  await ok.mutation("docs:clear");
  await bodies({ prefix: "starling", exact: "star" });
  assert.deepEqual(await search("star"), ["exact", "prefix"]);
});

test("search 77: equal scores come newest first, within a transaction and across them", async () => {
  await bodies({ a: "tie here", b: "tie here" });
  await bodies({ c: "tie here" });
  await bodies({ d: "here tie" });
  assert.deepEqual(await search("tie"), ["d", "c", "b", "a"]);
});

test("search 77: deleted documents count in no statistics", async () => {
  const score = async () => {
    await bodies({ rare: "rare x", c1: "common x", c2: "common x" });
    return await search("common rare");
  };
  const first = await score();
  await ok.mutation("docs:clear");
  const ids = await bodies(upTo(50).map((n) => `rare rare rare ${n}`));
  for (const id of ids) await ok.mutation("docs:remove", { id });
  assert.deepEqual(await score(), first);
});

test("search 78: 1,024 rows can be read, one more is an error that pages do not swallow", { timeout: 120_000 }, async () => {
  const rows = (from, count) => upTo(count).map((n) => ({ name: from + n, n: from + n, body: "crowd", room: n % 2 === 0 ? "even" : "odd" }));
  await fill(rows(0, 512));
  await fill(rows(512, 512));
  assert.equal((await search("crowd")).length, 1024);
  await fill(rows(1024, 276));
  const tooMany = /SearchQueryScannedTooManyDocumentsError/;
  assert.match((await settled("crowd")).error, tooMany);
  assert.match((await settled("crowd", { n: 1025 })).error, tooMany);
  assert.equal((await ok.query("docs:take", { text: "crowd", n: 1024 })).length, 1024);
  assert.deepEqual(await ok.query("docs:take", { text: "crowd", n: 3 }), [1299, 1298, 1297]);
  assert.equal((await search("crowd", { filters: [["room", "even"]] })).length, 650);
  const { page } = await ok.query("docs:page", { text: "crowd", opts: { numItems: 1000, cursor: null } });
  assert.equal(page.length, 1000);
  await assert.rejects(ok.query("docs:page", { text: "crowd", opts: { numItems: 1100, cursor: null } }), tooMany);
  await assert.rejects(ok.query("docs:operators", { text: "crowd" }), tooMany, "rows that a filter rejects count");
});

test("search 79: an empty text and one of separators find nothing", async () => {
  await bodies(["word", "", "  ", "?!"]);
  for (const text of ["", " ", "\n\t", "?!-_.,", "\u3002\u300c", "\u{1f31e}"]) {
    assert.deepEqual(await search(text), [], JSON.stringify(text));
    assert.deepEqual(await search(text, { filters: [["room"]] }), [], JSON.stringify(text));
  }
});

test("documents whose search field is no string are in no search", async () => {
  const bodies = [5, 5n, null, true, ["word"], { word: "word" }, new TextEncoder().encode("word").buffer];
  await fill([...bodies.map((body, n) => ({ name: `${n}`, body })), { name: "none" }, { name: "text", body: "word" }]);
  assert.deepEqual(await search("word"), ["text"]);
  assert.deepEqual(await search("5"), []);
});

test("several search indexes on a table, also of a field within", async () => {
  await fill([
    { name: "one", body: "apple", title: "pear", nested: { text: "plum" } },
    { name: "two", body: "pear", title: "plum", nested: "plum" },
    { name: "three", title: "apple", nested: { text: "apple pear", room: "x" }, room: "x" },
  ]);
  const title = { index: "by_title", field: "title" };
  const nested = { index: "by_nested", field: "nested.text" };
  assert.deepEqual(await found("apple"), ["one"]);
  assert.deepEqual(await found("apple", title), ["three"]);
  assert.deepEqual(await found("pear", title), ["one"]);
  assert.deepEqual(await found("plum", nested), ["one"]);
  assert.deepEqual(await found("apple", { ...nested, filters: [["room", "x"]] }), ["three"]);
});

test("operators after a search", async () => {
  await fill(upTo(6).map((n) => ({ name: n, n, body: "same words" })));
  const result = await ok.query("docs:operators", { text: "same" });
  assert.deepEqual(result.filtered, [3, 2, 1, 0]);
  assert.deepEqual(result.filterTake, [3, 2]);
  assert.deepEqual(result.takeFilter, []);
  assert.deepEqual(result.none, []);
  assert.equal(result.first, 5);
  assert.match(result.unique.error, /more than one result/);
  assert.match(result.order.error, /relevance order/);
  assert.deepEqual(result.system, ["_creationTime", "_id"]);
  assert.deepEqual(await ok.query("docs:broken", { text: "same" }), [5, 4]);
  assert.equal(await ok.query("docs:metrics", { text: "same", n: 2 }), 2);
  const nothing = await ok.query("docs:operators", { text: "other" });
  assert.deepEqual([nothing.first, nothing.unique.value], [null, null]);
  await bodies({ single: "single" });
  assert.deepEqual((await ok.query("docs:operators", { text: "single" })).unique.value, "single");
});

test("a document comes out of a search as it went in", async () => {
  const row = { name: "all", body: "word \u0000 \u{1f31e}", big: 2n ** 60n, bytes: new Uint8Array([1, 2]).buffer, deep: { er: [null, -0, 1.5] } };
  const [_id] = await fill([row]);
  const [{ _creationTime, ...rest }] = await ok.query("docs:whole", { text: "word" });
  assert.deepEqual(rest, { _id, ...row });
  assert.equal(typeof _creationTime, "number");
});

test("all pages of a search are the search", async () => {
  await fill(upTo(43).map((n) => ({ name: n, n, body: `page ${"page ".repeat(n % 5)}${"x ".repeat(n % 3)}` })));
  const whole = await search("page");
  assert.equal(whole.length, 43);
  const traverse = async (opts, more = {}) => {
    const rows = [];
    for (let cursor = null, pages = 0; ; ) {
      const result = await ok.query("docs:page", { text: "page", opts: { numItems: 7, ...opts, cursor }, ...more });
      rows.push(...result.page);
      if (result.isDone) return rows;
      cursor = result.continueCursor;
      assert.ok(++pages < 100);
    }
  };
  assert.deepEqual(await traverse({}), whole);
  assert.deepEqual(await traverse({ numItems: 1 }), whole);
  assert.deepEqual(await traverse({ maximumRowsRead: 3 }), whole);
  assert.deepEqual(await traverse({}, { odd: true }), whole.filter((n) => n % 2 === 1));
  const page = (opts, more = {}) => ok.query("docs:page", { text: "page", opts: { numItems: 10, cursor: null, ...opts }, ...more });
  const first = await page({});
  assert.equal((await page({})).continueCursor, first.continueCursor, "the same position is the same text");
  assert.deepEqual((await page({ numItems: 1, endCursor: first.continueCursor })).page, first.page);
  await assert.rejects(page({ cursor: first.continueCursor }, { text: "x" }), /InvalidCursor/);
});

test("every mistake in a search has its code", async () => {
  await fill([{ name: "eight", body: "word", f1: 1, f2: 1, f3: 1, f4: 1, f5: 1, f6: 1, f7: 1, f8: 1, f9: 1 }]);
  const errors = {
    noSearch: /MissingSearchFilterError/,
    onlyFilter: /MissingSearchFilterError/,
    otherField: /IncorrectSearchField/,
    twice: /DuplicateSearchFiltersError/,
    otherFilter: /IncorrectFilterFieldError/,
    nineFilters: /TooManyFilterConditionsInSearchQueryError/,
    databaseIndex: /IndexNotASearchIndexError/,
    vectorIndex: /IndexNotASearchIndexError/,
    asRange: /by_body/,
    unknown: /Index docs\.nowhere not found/,
    unknownTable: /Index nobody\.nowhere not found/,
    staged: /IndexStagedError|staged/,
    notText: /search/i,
  };
  for (const [kind, wanted] of Object.entries(errors)) {
    const { error, value } = await ok.query("docs:mistake", { kind });
    assert.ok(error !== undefined, `${kind} gave ${JSON.stringify(value)}`);
    assert.match(error, wanted, kind);
  }
  assert.equal((await ok.query("docs:mistake", { kind: "eightFilters" })).value.length, 1);
  assert.match((await ok.mutation("docs:commitTsFilter")).error, /commit/i);
});
