// Where the programs are that `scripts/setup` installs.

import { existsSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** Root of the repository. */
export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** A file below the folder of tools; LAKEWIRE_TOOLS names another folder. */
export function tool(...parts) {
  const cache = process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache");
  const tools = process.env.LAKEWIRE_TOOLS || path.join(cache, "lakewire", "tools");
  const file = path.join(tools, ...parts);
  if (!existsSync(file)) throw new Error(`this test needs \`${file}\`: run \`scripts/setup infra\``);
  return file;
}
