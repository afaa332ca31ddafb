// One action in flight: what it has asked the server for, and what it is still waiting for.

import { AsyncLocalStorage } from "node:async_hooks";

/** The run that the code at hand belongs to. */
export const als = new AsyncLocalStorage();

/** The run at hand; throws outside of any. */
export function currentRun() {
  const run = als.getStore();
  if (run === undefined) throw new Error("Convex functions can only be used while an action runs");
  return run;
}

export class Run {
  #send;
  #next = 0;
  #waiting = new Map();
  #uploads = new Map();
  /** Console timers by label. */
  timers = new Map();

  constructor(id, send) {
    this.id = id;
    this.#send = (message) => send({ run: id, ...message });
  }

  log(level, messages) {
    this.#send({ t: "log", level, messages, timestamp: Date.now() });
  }

  /** Sends a request of the kind `t`; `name` is what warnings call it, none for what is part of another operation. */
  ask(t, name, fields) {
    const id = this.#next++;
    const { promise, resolve, reject } = withResolvers();
    this.#waiting.set(id, { name, resolve, reject });
    this.#send({ t, id, ...fields });
    return promise;
  }

  /** Offers the bytes of `stream` to the server, which asks for them piece by piece. */
  store(fields, stream) {
    const id = this.#next;
    const reader = stream.getReader();
    this.#uploads.set(id, reader);
    const stored = this.ask("store", "storageStore", fields);
    return stored.finally(() => {
      this.#uploads.delete(id);
      reader.cancel().catch(() => {});
    });
  }

  receive(message) {
    if (message.t === "pull") return void this.#pull(message.id);
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return;
    this.#waiting.delete(message.id);
    if (message.error === undefined) return waiting.resolve(message.ok);
    const error = new Error(message.error.message);
    if (message.error.data !== null) error.data = JSON.parse(message.error.data);
    waiting.reject(error);
  }

  async #pull(id) {
    const reader = this.#uploads.get(id);
    if (reader === undefined) return;
    try {
      const { done, value } = await reader.read();
      this.#send({ t: "piece", id, data: done ? null : Buffer.from(value).toString("base64"), error: null });
    } catch (error) {
      this.#send({ t: "piece", id, data: null, error: String(error?.message ?? error) });
    }
  }

  /** The operations that nobody has got an answer of. */
  unawaited() {
    return [...this.#waiting.values()].filter(({ name }) => name !== null).map(({ name }) => name);
  }
}

function withResolvers() {
  const all = {};
  all.promise = new Promise((resolve, reject) => Object.assign(all, { resolve, reject }));
  return all;
}
