// One client of the sync protocol, as small as a measurement needs it, so that times are those of the server.

import { randomUUID } from "node:crypto";

import WebSocket from "ws";

const QUIET = { perMessageDeflate: false };

export class Socket {
  #socket;
  #version = 0;
  #requests = new Map();
  #queries = new Map();
  #failed;

  /** Connects and says hello. */
  static async open(url) {
    const socket = new Socket();
    socket.#socket = new WebSocket(url, QUIET);
    await new Promise((resolve, reject) => {
      socket.#socket.once("open", resolve);
      socket.#socket.once("error", reject);
    });
    socket.#socket.on("message", (data) => socket.#take(JSON.parse(data)));
    socket.#socket.on("error", (error) => socket.#fail(error));
    socket.#socket.on("close", (code, reason) => socket.#fail(new Error(`the relay closed the socket: ${code} ${reason}`)));
    const hello = { sessionId: randomUUID(), connectionCount: 0, lastCloseReason: "InitialConnect", clientTs: 0 };
    socket.#send({ type: "Connect", ...hello });
    return socket;
  }

  /**
   * Subscribes to queries; resolves once all have a value.
   *
   * @param {[name: string, args: object, heard?: (value: any) => void][]} queries
   */
  async subscribe(queries) {
    const values = [];
    const modifications = queries.map(([name, args, heard]) => {
      const queryId = this.#queries.size;
      values.push(
        new Promise((resolve, reject) => {
          this.#queries.set(queryId, { resolve, reject, heard });
        }),
      );
      return { type: "Add", queryId, udfPath: name, args: [args] };
    });
    const baseVersion = this.#version++;
    this.#send({ type: "ModifyQuerySet", baseVersion, newVersion: this.#version, modifications });
    return await Promise.all(values);
  }

  /** Resolves when the relay has answered. */
  async mutation(name, args) {
    const requestId = this.#requests.size;
    const answered = new Promise((resolve, reject) => {
      this.#requests.set(requestId, { resolve, reject });
    });
    this.#send({ type: "Mutation", requestId, udfPath: name, args: [args] });
    return await answered;
  }

  /** Whether it is of no use any more. */
  get isClosed() {
    return this.#failed !== undefined;
  }

  close() {
    this.#failed = new Error("closed");
    this.#socket.terminate();
  }

  #send(message) {
    if (this.#failed) throw this.#failed;
    this.#socket.send(JSON.stringify(message));
  }

  #take(message) {
    if (message.type === "MutationResponse") {
      const { resolve, reject } = this.#requests.get(message.requestId);
      if (message.success) resolve(message.result);
      else reject(new Error(JSON.stringify(message)));
    } else if (message.type === "Transition") {
      for (const { type, queryId, value, ...rest } of message.modifications) {
        const { resolve, reject, heard } = this.#queries.get(queryId);
        if (type !== "QueryUpdated") reject(new Error(JSON.stringify({ type, ...rest })));
        resolve(value);
        heard?.(value);
      }
    } else if (message.type !== "Ping") {
      this.#fail(new Error(JSON.stringify(message)));
    }
  }

  #fail(error) {
    this.#failed ??= error;
    for (const { reject } of [...this.#requests.values(), ...this.#queries.values()]) reject(this.#failed);
  }
}

/** Opens `count` of them, some at a time, and has each do `then`. */
export async function openMany(url, count, then = async () => {}, atOnce = 64) {
  const sockets = [];
  for (let first = 0; first < count; first += atOnce) {
    const batch = Array.from({ length: Math.min(atOnce, count - first) }, async (_, n) => {
      const socket = await Socket.open(url);
      await then(socket, first + n);
      return socket;
    });
    sockets.push(...(await Promise.all(batch)));
  }
  return sockets;
}
