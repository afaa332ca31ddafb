// The stock `cdk` program, with the example app of `infra/cdk`.

import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

import { temporaryDir } from "../../lib/temporary.mjs";
import { emulated } from "./template.mjs";
import { ROOT } from "./tools.mjs";

const FOLDER = path.join(ROOT, "infra", "cdk");
export const ACCOUNT = "000000000000";
const STACK = "Lakewire";

/** @type {Promise<string> | undefined} */
let built;

/**
 * Synthesizes the example app, as `cdk synth` does, without the time that `cdk` itself takes to start.
 *
 * @param {Record<string, string | number | boolean>} context what the app is told
 * @returns {Promise<{directory: string, template: object}>} the cloud assembly
 */
export async function synth(context) {
  await (built ??= run("node", ["node_modules/typescript/bin/tsc"]));
  const directory = temporaryDir("cdk");
  const settings = JSON.parse(readFileSync(path.join(FOLDER, "cdk.json"), "utf8"));
  // On a command line all of it would be text.
  const told = Object.fromEntries(Object.entries(context).map(([key, value]) => [key, String(value)]));
  await run("node", settings.app.split(" ").slice(1), {
    CDK_OUTDIR: directory,
    CDK_CONTEXT_JSON: JSON.stringify({ ...settings.context, ...told, "aws:cdk:version-reporting": settings.versionReporting }),
  });
  return { directory, template: readTemplate(directory) };
}

/**
 * Deploys an assembly to the emulator; what the emulator can't take is taken out of it.
 *
 * @param {{directory: string}} assembly of {@link synth}
 * @param {import("./ministack.mjs").Ministack} ministack
 * @param {Record<string, string | object | undefined>} environment of the functions, besides or instead
 */
export async function deploy({ directory }, ministack, environment) {
  const file = templateFile(directory);
  writeFileSync(file, JSON.stringify(emulated(readTemplate(directory), environment)));
  await bootstrap(directory, ministack);
  await cdk(["deploy", "--app", directory, "--require-approval", "never", STACK], ministack.env);
}

/** Removes a stack. */
export async function destroy({ directory }, ministack) {
  await cdk(["destroy", "--app", directory, "--force", STACK], ministack.env);
}

/** Emulators where `cdk deploy` has what it needs. */
const bootstrapped = new WeakSet();

/** Makes what `cdk deploy` needs in an account. The assembly is named so that the app is not run again. */
async function bootstrap(assembly, ministack) {
  if (bootstrapped.has(ministack)) return;
  const file = path.join(temporaryDir("bootstrap"), "template.json");
  writeFileSync(file, JSON.stringify(emulated(JSON.parse(await cdk(["bootstrap", "--show-template", "--json"])))));
  await cdk(["bootstrap", "--app", assembly, `aws://${ACCOUNT}/us-east-1`, "--template", file], ministack.env);
  bootstrapped.add(ministack);
}

async function cdk(args, env = {}) {
  return await run("node", ["node_modules/aws-cdk/bin/cdk", ...args, "--no-notices", "--no-version-reporting"], {
    ...env,
    CI: "1",
    CDK_DISABLE_CLI_TELEMETRY: "true",
    NODE_NO_WARNINGS: "1",
  });
}

/** An environment that leads to no account of whoever runs the tests. */
function withoutAws(environment) {
  const others = Object.entries(environment).filter(([name]) => !name.startsWith("AWS_"));
  return { ...Object.fromEntries(others), AWS_CONFIG_FILE: "/dev/null", AWS_SHARED_CREDENTIALS_FILE: "/dev/null" };
}

function templateFile(directory) {
  return path.join(directory, `${STACK}.template.json`);
}

function readTemplate(directory) {
  return JSON.parse(readFileSync(templateFile(directory), "utf8"));
}

/** Runs a program in the folder of the app; gives what it printed. */
async function run(program, args, env = {}) {
  const child = spawn(program, args, { cwd: FOLDER, env: { ...withoutAws(process.env), ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let [output, all] = ["", ""];
  child.stdout.on("data", (chunk) => ((output += chunk), (all += chunk)));
  child.stderr.on("data", (chunk) => (all += chunk));
  const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  if (code !== 0) throw new Error(`${[program, ...args].join(" ")}: ${code}\n${all}`);
  return output;
}
