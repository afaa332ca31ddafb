// The app with the official components, deployed to a server of a describe block's own.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ConvexHttpClient } from "convex/browser";
import { runCli, startServer } from "../lib/server.mjs";

const folder = dirname(fileURLToPath(import.meta.url));

/** What modules of the app want to be there when they are loaded. */
const VARIABLES = { TWILIO_ACCOUNT_SID: "AC0123456789abcdef", TWILIO_AUTH_TOKEN: "twilio token" };

/**
 * What is in it is there from the first test on: `server`, `http` (a client), `deployed` (what the CLI printed).
 *
 * @param {() => Promise<Needs> | Needs} [prepare] runs before the server starts, to start what the components call
 * @typedef {{args?: string[], variables?: Record<string, string>}} Needs further arguments of the server, and environment
 *   variables of the app
 */
export function useComponents(prepare = () => ({})) {
  const app = {
    cli: (args, options) => runCli(app.server, folder, args, options),
    query: (name, args = {}) => app.http.query(name, args),
    mutation: (name, args = {}) => app.http.mutation(name, args),
    action: (name, args = {}) => app.http.action(name, args),
    /** What the dashboard's functions tell an administrator. */
    dashboard: async (name, args = {}) => {
      const admin = new ConvexHttpClient(app.server.url, { logger: false });
      admin.setAdminAuth(app.server.adminKey);
      return await admin.query(`_system/frontend/${name}`, args);
    },
    componentId: async (path) => (await app.dashboard("components:list")).find((component) => component.path === path).id,
  };
  before(async () => {
    assert.ok(existsSync(join(folder, "node_modules")), "run `npm install` in tests/components first");
    const { args, variables } = await prepare();
    app.server = await startServer({ args });
    const lines = Object.entries({ ...VARIABLES, ...variables }).map(([name, value]) => `${name}=${value}`);
    const set = await app.cli(["env", "set"], { input: lines.join("\n") });
    assert.equal(set.code, 0, set.stderr + set.stdout);
    app.deployed = await app.cli(["deploy", "--typecheck", "disable"]);
    assert.equal(app.deployed.code, 0, app.deployed.stderr + app.deployed.stdout);
    app.http = new ConvexHttpClient(app.server.url, { logger: false });
  });
  after(async () => await app.server?.stop());
  return app;
}

/** Waits until `look` gives something that `accept` takes. */
export async function until(look, accept, ms = 30_000) {
  const deadline = Date.now() + ms;
  for (;;) {
    const seen = await look();
    if (accept(seen)) return seen;
    assert.ok(Date.now() < deadline, `not so in ${ms} ms: ${JSON.stringify(seen)?.slice(0, 2_000)}`);
    await sleep(50);
  }
}
