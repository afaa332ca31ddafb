// The app of these tests, and what it must show.

import assert from "node:assert/strict";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { anyApi } from "convex/server";
import WebSocket from "ws";
import { deployApp, makeProject } from "../lib/server.mjs";

const APP = path.join(path.dirname(fileURLToPath(import.meta.url)), "app");

/** Deploys the app to `server`. */
export async function deployNotes(server) {
  await deployApp(server, makeProject(APP), { args: ["--typecheck", "disable", "--codegen", "disable"] });
}

/** The app on `server` by the official client, beside a model of what its mutations amount to. */
export class Notes {
  /** From `n` to the note. */
  #model;
  #client;

  /**
   * @param {{url: string}} server
   * @param {Notes} [like] what is there already
   */
  constructor(server, like) {
    this.#client = new ConvexHttpClient(server.url, { logger: false });
    this.#model = new Map(like?.#model);
  }

  async add(from, to, tag) {
    await this.#client.mutation(anyApi.notes.add, { from, to, tag });
    for (let n = from; n < to; n++) this.#model.set(n, { tag, text: `${tag} ${n}` });
  }

  async mark(from, to, text) {
    await this.#client.mutation(anyApi.notes.mark, { from, to, text });
    for (const [n, note] of this.#model) if (n >= from && n < to) this.#model.set(n, { ...note, text: `${text} ${n}` });
  }

  async remove(from, to) {
    await this.#client.mutation(anyApi.notes.remove, { from, to });
    for (let n = from; n < to; n++) this.#model.delete(n);
  }

  /** Compares two indexes of the table with the model. */
  async check() {
    const notes = [...this.#model].sort(([a], [b]) => a - b);
    assert.deepEqual(await this.#client.query(anyApi.notes.texts, {}), notes.map(([, { text }]) => text));
    for (const tag of new Set([...notes.map(([, note]) => note.tag), "nobody"])) {
      const expected = notes.filter(([, note]) => note.tag === tag).map(([n]) => n);
      assert.deepEqual(await this.#client.query(anyApi.notes.tagged, { tag }), expected.reverse());
    }
  }
}

/** A subscription to all texts: `until(accept)` waits for a value. */
export function watchTexts(server) {
  const client = new ConvexClient(server.url, { webSocketConstructor: WebSocket, unsavedChangesWarning: false, logger: false });
  let last;
  let changed = () => {};
  client.onUpdate(anyApi.notes.texts, {}, (texts) => {
    last = texts;
    changed();
  });
  return {
    close: () => client.close(),
    async until(accept, ms = 10_000) {
      const deadline = Date.now() + ms;
      while (last === undefined || !accept(last)) {
        const left = deadline - Date.now();
        assert.ok(left > 0, `no such texts in ${ms} ms; the last are ${JSON.stringify(last?.slice(-3))}`);
        await new Promise((resolve) => {
          const timer = setTimeout(resolve, left);
          changed = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      return last;
    },
  };
}
