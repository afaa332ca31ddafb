// What every conformance test starts from: one server with the app deployed, official clients,
// a raw socket for what a client cannot show, and a proxy that can cut connections.

import { randomUUID } from "node:crypto";
import net from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before } from "node:test";
import { BaseConvexClient, ConvexClient, ConvexHttpClient } from "convex/browser";
import WebSocket from "ws";
import { deployApp, startServer } from "../lib/server.mjs";

const here = dirname(fileURLToPath(import.meta.url));

/**
 * Starts a server with an app before the tests of a file and stops it after them.
 *
 * @param {object} [options] as of `startServer`, and `app`: the app's folder beside this file, `app` if absent
 */
export function useServer({ app = "app", ...options } = {}) {
  const context = {};
  const opened = [];
  before(async () => {
    context.server = await startServer(options);
    context.deployed = await deployApp(context.server, join(here, app));
    Object.assign(context, { url: context.server.url, adminKey: context.server.adminKey });
  });
  after(async () => {
    for (const close of opened) await close();
    await context.server?.stop();
  });
  context.client = (url = context.url, options = {}) => {
    const client = new ConvexClient(url, { webSocketConstructor: WebSocket, unsavedChangesWarning: false, ...options });
    opened.push(() => client.close());
    return client;
  };
  context.base = (onTransition, url = context.url, options = {}) => {
    const client = new BaseConvexClient(url, onTransition, {
      webSocketConstructor: WebSocket,
      unsavedChangesWarning: false,
      ...options,
    });
    opened.push(() => client.close());
    return client;
  };
  context.http = () => new ConvexHttpClient(context.url);
  context.adminHttp = () => {
    const client = new ConvexHttpClient(context.url);
    client.setAdminAuth(context.adminKey);
    return client;
  };
  context.raw = async (options = {}) => {
    const raw = await RawSocket.open(options.url ?? context.url, options);
    opened.push(() => raw.close());
    return raw;
  };
  context.proxy = async () => {
    const proxy = await CuttingProxy.start(new URL(context.url));
    opened.push(() => proxy.stop());
    return proxy;
  };
  return context;
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Polls until `check` gives something truthy; fails after `ms`. */
export async function until(check, what, ms = 10_000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain: ${what}`);
    await sleep(10);
  }
}

/** The first value of a query on a ConvexClient that satisfies `accept`. */
export function nextValue(client, query, args, accept = () => true, ms = 10_000) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no such value of ${String(query)} in ${ms} ms`)), ms);
    let stop = () => {};
    const done = (settle) => (value) => {
      clearTimeout(timer);
      setImmediate(() => stop());
      settle(value);
    };
    stop = client.onUpdate(query, args, (value) => accept(value) && done(resolve)(value), done(reject));
  });
}

export const ts = (text) => Buffer.from(text, "base64").readBigUInt64LE();

export const encodeTs = (number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(number));
  return bytes.toString("base64");
};

/** A socket that speaks the protocol by hand. Collects all messages but Pings, and the close. */
export class RawSocket {
  static async open(url, { version = "1.48.0", headers = {}, options = {} } = {}) {
    const raw = new RawSocket();
    raw.messages = [];
    raw.read = 0;
    raw.waiters = [];
    raw.pings = 0;
    raw.chunks = [];
    const path = version === null ? "/api/sync" : `/api/${version}/sync`;
    raw.socket = new WebSocket(url.replace(/^http/, "ws") + path, { headers, ...options });
    raw.closed = new Promise((resolve) => {
      raw.socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    raw.socket.on("message", (data, binary) => raw.#arrived(data, binary));
    await new Promise((resolve, reject) => {
      raw.socket.on("open", resolve);
      raw.socket.on("error", reject);
      raw.socket.on("unexpected-response", (_request, response) => {
        let body = "";
        response.on("data", (part) => (body += part));
        response.on("end", () =>
          reject(Object.assign(new Error(`status ${response.statusCode}`), { response, body })),
        );
      });
    });
    return raw;
  }

  #arrived(data, binary) {
    if (binary) throw new Error("a binary frame from the server");
    const message = JSON.parse(data.toString());
    if (message.type === "Ping") {
      this.pings++;
      return;
    }
    this.messages.push(message);
    for (const wake of this.waiters.splice(0)) wake();
  }

  send(message) {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  connect(fields = {}) {
    this.sessionId = fields.sessionId ?? randomUUID();
    this.send({
      connectionCount: 0,
      lastCloseReason: "InitialConnect",
      clientTs: Date.now(),
      type: "Connect",
      ...fields,
      sessionId: this.sessionId,
    });
  }

  modify(baseVersion, newVersion, modifications) {
    this.send({ type: "ModifyQuerySet", baseVersion, newVersion, modifications });
  }

  add(queryId, udfPath, args = {}, rest = {}) {
    return { type: "Add", queryId, udfPath, args: [args], ...rest };
  }

  mutate(requestId, udfPath, args = {}) {
    this.send({ type: "Mutation", requestId, udfPath, args: [args] });
  }

  act(requestId, udfPath, args = {}) {
    this.send({ type: "Action", requestId, udfPath, args: [args] });
  }

  /** The next unread message that satisfies `accept`; those before it are skipped. */
  async next(accept = () => true, ms = 10_000) {
    const end = Date.now() + ms;
    for (;;) {
      while (this.read < this.messages.length) {
        const message = this.messages[this.read++];
        if (accept(message)) return message;
      }
      const left = end - Date.now();
      if (left <= 0) throw new Error(`no such message in ${ms} ms; got ${JSON.stringify(this.messages).slice(0, 2000)}`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  transition(accept = () => true, ms) {
    return this.next((message) => message.type === "Transition" && accept(message), ms);
  }

  response(requestId, ms) {
    return this.next((message) => /Response$/.test(message.type) && message.requestId === requestId, ms);
  }

  close() {
    this.socket.terminate();
  }
}

/** A TCP proxy: `cut()` resets every connection; `hold()` stops passing what the server says. */
export class CuttingProxy {
  static async start(target) {
    const proxy = new CuttingProxy();
    proxy.pairs = new Set();
    proxy.held = false;
    proxy.accepted = 0;
    proxy.refusing = false;
    proxy.target = target;
    proxy.listener = net.createServer((client) => proxy.#accept(client));
    await new Promise((resolve) => proxy.listener.listen(0, "127.0.0.1", resolve));
    proxy.url = `http://127.0.0.1:${proxy.listener.address().port}`;
    return proxy;
  }

  #accept(client) {
    this.accepted++;
    if (this.refusing) return client.resetAndDestroy();
    const server = net.connect(Number(this.target.port), this.target.hostname);
    const pair = { client, server };
    this.pairs.add(pair);
    client.on("data", (data) => server.write(data));
    server.on("data", (data) => this.held || client.write(data));
    const end = () => {
      this.pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("close", end);
      socket.on("error", end);
    }
  }

  /** From now on nothing from the server gets through on open connections. */
  hold() {
    this.held = true;
  }

  /** Resets all connections; new ones pass everything again. */
  cut() {
    this.held = false;
    for (const { client, server } of this.pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  async stop() {
    this.cut();
    await new Promise((resolve) => this.listener.close(resolve));
  }
}
