// Requests. Every invocation has connections of its own: those of an earlier one may have died while the function slept.

import http from "node:http";
import https from "node:https";

const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 50;
/** Nothing comes for this long: the other side is gone. Who takes longer to answer sends blanks. */
const SILENCE_MS = 60_000;

/** Agents for connections that are kept, or are used once. */
export function agents(keepAlive) {
  const options = { keepAlive, maxSockets: 64 };
  return { "http:": new http.Agent(options), "https:": new https.Agent(options) };
}

/** Sends a request and gives the response, of which nothing has been read; follows redirects to where an answer is. */
export async function request(url, { method = "GET", headers = {}, body, agent, signal } = {}) {
  const response = await send(new URL(url), { method, headers, body, agent, signal });
  if ((response.statusCode !== 302 && response.statusCode !== 303) || response.headers.location === undefined) return response;
  response.resume();
  return send(new URL(response.headers.location, url), { method: "GET", headers: {}, agent, signal });
}

function send(url, { method, headers, body, agent, signal }) {
  return new Promise((resolve, reject) => {
    const options = { method, headers, agent: agent?.[url.protocol], signal };
    const sending = (url.protocol === "http:" ? http : https).request(url, options, resolve);
    sending.setTimeout(SILENCE_MS, () => sending.destroy(new Error(`nothing came for ${SILENCE_MS / 1000} s`)));
    sending.on("error", reject);
    if (typeof body?.[Symbol.asyncIterator] !== "function") return void sending.end(body);
    write(sending, body).catch((error) => sending.destroy(error));
  });
}

/** Writes at the pace of the one who reads. */
async function write(sending, pieces) {
  for await (const piece of pieces) {
    if (sending.destroyed) return;
    if (!sending.write(piece)) await new Promise((resolve) => sending.once("drain", resolve).once("close", resolve));
  }
  sending.end();
}

/** All of a body. */
export async function read(response) {
  const pieces = [];
  for await (const piece of response) pieces.push(piece);
  return Buffer.concat(pieces);
}

export const isOk = ({ statusCode }) => statusCode >= 200 && statusCode < 300;

/** Waits before attempt number `attempt`, longer each time; false if there have been enough. */
export async function again(attempt, signal) {
  if (attempt >= ATTEMPTS || signal?.aborted) return false;
  const most = FIRST_PAUSE_MS * 3 ** (attempt - 1);
  await new Promise((resolve) => setTimeout(resolve, most / 2 + (Math.random() * most) / 2));
  return true;
}

/** Gets what a presigned URL leads to; null if it is not there. */
export async function get(url, options = {}) {
  for (let attempt = 1; ; attempt++) {
    let failed;
    try {
      const response = await request(url, options);
      if (isOk(response)) return response;
      const said = (await read(response)).toString().slice(0, 300);
      if (response.statusCode === 404 || response.statusCode === 403) {
        // Who may not list a bucket is not told that an object is missing.
        console.error(`the store answered ${response.statusCode}: ${said}`);
        return null;
      }
      failed = new Error(`the store answered ${response.statusCode}: ${said}`);
      if (response.statusCode < 500 && response.statusCode !== 429) throw Object.assign(failed, { final: true });
    } catch (error) {
      failed = error;
    }
    if (failed.final || !(await again(attempt, options.signal))) throw failed;
  }
}

export async function getJson(url) {
  const response = await get(url);
  if (response === null) throw new Error("what the invocation refers to is not in the store");
  return JSON.parse((await read(response)).toString());
}

/** Puts bytes to a presigned URL. */
export async function put(url, bytes, options = {}) {
  for (let attempt = 1; ; attempt++) {
    let failed;
    try {
      return await putOnce(url, bytes, bytes.length, options);
    } catch (error) {
      failed = error;
    }
    if (!(await again(attempt, options.signal))) throw failed;
  }
}

/** Puts `length` bytes, which may be a stream, to a presigned URL. */
export async function putOnce(url, body, length, options = {}) {
  const response = await request(url, { ...options, method: "PUT", headers: { "Content-Length": length }, body });
  const said = (await read(response)).toString().slice(0, 300);
  if (!isOk(response)) throw new Error(`the store answered ${response.statusCode}: ${said}`);
}
