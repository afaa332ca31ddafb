import assert from "node:assert/strict";
import { test } from "node:test";

import type { LakewireProps } from "../lib/index.js";
import { IMAGE, synthesize } from "./synthesize.js";

const CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/1";

/** Props and a part of what is said of them. */
const WRONG: [LakewireProps, RegExp][] = [
  [{ name: "Upper" }, /name `Upper`/],
  [{ name: "ends-" }, /name `ends-`/],
  [{ name: "x".repeat(25) }, /name `x+`/],
  [{ package: "nothing.zip" }, /package: no file `.*nothing\.zip`/],
  [{ architecture: "arm" as "arm64" }, /architecture `arm`/],
  [{ relay: "lambda" as "none" }, /relay `lambda`/],
  [{ relay: "fargate" }, /relayImage: needed/],
  [{ relayImage: IMAGE }, /relayImage: needed with relay `fargate`, and only then/],
  [{ relay: "fargate", relayImage: IMAGE, relayCpu: 500 }, /relayCpu 500/],
  [{ relay: "fargate", relayImage: IMAGE, relayMemory: 512 }, /relayMemory 512/],
  [{ relay: "fargate", relayImage: IMAGE, relayMin: 5 }, /relayMax 4: a whole number from 5/],
  [{ memory: 128 }, /memory 128/],
  [{ logRetentionDays: 2 }, /logRetentionDays 2/],
  [{ rateLimit: 0.5 }, /rateLimit 0.5/],
  [{ cidr: "10.0.0.0/8" }, /cidr `10.0.0.0\/8`/],
  [{ domain: { name: "a.example.com", certificateArn: "mine" } }, /domain: `mine` is no ARN/],
  [{ domain: { name: "a.example.com", certificateArn: CERTIFICATE } }, /certificates of us-east-1 only/],
  [{ relayOrigin: { name: "a.example.com", certificateArn: CERTIFICATE } }, /relayOrigin: only with relay `fargate`/],
];

for (const [props, said] of WRONG) {
  test(`refuses ${JSON.stringify(props)}`, () => assert.throws(() => synthesize(props), said));
}

test("tells all that is wrong at once", () => {
  assert.throws(() => synthesize({ name: "Upper", memory: 1 }), /name `Upper`[^]*memory 1/);
});
