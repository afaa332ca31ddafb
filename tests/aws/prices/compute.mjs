// What a month costs: how much of everything is used, times its price.

import { readFileSync } from "node:fs";

import { HOURS_A_MONTH, MINUTES_A_MONTH } from "./stack-numbers.mjs";

const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));
export const PRICES = read("prices.json");
export const USAGE = read("usage.json");

/** Calls a month that the sheet has. */
export const VOLUMES = [0, 1_000_000, 100_000_000];

/**
 * How much is used in a month.
 *
 * @param {import("./stack-numbers.mjs").Numbers} stack
 * @param {"none" | "socket-api" | "fargate"} relay
 * @param {number} calls queries and mutations together
 * @returns {Record<string, number>} by item of the prices
 */
export function used(stack, relay, calls, usage = USAGE) {
  const amount = Object.fromEntries(Object.keys(PRICES.items).map((item) => [item, 0]));
  const add = (item, count) => (amount[item] += count);
  const invoke = (part, count, milliseconds) => {
    add("lambdaRequests", count);
    add(stack.arm ? "lambdaArm" : "lambdaX86", (count * stack.gigabytes[part] * milliseconds) / 1000);
    add("logs", (count * usage.logKilobytesPerInvocation) / 1e6);
    if (part !== "upkeep" && part !== "node") add("secretReads", (count * usage.coldStartsPerThousandInvocations) / 1000);
  };
  const requests = (count, { readUnits, writeUnits, gets, puts }) => {
    for (const [item, each] of Object.entries({ readUnits, writeUnits, gets, puts })) add(item, count * each);
  };

  for (const [part, count] of Object.entries(stack.scheduled)) {
    add("schedules", count);
    invoke(part, count, usage[part].milliseconds);
    requests(count, usage[part]);
  }
  const mutations = calls * usage.shareOfMutations;
  const queries = calls - mutations;
  requests(queries, usage.query);
  requests(mutations, usage.mutation);
  add("readUnits", calls * usage.rivals.readUnitsPerCall[calls]);
  // Whoever commits has entries flushed, so many at a time; relays leave that to the schedule and to their own memory.
  const flushes = mutations / usage.flush.entries;
  requests(flushes, usage.flush);
  if (relay !== "fargate") invoke("upkeep", flushes, usage.flush.milliseconds);
  const run = (part) => {
    invoke(part, queries, usage.query.milliseconds);
    invoke(part, mutations, usage.mutation.milliseconds);
  };
  const pushes = mutations * usage.pushesPerMutation;
  if (relay === "none") {
    add("httpApi", calls);
    run("http");
  } else {
    // Over sockets: an answer to each call, and what changed to who subscribes to it.
    add("edgeRequests", calls / usage.callsPerConnectionMinute / 60);
  }
  if (relay === "socket-api") {
    const { socket } = usage;
    const minutes = calls / usage.callsPerConnectionMinute;
    const connections = minutes / MINUTES_A_MONTH;
    add("socketMessages", 2 * calls + pushes + minutes * socket.pingsPerConnectionMinute);
    add("socketMinutes", minutes);
    run("socket");
    // Each commit has the function look at all connections; each message and each push is a visit with a lease.
    const look = socket.readUnitsPerLook + connections * socket.readUnitsPerConnection;
    invoke("socket", mutations, socket.pushMilliseconds);
    add("readUnits", mutations * look);
    add("writeUnits", (calls + pushes) * socket.writeUnitsPerVisit);
    // It is told of each minute, and stays for half of it while somebody is connected.
    const tick = connections > 0 ? socket.busyTick : socket.idleTick;
    invoke("socket", stack.scheduled.tick, tick.milliseconds);
    add("readUnits", stack.scheduled.tick * tick.looks * look);
  }
  add(stack.edge ? "edgeTraffic" : "traffic", ((calls + (relay === "none" ? 0 : pushes)) * usage.answerKilobytes) / 1e6);
  if (stack.relay !== null) {
    const { cpus, gigabytes, min, addresses } = stack.relay;
    const relays = Math.max(min, Math.ceil(calls / (HOURS_A_MONTH * 3600) / usage.relayCallsPerSecond));
    const kind = stack.arm ? "Arm" : "X86";
    add(`fargateCpu${kind}`, relays * cpus * HOURS_A_MONTH);
    add(`fargateMemory${kind}`, relays * gigabytes * HOURS_A_MONTH);
    add("balancerHours", HOURS_A_MONTH);
    // A unit is 3000 active connections, or 1 GB an hour.
    const connections = calls / usage.callsPerConnectionMinute / (HOURS_A_MONTH * 60);
    add("balancerUnits", HOURS_A_MONTH * (connections / 3000));
    add("addresses", (addresses + relays - min) * HOURS_A_MONTH);
    // Relays follow the log while nothing happens.
    add("readUnits", relays * usage.relayTailReadsPerSecond * HOURS_A_MONTH * 3600);
    // And say where they are.
    add("writeUnits", relays * usage.relayRegistrationsPerSecond * HOURS_A_MONTH * 3600);
  }
  add("alarms", stack.alarms);
  add("secrets", stack.secrets);
  const stored = usage.stored[calls];
  add("storage", stored.bucket);
  add("tableStorage", stored.table);
  add("tableRestore", stored.table);
  return amount;
}

/** Dollars of one item; `free` of AWS's lasting allowances are taken off where they count. */
export function dollars(item, amount, free) {
  const { price, per, free: allowance } = PRICES.items[item];
  return (Math.max(0, amount - (free ? allowance : 0)) * price) / per;
}

/** Dollars of all items. */
export function total(amounts, free) {
  return Object.entries(amounts).reduce((sum, [item, amount]) => sum + dollars(item, amount, free), 0);
}
