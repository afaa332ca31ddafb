// The example's field notes in a real browser: results while typing, notes of others as they are written, and by meaning.
//
// LAKEWIRE_SCREENSHOTS=dir keeps pictures of the pages for a person to look at.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ConvexHttpClient } from "convex/browser";
import { anyApi } from "convex/server";
import { launchBrowser } from "../lib/browser.mjs";
import { servePage } from "../lib/page.mjs";
import { deployApp, startServer } from "../lib/server.mjs";

const APP = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../examples/search");
const SAMPLES = 13;

describe("the field notes", { concurrency: false }, () => {
  let server, page, browser, ada, client;
  const pageErrors = [];

  before(async () => {
    server = await startServer();
    await deployApp(server, APP, { args: ["--codegen", "disable"] });
    client = new ConvexHttpClient(server.url, { logger: false });
    page = await servePage(APP, server.url);
    browser = await launchBrowser();
    ada = await open({ viewport: { width: 1280, height: 800 } });
  });

  after(async () => {
    await browser?.close();
    await page?.close();
    await server?.stop();
  });

  async function open(options) {
    const context = await browser.newContext(options);
    const tab = await context.newPage();
    tab.setDefaultTimeout(20_000);
    tab.on("pageerror", (error) => pageErrors.push(error.message));
    await tab.goto(page.url);
    await tab.getByRole("heading", { name: "Field notes" }).waitFor();
    return tab;
  }

  test("a new deployment has notes, and shows them all", async () => {
    await note(ada, "Canoe repair").waitFor();
    await ada.getByText(`${SAMPLES} notes`, { exact: true }).waitFor();
  });

  test("results appear with every letter, and what matched is marked", async () => {
    await box(ada).pressSequentially("ton", { delay: 30 });
    await ada.getByText("Nothing found.").waitFor();
    await box(ada).press("Backspace");
    await box(ada).press("Backspace");
    await box(ada).pressSequentially("hunder", { delay: 30 });
    await only(ada, ["Thunder from the west"]);
    assert.deepEqual(await ada.locator("mark").allInnerTexts(), ["Thunder"]);
    await box(ada).fill("canoe jett");
    await only(ada, ["Canoe repair", "Fog until noon", "Pike under the jetty"]);
    assert.equal((await titles(ada))[0], "Canoe repair", "a whole word comes before a part");
    await screenshot(ada, "search-words");
  });

  test("a category leaves out the others", async () => {
    await choose(ada, "weather");
    await only(ada, ["Fog until noon"]);
    await choose(ada, "all");
    await only(ada, ["Canoe repair", "Fog until noon", "Pike under the jetty"]);
  });

  test("what others write and remove is in the results at once", async () => {
    await box(ada).fill("kingfisher");
    await ada.getByText("Nothing found.").waitFor();
    const add = (title, body, category) => client.mutation(anyApi.notes.add, { title, body, category });
    const id = await add("Blue flash", "A kingfisher at the ford.", "animals");
    await only(ada, ["Blue flash"]);
    await add("Nothing to do with it", "Only words.", "tools");
    const grace = await open({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
    await grace.getByRole("button", { name: "New note" }).click();
    await grace.getByLabel("Title").fill("Kingfishers nest");
    await grace.getByLabel("Note", { exact: true }).fill("In the bank by the mill.");
    await grace.getByLabel("Kind of note").selectOption("animals");
    await grace.getByRole("button", { name: "Save" }).click();
    await only(ada, ["Blue flash", "Kingfishers nest"]);
    await client.mutation(anyApi.notes.remove, { id });
    await only(ada, ["Kingfishers nest"]);
    await ada.getByRole("button", { name: "Remove Kingfishers nest" }).click();
    await ada.getByText("Nothing found.").waitFor();
    const overflow = await grace.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, `the phone's page is ${overflow} pixels too wide`);
    await screenshot(grace, "search-phone");
    await grace.context().close();
  });

  test("by meaning, notes are found that share no word", async () => {
    await box(ada).fill("winter cold");
    await ada.getByText("Nothing found.").waitFor();
    await choose(ada, "meaning");
    await note(ada, "First frost").waitFor();
    assert.equal((await titles(ada))[0], "First frost");
    await screenshot(ada, "search-meaning");
    await box(ada).fill("where to climb");
    await ada.waitForFunction(() => document.querySelector("ol.notes h2")?.textContent === "Summit of Grey Peak");
    await choose(ada, "animals");
    await ada.waitForFunction(() => !document.querySelector("ol.notes")?.textContent.includes("Grey Peak"));
    await choose(ada, "all");
  });

  test("by meaning, a new note is found as soon as its vector is made", async () => {
    await client.mutation(anyApi.notes.add, { title: "Two days of sleet", body: "The blizzard came at night.", category: "weather" });
    for (let attempt = 0; ; attempt++) {
      assert.ok(attempt < 40, "it is not found");
      await box(ada).fill(`freezing blizzard${" ".repeat(attempt % 2)}`);
      await ada.waitForTimeout(400);
      if ((await titles(ada))[0] === "Two days of sleet") break;
    }
    await choose(ada, "words");
    await box(ada).fill("blizzard");
    await only(ada, ["Two days of sleet"]);
  });

  test("everything is still found after a kill -9", async () => {
    await server.kill9();
    await server.restart();
    await box(ada).fill("sleet");
    await only(ada, ["Two days of sleet"]);
    await box(ada).fill("kingfisher");
    await ada.getByText("Nothing found.").waitFor();
  });

  test("no page threw an error", () => assert.deepEqual(pageErrors, []));
});

const box = (tab) => tab.getByRole("searchbox", { name: "Search the notes" });
const note = (tab, title) => tab.getByRole("listitem").getByRole("heading", { name: title, exact: true });
const titles = (tab) => tab.locator("ol.notes h2").allInnerTexts();
const choose = (tab, option) => tab.getByRole("radio", { name: option, exact: true }).click();

/** Waits until the results are these, in whatever order. */
async function only(tab, wanted) {
  const sorted = [...wanted].sort();
  const isSo = (sorted) => {
    const list = document.querySelector("ol.notes");
    const found = [...(list?.querySelectorAll("h2") ?? [])].map(({ textContent }) => textContent).sort();
    return list?.getAttribute("aria-busy") === "false" && JSON.stringify(found) === JSON.stringify(sorted);
  };
  try {
    await tab.waitForFunction(isSo, sorted);
  } catch (error) {
    throw new Error(`there is ${JSON.stringify(await titles(tab))} and not ${JSON.stringify(wanted)}`, { cause: error });
  }
}

async function screenshot(tab, name) {
  const dir = process.env.LAKEWIRE_SCREENSHOTS;
  if (!dir) return;
  mkdirSync(dir, { recursive: true });
  await tab.screenshot({ path: path.join(dir, `${name}.png`) });
}
