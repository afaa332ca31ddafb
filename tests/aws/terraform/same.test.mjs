// The CDK construct and the Terraform module make the same stack.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { before, describe, test } from "node:test";

import { synth } from "../lib/cdk.mjs";
import { echoPackages } from "../lib/echo.mjs";
import { ROOT } from "../lib/tools.mjs";
import { IMAGE, variables } from "./example.mjs";
import { cdkFacts } from "./facts-cdk.mjs";
import { terraformFacts } from "./facts-terraform.mjs";
import { Terraform, withoutTerraform } from "./terraform.mjs";

const EXAMPLE = "examples/complete";
const SYNC = "edge/sync.js";

test("both have the same function of CloudFront", () => {
  const read = (stack) => readFileSync(path.join(ROOT, "infra", stack, SYNC), "utf8");
  assert.equal(read("cdk"), read("terraform"));
});

describe("the two stacks say the same", { skip: withoutTerraform() }, () => {
  let terraform;
  let packages;

  before(async () => {
    terraform = new Terraform();
    packages = echoPackages();
    await terraform.must(["get"], EXAMPLE);
  });

  for (const relay of ["none", "socket-api", "fargate"]) {
    test(`with relay ${relay}`, async () => {
      const code = readFileSync(path.join(ROOT, "infra", "cdk", SYNC), "utf8");
      const { template } = await synth({ ...packages, relay, ...(relay === "fargate" ? { relayImage: IMAGE } : {}) });
      terraform.forget(EXAMPLE);
      await terraform.must(["apply", "-auto-approve", "-no-color", ...variables(relay, packages)], EXAMPLE);
      const state = JSON.parse(await terraform.must(["show", "-json"], EXAMPLE));
      const [ours, theirs] = [cdkFacts(template, code), terraformFacts(state, code)];
      // Part by part, so that a difference is small enough to be read.
      for (const part of Object.keys(ours)) assert.deepEqual(theirs[part], ours[part], part);
      assert.deepEqual(Object.keys(theirs), Object.keys(ours));
    });
  }
});
