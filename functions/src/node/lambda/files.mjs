// Files between a process and the store. They pass through in pieces, which are asked for one by one.

import { createHash } from "node:crypto";
import { get, put, putOnce } from "./http.mjs";

/** A file of this size is sent again if the store does not take it; a larger one was not kept. */
const KEPT_BYTES = 8 << 20;

export class Files {
  #callback;
  #send;
  #signal;
  /** By operation: who waits for the next piece of a file that is stored. */
  #pulling = new Map();
  /** By operation: what is left of a file that was opened. */
  #opened = new Map();

  constructor(callback, send, signal) {
    this.#callback = callback;
    this.#send = send;
    this.#signal = signal;
  }

  /** A piece of a file that is stored. */
  piece({ id, data, error }) {
    const pull = this.#pulling.get(id);
    this.#pulling.delete(id);
    if (error !== null) pull?.reject(Object.assign(new Error(error), { interrupted: true }));
    else pull?.resolve(data === null ? null : Buffer.from(data, "base64"));
  }

  /** Stores a file: to the store by a URL, then as a file of the app. */
  async store({ id, contentType, sha256, length }) {
    const begun = await this.#callback.ask("store", id, { contentType, sha256 });
    if (begun.ok === undefined) return begun;
    const digest = createHash("sha256");
    try {
      await this.#upload(begun.ok.url, this.#pieces(id, digest), length);
    } catch (error) {
      const what = error.interrupted ? "the file did not arrive" : "cannot store the bytes of a file";
      return { error: { message: `StorageUnavailable: ${what}: ${error.message}`, data: null } };
    }
    return this.#callback.ask("commit", id, { file: begun.ok.file, sha256: digest.digest("hex") });
  }

  async *#pieces(id, digest) {
    for (;;) {
      const piece = await new Promise((resolve, reject) => {
        this.#pulling.set(id, { resolve, reject });
        this.#send({ t: "pull", id });
      });
      if (piece === null) return;
      digest.update(piece);
      yield piece;
    }
  }

  async #upload(url, pieces, length) {
    const options = { signal: this.#signal };
    if (length !== null && length > KEPT_BYTES) return putOnce(url, exactly(pieces, length), length, options);
    const all = [];
    for await (const piece of pieces) all.push(piece);
    return put(url, Buffer.concat(all), options);
  }

  /** Opens a file; its bytes are asked for when somebody reads. */
  async open({ id, storageId }) {
    const found = await this.#callback.ask("open", id, { storageId });
    if (found.ok === undefined || found.ok === null) return found;
    const { url, contentType, length } = found.ok;
    this.#opened.set(id, { url, pieces: null });
    return { ok: { file: id, contentType, length } };
  }

  /** The next piece of an opened file, in base64; null at its end. */
  async read({ file }) {
    const opened = this.#opened.get(file);
    if (opened === undefined) return { error: { message: "the file is not open", data: null } };
    try {
      if (opened.pieces === null) {
        const response = await get(opened.url, { signal: this.#signal });
        if (response === null) throw new Error("its bytes are not in the store");
        opened.pieces = response[Symbol.asyncIterator]();
      }
      const { done, value } = await opened.pieces.next();
      return { ok: done ? null : value.toString("base64") };
    } catch (error) {
      this.#opened.delete(file);
      return { error: { message: `cannot load the bytes of a file: ${error.message}`, data: null } };
    }
  }
}

/** As many bytes as were announced, or an error: the store would wait for the others. */
async function* exactly(pieces, length) {
  let left = length;
  for await (const piece of pieces) {
    left -= piece.length;
    if (left < 0) break;
    yield piece;
  }
  if (left !== 0) throw Object.assign(new Error("its length is not what was announced"), { interrupted: true });
}
