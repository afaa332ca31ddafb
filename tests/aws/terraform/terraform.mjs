// Terraform with a provider that makes nothing, on a copy of the module.

import { spawn, spawnSync } from "node:child_process";
import { chmodSync, cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { mkdirSync } from "node:fs";
import path from "node:path";

import { temporaryDir } from "../../lib/temporary.mjs";
import { ROOT, tool } from "../lib/tools.mjs";

const MODULE = path.join(ROOT, "infra", "terraform");
const HERE = path.join(ROOT, "tests", "aws", "terraform");
/** Below it the bindings are that the provider's schema is taken from. */
const BINDINGS = ["terraform-schema", "node_modules", "@cdktn", "provider-aws", "lib"];

/** Why Terraform can't be tested on this machine, or false. Says so, since a test that is left out is easily overlooked. */
export function withoutTerraform() {
  const found = spawnSync("terraform", ["version"], { encoding: "utf8" });
  if (found.status === 0) return false;
  console.error("\n*** NOT TESTED: the Terraform module, since there is no `terraform` on this machine. Install 1.11 or newer. ***\n");
  return "there is no `terraform`";
}

/** A copy of the module with all that Terraform needs to work on it. */
export class Terraform {
  /** Folder of the module. */
  module;
  #env;

  constructor() {
    const directory = temporaryDir("terraform");
    this.module = path.join(directory, "module");
    cpSync(MODULE, this.module, { recursive: true, filter: (file) => !/\.terraform|\.tfstate/.test(file) });
    const python = tool("infra", "bin", "python");
    const [schema, protocol, plugin] = ["schema.json", "protocol", "plugin"].map((name) => path.join(directory, name));
    for (const folder of [protocol, plugin]) mkdirSync(folder);
    writeFileSync(schema, execute(python, [path.join(HERE, "schema.py"), tool(...BINDINGS), ...usedTypes(this.module)]));
    execute(python, ["-m", "grpc_tools.protoc", "-I", HERE, `--python_out=${protocol}`, "tfplugin5.proto"]);
    const provider = path.join(plugin, "terraform-provider-aws");
    writeFileSync(provider, `#!/bin/sh\nexec '${python}' '${path.join(HERE, "provider.py")}' "$@"\n`);
    chmodSync(provider, 0o755);
    const settings = path.join(directory, "settings.tfrc");
    writeFileSync(settings, `provider_installation {\n  dev_overrides { "hashicorp/aws" = "${plugin}" }\n  direct {}\n}\n`);
    this.#env = {
      ...process.env,
      CHECKPOINT_DISABLE: "1",
      LAKEWIRE_PROTOCOL: protocol,
      LAKEWIRE_SCHEMA: schema,
      PYTHONDONTWRITEBYTECODE: "1",
      TF_CLI_CONFIG_FILE: settings,
      TF_DISABLE_PLUGIN_TLS: "1",
      TF_IN_AUTOMATION: "1",
    };
  }

  /**
   * Runs it in a folder of the module.
   *
   * @param {string[]} args
   * @param {string} [folder]
   * @returns {Promise<{code: number, output: string}>} also if it fails
   */
  async run(args, folder = ".") {
    const child = spawn("terraform", args, { cwd: path.join(this.module, folder), env: this.#env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += args[0] === "show" ? "" : chunk));
    const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
    return { code, output };
  }

  /** As {@link run}, and fails where Terraform does. */
  async must(args, folder) {
    const { code, output } = await this.run(args, folder);
    if (code !== 0) throw new Error(`terraform ${args.join(" ")}: ${code}\n${output}`);
    return output;
  }

  /** Forgets what was applied in a folder. */
  forget(folder) {
    for (const file of readdirSync(path.join(this.module, folder))) {
      if (file.startsWith("terraform.tfstate")) rmSync(path.join(this.module, folder, file));
    }
  }
}

/** What the module uses of the provider, as `schema.py` wants it. */
function usedTypes(folder) {
  const files = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith(".tf"));
  const text = files.map((file) => readFileSync(path.join(folder, file), "utf8")).join("\n");
  const found = [...text.matchAll(/^(resource|data|ephemeral) "(aws_\w+)"/gm)].map(([, kind, type]) => `${kind}.${type}`);
  return [...new Set(found)].sort();
}

function execute(program, args) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${program} ${args[0]}: ${status}\n${stderr}`);
  return stdout;
}
