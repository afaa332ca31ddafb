// One run in a child process, from its first message to its answer.

import { setMaxListeners } from "node:events";
import { Callback } from "./callback.mjs";
import { Files } from "./files.mjs";

/** What the invocation asks for; ends after `timeMs`. */
export function run(child, invocation, timeMs) {
  return new Promise((resolve) => new Run(child, invocation, timeMs, resolve));
}

class Run {
  #child;
  #invocation;
  #resolve;
  #id;
  #lines = [];
  #timer;
  #ending = new AbortController();
  #callback;
  #files;

  constructor(child, invocation, timeMs, resolve) {
    this.#child = child;
    this.#invocation = invocation;
    this.#resolve = resolve;
    this.#id = child.begin((message) => this.#receive(message));
    // One a request.
    setMaxListeners(0, this.#ending.signal);
    this.#timer = setTimeout(() => this.#end({ t: "timeout" }, true), timeMs);
    if (invocation.t === "analyze") return void this.#send({ t: "analyze", modules: invocation.modules });
    this.#callback = new Callback(invocation.callback, this.#ending.signal);
    this.#files = new Files(this.#callback, (message) => this.#send(message), this.#ending.signal);
    const { module, export: name, args, requestId } = invocation;
    this.#send({ t: "run", module, export: name, args, requestId });
  }

  #send(message) {
    this.#child.send({ run: this.#id, ...message });
  }

  #receive(message) {
    // Loading a module for its analysis gets it nothing.
    if (this.#callback === undefined && ["log", "call", "store", "open", "read", "piece"].includes(message.t)) return;
    switch (message.t) {
      case "log":
        return this.#log(message);
      case "call":
        return this.#answer(message.id, this.#callback.call(message.id, message.op, message.args));
      case "store":
        return this.#answer(message.id, this.#files.store(message));
      case "open":
        return this.#answer(message.id, this.#files.open(message));
      case "read":
        return this.#answer(message.id, this.#files.read(message));
      case "piece":
        return this.#files.piece(message);
      case "done":
        return this.#end({ t: "done", result: message.result, unawaited: message.unawaited }, false);
      case "failed":
        return this.#end({ t: "failed", message: message.message, data: message.data }, message.recycle);
      case "analyzed":
        return this.#end({ t: "analyzed", modules: message.modules }, false);
      case "ended":
        return this.#end({ t: "ended", outOfMemory: message.outOfMemory, how: message.how }, true);
    }
  }

  async #answer(id, asked) {
    let reply;
    try {
      reply = await asked;
    } catch (error) {
      reply = { fatal: { message: `the Node function failed: ${error?.message ?? error}`, transient: false } };
    }
    if (reply.fatal !== undefined) return this.#end({ t: "fatal", ...reply.fatal }, true);
    const { ok, error } = reply;
    this.#send(error === undefined ? { t: "reply", id, ok } : { t: "reply", id, error });
  }

  /** The server cuts lines and counts them; here nothing grows without bound. */
  #log({ level, messages, timestamp }) {
    if (this.#lines.length >= this.#invocation.lines) return;
    const most = this.#invocation.lineLength + 1;
    const cut = (text) => text.slice(0, most).toWellFormed();
    this.#lines.push({ level, messages: messages.slice(0, most).map(cut), timestamp });
  }

  #end(answer, over) {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort();
    clearTimeout(this.#timer);
    this.#callback?.close();
    this.#child.finish();
    if (over) this.#child.end();
    this.#resolve({ ...answer, lines: this.#lines });
  }
}
