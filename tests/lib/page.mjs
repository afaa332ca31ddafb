// Builds a Vite app for one backend and serves the result.

import { execFile } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/**
 * @param {string} appDir an app with Vite among its dependencies
 * @param {string} backendUrl what the app finds in `VITE_CONVEX_URL`
 * @returns {Promise<{url: string, close(): Promise<void>}>}
 */
export async function servePage(appDir, backendUrl) {
  const root = mkdtempSync(path.join(os.tmpdir(), "lakewire-page-"));
  const remove = () => rmSync(root, { recursive: true, force: true });
  process.once("exit", remove);
  const vite = path.join(appDir, "node_modules", "vite", "bin", "vite.js");
  await promisify(execFile)(process.execPath, [vite, "build", "--outDir", root, "--emptyOutDir", "--logLevel", "warn"], {
    cwd: appDir,
    env: { ...process.env, VITE_CONVEX_URL: backendUrl },
  });

  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const file = path.join(root, pathname === "/" ? "index.html" : path.normalize(pathname));
    if (!file.startsWith(root) || !existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": TYPES[path.extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      remove();
    },
  };
}
