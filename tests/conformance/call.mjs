// Calls over HTTP that give back everything that an official client keeps to itself: error texts, data, log lines.

import { convexToJson, jsonToConvex } from "convex/values";

/**
 * @param {{url: string, adminKey: string}} use as `useServer` gives it
 * @returns `query`, `mutation`, `action`: `(path, args, {admin, raw}) => {value, error, data, logs}`; `raw` sends the
 *   arguments as they are. A status other than 200 is an `error` too, with its `status`. `ok` in front throws instead of
 *   giving an error, and gives the value.
 */
export function caller(use) {
  const call = (kind) => async (path, args = {}, { admin = false, raw = false } = {}) => {
    const headers = { "content-type": "application/json" };
    if (admin) headers.authorization = `Convex ${use.adminKey}`;
    const body = { path, args: raw ? args : convexToJson(args), format: "convex_encoded_json" };
    const response = await fetch(`${use.url}/api/${kind}`, { method: "POST", headers, body: JSON.stringify(body) });
    const text = await response.text();
    if (response.status !== 200 && response.status !== 560) return { status: response.status, error: text, logs: [] };
    const reply = JSON.parse(text);
    const logs = reply.logLines ?? [];
    if (reply.status === "success") return { value: jsonToConvex(reply.value), logs };
    const data = reply.errorData === undefined ? {} : { data: jsonToConvex(reply.errorData) };
    return { error: reply.errorMessage, ...data, logs };
  };
  const calls = { query: call("query"), mutation: call("mutation"), action: call("action") };
  const ok = (run) => async (...args) => {
    const result = await run(...args);
    if (result.error !== undefined) throw new Error(`${args[0]}: ${result.error}`);
    return result.value;
  };
  return { ...calls, ok: { query: ok(calls.query), mutation: ok(calls.mutation), action: ok(calls.action) } };
}
