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
}

/** Seconds that API Gateway waits for an answer, and so `http` may take. */
const GATEWAY_TIMEOUT = 30;
/** Seconds that Lambda gives at most. */
const LONGEST = 900;

/** Memory and time of a function. */
export function size(part: FunctionPart, settings: Settings): FunctionSize {
  const memory = settings.memory;
  switch (part) {
    case "http":
      return { memory, timeout: GATEWAY_TIMEOUT };
    case "run":
      return { memory, timeout: 60 };
    case "tick":
    case "upkeep":
    case "socket":
      return { memory, timeout: LONGEST };
    case "node":
      return { memory: 1024, timeout: 600 };
  }
}

/** The functions that a stack has. */
export function functionParts(settings: Settings): FunctionPart[] {
  const parts: FunctionPart[] = ["http", "run", "tick", "upkeep", "node"];
  return settings.relay === "socket-api" ? [...parts, "socket"] : parts;
}

/** How often what has no caller is called. */
export const SCHEDULES = { tick: "rate(1 minute)", upkeep: "rate(15 minutes)" } as const;

/** What becomes of an asynchronous call that fails. The schedules of `tick` and `upkeep` are their repetition. */
export const ASYNC_CALLS = {
  tick: { retries: 0, maximumAge: 60 },
  upkeep: { retries: 0, maximumAge: 900 },
  socket: { retries: 1, maximumAge: 60 },
} as const;

/** Name of the WebSocket API's stage. */
export const SOCKET_STAGE = "live";
/** Port of the relay. */
export const RELAY_PORT = 3210;
/** Seconds that a relay has to hand over its sessions. */
export const RELAY_STOP_TIMEOUT = 60;
/** Seconds without a byte after which the load balancer closes a connection. */
export const IDLE_TIMEOUT = 4000;
