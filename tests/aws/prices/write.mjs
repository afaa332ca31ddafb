// Writes docs/prices.md; with `--check` fails instead if it is not what would be written.

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

import { synth } from "../lib/cdk.mjs";
import { echoPackages } from "../lib/echo.mjs";
import { ROOT } from "../lib/tools.mjs";
import { PRICES, USAGE, VOLUMES, dollars, total, used } from "./compute.mjs";
import { MINUTES_A_MONTH, stackNumbers } from "./stack-numbers.mjs";

const FILE = path.join(ROOT, "docs", "prices.md");
const IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/lakewire:1";
const RELAYS = ["none", "socket-api", "fargate"];
/** Smaller parts of a month are not listed. */
const LEAST = 0.005;
/** Idle without a relay task must stay below this. */
const IDLE_LIMIT = 1;

const packages = echoPackages();
const stacks = {};
for (const relay of RELAYS) {
  const { template } = await synth({ ...packages, relay, ...(relay === "fargate" ? { relayImage: IMAGE } : {}) });
  stacks[relay] = stackNumbers(template);
}
const sheet = page();
const failures = RELAYS.filter((relay) => relay !== "fargate" && idle(relay, true) >= IDLE_LIMIT);
if (failures.length > 0) throw new Error(`idle costs $${IDLE_LIMIT} or more with relay ${failures.join(" and ")}:\n${sheet}`);
if (!process.argv.includes("--check")) writeFileSync(FILE, sheet);
else if (readFileSync(FILE, "utf8") !== sheet) throw new Error("docs/prices.md is not what the stack says now: run `make prices`");

function idle(relay, free) {
  return total(used(stacks[relay], relay, 0), free);
}

function page() {
  return `${[
    intro(),
    summary(),
    idleText(),
    ...RELAYS.map((relay) => details(relay)),
    million(),
    assumptions(),
    unitPrices(),
  ].join("\n\n")}\n`;
}

function intro() {
  return `# What a month costs

Computed by \`make prices\` from the stack's own numbers (memory of the functions, schedules, alarms, secrets, size of a
relay), from how much a call uses, and from the prices of AWS in ${PRICES.region}. ${
    USAGE.measured ? "How much a call uses was measured." : "**How much a call uses is counted in the code and assumed, not measured**; see below."
  }
Dollars, without taxes. A month has 730 hours. Calls are ${Math.round((1 - USAGE.shareOfMutations) * 100)} % queries and ${Math.round(
    USAGE.shareOfMutations * 100,
  )} % mutations, all small; over HTTP without a relay, over sockets with one.`;
}

function summary() {
  const rows = RELAYS.flatMap((relay) =>
    [false, true].map((free) => [
      `\`${relay}\``,
      free ? "yes" : "no",
      ...VOLUMES.map((calls) => money(total(used(stacks[relay], relay, calls), free))),
    ]),
  );
  return table(["relay", "lasting free allowances", "idle", "1 million calls", "100 million calls"], rows, 2);
}

function idleText() {
  const [least, most] = [Math.min(...["none", "socket-api"].map((relay) => idle(relay, true))), Math.max(...["none", "socket-api"].map((relay) => idle(relay, true)))];
  const without = idle("socket-api", false);
  const { alarms, secrets } = used(stacks["socket-api"], "socket-api", 0);
  const [alarmPrice, secretPrice] = [dollars("alarms", alarms, false), dollars("secrets", secrets, false)];
  return `## Idle

Without a relay task an idle deployment costs ${money(least)}${least.toFixed(2) === most.toFixed(2) ? "" : ` to ${money(most)}`} a month, of which the secret is ${money(secretPrice)}.
That needs the allowances that AWS gives every account for good: ten alarms, a million requests and 400,000 GB-seconds of Lambda, 14 million
scheduled calls, 5 GB of logs.
Where other things in the account use them up, it is ${money(without)}. The number that would have to change then is the ${alarms} alarms
(${money(alarmPrice)}); without them it would be ${money(without - alarmPrice)}. Next is the secret, and then the ${
    stacks["socket-api"].scheduled.tick
  } calls of \`tick\`.`;
}

function details(relay) {
  const amounts = VOLUMES.map((calls) => used(stacks[relay], relay, calls));
  const rows = Object.keys(PRICES.items)
    .map((item) => [item, ...amounts.map((amount) => dollars(item, amount[item], false))])
    .filter(([, ...costs]) => Math.max(...costs) >= LEAST)
    .map(([item, ...costs]) => [PRICES.items[item].what.replace(/, (a million|a thousand|ten thousand|an?) /, ", "), ...costs.map(money)]);
  return `## Relay \`${relay}\`, item by item

Without allowances; less than half a cent is left out.

${table(["", "idle", "1 million calls", "100 million calls"], rows, 1)}`;
}

function million() {
  const { mutation, flush } = USAGE;
  const each = Object.fromEntries(["writeUnits", "readUnits", "puts", "gets"].map((item) => [item, mutation[item] + flush[item] / flush.entries]));
  const cost = Object.entries(each).reduce((sum, [item, amount]) => sum + dollars(item, amount * 1e6), 0);
  return `## A million small mutations

DynamoDB and S3 alone: ${money(cost)}, with ${rounded(each.writeUnits)} write units each (the entry, and its deletion when it is trimmed), ${rounded(each.readUnits)} read units (a look at the end of
the log before, and the entry at half the price when it is flushed), ${rounded(each.puts)} PUTs and ${rounded(each.gets)} GETs. In quick succession the look is spared, which
makes them ${money(cost - dollars("readUnits", 1e6))}. By one instance after the other: an instance that commits beside others reads their entries too, about one unit more.
Entries of more than 1 kB cost a write unit for each further one.`;
}

function assumptions() {
  const rows = ["query", "mutation", "tick", "upkeep", "flush"].map((name) => {
    const { milliseconds, readUnits, writeUnits, gets, puts } = USAGE[name];
    return [`\`${name}\``, milliseconds, readUnits, writeUnits, gets, puts].map(String);
  });
  return `## ${USAGE.measured ? "What a call uses" : "What a call is assumed to use"}

${USAGE.note} They are in \`tests/aws/prices/usage.json\`.

${table(["one", "ms of Lambda", "read units", "write units", "GETs", "PUTs and LISTs"], rows, 1)}

A client makes ${USAGE.callsPerConnectionMinute} call a minute while it is connected; a mutation changes what ${USAGE.pushesPerMutation} clients see; an answer has ${
    USAGE.answerKilobytes
  } kB; an invocation logs ${USAGE.logKilobytesPerInvocation} kB; ${USAGE.coldStartsPerThousandInvocations} of 1,000 invocations are cold and read the secret.
A flush is of ${USAGE.flush.entries} entries. With 100 million calls, each also reads what other instances committed: ${
    USAGE.rivals.readUnitsPerCall[1e8]
  } read unit.
With \`socket-api\`, a message of a client and a push are ${USAGE.socket.writeUnitsPerVisit} write units each (the session's record is taken and released); each commit reads
${USAGE.socket.readUnitsPerLook} units and one for each connection; the tick has the function stay for half a minute while somebody is connected, and pings
${USAGE.socket.pingsPerConnectionMinute} times a minute who was told nothing. Connections are taken to be spread over the whole month: ${Math.round(
    1e6 / USAGE.callsPerConnectionMinute / MINUTES_A_MONTH,
  )} and ${Math.round(1e8 / USAGE.callsPerConnectionMinute / MINUTES_A_MONTH)} at a time.
A relay reads the end of the log ${USAGE.relayTailReadsPerSecond} time a second while nothing happens, writes where it is every ${
    1 / USAGE.relayRegistrationsPerSecond
  } seconds, and serves ${USAGE.relayCallsPerSecond} calls a second.
Stored are ${VOLUMES.map((calls) => `${USAGE.stored[calls].bucket} GB in the bucket and ${USAGE.stored[calls].table} GB in the table`).join("; ")}, for the three columns.`;
}

function unitPrices() {
  const rows = Object.values(PRICES.items).map(({ what, price, free, dated }) => [what, `$${price}`, free === 0 ? "" : count(free), dated]);
  return `## Prices

As of the date of their source; those that are "unverified" have none: look them up before you rely on them.
Allowances are per month and account, and last.

${table(["", "price", "free", "source of"], rows, 1)}`;
}

function money(value) {
  return `$${value.toFixed(2).replaceAll(/\B(?=(\d{3})+(?!\d))/g, ",")}`;
}

function rounded(value) {
  return Number(value.toFixed(2));
}

function count(value) {
  return String(value).replaceAll(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** Columns after the first `left` are numbers. */
function table(head, rows, left) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, column) => (column < left ? "---" : "---:"))), ...rows.map(line)].join("\n");
}
