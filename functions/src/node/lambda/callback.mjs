// Asking the server for what an action asks for.
//
// A request is repeated when its answer is lost, except where that could do something twice: the server makes writes once,
// whichever of its workers is asked, but calls another action as often as it is asked to.

import { again, agents, put, read, request } from "./http.mjs";

/** Bytes of arguments that go with the request. More would not pass every gateway on the way. */
const MOST_ARGUMENTS = 4 << 20;
const CALL_ACTION = "1.0/actions/action";
const AUDIT = "1.0/auditLog";
/** Errors of connections that were never made. */
const BEFORE = ["connect", "getaddrinfo"];

export class Callback {
  #url;
  #token;
  #signal;
  #kept = agents(true);
  /** A connection that is used again may turn out to be closed when something was sent. */
  #fresh = agents(false);
  /** What was written to the audit log: one line waits for the one before. */
  #audited = Promise.resolve({});

  constructor({ url, token }, signal) {
    this.#url = url;
    this.#token = token;
    this.#signal = signal;
  }

  /** Answers a syscall: `{ok}`, `{error}` or `{fatal}`. */
  async call(operation, op, args) {
    if (op !== AUDIT) return this.#call(operation, op, args, {});
    const before = this.#audited;
    const asked = before.then(async (audited) => {
      const reply = await this.#call(operation, op, args, audited);
      return { reply, audited: reply.audited ?? audited };
    });
    this.#audited = asked.then(({ audited }) => audited);
    return (await asked).reply;
  }

  async #call(operation, op, args, audited) {
    const head = { op, audited: audited.lines === undefined ? undefined : audited };
    if (Buffer.byteLength(args) <= MOST_ARGUMENTS) return this.ask("call", operation, head, args);
    const place = await this.ask("upload", operation, {});
    if (place.ok === undefined) return place;
    try {
      await put(place.ok.url, Buffer.from(args), { signal: this.#signal, agent: this.#kept });
    } catch (error) {
      return lost(error);
    }
    return this.ask("call", operation, { ...head, stored: true });
  }

  /** Asks for `what`; the answer is `{ok}`, `{error}` or `{fatal}`. */
  async ask(what, operation, head, args = "") {
    const line = JSON.stringify({ token: this.#token, operation, ...head });
    const body = Buffer.from(`${line}\n${args}`);
    const repeats = head.op !== CALL_ACTION;
    const options = {
      method: "POST",
      headers: { "Content-Type": "application/octet-stream", "Content-Length": body.length },
      body,
      agent: repeats ? this.#kept : this.#fresh,
      signal: this.#signal,
    };
    for (let attempt = 1; ; attempt++) {
      let failed;
      let begun = true;
      try {
        const response = await request(`${this.#url}/${what}`, options);
        const text = (await read(response)).toString();
        if (response.statusCode === 200) return JSON.parse(text);
        failed = new Error(`the server answered ${response.statusCode}: ${text.slice(0, 300)}`);
        if (response.statusCode === 429) begun = false;
        else if (response.statusCode < 500 && response.statusCode !== 408) return { fatal: { message: failed.message, transient: false } };
      } catch (error) {
        failed = error;
        begun = !BEFORE.includes(error.syscall);
      }
      if (begun && !repeats) return { error: { message: `the answer of an action that was called is lost: ${failed.message}`, data: null } };
      if (!(await again(attempt, this.#signal))) return lost(failed);
    }
  }

  /** Closes connections. */
  close() {
    for (const agent of [...Object.values(this.#kept), ...Object.values(this.#fresh)]) agent.destroy();
  }
}

function lost(error) {
  return { fatal: { message: `the server can not be reached: ${error.message}`, transient: true } };
}
