// One construct in a stack, with packages that are empty.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { App, Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";

import { Lakewire, type LakewireProps } from "../lib/index.js";

/** An image that nobody fetches. */
export const IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/lakewire:1";

const directory = mkdtempSync(path.join(os.tmpdir(), "lakewire-cdk-"));
process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
/** The end of an archive, which is all that an empty one has. */
const EMPTY_ZIP = Buffer.concat([Buffer.from("PK\x05\x06"), Buffer.alloc(18)]);
const zip = path.join(directory, "empty.zip");
writeFileSync(zip, EMPTY_ZIP);

export function synthesize(props: LakewireProps = {}): Template {
  const app = new App({ outdir: mkdtempSync(path.join(directory, "out-")) });
  const stack = new Stack(app, "Test");
  new Lakewire(stack, "Lakewire", { package: zip, nodePackage: zip, ...props });
  return Template.fromStack(stack);
}
