// Writes what calls use, as the price sheet reads it.

import { readFileSync, writeFileSync } from "node:fs";

import { flushed, found, mutationOverHttp } from "./requests.mjs";

const FILE = new URL("../aws/prices/usage.json", import.meta.url);
const NOTE =
  "Requests, units and milliseconds of queries, mutations, flushes, ticks and upkeep are measured by `make bench-aws` on emulated AWS, with 5 ms of latency for the table and 20 ms for the bucket; a call has its share of cold starts. What the WebSocket API asks for is counted in the code; what clients do, sizes and what is stored are assumed.";

/** @param {object[]} results of `requests` */
export function writeUsage(results) {
  const usage = JSON.parse(readFileSync(FILE, "utf8"));
  const cold = found(results, "a cold query over HTTP");
  const part = (name, each = found(results, name).each) => ({ milliseconds: Math.ceil(found(results, name).lambda.milliseconds), ...each });
  const withCold = (name, each) => {
    const warm = part(name, each);
    const share = usage.coldStartsPerThousandInvocations / 1000;
    for (const unit of Object.keys(cold.each)) warm[unit] += share * Math.max(0, cold.each[unit] - found(results, "a query over HTTP").each[unit]);
    return warm;
  };
  const measured = {
    measured: true,
    note: NOTE,
    query: withCold("a query over HTTP"),
    mutation: withCold("a mutation over HTTP", lookingFirst(mutationOverHttp(results), results)),
    flush: flushed(results),
    tick: part("a tick when nothing is due"),
    // Every quarter of an hour: its process is mostly gone by then.
    upkeep: part("cold upkeep when nothing has happened"),
    relayTailReadsPerSecond: found(results, "a second of an idle relay").each.readUnits,
  };
  const lines = Object.entries({ ...usage, ...measured }).map(([name, value]) => `  ${JSON.stringify(name)}: ${oneLine(value)}`);
  writeFileSync(FILE, `{\n${lines.join(",\n")}\n}\n`);
}

/** Calls that are seldom look at the log first, as queries do; measured are mutations in quick succession, which need not. */
function lookingFirst(each, results) {
  return { ...each, readUnits: Math.max(each.readUnits, found(results, "a query over HTTP").each.readUnits) };
}

function oneLine(value) {
  if (typeof value === "number") return String(Number(value.toPrecision(3)));
  if (typeof value !== "object") return JSON.stringify(value);
  return `{ ${Object.entries(value).map(([name, of]) => `${JSON.stringify(name)}: ${oneLine(of)}`).join(", ")} }`;
}
