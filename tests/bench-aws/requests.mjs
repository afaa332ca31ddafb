// What is asked of DynamoDB and S3, and what that costs.

import { setTimeout as sleep } from "node:timers/promises";

import { dollars } from "../aws/prices/compute.mjs";
import { deployment } from "./deployment.mjs";
import { openMany } from "./socket.mjs";
import { target, timed } from "./statistics.mjs";

const MILLION = 1e6;
const HOURS_A_MONTH = 730;
const CALLS = 200;
const WARM_UP = 30;
/** So few that functions have none of them flushed: they do that for each 1,000. */
const MUTATIONS = 900;
/** So many that the flushes, of which some are followed by a compaction, have a mean. */
const FLUSHED_MUTATIONS = 6000;
const LAST_FLUSH_MS = 6000;
/** What a start does beside its answer. */
const SETTLED_MS = 2000;
const COLD = 5;
const TICKS = 10;
const UPKEEPS = 6;
/** In an hour, by the schedules of the stack. */
const [TICKS_AN_HOUR, UPKEEPS_AN_HOUR] = [60, 4];
const IDLE_MS = 20_000;
const HIGH_SOCKETS = 64;
const HIGH_CALLS = 100;
const LOW_PAUSE_MS = 50;
/** A relay reads where others are this often. */
const PEERS_MS = 21_000;

/** What the price sheet multiplies. */
const UNITS = { readUnits: ({ dynamodb }) => dynamodb?.rru ?? 0, writeUnits: ({ dynamodb }) => dynamodb?.wru ?? 0, gets: ({ s3 }) => s3?.get ?? 0, puts: ({ s3 }) => s3?.put ?? 0 };

/** All of it: over HTTP, in an idle hour, through one relay and through two. */
export async function requests() {
  return [...(await withoutRelays()), ...(await withRelays())];
}

async function withoutRelays() {
  const deployed = await deployment();
  try {
    const { lambda, httpFunction } = deployed;
    const query = (nonce) => deployed.call("query", "bench:getByIndex", { number: 0, nonce });
    const mutation = (key) => deployed.call("mutation", "bench:insert", { key });
    await deployed.call("mutation", "bench:seedAccounts", { start: 0, count: 1 });
    await deployed.server.upkeep();
    const results = [];
    const measure = async (name, count, call, part = "http") => results.push(await counted(deployed, name, count, call, part));
    // Nothing is there but an empty deployment whose app has just been deployed: what idleness costs.
    await deployed.server.tick();
    await sleep(SETTLED_MS);
    await measure("a tick when nothing is due", TICKS, () => answered(deployed.server.tick()), "tick");
    await measure("upkeep when nothing has happened", UPKEEPS, () => answered(deployed.server.upkeep()), "upkeep");
    await measure("cold upkeep when nothing has happened", COLD, async () => {
      await lambda.kill(`${deployed.server.name}-upkeep`, { which: "all" });
      await answered(deployed.server.upkeep());
    }, "upkeep");
    await measure("a cold query over HTTP", COLD, async (nonce) => {
      await lambda.kill(httpFunction, { which: "all" });
      await query(-1e6 - nonce);
    });
    await timed(WARM_UP, (nonce) => query(-1 - nonce));
    await measure("a query over HTTP", CALLS, query);
    await timed(WARM_UP, mutation);
    await answered(deployed.server.upkeep());
    await measure("a mutation over HTTP", MUTATIONS, mutation);
    const withFlushes = async () => {
      await timed(FLUSHED_MUTATIONS, mutation);
      await sleep(LAST_FLUSH_MS);
    };
    results.push(await counted(deployed, "a mutation over HTTP with its flush", FLUSHED_MUTATIONS, undefined, "upkeep", withFlushes));
    results.push(idleHour(results), aMillion(results));
    return results;
  } finally {
    await deployed.stop();
  }
}

/** One invocation after the other that has to succeed. */
async function answered(invocation) {
  const { error, payload } = await invocation;
  if (error !== undefined) throw new Error(JSON.stringify(payload));
}

async function withRelays() {
  const deployed = await deployment({ relays: 1 });
  const sockets = [];
  try {
    const results = [];
    const [relay] = deployed.relays;
    const open = async (to, count) => {
      const opened = await openMany(to.socketUrl, count);
      sockets.push(...opened);
      return opened;
    };
    await sleep(PEERS_MS / 2);
    const second = async (relays) => {
      const name = relays === 1 ? "a second of an idle relay" : `a second of ${relays} idle relays`;
      const idle = await counted(deployed, name, IDLE_MS / 1000, undefined, undefined, () => sleep(IDLE_MS));
      results.push(idle);
      return idle;
    };
    const spared = await second(1);
    const [writer] = await open(relay, 1);
    const low = async (key) => {
      await sleep(LOW_PAUSE_MS);
      await writer.mutation("bench:insert", { key });
    };
    await timed(WARM_UP, low);
    results.push(await counted(deployed, "a mutation through a relay, one at a time", CALLS, low, undefined, undefined, spared));
    const many = await open(relay, HIGH_SOCKETS);
    const high = async (count) => await Promise.all(many.map((socket) => timed(count, (key) => socket.mutation("bench:insert", { key }))));
    await high(WARM_UP);
    results.push(await counted(deployed, `a mutation through a relay, ${HIGH_SOCKETS} at a time`, HIGH_SOCKETS * HIGH_CALLS, undefined, undefined, () => high(HIGH_CALLS), spared));
    const reads = (nonce) => relay.call("query", "bench:getByIndex", { number: 0, nonce });
    results.push(await counted(deployed, "a query of a relay", CALLS, reads, undefined, undefined, spared));

    const other = await deployed.addRelay();
    await sleep(PEERS_MS);
    const both = await second(2);
    const [reader] = await open(other, 1);
    await reader.subscribe([["bench:counter", { name: "two" }]]);
    const bump = async () => {
      await sleep(LOW_PAUSE_MS);
      await writer.mutation("bench:bump", { name: "two" });
    };
    results.push(await counted(deployed, "a mutation with two relays, one at a time", CALLS, bump, undefined, undefined, both));
    return results;
  } finally {
    for (const socket of sockets) socket.close();
    await deployed.stop();
  }
}

/**
 * Counts what `count` calls ask for, one after the other or as `all` makes them, and divides by that.
 *
 * @param {object} [spared] a result for seconds in which nothing happens: what would have been asked for anyway
 */
async function counted(deployed, name, count, call, part, all = () => timed(count, call), spared) {
  await deployed.faults.resetStats();
  await deployed.lambda.resetStats();
  const started = performance.now();
  await all();
  const seconds = (performance.now() - started) / 1000;
  const stats = await deployed.faults.stats();
  const each = {};
  for (const [unit, of] of Object.entries(UNITS)) each[unit] = Math.max(0, of(stats) - (spared ? spared.each[unit] * seconds : 0)) / count;
  const operations = Object.fromEntries(Object.entries(stats.operations).map(([operation, { requests: made }]) => [operation, made / count]));
  const result = { name, count, seconds, each, requests_each: operations, dollars_a_million: price(each, MILLION), targets: [] };
  if (part === undefined) return result;
  const { billedMs, invocations, coldStarts } = await deployed.stats(part);
  return { ...result, lambda: { milliseconds: billedMs / invocations, invocations, coldStarts } };
}

/** Dollars of DynamoDB and S3, without allowances. */
function price(each, count) {
  return Object.entries(each).reduce((sum, [unit, amount]) => sum + dollars(unit, amount * count, false), 0);
}

export function found(results, name) {
  return results.find((result) => result.name === name);
}

function idleHour(results) {
  const [tick, upkeep] = ["a tick when nothing is due", "cold upkeep when nothing has happened"].map((name) => found(results, name));
  const each = Object.fromEntries(Object.keys(UNITS).map((unit) => [unit, tick.each[unit] * TICKS_AN_HOUR + upkeep.each[unit] * UPKEEPS_AN_HOUR]));
  const month = price(each, HOURS_A_MONTH);
  return { name: "an idle hour without a relay", each, dollars_a_month: month, targets: [target("DynamoDB and S3 of an idle month", month, 1, "$")] };
}

/** What mutations over HTTP cost, with their share of a flush and of a compaction. */
function aMillion(results) {
  const each = withDeletion(found(results, "a mutation over HTTP with its flush"));
  const cost = price(each, MILLION);
  return { name: "a million small mutations", each, dollars_a_million: cost, targets: [target("DynamoDB and S3 of a million small mutations", cost, 1.6, "$")] };
}

/** Of one mutation over HTTP, without its flush. */
export function mutationOverHttp(results) {
  return withDeletion(found(results, "a mutation over HTTP"));
}

/** Entries are deleted a day after they were flushed, which is not waited for: a unit for each is added. */
function withDeletion({ each, requests_each: made }) {
  return { ...each, writeUnits: each.writeUnits + made["dynamodb.PutItem"] };
}

/** A flush, and its share of compactions: what mutations with flushes ask for beyond those without. */
export function flushed(results) {
  const [mutation, all] = ["a mutation over HTTP", "a mutation over HTTP with its flush"].map((name) => found(results, name));
  const entries = FLUSHED_MUTATIONS / all.lambda.invocations;
  const each = Object.fromEntries(Object.keys(UNITS).map((unit) => [unit, Math.max(0, all.each[unit] - mutation.each[unit]) * entries]));
  return { entries, milliseconds: Math.ceil(all.lambda.milliseconds), ...each };
}
