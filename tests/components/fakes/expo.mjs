// Expo's push service: https://docs.expo.dev/push-notifications/sending-notifications/

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { startService } from "./service.mjs";

/** Tokens with `gone` in them belong to no device; `flaky` ones work the third time. */
export async function startExpo() {
  const attempts = new Map();
  const state = { isDown: false, delivered: [] };
  const deliver = (message) => {
    assert.match(message.to, /^ExponentPushToken\[.+\]$/);
    assert.ok(Object.values(message).every((value) => value !== null), "no nulls");
    const attempt = (attempts.get(message.to) ?? 0) + 1;
    attempts.set(message.to, attempt);
    if (message.to.includes("gone") || (message.to.includes("flaky") && attempt < 3)) {
      return { status: "error", message: "not registered", details: { error: "DeviceNotRegistered" } };
    }
    state.delivered.push(message);
    return { status: "ok", id: `ticket-${state.delivered.length}` };
  };
  const service = await startService("exp.host", ({ method, path, headers, body }) => {
    if (path !== "/--/api/v2/push/send") return undefined;
    assert.equal(method, "POST");
    assert.equal(headers["content-type"], "application/json");
    if (state.isDown) return { status: 503, body: "out of order" };
    const messages = JSON.parse(body);
    assert.ok(Array.isArray(messages) && messages.length <= 100, "100 messages at most");
    // The package does ask for that, when none of what waits may be tried again.
    if (messages.length === 0) return { status: 400, body: { errors: [{ code: "VALIDATION_ERROR" }] } };
    const text = JSON.stringify({ data: messages.map(deliver) });
    const isZipped = headers["accept-encoding"]?.includes("gzip");
    const json = { "content-type": "application/json" };
    return isZipped ? { headers: { ...json, "content-encoding": "gzip" }, body: gzipSync(text) } : { headers: json, body: text };
  });
  return { ...service, state, attempts: (token) => attempts.get(token) ?? 0 };
}
