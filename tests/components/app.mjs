// The app with the official components, deployed to a server of a describe block's own.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { ConvexHttpClient } from "convex/browser";
import { runCli, startServer } from "../lib/server.mjs";

const folder = dirname(fileURLToPath(import.meta.url));

/** What is in it is there from the first test on: `server`, `http` (a client), `deployed` (what the CLI printed). */
export function useComponents() {
  const app = {
    cli: (args) => runCli(app.server, folder, args),
    query: (name, args = {}) => app.http.query(name, args),
    mutation: (name, args = {}) => app.http.mutation(name, args),
  };
  before(async () => {
    assert.ok(existsSync(join(folder, "node_modules")), "run `npm install` in tests/components first");
    app.server = await startServer();
    app.deployed = await app.cli(["deploy", "--typecheck", "disable"]);
    assert.equal(app.deployed.code, 0, app.deployed.stderr + app.deployed.stdout);
    app.http = new ConvexHttpClient(app.server.url, { logger: false });
  });
  after(async () => await app.server?.stop());
  return app;
}
