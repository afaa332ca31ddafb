// What each role may do, and that it may do nothing else: real calls, with two stacks in one account.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { AwsError } from "../lib/aws.mjs";
import { echoPackages } from "../lib/echo.mjs";
import { startMinistack } from "../lib/ministack.mjs";
import { operations, OTHERS } from "../lib/operations.mjs";
import { deployStack, takeRole } from "../lib/stack.mjs";

const WRITE_LOG = ["log get", "log batch get", "log put", "log update", "log delete"];
const CHANGE_OBJECTS = ["object get", "object list", "object put", "object put tmp", "object put programs", "object delete", "object abort", "object abort tmp"];
const ANY_FUNCTION_OF_THE_APP = [...WRITE_LOG, ...CHANGE_OBJECTS, "secret read", "invoke upkeep", "invoke node"];

/** All that each part may do; `logs` stands for its own. */
const MAY = {
  http: ["logs", ...ANY_FUNCTION_OF_THE_APP],
  tick: ["logs", ...ANY_FUNCTION_OF_THE_APP],
  socket: ["logs", ...ANY_FUNCTION_OF_THE_APP, "connection write", "connection close"],
  relay: [...ANY_FUNCTION_OF_THE_APP, "invoke run"],
  run: ["logs", "log get", "log batch get", "object get", "object list", "object put tmp", "object put programs", "object abort tmp", "secret read", "invoke node"],
  upkeep: ["logs", ...WRITE_LOG, "log batch write", ...CHANGE_OBJECTS],
  node: ["logs"],
  scheduler: ["invoke tick", "invoke upkeep"],
  "relay-start": ["logs"],
};
/** What parts may do besides where there is a WebSocket API; relays have no need of `tick`. */
const WITH_SOCKETS = { http: ["invoke tick", "invoke socket"], tick: ["invoke socket"], socket: ["invoke tick", "invoke socket"] };

let ministack;
let stacks;

before(async () => {
  ministack = await startMinistack();
  const packages = echoPackages();
  const deployed = async (relay, name) => ({ relay, ...(await deployStack({ ministack, relay, name, ...packages })) });
  stacks = [await deployed("socket-api", "first"), await deployed("fargate", "second")];
});

after(async () => {
  for (const stack of stacks ?? []) await stack.destroy();
  await ministack?.stop();
});

const DEPLOYED = ["socket-api", "fargate"];
for (const [which, relay] of DEPLOYED.entries()) {
  for (const part of Object.keys(MAY)) {
    if (part === "socket" && relay !== "socket-api") continue;
    if (part.startsWith("relay") && relay !== "fargate") continue;

    test(`${part} may do what it must and nothing else, with relay ${relay}`, async () => {
      const [own, other] = [stacks[which], stacks[1 - which]];
      const may = new Set([...MAY[part], ...(relay === "socket-api" ? (WITH_SOCKETS[part] ?? []) : [])]);
      const role = await takeRole(ministack, own.roles[part]);
      const all = await operations(own, part, ministack.aws);
      for (const name of may) assert.ok(name in all, `\`${name}\` is no operation of this test`);
      const wrong = [];
      for (const [name, call] of Object.entries(all)) {
        const denied = await isDenied(call, role);
        if (denied === may.has(name)) wrong.push(`${name}: ${denied ? "denied" : "allowed"}`);
      }
      const foreign = await operations(other, part, ministack.aws);
      for (const name of OTHERS) {
        if (!(name in foreign) || (await isDenied(foreign[name], role))) continue;
        wrong.push(`${name} of another deployment: allowed`);
      }
      assert.deepEqual(wrong, []);
    });
  }
}

/** Whether a call is refused for lack of permission; that it fails otherwise is no matter here. */
async function isDenied(call, role) {
  try {
    await call(role);
    return false;
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return error.denied;
  }
}
