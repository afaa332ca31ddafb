// Packages for tests of the wiring alone: a worker that answers with the event and the environment that it got.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";

import { temporaryDir } from "../../lib/temporary.mjs";
import { tool } from "./tools.mjs";

/** Speaks the Runtime API of Lambda, as a program of any language can. */
const worker = (python) => `#!${python} -S
import json, os, sys, urllib.request as web
api = "http://%s/2018-06-01/runtime/invocation/" % os.environ["AWS_LAMBDA_RUNTIME_API"]
while True:
    call = web.urlopen(api + "next")
    event, request = json.loads(call.read() or "null"), call.headers["Lambda-Runtime-Aws-Request-Id"]
    # Without a line the emulator waits for one.
    print("called", file=sys.stderr, flush=True)
    body = json.dumps({"handler": os.environ["_HANDLER"], "event": event, "environment": dict(os.environ)})
    answer = json.dumps({"statusCode": 200, "headers": {"content-type": "application/json"}, "body": body}).encode()
    web.urlopen(web.Request(api + request + "/response", data=answer, method="POST"))
`;

const NODE = "exports.handler = async (event) => ({ handler: process.env._HANDLER, event, environment: { ...process.env } });\n";

/** A file of an archive can be executed: the two highest bytes are its mode. */
const ZIP = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as archive:
    entry = zipfile.ZipInfo(sys.argv[2])
    entry.external_attr = 0o100755 << 16
    archive.writestr(entry, open(sys.argv[3]).read())
`;

/** @returns {{package: string, nodePackage: string}} paths of two zips */
export function echoPackages() {
  const directory = temporaryDir("echo");
  const python = tool("venv", "bin", "python");
  const zip = (archive, name, text) => {
    const [file, target] = [path.join(directory, name), path.join(directory, archive)];
    writeFileSync(file, text);
    execFileSync(python, ["-c", ZIP, target, name, file]);
    return target;
  };
  return { package: zip("worker.zip", "bootstrap", worker(python)), nodePackage: zip("node.zip", "index.js", NODE) };
}
