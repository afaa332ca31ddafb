// Errors as their callers read them: stacks refer to the developer's own sources.

import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** Frames whose source is in here are of no interest on top of a stack. */
const PACKAGE_INTERNALS = "convex/src/server/impl";
const OWN = path.dirname(fileURLToPath(import.meta.url));

const maps = new Map();
const framesOf = new WeakMap();

/** Has stacks mapped by the maps beside the modules in `folder`. */
export function useSourceMaps(folder) {
  Error.prepareStackTrace = (error, sites) => {
    const lines = render(folder, sites);
    framesOf.set(error, lines);
    const header = headerOf(error);
    return lines === "" ? header : `${header}\n${lines}`;
  };
}

function headerOf(error) {
  try {
    return String(error);
  } catch {
    return "Error";
  }
}

/** The place in the sources of a place (from 1) in the module at `file`, if its map tells. */
export function original(folder, file, line, column) {
  const module = path.relative(folder, file);
  if (module.startsWith("..") || path.isAbsolute(module)) return null;
  if (!maps.has(module)) maps.set(module, readMap(`${file}.map`));
  const entry = maps.get(module)?.findEntry(line - 1, column - 1);
  // An entry of an earlier line says nothing about this one.
  if (entry?.originalSource === undefined || entry.generatedLine !== line - 1) return null;
  return { source: entry.originalSource, line: entry.originalLine + 1, column: entry.originalColumn + 1 };
}

function readMap(file) {
  try {
    return new SourceMap(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return undefined;
  }
}

function render(folder, sites) {
  const lines = [];
  for (const site of sites) {
    const text = site.toString();
    const url = site.getFileName() ?? "";
    const file = url.startsWith("file:") ? fileURLToPath(url) : url;
    if (path.dirname(file) === OWN) continue;
    if (lines.length === 0 && file.startsWith("node:internal/")) continue;
    const place = `${url}:${site.getLineNumber()}:${site.getColumnNumber()}`;
    const at = original(folder, file, site.getLineNumber(), site.getColumnNumber());
    if (lines.length === 0 && at?.source.includes(PACKAGE_INTERNALS)) continue;
    const shown = at === null ? text : text.replace(place, `${at.source}:${at.line}:${at.column}`);
    lines.push(`    at ${shown}`);
  }
  return lines.join("\n");
}

/** The frames of an error, one a line; empty if it has none. */
export function frames(error) {
  if (typeof error !== "object" || error === null) return "";
  try {
    // Reading it has the stack prepared.
    void error.stack;
  } catch {
    return "";
  }
  return framesOf.get(error) ?? "";
}

/** `Name: message` of an error, the text of anything else. */
export function describe(thrown) {
  try {
    if (typeof thrown === "object" && thrown !== null && (thrown instanceof Error || thrown.message !== undefined)) {
      const name = thrown.name === undefined ? "" : String(thrown.name);
      const message = thrown.message === undefined ? "" : String(thrown.message);
      return name === "" || message === "" ? name || message : `${name}: ${message}`;
    }
    return typeof thrown === "object" && thrown !== null ? JSON.stringify(thrown) : String(thrown);
  } catch {
    return "unknown error";
  }
}
