// LaunchDarkly: what gets events of evaluations, and what pushes flags.

import assert from "node:assert/strict";
import { startService } from "./service.mjs";

export async function startLaunchDarkly({ sdkKey }) {
  const events = [];
  const service = await startService("events.launchdarkly.com", ({ method, path, headers, body }) => {
    if (path !== "/bulk") return undefined;
    assert.equal(method, "POST");
    assert.match(headers["content-type"], /^application\/json/);
    assert.match(headers["x-launchdarkly-event-schema"], /^\d+$/);
    if (headers.authorization !== sdkKey) return { status: 401 };
    events.push(...JSON.parse(body));
    return { status: 202 };
  });
  return { ...service, events };
}

/** Pushes all flags and segments, as the integration does at each change. */
export function pushFlags(url, token, payload) {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${token}` };
  return fetch(url, { method: "PUT", headers, body: JSON.stringify(payload) });
}

/** A flag: `variations[index]` for whom a rule or the rest gets, and `variations[off]` when it is off. */
export function flag(key, { version = 1, on = true, variations, off = 0, fallthrough, rules = [] }) {
  return {
    key, version, on, variations, offVariation: off, fallthrough: { variation: fallthrough }, salt: "salt", targets: [],
    contextTargets: [], prerequisites: [], trackEvents: true, deleted: false,
    rules: rules.map(({ clause, variation }, at) => ({
      id: `rule-${at}`, variation, trackEvents: false,
      clauses: [{ contextKind: "user", negate: false, ...clause }],
    })),
  };
}
