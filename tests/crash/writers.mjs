// Clients that write without pause and remember what they sent and what was acknowledged.

import { setTimeout as sleep } from "node:timers/promises";
import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { anyApi } from "convex/server";

/** How many mutations a writer has in flight. */
const WINDOW = 4;
const PADDING = "x".repeat(200);

class Writer {
  /** Number of mutations sent; their `seq` are 1, 2, ... */
  issued = 0;
  /** `seq` of every acknowledged mutation, to the round in which it was. */
  acked = new Map();
  ackedInRound = 0;
  errors = [];
  #round = 0;
  #stopped = false;
  #loops = [];

  constructor(name) {
    this.name = name;
  }

  set round(round) {
    this.#round = round;
    this.ackedInRound = 0;
  }

  start() {
    this.#loops = Array.from({ length: WINDOW }, () => this.#loop());
  }

  /** Sends nothing more and waits for what is in flight. */
  async finish(timeoutMs) {
    this.#stopped = true;
    const late = sleep(timeoutMs, "late", { ref: false });
    if ((await Promise.race([Promise.all(this.#loops), late])) === "late") {
      this.errors.push(`${this.issued - this.acked.size} mutations were never answered`);
    }
  }

  async #loop() {
    while (!this.#stopped) {
      const seq = ++this.issued;
      if (await this.send({ client: this.name, seq, padding: PADDING })) {
        this.acked.set(seq, this.#round);
        this.ackedInRound++;
      }
    }
  }
}

/** Over the WebSocket, where the client repeats what was not answered: every mutation must be there exactly once. */
export class SocketWriter extends Writer {
  exactlyOnce = true;
  #client;

  constructor(name, url) {
    super(name);
    this.#client = new ConvexClient(url, { logger: false, unsavedChangesWarning: false });
  }

  async send(args) {
    try {
      await this.#client.mutation(anyApi.ledger.append, args);
      return true;
    } catch (error) {
      this.errors.push(`mutation ${args.seq} failed: ${error.message}`);
      return false;
    }
  }

  async close() {
    await this.#client.close();
  }
}

/** Over HTTP, where a mutation whose answer was lost may or may not be there, but never twice. */
export class HttpWriter extends Writer {
  exactlyOnce = false;
  #client;
  #unanswered;

  /** @param {RegExp} [unanswered] what is said instead of an answer by who is between client and server */
  constructor(name, url, unanswered) {
    super(name);
    this.#client = new ConvexHttpClient(url, { logger: false });
    this.#unanswered = unanswered;
  }

  async send(args) {
    try {
      await this.#client.mutation(anyApi.ledger.append, args, { skipQueue: true });
      return true;
    } catch (error) {
      // `fetch failed` is a server that is down; anything else is an answer, and no answer of a live server is an error.
      if (!(error instanceof TypeError) && !this.#unanswered?.test(error.message)) this.errors.push(`mutation ${args.seq} failed: ${error.message}`);
      await sleep(5);
      return false;
    }
  }

  async close() {}
}
