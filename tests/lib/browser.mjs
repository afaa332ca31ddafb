// A headless Chromium of the system, driven by playwright-core.

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/usr/bin/google-chrome-stable"];

// The browser talks to the pages under test and to nobody else.
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts the browser: the one that `CHROMIUM` names, else the system's. */
export async function launchBrowser() {
  const executablePath = process.env.CHROMIUM ?? PLACES.find(existsSync);
  if (executablePath === undefined) throw new Error("found no chromium: install it, or set CHROMIUM to its path");
  return await chromium.launch({ executablePath, args: FLAGS });
}
