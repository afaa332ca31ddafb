// The runtime of functions for Node.js: asks for an event, calls the handler, sends what it gives; again.
import { existsSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";

const env = process.env;
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, where, body) {
  return new Promise((resolve, reject) => {
    const url = `http://${env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/${where}`;
    const request = http.request(url, { method, agent }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, text: Buffer.concat(chunks).toString() }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

const failure = (error) =>
  JSON.stringify({ errorType: error?.name ?? "Error", errorMessage: String(error?.message ?? error), trace: error?.stack?.split("\n") ?? [] });

async function load() {
  const dot = env._HANDLER.lastIndexOf(".");
  const base = path.join(env.LAMBDA_TASK_ROOT, env._HANDLER.slice(0, dot));
  const file = [".mjs", ".js", ".cjs"].map((extension) => base + extension).find((name) => existsSync(name));
  if (file === undefined) throw new Error(`no module \`${base}\``);
  const module = await import(pathToFileURL(file));
  return module[env._HANDLER.slice(dot + 1)] ?? module.default[env._HANDLER.slice(dot + 1)];
}

process.chdir(env.LAMBDA_TASK_ROOT);
const handler = await load().catch(async (error) => {
  await call("POST", "init/error", failure(error));
  process.exit(1);
});
for (;;) {
  const { headers, text } = await call("GET", "invocation/next");
  const awsRequestId = headers["lambda-runtime-aws-request-id"];
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const context = {
    awsRequestId,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  try {
    const result = await handler(JSON.parse(text), context);
    await call("POST", `invocation/${awsRequestId}/response`, JSON.stringify(result) ?? "null");
  } catch (error) {
    await call("POST", `invocation/${awsRequestId}/error`, failure(error));
  }
}
