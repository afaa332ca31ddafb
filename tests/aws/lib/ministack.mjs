// Emulated AWS with signatures and permissions checked: `ministack`, in a process of its own, gone with the test.

import { spawn } from "node:child_process";
import { createWriteStream, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { freePort } from "../../lib/server.mjs";
import { temporaryDir } from "../../lib/temporary.mjs";
import { Aws } from "./aws.mjs";
import { tool } from "./tools.mjs";

const REGION = "us-east-1";
/** The account's own identity, which may do everything. */
const ROOT = { accessKeyId: "lakewiretests", secretAccessKey: "lakewire-tests-secret" };
const START_TIMEOUT_MS = 60_000;

/**
 * Ends with its parent, however that ends: it then reads the end of its standard input. Compressed bodies of requests to HTTP
 * APIs get to functions as base64, as others that are not text do; it would decode them.
 */
const LAUNCHER = `
import contextvars, os, sys, threading
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
sys.argv = ["ministack"]
from ministack.services import apigateway
is_encoded = contextvars.ContextVar("is_encoded", default=False)
proxy, is_text = apigateway._invoke_lambda_proxy, apigateway._v2_request_body_is_text
async def invoke(integration, api_id, stage, path, method, headers, *rest, **named):
    is_encoded.set("content-encoding" in headers)
    return await proxy(integration, api_id, stage, path, method, headers, *rest, **named)
apigateway._invoke_lambda_proxy = invoke
apigateway._v2_request_body_is_text = lambda content_type: not is_encoded.get() and is_text(content_type)
from ministack.app import main
main()
`;

/**
 * @typedef {object} Ministack
 * @property {string} endpoint URL of all services
 * @property {Aws} aws a client that may do everything
 * @property {Record<string, string>} env what the environment of another client has to say
 * @property {() => Promise<void>} stop
 * @property {() => string} log what it printed
 */

/**
 * Starts one; takes about two seconds.
 *
 * @returns {Promise<Ministack>}
 */
export async function startMinistack() {
  const port = await freePort();
  const directory = temporaryDir("ministack");
  const printed = path.join(directory, "log");
  const child = spawn(tool("venv", "bin", "python"), ["-c", LAUNCHER], {
    cwd: directory,
    env: {
      PATH: process.env.PATH,
      HOME: directory,
      TMPDIR: directory,
      // Its Lambda service writes answers in two pieces; without this each waits 40 ms for an acknowledgement.
      PYTHONPATH: fileURLToPath(new URL("python", import.meta.url)),
      GATEWAY_PORT: `${port}`,
      BIND_HOST: "127.0.0.1",
      AUTH: "true",
      AWS_ACCESS_KEY_ID: ROOT.accessKeyId,
      AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey,
      MINISTACK_REGION: REGION,
      LOG_LEVEL: process.env.LAKEWIRE_TEST_LOG ? "INFO" : "WARNING",
      SFTP_ENABLED: "0",
      IOT_MTLS_ENABLED: "0",
    },
    stdio: ["pipe", "pipe", "pipe"],
    // A group of its own, since it starts the functions.
    detached: true,
  });
  const log = createWriteStream(printed);
  for (const stream of [child.stdout, child.stderr]) {
    stream.pipe(log, { end: false });
    stream.unref();
  }
  child.stdin.unref();
  child.unref();
  const kill = () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It is gone.
    }
  };
  process.once("exit", kill);
  const endpoint = `http://127.0.0.1:${port}`;
  const read = () => readFileSync(printed, "utf8");
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await answers(`${endpoint}/_ministack/health`))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      kill();
      throw new Error(`ministack does not start:\n${read()}`);
    }
    await sleep(50);
  }
  return {
    endpoint,
    aws: new Aws(endpoint, ROOT, REGION),
    env: {
      AWS_ACCESS_KEY_ID: ROOT.accessKeyId,
      AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey,
      AWS_REGION: REGION,
      AWS_ENDPOINT_URL: endpoint,
      AWS_EC2_METADATA_DISABLED: "true",
      NO_PROXY: "127.0.0.1,localhost",
    },
    log: read,
    async stop() {
      process.off("exit", kill);
      const gone = new Promise((resolve) => child.once("exit", resolve));
      kill();
      if (child.exitCode === null && child.signalCode === null) await gone;
    },
  };
}

async function answers(url) {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}
