// A local stand-in for a service on the internet: an HTTP server that refuses what the service would refuse, and keeps
// what it was asked for the test to look at.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { freePort } from "../../lib/server.mjs";

/**
 * @param {string} host that it stands in for; requests have to name it
 * @param {(request: Asked) => Promise<Told | undefined> | Told | undefined} answer throws an AssertionError for what the
 *   service would not take, which is then answered with 400 and kept in `faults`
 * @typedef {{method: string, path: string, query: URLSearchParams, headers: Record<string, string>, body: string}} Asked
 * @typedef {{status?: number, headers?: Record<string, string>, body?: string | Buffer | object}} Told 404 if undefined
 */
export async function startService(host, answer) {
  const [requests, faults] = [[], []];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const url = new URL(request.url, `http://${host}`);
    const { method, headers } = request;
    const asked = { method, path: url.pathname, query: url.searchParams, headers, body: Buffer.concat(chunks).toString() };
    requests.push(asked);
    let told;
    try {
      assert.equal(headers.host, host);
      told = (await answer(asked)) ?? { status: 404, body: { error: `nothing at ${method} ${url.pathname}` } };
    } catch (error) {
      faults.push(`${method} ${url.pathname}: ${error.message}`);
      told = { status: 400, body: { error: error.message } };
    }
    const isRaw = typeof told.body === "string" || Buffer.isBuffer(told.body) || told.body === undefined;
    response.writeHead(told.status ?? 200, { ...(isRaw ? {} : { "content-type": "application/json" }), ...told.headers });
    response.end(isRaw ? told.body : JSON.stringify(told.body));
  });
  server.listen(await freePort(), "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${server.address().port}`;
  return {
    requests,
    faults,
    /** Arguments by which an operator sends the functions' requests for the host here. */
    args: ["--fetch-override", `${host}=${url}`],
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
