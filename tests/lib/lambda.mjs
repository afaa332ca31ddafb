// A Lambda service whose functions are processes: `tests/emulators/README.md` says what it can do.

import { control, startEmulator } from "./emulator.mjs";

export class Lambda {
  #stop;

  /** Starts one without functions. */
  static async start() {
    const { endpoints, stop } = await startEmulator(["lambda"]);
    const lambda = new Lambda();
    lambda.#stop = stop;
    [[, lambda.endpoint]] = endpoints;
    /** What the environment of a client of AWS has to say. */
    lambda.env = { AWS_ENDPOINT_URL_LAMBDA: lambda.endpoint };
    return lambda;
  }

  /** Defines a function, anew if it is there: `{ bootstrap | node, handler, env, timeoutMs, memory, concurrency, ... }`. */
  async define(name, definition) {
    return await control("PUT", `${this.endpoint}/functions/${name}`, definition);
  }

  /** Makes an API in front of a function: `{ function, kind: "http" | "websocket", ... }`; gives its `url` (and `endpoint`). */
  async api(id, definition) {
    return await control("PUT", `${this.endpoint}/apis/${id}`, definition);
  }

  /**
   * Invokes a function.
   *
   * @param {"RequestResponse" | "Event" | "DryRun"} [type]
   * @returns {Promise<{status: number, error?: string, requestId: string, payload: any}>} `error`: the function's
   */
  async invoke(name, event, type = "RequestResponse") {
    const url = `${this.endpoint}/2015-03-31/functions/${name}/invocations`;
    const answer = await fetch(url, { method: "POST", headers: { "x-amz-invocation-type": type }, body: JSON.stringify(event) });
    const text = await answer.text();
    return {
      status: answer.status,
      error: answer.headers.get("x-amz-function-error") ?? undefined,
      requestId: answer.headers.get("x-amzn-requestid"),
      payload: text === "" ? undefined : JSON.parse(text),
    };
  }

  /** Figures: `functions` by name, `apis` by id. */
  async stats() {
    return await control("GET", `${this.endpoint}/stats`);
  }

  async resetStats() {
    await control("DELETE", `${this.endpoint}/stats`);
  }

  /** Kills environments of a function: one that is busy, or `which` (`idle`, `all`); waits `waitMs` for there to be one. */
  async kill(name, options = {}) {
    return (await control("POST", `${this.endpoint}/kill`, { function: name, ...options })).killed;
  }

  /** What the processes of a function printed. */
  async log(name) {
    return await control("GET", `${this.endpoint}/functions/${name}/log`);
  }

  async stop() {
    await this.#stop();
  }
}
