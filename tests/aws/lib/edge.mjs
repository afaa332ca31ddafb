// Stands in for CloudFront: routes as the distribution of the template says, and passes WebSockets on, which the
// emulator does not.

import http from "node:http";
import net from "node:net";
import vm from "node:vm";

/**
 * @typedef {object} Target where requests go
 * @property {string} url without a slash at its end; paths are appended
 * @property {string} [code] a function of CloudFront that changes requests first
 * @property {Record<string, string>} [headers] that are added
 * @property {number} [upgraded] how many WebSockets it was sent
 */

/** One host name: a server on a free port of this machine. */
export class Edge {
  /** Pattern of paths to targets, of which each serves in turn; the first that fits counts. @type {[string, Target[]][]} */
  routes = [];
  #server = http.createServer((request, response) => this.#pass(request, response));
  #sockets = new Set();
  /** How often each pattern was asked for. @type {Map<string, number>} */
  #turns = new Map();

  /** @returns {Promise<Edge>} */
  static async start() {
    const edge = new Edge();
    edge.#server.on("upgrade", (request, socket, head) => edge.#upgrade(request, socket, head));
    edge.#server.on("connection", (socket) => {
      edge.#sockets.add(socket);
      socket.once("close", () => edge.#sockets.delete(socket));
    });
    await new Promise((resolve) => edge.#server.listen(0, "127.0.0.1", resolve));
    edge.#server.unref();
    return edge;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  stop() {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Where a request goes: URL and headers. */
  #target(request) {
    const [path, query] = split(request.url);
    const [pattern, targets] = this.routes.find(([pattern]) => fits(pattern, path)) ?? [undefined, []];
    if (targets.length === 0) return undefined;
    const turn = this.#turns.get(pattern) ?? 0;
    this.#turns.set(pattern, turn + 1);
    const target = targets[turn % targets.length];
    const place = target.code === undefined ? request.url : rewrite(target.code, path, query);
    const headers = { ...request.headers, ...target.headers, host: new URL(target.url).host };
    return { url: new URL(target.url + place), headers, target };
  }

  #pass(request, response) {
    const target = this.#target(request);
    if (target === undefined) return void response.writeHead(502).end("no origin");
    const onward = http.request(target.url, { method: request.method, headers: target.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.once("error", (error) => (response.headersSent ? response.destroy() : response.writeHead(502).end(String(error))));
    response.once("close", () => onward.destroy());
    request.pipe(onward);
  }

  #upgrade(request, socket, head) {
    const target = this.#target(request);
    if (target === undefined) return void socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
    target.target.upgraded = (target.target.upgraded ?? 0) + 1;
    const onward = net.connect(Number(target.url.port), target.url.hostname, () => {
      const lines = Object.entries(target.headers).map(([name, value]) => `${name}: ${value}`);
      onward.write(`GET ${target.url.pathname}${target.url.search} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    onward.on("error", () => socket.destroy());
    socket.on("error", () => onward.destroy());
    socket.once("close", () => onward.destroy());
    onward.once("close", () => socket.destroy());
  }
}

/** Whether a path fits a pattern of CloudFront: `*` is any text, slashes included. */
function fits(pattern, path) {
  const escaped = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${escaped.join(".*")}$`).test(path);
}

/** Path and query after a function of CloudFront; also what tests of that function call. */
export function rewrite(code, path, query = "") {
  const querystring = Object.fromEntries([...new URLSearchParams(query)].map(([name, value]) => [name, { value }]));
  const event = { version: "1.0", request: { method: "GET", uri: path, querystring, headers: {}, cookies: {} } };
  const request = vm.runInNewContext(`${code}\nhandler(event)`, { event });
  const pairs = Object.entries(request.querystring).map(([name, { value }]) => [name, value]);
  const search = new URLSearchParams(pairs).toString();
  return search === "" ? request.uri : `${request.uri}?${search}`;
}

function split(url) {
  const at = url.indexOf("?");
  return at < 0 ? [url, ""] : [url.slice(0, at), url.slice(at + 1)];
}
