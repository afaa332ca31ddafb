// The Terraform module: format, types, plan, apply, destroy, and its own tests, offline.

import assert from "node:assert/strict";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { before, describe, test } from "node:test";

import { echoPackages } from "../lib/echo.mjs";
import { IMAGE, variables } from "./example.mjs";
import { Terraform, withoutTerraform } from "./terraform.mjs";

const EXAMPLE = "examples/complete";

describe("the Terraform module", { skip: withoutTerraform() }, () => {
  /** @type {Terraform} */
  let terraform;
  let packages;

  before(async () => {
    terraform = new Terraform();
    packages = echoPackages();
    await terraform.must(["get"], EXAMPLE);
  });

  test("is formatted", async () => {
    assert.equal(await terraform.must(["fmt", "-check", "-recursive", "-diff"]), "");
  });

  test("is valid", async () => {
    await terraform.must(["validate"]);
    await terraform.must(["validate"], EXAMPLE);
  });

  test("passes what `terraform test` asserts", async () => {
    copyFileSync(new URL("stack.tftest.hcl", import.meta.url), path.join(terraform.module, "stack.tftest.hcl"));
    const told = variables("socket-api", packages).filter((argument) => !argument.includes("relay"));
    const output = await terraform.must(["test", "-no-color", ...told]);
    assert.match(output, /[1-9]\d* passed, 0 failed/);
  });

  for (const relay of ["none", "socket-api", "fargate"]) {
    test(`is planned, made and taken away, with relay ${relay}`, async () => {
      terraform.forget(EXAMPLE);
      const told = variables(relay, packages);
      await terraform.must(["apply", "-auto-approve", "-no-color", ...told], EXAMPLE);
      const again = await terraform.run(["plan", "-no-color", "-detailed-exitcode", ...told], EXAMPLE);
      assert.equal(again.code, 0, `there is nothing left to do:\n${again.output}`);
      const state = readFileSync(path.join(terraform.module, EXAMPLE, "terraform.tfstate"), "utf8");
      assert.ok(!state.includes("5ec2e7"), "the secret is not in the state");
      await terraform.must(["destroy", "-auto-approve", "-no-color", ...told], EXAMPLE);
    });
  }

  // That the made-up provider is strict: what is wrong here, the real one would refuse as well.
  for (const [what, [file, right, wrong]] of Object.entries({
    "an argument that there is not": ["data.tf", "hash_key  ", "hashkey  "],
    "a resource that there is not": ["data.tf", '"aws_s3_bucket" "data"', '"aws_s3_buckets" "data"'],
    "an attribute that there is not": ["outputs.tf", "aws_dynamodb_table.log.name", "aws_dynamodb_table.log.title"],
    "a block that there is not": ["data.tf", "ttl {", "time_to_live {"],
    "a type that is another": ["functions.tf", "timeout          = each.value.timeout", 'timeout          = "long"'],
    "something that is missing": ["schedules.tf", "schedule_expression = each.value", ""],
  })) {
    test(`is refused with ${what}`, async () => {
      const place = path.join(terraform.module, file);
      const text = readFileSync(place, "utf8");
      assert.ok(text.includes(right), `${file} has no \`${right}\``);
      writeFileSync(place, text.replace(right, wrong));
      const { code } = await terraform.run(["validate", "-no-color"]);
      writeFileSync(place, text);
      assert.equal(code, 1);
    });
  }

  test("is refused with relay `fargate` and no image, and the other way round", async () => {
    const fargate = variables("fargate", packages).filter((argument) => !argument.includes(IMAGE));
    const socket = [...variables("socket-api", packages), `-var=relay_image=${IMAGE}`];
    for (const told of [fargate, socket]) {
      const { code, output } = await terraform.run(["plan", "-no-color", ...told], EXAMPLE);
      assert.equal(code, 1);
      assert.match(output, /Needed with relay `fargate`, and only then/);
    }
  });
});
