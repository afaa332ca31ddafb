// What must hold after the last crash.

import { anyApi } from "convex/server";

const PAGE_SIZE = 1000;
const PROBLEMS_SHOWN = 10;

/** Reads everything that the writers wrote. */
export async function readLedger(client) {
  return {
    entries: await readAll(client, "entries"),
    mirror: await readAll(client, "mirror"),
    counters: await client.query(anyApi.ledger.counters, {}),
  };
}

async function readAll(client, table) {
  const rows = [];
  let cursor = null;
  for (;;) {
    const paginationOpts = { numItems: PAGE_SIZE, cursor };
    const result = await client.query(anyApi.ledger.page, { table, paginationOpts });
    rows.push(...result.page);
    if (result.isDone) return rows;
    cursor = result.continueCursor;
  }
}

/**
 * Compares what the writers know with what is there.
 *
 * @returns {string[]} the first few things that are wrong; empty if all is well
 */
export function verify(writers, { entries, mirror, counters }) {
  const problems = writers.flatMap(({ name, errors }) => errors.map((error) => `${name}: ${error}`));
  const mirrored = countBy(mirror);
  const found = countBy(entries);
  for (const [key, times] of found) {
    if (times > 1) problems.push(`${key} is there ${times} times`);
    if (mirrored.get(key) !== times) problems.push(`${key} is there by half: ${mirrored.get(key) ?? 0} mirror rows`);
  }
  for (const key of mirrored.keys()) {
    if (!found.has(key)) problems.push(`${key} is there by half: only the mirror row`);
  }
  for (const { name, issued, acked, exactlyOnce } of writers) {
    for (const [seq, round] of acked) {
      if (!found.has(`${name}/${seq}`)) problems.push(`${name}/${seq}, acknowledged in round ${round}, is lost`);
    }
    for (let seq = 1; exactlyOnce && seq <= issued; seq++) {
      if (!found.has(`${name}/${seq}`) && !acked.has(seq)) problems.push(`${name}/${seq} was sent and never done`);
    }
    checkCounter(problems, counters, name, entries.filter((row) => row.client === name));
  }
  checkCounter(problems, counters, "total", entries);
  return problems.slice(0, PROBLEMS_SHOWN);
}

function checkCounter(problems, counters, name, rows) {
  const sum = rows.reduce((total, { seq }) => total + seq, 0);
  const counter = counters.find(({ client }) => client === name) ?? { count: 0, sum: 0 };
  if (counter.count === rows.length && counter.sum === sum) return;
  problems.push(`counter \`${name}\` says ${counter.count} rows of sum ${counter.sum}; there are ${rows.length} of ${sum}`);
}

function countBy(rows) {
  const counts = new Map();
  for (const { client, seq } of rows) {
    const key = `${client}/${seq}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
