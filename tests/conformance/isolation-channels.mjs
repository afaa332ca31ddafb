// Ways by which one call could leave something for the next, in one table: `isolation-state.test.mjs` tries each of them
// in every kind of function.
//
// A channel is a module of its own: `top` is its code outside of functions, `write` the statements by which a call leaves
// the string `secret`, `read` the expression of what a call finds before that. What `read` gives must not depend on what
// was called before. All of it also sees `ctx` and `step`, a number. A channel is `silent` if not even the same call finds
// what it has left: it must stay so.

const channel = (name, top, write, read, silent = false) => ({ name, top, write, read, silent });

/** Modules that hold state, most of which look as if they did not. */
const MODULES = [
  channel("letNumber", "let n = 0;", "n += 1;", "n"),
  channel("letString", "let last: any = null;", "last = secret;", "last"),
  channel("constMap", "const cache = new Map<string, any>();", "cache.set(`k${cache.size}`, secret);", "[...cache.values()]"),
  channel("constSet", "const seen = new Set<any>();", "seen.add(secret);", "[...seen]"),
  channel("constBox", "const box: any = { n: 0 };", "box.n++; box.last = secret;", "[box.n, box.last]"),
  channel("constArray", "const list: any[] = [];", "list.push(secret);", "list.slice()"),
  channel("frozenOuter", "const outer: any = Object.freeze({ inner: { values: [] } });", "outer.inner.values.push(secret);",
    "outer.inner.values.slice()"),
  channel("frozenMap", "const outer: any = Object.freeze(new Map());", "outer.set(1, secret);", "outer.get(1)"),
  channel("iifeClosure", "const { get, set } = (() => { let kept: any = null; return { get: () => kept, set: (x: any) => { kept = x; } }; })();",
    "set(secret);", "get()"),
  channel("staticField", "class Holder { static kept: any = null; }", "Holder.kept = secret;", "Holder.kept"),
  channel("staticPrivate", "class Holder { static #kept: any = null; static get() { return Holder.#kept; } static set(x: any) { Holder.#kept = x; } }",
    "Holder.set(secret);", "Holder.get()"),
  channel("classPrototype", "class Holder {}", "(Holder.prototype as any).kept = secret;", "(new Holder() as any).kept"),
  channel("functionProperty", "function helper(this: any) { return 1; }", "(helper as any).count = secret;", "(helper as any).count"),
  channel("functionPrototype", "function Helper(this: any) {}", "Helper.prototype.kept = secret;", "Helper.prototype.kept"),
  channel("arrowProperty", "const helper = () => 1;", "(helper as any).kept = secret;", "(helper as any).kept"),
  channel("defaultParameter", "const defaults: any[] = []; const push = (x?: any, into = defaults) => { if (x !== undefined) into.push(x); return into; };",
    "push(secret);", "push().slice()"),
  channel("memoized", "const memo = ((known: any) => (key: string, value?: any) => (known[key] ??= value))({});",
    "memo('k', secret);", "memo('k')"),
  channel("globalRegExp", "const pattern = /a/g;", "pattern.test('aaaa');", "pattern.lastIndex"),
  channel("stickyRegExp", "const pattern = /a/y;", "pattern.exec('aaaa');", "pattern.lastIndex"),
  channel("regExpProperty", "const pattern: any = /a/;", "pattern.kept = secret;", "pattern.kept"),
  channel("generator", "const numbers = (function* () { let n = 0; for (;;) yield n++; })();", "numbers.next();", "numbers.next().value"),
  channel("generatorEcho", "const echo: any = (function* () { let kept: any = null; for (;;) kept = (yield kept) ?? kept; })(); echo.next();",
    "echo.next(secret);", "echo.next().value"),
  channel("asyncGenerator", "const echo: any = (async function* () { let kept: any = null; for (;;) kept = (yield kept) ?? kept; })();",
    "await echo.next(); await echo.next(secret);", "(await echo.next()).value"),
  channel("iterator", "const entries = new Map([[1, 1], [2, 2], [3, 3]]).entries();", "entries.next();", "entries.next().value?.[0] ?? null"),
  channel("symbolProperty", "const tag = Symbol('tag'); const target: any = () => {};", "target[tag] = secret;", "target[tag]"),
  channel("templateObject", "const site: any = (strings: any) => strings; const same = () => site`a`; const kept = new WeakMap();",
    "kept.set(same(), secret);", "kept.get(same())"),
  channel("weakMap", "const key = {}; const kept = new WeakMap();", "kept.set(key, secret);", "kept.get(key)"),
  channel("weakMapOfValidator", "import { v } from 'convex/values'; const validator = v.string(); const kept = new WeakMap();",
    "kept.set(validator, secret);", "kept.get(validator)"),
  channel("weakRef", "const box: any = {}; const ref = new WeakRef(box);", "(ref.deref() as any).kept = secret;", "(ref.deref() as any).kept"),
  channel("finalizers", "const kept: any[] = []; const registry = new FinalizationRegistry((held) => kept.push(held));",
    "registry.register({}, secret);", "kept.slice()", true),
  channel("proxyTarget", "const proxy: any = new Proxy({}, {});", "proxy.kept = secret;", "proxy.kept"),
  channel("accessor", "const holder: any = (() => { let kept: any; return { get value() { return kept; }, set value(x: any) { kept = x; } }; })();",
    "holder.value = secret;", "holder.value"),
  channel("boundThis", "const bound: any = { kept: null }; const set = function (this: any, x: any) { this.kept = x; }.bind(bound);",
    "set(secret);", "bound.kept"),
  channel("typedArray", "const bytes = new Uint8Array(8);", "bytes[0]++;", "bytes[0]"),
  channel("arrayBuffer", "const buffer = new ArrayBuffer(8); const view = () => new DataView(buffer);", "view().setInt32(0, 7);", "view().getInt32(0)"),
  channel("date", "const date = new Date(0);", "date.setTime(12345);", "date.getTime()"),
  channel("urlParams", "const params = new URLSearchParams();", "params.append('s', secret);", "params.toString()"),
  channel("headers", "const headers = new Headers();", "headers.append('x', secret);", "headers.get('x')"),
  channel("errorObject", "const error: any = new Error('shared');", "error.message = secret;", "error.message"),
  channel("promise", "let open: any; const promise: any = new Promise((resolve) => { open = resolve; });", "open(secret);",
    "await Promise.race([promise, null])"),
  channel("asyncLocalStorage", "const storage: any = new AsyncLocalStorage();", "storage.enterWith?.(secret); storage.kept = secret;",
    "[storage.getStore() ?? null, storage.kept ?? null]"),
  channel("asyncLocalRun", "const storage: any = new AsyncLocalStorage(); const inner: any[] = [];",
    "storage.run(secret, () => { inner.push(AsyncResource.bind(() => storage.getStore())); });", "inner.map((f) => f())"),
  channel("eventTarget", "const events = new EventTarget(); const heard: any[] = []; events.addEventListener('e', (e: any) => heard.push(e.type));",
    "events.dispatchEvent(new Event('e'));", "heard.slice()"),
  channel("abort", "const controller = new AbortController();", "controller.abort(secret);", "controller.signal.aborted ? controller.signal.reason : null"),
  channel("wasmMemory", "const memory = new WebAssembly.Memory({ initial: 1 });", "new Uint8Array(memory.buffer)[0]++; memory.grow(1);",
    "[new Uint8Array(memory.buffer)[0], memory.buffer.byteLength]"),
  channel("wasmTable", "const table: any = new WebAssembly.Table({ initial: 1, element: 'externref' } as any);", "table.set(0, secret);", "table.get(0) ?? null"),
  channel("wasmGlobal", "const cell: any = new WebAssembly.Global({ value: 'i32', mutable: true }, 0);", "cell.value++;", "cell.value"),
  channel("lazyInit", "let client: any; const getClient = () => (client ??= { uses: 0 });", "getClient().uses++;", "client?.uses ?? 0"),
  channel("onceFlag", "let done = false; const once = (f: any) => { if (!done) { done = true; f(); } };", "once(() => {});", "done"),
  channel("switchedFunction", "let handler: any = () => 'first';", "handler = () => secret;", "handler()"),
  channel("destructuredState", "const [state]: any = [{ values: {} }];", "state.values[secret] = 1;", "Object.keys(state.values)"),
  channel("enumObject", "enum Mode { A, B }", "(Mode as any).C = secret;", "(Mode as any).C"),
  channel("namespaceHelper", "import * as ns from './lib/state';", "ns.set(secret);", "ns.get()"),
  channel("importedFunction", "import { helper } from './lib/state';", "(helper as any)[Symbol.for('kept')] = secret;", "(helper as any)[Symbol.for('kept')]"),
  channel("importedArray", "import { list } from './lib/state';", "list.push(secret);", "list.slice()"),
  channel("importedInstance", "import { counter } from './lib/state';", "counter.add();", "counter.value"),
  channel("reexported", "import { viaReexport as kept } from './lib/again';", "kept.last = secret;", "kept.last"),
  channel("dependency", "import dependency from '../dependency/index.cjs';", "dependency.remember(secret);", "dependency.recall()"),
  channel("dependencyClass", "import { Store } from '../dependency/index.cjs';", "Store.shared.set(secret);", "Store.shared.get()"),
  channel("dynamicImport", "const load = () => import('./lib/state');", "(await load().catch(() => null))?.set(secret);",
    "(await load().catch(() => null))?.get() ?? null"),
];

/** What modules share with all others: objects of the language, of the platform and of the npm package. */
const SHARED = [
  channel("globalProperty", "", "(globalThis as any).kept = secret;", "(globalThis as any).kept"),
  channel("globalNullish", "", "(globalThis as any).cache ??= secret;", "(globalThis as any).cache"),
  channel("globalSymbol", "", "(globalThis as any)[Symbol.for('kept')] = secret;", "(globalThis as any)[Symbol.for('kept')]"),
  channel("globalHidden", "", "Object.defineProperty(globalThis, 'kept', { value: secret, enumerable: false });", "(globalThis as any).kept"),
  channel("globalGetter", "", "Object.defineProperty(globalThis, 'kept', { get: () => secret, configurable: true });", "(globalThis as any).kept"),
  channel("selfProperty", "", "(self as any).kept = secret;", "(self as any).kept"),
  channel("globalPrototype", "", "Object.setPrototypeOf(Object.getPrototypeOf(globalThis), Object.create(null, { kept: { value: secret } }));",
    "(globalThis as any).kept"),
  channel("sloppyThis", "", "(0, function (this: any) { this && (this.kept = secret); }).call(globalThis);", "(globalThis as any).kept"),
  ...["Object", "Function", "Array", "String", "Number", "Boolean", "Symbol", "BigInt", "Promise", "Map", "Set", "WeakMap", "WeakSet",
    "RegExp", "Date", "Error", "TypeError", "ArrayBuffer", "Uint8Array", "DataView", "URL", "URLSearchParams", "Headers", "Request",
    "Response", "Blob", "TextEncoder", "TextDecoder", "AbortController", "EventTarget", "ReadableStream", "WeakRef", "FormData",
  ].flatMap((type) => [
    channel(`static${type}`, "", `(${type} as any).kept = secret;`, `(${type} as any).kept`),
    channel(`prototype${type}`, "", `Reflect.defineProperty(${type}.prototype, 'kept', { value: secret, configurable: true });`,
      `(${type}.prototype as any).kept`),
  ]),
  ...["Math", "JSON", "Reflect", "Atomics", "Intl", "WebAssembly", "console", "performance", "crypto", "process", "process.env", "Convex"].map((name) =>
    channel(`namespace${name.replace(".", "")}`, "", `try { (globalThis as any).${name}.kept = secret; } catch {}`, `(globalThis as any).${name}?.kept`, name === "process.env")),
  channel("arrayIterator", "", "(Object.getPrototypeOf([][Symbol.iterator]()) as any).kept = secret;", "(Object.getPrototypeOf([][Symbol.iterator]()) as any).kept"),
  channel("iteratorPrototype", "", "(Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())) as any).kept = secret;",
    "(Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())) as any).kept"),
  channel("asyncFunctionPrototype", "const proto: any = () => Object.getPrototypeOf(async function () {});", "proto().kept = secret;", "proto().kept"),
  channel("generatorPrototype", "const proto: any = () => Object.getPrototypeOf(function* () {});", "proto().kept = secret;", "proto().kept"),
  channel("typedArrayPrototype", "", "(Object.getPrototypeOf(Uint8Array.prototype) as any).kept = secret;", "(Object.getPrototypeOf(Uint8Array.prototype) as any).kept"),
  channel("regExpStatics", "", "/(kept)/.exec('kept');", "[RegExp.$1, (RegExp as any).lastMatch, (RegExp as any).input].join()"),
  channel("stackTraceLimit", "", "(Error as any).stackTraceLimit = 3;", "(Error as any).stackTraceLimit"),
  channel("prepareStackTrace", "", "(Error as any).prepareStackTrace = () => secret;", "String((Error as any).prepareStackTrace)"),
  channel("symbolRegistry", "", "(globalThis as any)[Symbol.for(secret)] = 1; Symbol.for('kept').description;", "Object.getOwnPropertySymbols(globalThis).map(String).join()"),
  channel("mathRandom", "", "Math.random = () => 0.5;", "typeof Math.random() === 'number' && Math.random() !== Math.random()"),
  channel("dateNow", "", "Date.now = () => 5;", "Date.now() > 1e12"),
  channel("dateConstructor", "", "(globalThis as any).Date = class { getTime() { return 5; } };", "new Date().getTime() > 1e12"),
  channel("intlPrototype", "", "Intl.NumberFormat.prototype.formatToParts = (() => secret) as any; (Intl.NumberFormat as any).kept = secret;",
    "[(Intl.NumberFormat as any).kept, typeof new Intl.NumberFormat('en').formatToParts(1)]"),
  channel("intlDefaults", "", "Object.defineProperty(Intl.DateTimeFormat.prototype, 'resolvedOptions', { value: () => ({ locale: secret }) });",
    "Intl.DateTimeFormat().resolvedOptions().locale"),
  channel("consolePatched", "", "console.log = () => secret as any;", "String(console.log('x'))"),
  channel("consoleTimer", "", "console.time(secret); console.time('kept');", "null", true),
  channel("performanceMark", "", "(performance as any).mark?.(secret);", "((performance as any).getEntries?.() ?? []).length"),
  channel("cryptoPatched", "", "(crypto as any).randomUUID = () => secret;", "crypto.randomUUID().length === 36"),
  channel("jsonPatched", "", "const parse = JSON.parse; JSON.parse = ((text: string) => { (globalThis as any).kept = text; return parse(text); }) as any;",
    "JSON.parse('1') && (globalThis as any).kept"),
  channel("mapPatched", "", "const set = Map.prototype.set; Map.prototype.set = function (k: any, x: any) { (Map as any).last = secret; return set.call(this, k, x); };",
    "new Map([[1, 2]]) && (Map as any).last"),
  channel("thenPatched", "", "const then: any = Promise.prototype.then; (Promise.prototype as any).then = function (...args: any[]) { (globalThis as any).last = secret; return then.apply(this, args); };",
    "await Promise.resolve().then(() => (globalThis as any).last ?? null)"),
  channel("structuredCloned", "", "(structuredClone as any).kept = secret;", "(structuredClone as any).kept"),
  channel("fetchPatched", "", "(globalThis as any).fetch = Object.assign(() => secret, { kept: secret });", "(globalThis as any).fetch?.kept"),
  channel("timerPatched", "", "(globalThis as any).setTimeout = Object.assign(() => 1, { kept: secret });", "(globalThis as any).setTimeout?.kept"),
  channel("environmentShadow", "", "(globalThis as any).process = { env: { KEPT: secret } };", "(globalThis as any).process.env.KEPT"),
  channel("environmentAssign", "", "try { process.env.KEPT = secret; } catch {}", "process.env.KEPT", true),
  channel("convexPatched", "", "const was = (globalThis as any).Convex.asyncSyscall; (globalThis as any).Convex.asyncSyscall = Object.assign((...a: any[]) => was(...a), { kept: secret });",
    "(globalThis as any).Convex.asyncSyscall.kept"),
  channel("ctxProperty", "", "(ctx as any).kept = secret;", "(ctx as any).kept"),
  channel("ctxPrototype", "", "Object.defineProperty(Object.getPrototypeOf(ctx), 'kept', { value: secret, configurable: true });", "(ctx as any).kept"),
  channel("ctxDb", "", "if ((ctx as any).db) (ctx as any).db.kept = secret;", "(ctx as any).db?.kept"),
  channel("ctxDbPrototype", "", "if ((ctx as any).db) (Object.getPrototypeOf((ctx as any).db) as any).kept = secret;", "(ctx as any).db?.kept"),
  channel("ctxQueryPrototype", "", "if ((ctx as any).db) Object.getPrototypeOf((ctx as any).db.query('none')).kept = secret;", "(ctx as any).db?.query('none').kept"),
  channel("ctxAuth", "", "(ctx as any).auth.kept = secret; (ctx as any).auth.getUserIdentity = async () => ({ subject: secret });", "[(ctx as any).auth.kept, await (ctx as any).auth.getUserIdentity()]"),
  channel("ctxStorage", "", "(ctx as any).storage.kept = secret; Object.getPrototypeOf((ctx as any).storage).kept2 = secret;", "[(ctx as any).storage.kept, (ctx as any).storage.kept2]"),
  channel("ctxScheduler", "", "const s = (ctx as any).scheduler; if (s) s.kept = secret;", "(ctx as any).scheduler?.kept"),
  channel("validatorBuilder", "import { v } from 'convex/values';", "(v as any).kept = secret;", "(v as any).kept"),
  channel("validatorPatched", "import { v } from 'convex/values';", "const was = v.string; (v as any).string = () => Object.assign(was(), { kept: secret });", "(v.string() as any).kept"),
  channel("validatorClass", "import { v } from 'convex/values';", "Object.getPrototypeOf(v.string()).kept = secret;", "(v.string() as any).kept"),
  channel("builderProperty", "import * as server from './_generated/server';", "(server.query as any).kept = secret;", "(server.query as any).kept"),
  channel("registeredFunction", "", "(q as any).kept = secret; (a as any).kept = secret;", "[(q as any).kept, (a as any).kept]"),
  channel("registeredHandler", "", "(q as any)._handler.kept = secret;", "(q as any)._handler.kept"),
  channel("apiProxy", "import { api } from './_generated/api';", "try { (api as any).kept = secret; } catch {}", "typeof (api as any).kept", true),
  channel("convexError", "import { ConvexError } from 'convex/values';", "(ConvexError as any).kept = secret; (ConvexError.prototype as any).kept = secret;",
    "[(ConvexError as any).kept, (ConvexError.prototype as any).kept]"),
  channel("arguments", "let previous: any = null; const remember = (args: any) => { previous = args; };", "remember({ secret, step });", "previous"),
  channel("pendingPromise", "const waiting: any[] = [];", "void new Promise((resolve) => waiting.push(resolve)).then(() => secret);", "waiting.length"),
  channel("microtask", "let late: any = null;", "void (async () => { for (let i = 0; i < 50; i++) await null; late = secret; })();", "late", true),
];

export const CHANNELS = [...MODULES, ...SHARED];

/** The module of a channel. `q`, `m`, `a` and `h` tell what they find, and leave `secret`. */
const moduleOf = ({ name, top, write, read }) => {
  const imports = [...top.matchAll(/import [^;]*;/g)].map(([text]) => text).join("\n");
  const rest = top.replace(/import [^;(]* from [^;]*;/g, "");
  return `${imports}
    import { action, httpAction, mutation, query } from "./_generated/server";
    import { v as argument } from "convex/values";
    ${rest}
    const args = { secret: argument.string(), step: argument.number() };
    async function touch(ctx: any, { secret, step }: any): Promise<any> {
      const found = ${read};
      ${write}
      return JSON.stringify(found) ?? "undefined";
    }
    export const q: any = query({ args, handler: touch });
    export const m: any = mutation({ args, handler: touch });
    export const a: any = action({ args, handler: touch });
    // Within one call, what is written is found: otherwise the channel would prove nothing.
    const twice = async (ctx: any, args: any) => [await touch(ctx, args), await touch(ctx, args)];
    export const selfAction: any = action({ args, handler: twice });
    export const selfMutation: any = mutation({ args, handler: twice });
    export const h: any = httpAction(async (ctx, request) => {
      const secret = new URL(request.url).searchParams.get("secret");
      return new Response(await touch(ctx, { secret, step: 0 }));
    });`;
};

const LIB = {
  "convex/lib/state.ts": `
    let kept: any = null;
    export const get = () => kept;
    export const set = (x: any) => { kept = x; };
    export function helper() { return 1; }
    export const list: any[] = [];
    export const counter = new (class { value = 0; add() { this.value++; } })();
    export const viaReexport: any = { last: null };`,
  "convex/lib/again.ts": `export { viaReexport } from "./state";`,
  // A package as npm has them: CommonJS with its state in a closure, reached by its default export.
  "dependency/index.cjs": `
    var last = null;
    exports.remember = function (x) { last = x; };
    exports.recall = function () { return last; };
    class Store { static shared = new Store(); #kept = null; get() { return this.#kept; } set(x) { this.#kept = x; } }
    exports.Store = Store;
    exports.default = exports;`,
};

/** A module that leaves things everywhere while it is loaded, and one that looks for them. */
const IMPORTS = {
  "convex/vandal.ts": `
    import { action, mutation, query } from "./_generated/server";
    import { v } from "convex/values";
    import { api } from "./_generated/api";
    import * as state from "./lib/state";
    const g: any = globalThis;
    for (const target of [g, Array.prototype, Object, Promise, Map.prototype, JSON, Math, console, v, query, g.Convex, state.helper]) {
      Object.defineProperty(target, "leftAtImport", { value: "left", configurable: true });
    }
    state.set("left");
    state.list.push("left");
    Math.random = () => 0.25;
    Error.stackTraceLimit = 1;
    export const q = query(async (ctx) => await ctx.runQuery((api as any).looker.q, {}));
    export const m = mutation(async (ctx) => await ctx.runMutation((api as any).looker.m, {}));
    export const a = action(async (ctx) => await ctx.runAction((api as any).looker.a, {}));`,
  "convex/looker.ts": `
    import { action, mutation, query } from "./_generated/server";
    import { v } from "convex/values";
    import * as state from "./lib/state";
    const look = async (): Promise<any> => {
      const g: any = globalThis;
      const targets = [g, Array.prototype, Object, Promise, Map.prototype, JSON, Math, console, v, query, g.Convex, state.helper];
      return [...targets.map((target: any) => target.leftAtImport ?? null), state.get(), ...state.list]
        .concat(Math.random() === 0.25 ? "random" : [], Error.stackTraceLimit === 1 ? "limit" : []).filter((x) => x !== null);
    };
    export const q = query(look);
    export const m = mutation(look);
    export const a = action(look);`,
};

/** The channels' app: a module each, and HTTP routes and calls within calls that lead to them. */
export function channelFiles() {
  const modules = Object.fromEntries(CHANNELS.map((channel) => [`convex/${channel.name}.ts`, moduleOf(channel)]));
  const nested = `
    import { action, mutation, query } from "./_generated/server";
    import { api } from "./_generated/api";
    // The same function twice in one transaction, and between the two a function of the other kind.
    export const inQuery = query(async (ctx, { name, secrets }: any) => {
      const found = [];
      for (const [step, secret] of secrets.entries()) found.push(await ctx.runQuery((api as any)[name].q, { secret, step }));
      return found;
    });
    export const inMutation = mutation(async (ctx, { name, secrets }: any) => {
      const found = [];
      for (const [step, secret] of secrets.entries()) {
        found.push(await ctx.runQuery((api as any)[name].q, { secret, step }));
        found.push(await ctx.runMutation((api as any)[name].m, { secret, step }));
      }
      return found;
    });
    export const inAction = action(async (ctx, { name, secrets }: any) => {
      const calls = secrets.map((secret: string, step: number) => ctx.runQuery((api as any)[name].q, { secret, step }));
      return await Promise.all(calls);
    });`;
  const imports = CHANNELS.map(({ name }) => `import { h as ${name}_h } from "./${name}";`).join("\n");
  const routes = CHANNELS.map(({ name }) => `http.route({ path: "/${name}", method: "GET", handler: ${name}_h });`).join("\n");
  const http = `import { httpRouter } from "convex/server";\n${imports}\nconst http = httpRouter();\n${routes}\nexport default http;`;
  return { ...modules, ...LIB, ...IMPORTS, "convex/nested.ts": nested, "convex/http.ts": http };
}
