// The handler of the Node function: runs one `"use node"` action, or analyzes modules, in a child process that has none of
// this one's environment. What it is given and what it answers is in `remote/payload.rs`.

import { Child } from "./child.mjs";
import { bundleFolder, Missing } from "./fetched.mjs";
import { getJson, put } from "./http.mjs";
import { packagesFolder, PackagesError } from "./packages.mjs";
import { run } from "./run.mjs";

/** Changes when the server has to be another one. */
const VERSION = 1;
/** An answer must be out before the function's own time is. */
const LAST_MS = 3000;

/** The one child that is kept for the next invocation, and what it was made of. */
let kept = null;

export async function handler(event, context) {
  const invocation = event.lakewireObject === undefined ? event : await getJson(event.url);
  const answer = await answerTo(invocation, context);
  const text = JSON.stringify(answer);
  if (Buffer.byteLength(text) <= invocation.mostAnswer) return answer;
  await put(invocation.answerUrl, Buffer.from(text));
  return { t: "stored" };
}

async function answerTo(invocation, context) {
  if (invocation.v !== VERSION) {
    const message = `the Node function speaks version ${VERSION}, the server ${invocation.v}: deploy both`;
    return { t: "refused", why: "internal", message };
  }
  let child;
  try {
    child = await childFor(invocation);
  } catch (error) {
    if (error instanceof Missing) return { t: "missing", bundle: error.bundle, packages: error.packages };
    const why = error instanceof PackagesError ? "packages" : (error.why ?? "internal");
    return { t: "refused", why, message: String(error?.message ?? error) };
  }
  const left = context.getRemainingTimeInMillis() - LAST_MS;
  const answer = await run(child, invocation, Math.max(1, Math.min(invocation.timeMs, left)));
  if (!child.usable) kept = null;
  return answer;
}

/** A process of the bundle under the variables of the invocation: the one from before, if it is that. */
async function childFor({ bundle, packages, vars }) {
  const key = JSON.stringify([bundle.key, vars]);
  if (kept?.key === key && kept.child.usable) return kept.child;
  // There is memory for one.
  await kept?.child.end();
  kept = null;
  const missing = new Missing();
  const modules = packages === null ? null : await missing.note("packages", packagesFolder(packages));
  const folder = await missing.note("bundle", bundleFolder(bundle, modules));
  missing.throwIfAny();
  const child = await Child.start(folder, vars);
  kept = { key, child };
  return child;
}
