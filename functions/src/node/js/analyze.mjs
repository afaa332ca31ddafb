// What a module offers: the same that the other runtime finds out about its modules.

import { Session } from "node:inspector";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { original } from "./errors.mjs";

const KINDS = { isQuery: "Query", isMutation: "Mutation", isAction: "Action" };

/** The registered functions among the exports of `module`, a path below `folder`. */
export async function analyze(folder, module, namespace) {
  const functions = [];
  const plain = [];
  for (const name of Object.keys(namespace)) {
    const value = namespace[name];
    if ((typeof value !== "object" && typeof value !== "function") || value === null) continue;
    const kinds = Object.keys(KINDS).filter((marker) => marker in value);
    if (kinds.length !== 1 || ("isPublic" in value && "isInternal" in value)) {
      if (typeof value === "function") plain.push(name);
      continue;
    }
    if (!/^[A-Za-z_$][\w$]*$/.test(name)) throw new Error(`Invalid function name: \`${name}\``);
    const handler = value._handler ?? (typeof value === "function" ? value : undefined);
    if (handler !== undefined && typeof handler !== "function") throw new Error(`\`${name}._handler\` is not a function`);
    functions.push({
      name,
      kind: KINDS[kinds[0]],
      visibility: "isPublic" in value ? "public" : "isInternal" in value ? "internal" : null,
      args: validator(value, name, "exportArgs"),
      returns: validator(value, name, "exportReturns"),
      position: handler === undefined ? null : position(folder, module, handler),
    });
  }
  return { path: module, functions, plain };
}

function validator(value, name, method) {
  if (typeof value[method] !== "function") return null;
  const text = value[method]();
  if (typeof text !== "string") throw new Error(`\`${name}.${method}()\` did not return a string`);
  return text === "null" ? null : text;
}

/** Where a function is in the developer's sources, if it is in this very module. */
function position(folder, module, handler) {
  const at = location(handler);
  if (at === null || !at.url.startsWith("file:")) return null;
  const file = fileURLToPath(at.url);
  if (path.relative(folder, file) !== module) return null;
  const mapped = original(folder, file, at.line, at.column);
  return mapped === null ? null : { path: mapped.source, line: mapped.line, column: mapped.column };
}

/** Only the inspector tells where a function is. */
function location(handler) {
  const session = new Session();
  session.connect();
  const scripts = new Map();
  session.on("Debugger.scriptParsed", ({ params }) => scripts.set(params.scriptId, params.url));
  const key = `lakewire:${Math.random()}`;
  globalThis[key] = handler;
  try {
    ask(session, "Debugger.enable");
    const { result } = ask(session, "Runtime.evaluate", { expression: `globalThis[${JSON.stringify(key)}]` });
    const { internalProperties } = ask(session, "Runtime.getProperties", { objectId: result.objectId, ownProperties: true });
    const found = internalProperties?.find(({ name }) => name === "[[FunctionLocation]]")?.value?.value;
    if (found === undefined) return null;
    return { url: scripts.get(found.scriptId) ?? "", line: found.lineNumber + 1, column: found.columnNumber + 1 };
  } finally {
    delete globalThis[key];
    session.disconnect();
  }
}

/** Sessions with the own process answer at once. */
function ask(session, method, params) {
  let answer;
  session.post(method, params, (error, result) => {
    if (error) throw new Error(`${method}: ${error.message}`);
    answer = result;
  });
  return answer;
}
