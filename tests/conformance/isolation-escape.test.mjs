// The attacks of `isolation-attacks.mjs`: what each comes to, and that a neighbour is answered promptly meanwhile.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { deployApp, makeProject, startServer } from "../lib/server.mjs";
import { caller } from "./call.mjs";
import { sleep } from "./harness.mjs";
import { ATTACKS, attackFiles } from "./isolation-attacks.mjs";

/** How long a neighbour may wait for a trivial query, on a busy machine and with a debug build. */
const PROMPT_MS = 2_000;
/** The most that an error, its data and its console lines may take of a response. */
const RESPONSE_BYTES = 20 << 20;
/** What the attacks of one call may add to the server's memory: its heap, its buffers, and what garbage remains of others. */
const MEMORY_MB = 700;
/** How long a call that was given up may go on taking what it may take: V8 is stopped between allocations, and one can be long. */
const LINGERS_MS = 60_000;

let server, calls;
before(async () => {
  // Functions are to see nothing of the variable.
  server = await startServer({ args: ["--action-timeout", "3"], env: { SECRET_OF_THE_OPERATOR: "top" } });
  await deployApp(server, makeProject(attackFiles()), { args: ["--typecheck", "disable"] });
  calls = caller(server);
});
after(() => server?.stop());

const residentMb = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))[1]) / 1024;
let pings = 0;

/** Runs `attack` while a neighbour asks; gives what came of it, the neighbour's longest wait and the most memory. */
async function beside(attack) {
  let over = false;
  let [longest, most] = [0, 0];
  const before = residentMb();
  const asking = (async () => {
    do {
      const started = performance.now();
      const n = pings++;
      assert.deepEqual(await calls.query("neighbour:ping", { n }), { value: n, logs: [] });
      longest = Math.max(longest, performance.now() - started);
      most = Math.max(most, residentMb() - before);
      await sleep(30);
    } while (!over);
  })();
  try {
    const result = await attack();
    over = true;
    await asking;
    return { result, longest, most };
  } finally {
    over = true;
  }
}

let large = { memory: MEMORY_MB, until: 0 };

/** The most that `attack` and those before it that may still be ending can add, MB. */
function memoryAllowed({ memory = MEMORY_MB }) {
  const now = performance.now();
  if (memory > MEMORY_MB) large = { memory, until: now + LINGERS_MS };
  return now < large.until ? large.memory : memory;
}

function check(attack, { result, longest, most }) {
  const { name, expect, orValue, orError } = attack;
  const memory = memoryAllowed(attack);
  const what = `${name}: ${JSON.stringify(result)?.slice(0, 300)}`;
  const fits = (rule) => rule !== undefined && (rule instanceof RegExp ? result.error !== undefined && rule.test(result.error) : result.error === undefined && rule(result.value));
  if (!fits(expect) && !fits(orValue) && !fits(orError)) return what;
  if (result.status === 500 || /InternalServerError|panicked/.test(result.error ?? "")) return `internal: ${what}`;
  if (JSON.stringify(result).length > RESPONSE_BYTES) return `a response of ${JSON.stringify(result).length} bytes: ${name}`;
  if (longest > PROMPT_MS) return `the neighbour waited ${longest.toFixed()} ms: ${name}`;
  if (most > memory) return `the server grew by ${most.toFixed()} MB: ${name}`;
  return null;
}

test("calls that can't be stopped are given up, and their threads replaced", { timeout: 120_000 }, async () => {
  const attacks = Array.from({ length: 4 }, () => calls.query("attack:q", { name: "arrayLike" }));
  attacks.push(calls.action("attack:a", { name: "arrayLike" }));
  for (const { error } of await Promise.all(attacks)) assert.match(error, /timed out/);
  const { longest } = await beside(() => sleep(1_000));
  assert.ok(longest < PROMPT_MS, `the neighbour waited ${longest} ms`);
});

test("modules that take from V8 what it sets up in a context are loaded, and harm nobody", { timeout: 120_000 }, async () => {
  const hostile = {
    limit: "Error.stackTraceLimit = 1;",
    limitThatStays: "Object.defineProperty(Error, 'stackTraceLimit', { value: 1 });",
    frozenError: "Object.freeze(Error);",
    frozenGlobal: "Object.freeze(globalThis);",
    webAssembly: "(globalThis as any).WebAssembly ??= {};",
    shared: "(globalThis as any).SharedArrayBuffer ??= class {};",
    dispose: "(Symbol as any).dispose ??= Symbol('dispose'); (Symbol as any).asyncDispose ??= Symbol('asyncDispose');",
    polyfills: `const on = (target: any, names: string[]) => names.forEach((name) => { target[name] ??= () => null; });
      on(Math, ['sumPrecise', 'f16round', 'clamp']); on(Uint8Array, ['fromBase64', 'fromHex']); on(Promise, ['try']); on(RegExp, ['escape']);
      on(Uint8Array.prototype, ['toBase64', 'setFromHex']); on(Error, ['isError', 'captureStackTrace']); on(Map.prototype, ['getOrInsert', 'getOrInsertComputed']);
      on(Atomics, ['pause', 'waitAsync']); on(Array, ['fromAsync']); on(JSON, ['rawJSON', 'isRawJSON']);
      const g: any = globalThis; on(g, ['Temporal', 'DisposableStack', 'AsyncDisposableStack', 'SuppressedError', 'Float16Array', 'Iterator', 'AsyncIterator']);
      on(g.Iterator, ['concat', 'zip', 'zipKeyed', 'from']); on(g.Iterator.prototype ?? {}, ['chunks', 'windows', 'dispose']);`,
    frozenIntrinsics: `for (const name of Object.getOwnPropertyNames(globalThis)) {
        const value = (globalThis as any)[name];
        if (typeof value === 'function') { Object.freeze(value); Object.freeze(value.prototype); } else if (name !== 'globalThis' && name !== 'self') Object.freeze(value);
      }`,
    plain: "",
  };
  const files = Object.entries(hostile).map(([name, code]) => [`convex/${name}.ts`, `
    import { action, query } from "./_generated/server";
    // While a push is analyzed, one may be in the way of another.
    try { ${code} } catch {}
    export const q = query(async () => 1);
    export const a = action(async () => 1);`]);
  const other = await startServer();
  try {
    await deployApp(other, makeProject(Object.fromEntries(files)), { args: ["--typecheck", "disable"] });
    const { pid } = other;
    const { ok } = caller(other);
    for (let i = 0; i < 3; i++) {
      for (const name of Object.keys(hostile)) assert.deepEqual([await ok.query(`${name}:q`), await ok.action(`${name}:a`)], [1, 1], name);
    }
    assert.equal(other.pid, pid);
  } finally {
    await other.stop();
  }
});

for (const [group, attacks] of Object.entries(ATTACKS)) {
  describe(group.toLowerCase(), () => {
    for (const [kind, path] of [["query", "attack:q"], ["mutation", "attack:m"], ["action", "attack:a"]]) {
      test(`as a ${kind}`, { timeout: 900_000 }, async () => {
        const bad = [];
        for (const attack of attacks) {
          const pid = server.pid;
          try {
            const { name } = attack;
            const failure = check(attack, await beside(() => calls[kind](path, { name })));
            if (failure !== null) bad.push(failure);
          } catch (error) {
            bad.push(`${attack.name}: ${error.message} ${error.cause ?? ""}`);
          }
          if (server.pid !== pid || pid === undefined) {
            bad.push(`${attack.name} ended the server`);
            await server.restart();
          }
        }
        assert.deepEqual(bad, []);
      });
    }
  });
}
