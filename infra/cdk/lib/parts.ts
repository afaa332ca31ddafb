// The functions of a stack, as numbers. The Terraform module has the same; a test compares them.

import type { Settings } from "./props.js";

/** A part that runs in Lambda. */
export type FunctionPart = "http" | "run" | "tick" | "upkeep" | "socket" | "node";

/** A part with a role of its own. */
export type Part = FunctionPart | "relay";

export interface FunctionSize {
  /** In MB. */
  readonly memory: number;
  /** In seconds. */
  readonly timeout: number;
  /** Of the temporary folder, in MB. */
  readonly storage: number;
}

/** Seconds that API Gateway waits for an answer, and so `http` may take. */
const GATEWAY_TIMEOUT = 30;
/** Seconds that Lambda gives at most. */
const LONGEST = 900;
/** Seconds that an action in Node.js takes at most, and half a minute to get bundles and packages and to say how it ended. */
const NODE_TIMEOUT = 630;
/** What Lambda gives without being asked, in MB. */
const STORAGE = 512;
/** For the packages of Node.js that are unpacked. */
const NODE_STORAGE = 1024;

/** Memory and time of a function. */
export function size(part: FunctionPart, settings: Settings): FunctionSize {
  const memory = settings.memory;
  switch (part) {
    case "http":
      return { memory, timeout: GATEWAY_TIMEOUT, storage: STORAGE };
    case "run":
      return { memory, timeout: 60, storage: STORAGE };
    case "tick":
    case "upkeep":
    case "socket":
      return { memory, timeout: LONGEST, storage: STORAGE };
    case "node":
      return { memory: 1024, timeout: NODE_TIMEOUT, storage: NODE_STORAGE };
  }
}

/** The functions that a stack has. */
export function functionParts(settings: Settings): FunctionPart[] {
  const parts: FunctionPart[] = ["http", "run", "tick", "upkeep", "node"];
  return settings.relay === "socket-api" ? [...parts, "socket"] : parts;
}

/** How often what has no caller is called. */
export const SCHEDULES = { tick: "rate(1 minute)", upkeep: "rate(15 minutes)" } as const;

/**
 * What parts call by themselves: who runs or commits functions of the app. Where relays run what is due, `http` need not have it
 * run; the schedule of `tick` stays, should there be no relay. `socket` has itself go on with what takes long.
 */
export function calls(part: Part, settings: Settings): FunctionPart[] {
  const socket: FunctionPart[] = settings.relay === "socket-api" ? ["socket"] : [];
  switch (part) {
    case "http":
      return [...(settings.relay === "fargate" ? [] : (["tick"] as const)), "upkeep", "node", ...socket];
    case "tick":
      return ["upkeep", "node", ...socket];
    case "socket":
      return ["tick", "upkeep", "node", ...socket];
    case "relay":
      return ["run", "upkeep", "node"];
    case "run":
      return ["node"];
    case "upkeep":
    case "node":
      return [];
  }
}

/** What becomes of an asynchronous call that fails. The schedules of `tick` and `upkeep` are their repetition; `socket` is told each minute. */
export const ASYNC_CALLS = {
  tick: { retries: 0, maximumAge: 60 },
  upkeep: { retries: 0, maximumAge: 900 },
  socket: { retries: 0, maximumAge: 60 },
} as const;

/** Name of the WebSocket API's stage. */
export const SOCKET_STAGE = "live";
/** Port of the relay. */
export const RELAY_PORT = 3210;
/** Seconds that a relay has to hand over its sessions. */
export const RELAY_STOP_TIMEOUT = 60;
/** Seconds without a byte after which the load balancer closes a connection. */
export const IDLE_TIMEOUT = 4000;
