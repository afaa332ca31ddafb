// Latencies through relays.

import { setTimeout as sleep } from "node:timers/promises";

import { deployment } from "./deployment.mjs";
import { Socket } from "./socket.mjs";
import { summary, target, timed } from "./statistics.mjs";

const WARM_UP = 30;
const CALLS = 300;
/** A relay reads where others are this often. */
const PEERS_MS = 21_000;
const PAUSE_MS = 20;
/** What is not heard of after so long is only heard of with the next commit. */
const PATIENCE_MS = 3_000;
/** After so many of those there is nothing more to learn. */
const MOST_MISSED = 20;

/** A mutation on a socket until it is answered, and until a subscription on the other relay has its value. */
export async function latency() {
  const deployed = await deployment({ relays: 2 });
  const sockets = [];
  try {
    const [one, other] = deployed.relays;
    sockets.push(await Socket.open(one.socketUrl), await Socket.open(other.socketUrl));
    const [writer, reader] = sockets;
    await timed(WARM_UP, (key) => writer.mutation("bench:insert", { key }));
    const answered = await timed(CALLS, (key) => writer.mutation("bench:insert", { key }));

    await sleep(PEERS_MS);
    let heard;
    let missed = 0;
    await reader.subscribe([["bench:counter", { name: "other" }, (value) => heard?.(value)]]);
    const [fromSending, fromAnswer] = [[], []];
    for (let n = 0; n < WARM_UP + CALLS && missed < MOST_MISSED; n++) {
      const seen = new Promise((resolve) => {
        heard = (value) => value > n && resolve(performance.now());
      });
      const started = performance.now();
      await writer.mutation("bench:bump", { name: "other" });
      const committed = performance.now();
      const at = await Promise.race([seen, sleep(PATIENCE_MS)]);
      if (at === undefined) missed += 1;
      else if (n >= WARM_UP) {
        fromSending.push(at - started);
        fromAnswer.push(Math.max(0, at - committed));
      }
      await sleep(PAUSE_MS);
    }
    const names = ["warm mutation over a relay", "mutation to a subscriber of the other relay", "commit to subscriber on the other relay"];
    return [
      { name: names[0], ...summary(answered), targets: [target(names[0], summary(answered).p50_ms, 15, "ms")] },
      { name: names[1], ...summary(fromSending), targets: [] },
      {
        name: names[2],
        ...summary(fromAnswer),
        missed,
        targets: [target(names[2], summary(fromAnswer).p50_ms, 30, "ms"), target("commits that the other relay's subscriber did not hear of", missed, 0, "")],
      },
    ];
  } finally {
    for (const socket of sockets) socket.close();
    await deployed.stop();
  }
}
