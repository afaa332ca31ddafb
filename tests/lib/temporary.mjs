// Directories that are gone when the test process is.

import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

const made = new Set();

process.once("exit", () => {
  for (const dir of made) rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
});

/** Makes an empty directory; `what` is part of its name. */
export function temporaryDir(what) {
  const dir = mkdtempSync(path.join(os.tmpdir(), `lakewire-${what}-`));
  made.add(dir);
  return dir;
}
