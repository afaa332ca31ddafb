// What is fetched by hash and kept in the temporary folder, as long as the function is warm.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { get, read } from "./http.mjs";

/** The folder for things of a kind. */
export function folder(kind) {
  const made = path.join(os.tmpdir(), "lakewire", kind);
  mkdirSync(made, { recursive: true });
  return made;
}

/** What has to be in the store before this can go on. */
export class Missing extends Error {
  bundle = false;
  packages = false;

  /** The result of `work`; notes that there is none because `what` is missing. */
  async note(what, work) {
    const result = await work;
    if (result === null) this[what] = true;
    return result;
  }

  throwIfAny() {
    if (this.bundle || this.packages) throw this;
  }
}

/** The folder of what is named `key`, which `fill` makes; null if that can't be. The room is for one of a kind. */
export async function keep(kind, key, fill) {
  const place = path.join(folder(kind), key);
  if (existsSync(place)) return place;
  for (const other of readdirSync(folder(kind))) rmSync(path.join(folder(kind), other), { recursive: true, force: true });
  const making = `${place}.new`;
  mkdirSync(making);
  if (!(await fill(making))) return null;
  renameSync(making, place);
  return place;
}

/** The folder with the modules of a bundle; null if it is not in the store. `packages` has its `node_modules`. */
export async function bundleFolder({ key, url }, packages) {
  const made = await keep("bundles", key, async (making) => {
    const response = await get(url);
    if (response === null) return false;
    const { modules } = JSON.parse((await read(response)).toString());
    writeFileSync(path.join(making, "package.json"), '{"type":"module"}');
    if (packages !== null) symlinkSync(path.join(packages, "node_modules"), path.join(making, "node_modules"));
    mkdirSync(path.join(making, "modules"));
    for (const module of modules) {
      // Paths of modules are canonical: they lead nowhere else.
      const file = path.join(making, "modules", module.path);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, module.source);
      if (module.map !== null) writeFileSync(`${file}.map`, module.map);
    }
    return true;
  });
  return made === null ? null : path.join(made, "modules");
}
