// The templates, by the rules of CloudFormation: properties, actions, what fits together.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { before, test } from "node:test";

import { temporaryDir } from "../../lib/temporary.mjs";
import { synth } from "../lib/cdk.mjs";
import { echoPackages } from "../lib/echo.mjs";
import { tool } from "../lib/tools.mjs";

const IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/lakewire:1";
/** CDK names dependencies that a reference already is. */
const IGNORED = "W3005";

let packages;

before(() => (packages = echoPackages()));

for (const relay of ["none", "socket-api", "fargate"]) {
  test(`cfn-lint has nothing to say, with relay ${relay}`, async () => {
    const { template } = await synth({ ...packages, relay, ...(relay === "fargate" ? { relayImage: IMAGE } : {}) });
    assert.equal(lint(template), "");
  });
}

test("cfn-lint would say so", async () => {
  const { template } = await synth({ ...packages, relay: "none" });
  const made = Object.values(template.Resources).find((resource) => resource.Type === "AWS::Lambda::Function");
  made.Properties.Timeout = 901;
  assert.match(lint(template), /901/);
});

function lint(template) {
  const file = path.join(temporaryDir("lint"), "template.json");
  writeFileSync(file, JSON.stringify(template));
  const { stdout, stderr } = spawnSync(tool("infra", "bin", "cfn-lint"), ["--ignore-checks", IGNORED, "--", file], { encoding: "utf8" });
  return stdout + stderr;
}
