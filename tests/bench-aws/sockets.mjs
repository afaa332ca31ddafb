// What many sockets cost one relay.

import { setTimeout as sleep } from "node:timers/promises";

import { deployment } from "./deployment.mjs";
import { openMany } from "./socket.mjs";
import { target } from "./statistics.mjs";

const SOCKETS = 10_000;
/** Lets allocator and caches reach their size for such a load. */
const FIRST_WAVE = 64;
const SETTLE_MS = 3_000;
const IDLE_MS = 10_000;
const QUERIES = [
  ["bench:counter", { name: "idle a" }],
  ["bench:counter", { name: "idle b" }],
  ["bench:trivial", { nonce: 0 }],
];

/** Sockets with three subscriptions each. */
export async function sockets() {
  const deployed = await deployment({ relays: 1 });
  const opened = [];
  try {
    const [relay] = deployed.relays;
    const open = async (count) => await openMany(relay.socketUrl, count, async (socket) => await socket.subscribe(QUERIES));
    for (const socket of await open(FIRST_WAVE)) socket.close();
    await sleep(SETTLE_MS);
    const [before, started] = [relay.resident, performance.now()];
    opened.push(...(await open(SOCKETS)));
    const seconds = (performance.now() - started) / 1000;
    await sleep(SETTLE_MS);
    const after = relay.resident;
    const closed = opened.filter((socket) => socket.isClosed).length;
    if (closed > 0) throw new Error(`${closed} of ${SOCKETS} sockets were closed`);
    const cpu = relay.cpuMs;
    await sleep(IDLE_MS);
    const idle = (relay.cpuMs - cpu) / IDLE_MS;
    const each = (after - before) / SOCKETS;
    const name = `memory of a socket, ${SOCKETS} with ${QUERIES.length} subscriptions each`;
    const figures = { bytes_per_socket: each, before_mb: before / 1e6, after_mb: after / 1e6, opened_in_s: seconds, idle_cores: idle };
    return [{ name, ...figures, targets: [target(name, each / 1000, 12, "kB")] }];
  } finally {
    for (const socket of opened) socket.close();
    await deployed.stop();
  }
}
