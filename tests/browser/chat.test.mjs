// The example chat in a real browser: two people, one server, and the server's death in between.
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

const CHAT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../examples/chat");
const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
const OLD_MESSAGES = 70;

describe("the chat", () => {
  let server, page, browser, ada, grace;
  const pageErrors = [];

  before(async () => {
    server = await startServer();
    await deployApp(server, CHAT, { args: ["--codegen", "disable"] });
    page = await servePage(CHAT, server.url);
    browser = await launchBrowser();
    ada = await open("Ada Lovelace", DESKTOP);
    grace = await open("Grace Hopper", PHONE);
  });

  after(async () => {
    await browser?.close();
    await page?.close();
    await server?.stop();
  });

  async function open(name, options) {
    const context = await browser.newContext(options);
    const tab = await context.newPage();
    tab.setDefaultTimeout(20_000);
    tab.on("pageerror", (error) => pageErrors.push(`${name}: ${error.message}`));
    await tab.goto(page.url);
    await tab.getByLabel("Your name").fill(name);
    await tab.getByRole("button", { name: "Join the chat" }).click();
    await tab.getByRole("heading", { name: "general" }).waitFor();
    return tab;
  }

  test("a message typed in one page appears in the other", async () => {
    await say(ada, "Good morning from the desktop");
    await seen(grace, "Good morning from the desktop");
    await say(grace, "Good morning from the phone");
    await seen(ada, "Good morning from the phone");
  });

  test("each page sees that the other is typing, until the message is there", async () => {
    await composer(grace).pressSequentially("I think that", { delay: 20 });
    await ada.getByText("Grace Hopper is typing").waitFor();
    await screenshot(ada, "typing-desktop");
    await composer(grace).fill("I think that works");
    await composer(grace).press("Enter");
    await seen(ada, "I think that works");
    await ada.getByText("Grace Hopper is typing").waitFor({ state: "detached" });
  });

  test("a new channel appears everywhere and has messages of its own", async () => {
    await ada.getByRole("button", { name: "New channel" }).click();
    await ada.getByLabel("Name of the channel").fill("lake photos");
    await ada.getByRole("button", { name: "Add", exact: true }).click();
    await ada.getByRole("heading", { name: "lake-photos" }).waitFor();
    await say(ada, "Only in here");
    await grace.getByRole("link", { name: "lake-photos" }).click();
    await seen(grace, "Only in here");
    for (const tab of [ada, grace]) {
      await tab.getByRole("link", { name: "general" }).click();
      await seen(tab, "Good morning from the phone");
      assert.equal(await message(tab, "Only in here").count(), 0);
    }
  });

  test("messages cross a kill -9 of the server", async () => {
    await server.kill9();
    await ada.getByText("Reconnecting").waitFor();
    await screenshot(ada, "reconnecting-desktop");
    await say(ada, "Sent while the server was down");
    await server.restart();
    await seen(grace, "Sent while the server was down");
    await ada.getByText("Reconnecting").waitFor({ state: "detached" });
    await say(grace, "And back again");
    await seen(ada, "And back again");
    await seen(ada, "Good morning from the phone");
    assert.equal(await message(grace, "Sent while the server was down").count(), 1);
  });

  test("older messages load by the page, in order and without gaps", async () => {
    await addOldMessages(server);
    const reader = await open("Alan Turing", DESKTOP);
    await reader.getByRole("link", { name: "random" }).click();
    await seen(reader, `Message number ${OLD_MESSAGES}`);
    assert.equal(await message(reader, "Message number 1").count(), 0, "the first page holds only the newest messages");
    const older = reader.getByRole("button", { name: "Load older messages" });
    for (let pages = 0; pages < 2; pages++) {
      const shown = await reader.locator("li.message").count();
      await older.click();
      await reader.waitForFunction((n) => document.querySelectorAll("li.message").length > n, shown);
    }
    await reader.getByText("This is the start of random").waitFor({ state: "attached" });
    const bodies = await reader.locator("li.message .body").allInnerTexts();
    assert.deepEqual(bodies, Array.from({ length: OLD_MESSAGES }, (_, i) => `Message number ${i + 1}`));
    await say(reader, "Still live at the end");
    await grace.getByRole("link", { name: "random" }).click();
    await seen(grace, "Still live at the end");
    await reader.context().close();
  });

  test("it fits a phone and a desktop, in light and dark", async () => {
    for (const [tab, size] of [[ada, "desktop"], [grace, "phone"]]) {
      await tab.getByRole("link", { name: "general" }).click();
      await seen(tab, "And back again");
      for (const colorScheme of ["light", "dark"]) {
        await tab.emulateMedia({ colorScheme });
        await screenshot(tab, `${colorScheme}-${size}`);
      }
      const overflow = await tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(overflow <= 0, `the ${size} page is ${overflow} pixels too wide`);
      assert.ok(await composer(tab).isVisible());
    }
  });

  test("no page threw an error", () => assert.deepEqual(pageErrors, []));
});

const composer = (tab) => tab.getByLabel(/^Message to/);
const message = (tab, text) => tab.locator("li.message .body").getByText(text, { exact: true });
const seen = (tab, text) => message(tab, text).first().waitFor();

async function say(tab, text) {
  await composer(tab).fill(text);
  await composer(tab).press("Enter");
  await seen(tab, text);
}

async function addOldMessages(server) {
  const client = new ConvexHttpClient(server.url, { logger: false });
  const channels = await client.query(anyApi.channels.list, {});
  const channel = channels.find(({ name }) => name === "random")._id;
  for (let i = 1; i <= OLD_MESSAGES; i++) {
    const author = i % 7 < 4 ? "Edsger" : "Barbara Liskov";
    await client.mutation(anyApi.messages.send, { channel, author, body: `Message number ${i}` });
  }
}

async function screenshot(tab, name) {
  const dir = process.env.LAKEWIRE_SCREENSHOTS;
  if (!dir) return;
  mkdirSync(dir, { recursive: true });
  await tab.screenshot({ path: path.join(dir, `${name}.png`) });
}
