// Summaries of what was measured.

import { loadavg } from "node:os";

const round = (value) => Math.round(value * 100) / 100;

export const quantile = (numbers, q) => [...numbers].sort((a, b) => a - b)[Math.round((numbers.length - 1) * q)];

/** @param {number[]} times in milliseconds */
export function summary(times) {
  if (times.length === 0) throw new Error("nothing was measured");
  return {
    count: times.length,
    min_ms: round(Math.min(...times)),
    p50_ms: round(quantile(times, 0.5)),
    p90_ms: round(quantile(times, 0.9)),
    p99_ms: round(quantile(times, 0.99)),
    max_ms: round(Math.max(...times)),
  };
}

/** Times `call(n)` `count` times, one after the other; gives milliseconds. */
export async function timed(count, call) {
  const times = [];
  for (let n = 0; n < count; n++) {
    const started = performance.now();
    await call(n);
    times.push(performance.now() - started);
  }
  return times;
}

/** Load averages of the machine over 1 and 5 minutes. */
export function load() {
  return loadavg().slice(0, 2).map(round);
}

/**
 * A target and what was measured.
 *
 * @param {string} what
 * @param {number} value
 * @param {number} limit
 * @param {string} unit
 * @param {"most" | "least"} [kind] of the limit
 */
export function target(what, value, limit, unit, kind = "most") {
  return { what, value: round(value), unit, [kind]: limit, met: kind === "most" ? value <= limit : value >= limit };
}
