// What a function might try against the machinery that runs it, in one table: `isolation-escape.test.mjs` runs each attack as a
// query, a mutation and an action, and holds the outcome against `expect`:
//   a RegExp   the call fails with an error that matches;
//   a function the call succeeds, and its value satisfies it.
// `orValue` and `orError` are other outcomes that are as good; `memory` is what it may take for a moment, MB.
// `code` is the body of an async function of `ctx`.

const attack = (name, code, expect, more = {}) => ({ name, code, expect, ...more });
const is = (expected) => (value) => JSON.stringify(value) === JSON.stringify(expected);

/** One allocation as large as V8 makes them has to fit before V8 can be told to stop: MB. */
const LARGE = { memory: 2_600 };
const STOPPED = /timed out|ran out of memory/;
const TIME = /timed out/;

/** Time and memory without end. */
const EXHAUSTION = [
  attack("loop", "for (;;);", TIME),
  attack("loopThatCatches", "for (;;) { try { for (;;); } catch {} finally { continue; } }", TIME),
  attack("loopInGetter", "return { get x() { for (;;); } };", TIME),
  attack("loopInThen", "return { then() { for (;;); } };", TIME),
  attack("loopInToString", "throw { toString() { for (;;); }, get message() { for (;;); } };", TIME),
  attack("loopInStack", "const e: any = new Error('x'); Object.defineProperty(e, 'stack', { get() { for (;;); } }); throw e;", /timed out|x/),
  attack("loopInPrepare", "(Error as any).prepareStackTrace = () => { for (;;); }; throw new Error('x');", /timed out|x/),
  attack("loopInToJSON", "return { toJSON() { for (;;); } };", /toJSON|timed out/),
  attack("loopInProxy", "return new Proxy({}, { ownKeys() { for (;;); }, getPrototypeOf() { for (;;); } });", TIME),
  attack("loopInConsole", "console.log({ inspect() { for (;;); } });", TIME),
  attack("microtasks", "const next = (): any => Promise.resolve().then(next); await next();", STOPPED),
  attack("microtasksThatNobodyAwaits", "const next = (): any => Promise.resolve().then(next); void next(); return 1;", STOPPED),
  attack("microtasksThatFork", "const next = (): any => { void Promise.resolve().then(next); void Promise.resolve().then(next); }; next(); return 1;", STOPPED),
  attack("asyncGenerator", "async function* all() { for (;;) yield 1; } for await (const _ of all());", TIME),
  attack("regExp", "return /^(a+)+$/.test('a'.repeat(60) + '!');", TIME),
  attack("regExpBackreference", "return /^(?:(.+)+\\1)+$/.test('ab'.repeat(500));", /timed out|Maximum call stack|false/, { orValue: () => true }),
  attack("regExpReplace", "return 'a'.repeat(50_000).replace(/(a*)*b/g, '').length;", TIME),
  attack("recursion", "const down = (n: number): number => 1 + down(n + 1); return down(0);", /Maximum call stack/),
  attack("recursionThatCatches", "const down = (): any => { try { return down(); } catch { return down(); } }; return down();", /timed out|Maximum call stack/),
  attack("recursionInProxy", "const p: any = new Proxy({}, { get: (t, k, r) => r[k] }); return p.x;", /Maximum call stack/),
  attack("recursionInToString", "const o: any = { toString: () => `${o}` }; return `${o}`;", /Maximum call stack/),
  attack("recursionInSort", "const a: any = [2, 1]; const f = (): any => a.sort(f); return f();", /Maximum call stack/),
  attack("sort", "new Array(2 ** 25).fill(0).map(Math.random).sort(() => Math.random() - 0.5); return 1;", STOPPED, LARGE),
  attack("bigInt", "let x = 3n; for (;;) x *= x;", /Maximum BigInt size|timed out|out of memory/),
  attack("bigIntPower", "return String(7n ** 9_000_000n).length;", /timed out|Maximum BigInt|memory/, { orValue: () => true }),
  attack("string", "let s = 'x'; for (;;) s += s;", /Invalid string length|out of memory/),
  attack("stringThatIsUsed", "const s = 'x'.repeat(2 ** 28); return [...s].length;", STOPPED),
  attack("stringJoin", "return new Array(2 ** 27).join('xxxx').length;", /Invalid string length|out of memory|timed out/),
  attack("stringPad", "const all = []; for (let i = 0; ; i++) all.push('x'.padEnd(2 ** 20 + i).split(''));", STOPPED),
  attack("array", "const all: any[] = []; for (;;) all.push(new Array(1000).fill(all.length));", STOPPED),
  attack("arrayAtOnce", "return new Array(2 ** 27).fill(1.5).length;", STOPPED, LARGE),
  attack("arrayHoles", "const a: any = []; a[2 ** 32 - 2] = 1; a.sort(); return 1;", TIME),
  attack("arrayLike", "return Array.prototype.includes.call({ length: 2 ** 34 }, 1);", TIME),
  attack("map", "const all = new Map(); for (let i = 0; ; i++) all.set(i, { i });", /maximum size|timed out|out of memory/),
  attack("closures", "let f: any = null; for (;;) { const g = f; f = () => g; }", STOPPED),
  attack("promises", "const all: any[] = []; for (;;) all.push(new Promise(() => {}));", STOPPED),
  attack("symbols", "const all: any[] = []; for (let i = 0; ; i++) all.push(Symbol.for('attack' + i));", STOPPED),
  attack("typedArrays", "const all: any[] = []; for (;;) { const a = new Uint8Array(2 ** 24); a.fill(1); all.push(a); }", /allocation failed|out of memory|timed out/),
  attack("typedArrayAtOnce", "return new Uint8Array(2 ** 32).length;", /allocation failed|Invalid typed array length/),
  attack("resizableBuffers", `const all: any[] = [];
    for (let i = 0; i < 64; i++) { const b: any = new (ArrayBuffer as any)(2 ** 24, { maxByteLength: 2 ** 24 }); new Uint8Array(b).fill(1); all.push(b); }
    return all.length;`, /allocation failed|out of memory|timed out/),
  attack("resizedBuffer", "const b: any = new (ArrayBuffer as any)(0, { maxByteLength: 2 ** 30 }); b.resize(2 ** 30); new Uint8Array(b).fill(1); return 1;",
    /allocation failed|out of memory|timed out|resize/),
  attack("resizedBufferAtOnce", "new Uint8Array((() => { const b: any = new (ArrayBuffer as any)(0, { maxByteLength: 2 ** 32 }); b.resize(2 ** 32); return b; })()).fill(1); return 1;",
    /allocation failed|out of memory|timed out|resize|Invalid/),
  attack("resizableAtOnce", "return new Uint8Array(new (ArrayBuffer as any)(2 ** 32, { maxByteLength: 2 ** 32 })).fill(1).length;", /allocation failed|out of memory|timed out|Invalid/),
  attack("intlObjects", "const all: any[] = []; for (;;) all.push(new Intl.DateTimeFormat('en', { timeZone: 'Asia/Tokyo' }), new Intl.Segmenter('de'));", STOPPED),
  attack("intlObjectsInside", "const F: any = Object.getPrototypeOf(new Intl.DateTimeFormat()).constructor; const all: any[] = []; for (;;) all.push(new F('de'), F('de'), Reflect.construct(F, ['fr'], class extends F {}));", STOPPED),
  attack("sharedBuffers", `const all: any[] = [];
    for (let i = 0; i < 64; i++) { const b = new SharedArrayBuffer(2 ** 24); new Uint8Array(b).fill(1); all.push(b); }
    return all.length;`, /allocation failed|out of memory|timed out/),
  attack("growableSharedBuffers", `const all: any[] = [];
    for (let i = 0; i < 64; i++) { const b: any = new (SharedArrayBuffer as any)(0, { maxByteLength: 2 ** 24 }); b.grow(2 ** 24); new Uint8Array(b).fill(1); all.push(b); }
    return all.length;`, /allocation failed|out of memory|timed out|grow/),
  attack("wasmGrow", "const m = new WebAssembly.Memory({ initial: 1 }); for (;;) m.grow(256);", /grow/),
  attack("wasmMemories", `const all: any[] = [];
    for (let i = 0; i < 16; i++) { const m = new WebAssembly.Memory({ initial: 1024 }); new Uint8Array(m.buffer).fill(1); all.push(m); }
    return all.length;`, /could not allocate|out of memory|timed out/i),
  attack("wasmSharedMemories", `const all: any[] = [];
    for (let i = 0; i < 16; i++) { const m = new WebAssembly.Memory({ initial: 1024, maximum: 1024, shared: true } as any); new Uint8Array(m.buffer).fill(1); all.push(m); }
    return all.length;`, /could not allocate|out of memory|timed out/i),
  attack("wasmTables", `const all: any[] = [];
    for (let i = 0; i < 64; i++) all.push(new WebAssembly.Table({ initial: 10_000_000, element: "externref" } as any));
    return all.length;`, /Table|out of memory|timed out/),
  // (module (func (export "f") (loop (br 0))))
  attack("wasmLoop", `const bytes = new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,7,5,1,1,102,0,0,10,9,1,7,0,3,64,12,0,11,11]);
    const { f }: any = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports; f();`, TIME),
  // (module (func $f (export "f") (call $f)))
  attack("wasmRecursion", `const bytes = new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,7,5,1,1,102,0,0,10,6,1,4,0,16,0,11]);
    const { f }: any = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports; f();`, /Maximum call stack/),
  attack("atomicsWait", "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);", /Atomics\.wait cannot be called/),
  attack("atomicsWaitAsync", "await (Atomics as any).waitAsync(new Int32Array(new SharedArrayBuffer(4)), 0, 0).value;", /never resolve/),
  attack("structuredClone", "let a: any = []; for (let i = 0; i < 100_000; i++) a = [a]; structuredClone(a); return 1;", /./, { orValue: () => true }),
  attack("intl", "for (let i = 0; ; i++) new Intl.DateTimeFormat('en', { timeZone: 'Asia/Tokyo' }).format(i);", STOPPED),
  attack("url", "return new URL('http://x/' + 'a/../'.repeat(4_000_000)).href.length;", /./, { orValue: () => true }),
  attack("textDecoder", "return new TextDecoder().decode(new Uint8Array(60_000_000)).length;", /./, { orValue: () => true }),
  attack("digest", "return (await crypto.subtle.digest('SHA-512', new Uint8Array(60_000_000))).byteLength;", /./, { orValue: () => true }),
  attack("pbkdf2", `const key = await crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits']);
    await crypto.subtle.deriveBits({ name: 'PBKDF2', salt: new Uint8Array(8), iterations: 2 ** 31, hash: 'SHA-512' }, key, 256); return 1;`, /PBKDF2 failed|timed out/),
];

/** Too much of what a function gives out. */
const FLOODS = [
  attack("consoleMany", "for (let i = 0; i < 100_000; i++) console.log(i); return 1;", is(1), { orError: TIME }),
  attack("consoleLong", "for (let i = 0; i < 300; i++) console.log('x'.repeat(200_000)); return 1;", is(1), { orError: TIME }),
  attack("consoleDeep", "let a: any = {}; for (let i = 0; i < 100_000; i++) a = { a }; console.log(a); return 1;", is(1)),
  attack("consoleWide", "console.log(new Array(2_000_000).fill({})); return 1;", STOPPED, { orValue: is(1) }),
  attack("consoleCycle", "const a: any = {}; a.a = a; console.log(a); return 1;", is(1)),
  attack("consoleLaughs", "let a: any = 'lol'; for (let i = 0; i < 40; i++) a = [a, a, a, a]; console.log(a); return 1;", is(1), { orError: STOPPED }),
  attack("errorMessage", "throw new Error('x'.repeat(20_000_000));", /x/),
  attack("errorStack", "const e: any = new Error('x'); e.stack = 'y'.repeat(20_000_000); throw e;", /./),
  attack("errorName", "const e: any = new Error('x'); e.name = 'y'.repeat(20_000_000); throw e;", /./),
  attack("errorData", "const e: any = new Error('x'); e.ConvexErrorSymbol = Symbol.for('ConvexError'); e.data = 'y'.repeat(20_000_000); throw e;", /./),
  attack("errorCauses", "let e: any = new Error('x'); for (let i = 0; i < 100_000; i++) e = new Error('x', { cause: e }); throw e;", /x/),
  attack("resultLong", "return 'x'.repeat(17 * 2 ** 20);", /too large|TooLarge|maximum/),
  attack("resultWide", "return new Array(100_000).fill(0);", (value) => value.length === 100_000),
  attack("resultDeep", "let a: any = 1; for (let i = 0; i < 1000; i++) a = [a]; return a;", /nested|nesting|deep|Maximum call stack/),
  attack("resultVeryDeep", "let a: any = 1; for (let i = 0; i < 1_000_000; i++) a = [a]; return a;", /nested|nesting|deep|Maximum call stack/),
  attack("resultLaughs", "let a: any = 'lol'; for (let i = 0; i < 40; i++) a = [a, a, a, a]; return a;", STOPPED),
  attack("resultCycle", "const a: any = {}; a.a = a; return a;", /Maximum call stack|circular/i),
  attack("rejections", "for (let i = 0; i < 100_000; i++) void Promise.reject(new Error('r' + i)); return 1;", /r0|timed out|out of memory/),
  attack("syscalls", "for (let i = 0; i < 50_000; i++) void (globalThis as any).Convex.asyncSyscall('1.0/getUserIdentity', '{}').catch(() => {}); return 1;",
    is(1), { orError: /timed out|too many|out of memory|limit/i }),
];

/** Values that are not what they seem. */
const DISGUISES = [
  attack("getterThrows", "return { get x() { throw new Error('in the getter'); } };", /in the getter/),
  attack("proxyResult", "return new Proxy({ a: 1 }, {});", is({ a: 1 }), { orError: /not a supported|Proxy/ }),
  attack("proxyOfArray", "return new Proxy([1, 2], {});", is([1, 2]), { orError: /not a supported/ }),
  attack("proxyThatChanges", "let n = 0; return new Proxy({}, { ownKeys: () => ['a'], getOwnPropertyDescriptor: () => ({ value: n++, enumerable: true, configurable: true }), get: () => n++ });",
    (value) => typeof value.a === "number", { orError: /not a supported/ }),
  attack("revokedProxy", "const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy;", /revoked/),
  attack("thrownProxy", "throw new Proxy({}, { get() { throw 1; }, has() { throw 2; }, getPrototypeOf() { throw 3; } });", /Uncaught/),
  attack("thrownRevoked", "const { proxy, revoke } = Proxy.revocable(new Error('x'), {}); revoke(); throw proxy;", /Uncaught/),
  attack("thrownNull", "throw null;", /Uncaught null/),
  attack("thrownSymbol", "throw Symbol('s');", /Uncaught Symbol/),
  attack("thrownFunction", "throw () => 1;", /Uncaught/),
  attack("thrownWithBadName", "const e: any = new Error('x'); Object.defineProperty(e, 'name', { get() { throw new Error('y'); } }); throw e;", /Uncaught/),
  attack("thrownNullPrototype", "throw Object.create(null);", /Uncaught/),
  attack("dataGetter", "throw Object.assign(new Error('x'), { ConvexErrorSymbol: Symbol.for('ConvexError'), get data() { throw new Error('y'); } });", /Uncaught/),
  attack("dataNoJson", "throw Object.assign(new Error('x'), { ConvexErrorSymbol: Symbol.for('ConvexError'), data: '{' });", /Uncaught/),
  attack("dataDeepJson", "throw Object.assign(new Error('x'), { ConvexErrorSymbol: Symbol.for('ConvexError'), data: '['.repeat(3_000_000) });", /Uncaught/),
  attack("messageSurrogate", "throw new Error('\\ud800');", /Uncaught/),
  attack("resultSurrogate", "return '\\ud800';", /surrogate|Unicode|not a supported|invalid/i, { orValue: () => true }),
  attack("consoleProxy", "console.log(new Proxy({}, { get() { throw 1; }, ownKeys() { throw 2; }, getPrototypeOf() { throw 3; } })); return 1;", is(1), { orError: /Uncaught/ }),
  attack("consoleGetter", "console.log({ get x() { throw new Error('in the getter'); } }); return 1;", is(1), { orError: /in the getter/ }),
  attack("keysOfPrototype", "return JSON.parse('{\"__proto__\": 1}');", /./, { orValue: () => true }),
  attack("keyDollar", "return { $integer: 'AAAAAAAAAAA=' };", /\$/),
  attack("keySystem", "return { $undefined: null };", /\$/),
  attack("hostileThenable", "return { then(resolve: any, reject: any) { resolve(1); reject(2); resolve(3); throw 4; } };", is(1)),
  attack("promiseLookAlike", "return Object.setPrototypeOf({ a: 1 }, Promise.prototype);", /./, { orValue: () => true }),
];

const forged = (json) => `const real = JSON.stringify; const forged: any = ${json};
  JSON.stringify = ((...args: any[]) => (typeof forged === 'function' ? forged(real, ...args) : forged)) as any; return { a: 1 };`;

/** Parts of the language that the package and the prelude use, replaced. */
const POLLUTION = [
  ...[["garbage", "'garbage'"], ["nothing", "undefined"], ["number", "5"], ["empty", "''"], ["open", "'{'"], ["twoValues", "'1 2'"],
    ["nul", "'\"\\u0000'"], ["badBytes", "'{\"$bytes\":\"!!\"}'"], ["badInteger", "'{\"$integer\":\"AA\"}'"],
    ["deep", "'['.repeat(1_000_000)"], ["deepObjects", "'{\"a\":'.repeat(1_000_000)"], ["deepClosed", "'['.repeat(100_000) + ']'.repeat(100_000)"],
    ["surrogate", "'\"\\\\ud800\"'"], ["object", "{ toString: () => '5' }"], ["proxy", "new Proxy({}, {})"], ["symbol", "Symbol()"],
  ].map(([name, text]) => attack(`forgedResult_${name}`, forged(text), /./)),
  // JSON, and no number: a client takes it for infinity.
  attack("forgedResult_notFinite", forged("'1e999'"), () => true),
  attack("forgedResult_other", forged("'{\"a\":2}'"), is({ a: 2 })),
  attack("arrayMethods", `for (const name of Object.getOwnPropertyNames(Array.prototype)) {
      if (name !== "constructor" && name !== "length") (Array.prototype as any)[name] = () => { throw new Error("polluted " + name); };
    }
    return [{ a: [1] }];`, /polluted/, { orValue: is([{ a: [1] }]) }),
  attack("iterator", "(Array.prototype as any)[Symbol.iterator] = function* () { yield 'polluted'; }; return [[1]];", /./, { orValue: () => true }),
  attack("then", "(Promise.prototype as any).then = () => { throw new Error('polluted'); }; return await 1;", /./, { orValue: is(1) }),
  attack("thenNever", "(Promise.prototype as any).then = () => {}; return await Promise.resolve(1);", /./, { orValue: is(1) }),
  attack("objectThen", "(Object.prototype as any).then = function (resolve: any) { resolve('polluted'); }; return { a: 1 };", () => true, { orError: /./ }),
  attack("objectGetters", `for (const name of ['name', 'message', 'stack', 'data', 'value', 'get', 'set', 'kind', 'type', 'path', 'isQuery', 'isInternal', 'ConvexErrorSymbol']) {
      Object.defineProperty(Object.prototype, name, { get() { return 'polluted'; }, set() {}, configurable: true });
    }
    throw new Error('still told');`, /./),
  attack("objectSetters", `const define = Object.defineProperty; for (const name of ['args', 'op', 'udfType', 'version', 'requestId', 'table', 'id', 'name']) {
      define(Object.prototype, name, { set() { throw new Error('polluted'); }, get() { return undefined; }, configurable: true });
    }
    return { args: 1 };`, () => true, { orError: /polluted/ }),
  attack("frozenEverything", "for (const k of Object.getOwnPropertyNames(globalThis)) { try { Object.freeze((globalThis as any)[k]); Object.freeze((globalThis as any)[k].prototype); } catch {} } try { Object.freeze(globalThis); } catch {} new URL('http://x'); console.log(new Headers()); return 1;",
    is(1), { orError: /./ }),
  attack("deletedEverything", "for (const k of Object.getOwnPropertyNames(globalThis)) { try { delete (globalThis as any)[k]; } catch {} } return 1;", is(1), { orError: /./ }),
  attack("nullPrototypes", "Object.setPrototypeOf(Array.prototype, null); Object.setPrototypeOf(Function.prototype, null); return [1];", () => true, { orError: /./ }),
  attack("mapAndSet", "for (const type of [Map, Set, WeakMap] as any[]) for (const name of Object.getOwnPropertyNames(type.prototype)) { try { type.prototype[name] = () => true; } catch {} } console.log(new Map([[1, 2]]), new Set([1])); new URLSearchParams('a=b'); new Headers({ a: 'b' }); return 1;",
    is(1), { orError: /./ }),
  attack("speciesAndHasInstance", "Object.defineProperty(Array, Symbol.species, { value: function () { throw new Error('polluted'); } }); Object.defineProperty(Object, Symbol.hasInstance, { value: () => true }); return [1].map((x) => x);",
    () => true, { orError: /polluted/ }),
  attack("convexGone", "delete (globalThis as any).Convex; return await ctx.auth.getUserIdentity();", /./),
  attack("convexReplaced", "(globalThis as any).Convex = { asyncSyscall: async () => '{\"subject\":\"admin\"}', syscall: () => '{}', jsSyscall: () => ({}) }; return (await ctx.auth.getUserIdentity())?.subject ?? null;",
    () => true, { orError: /./ }),
  attack("processReplaced", "Object.defineProperty(globalThis, 'process', { get() { throw new Error('polluted'); } }); return 1;", is(1)),
  attack("lazyGlobalsPolluted", `const define = Object.defineProperty; (Object as any).defineProperty = () => { throw new Error('polluted'); }; (Object as any).defineProperties = Object.defineProperty;
    const found: string[] = [];
    for (const name of ['URL', 'Headers', 'Request', 'Response', 'Blob', 'FormData', 'crypto', 'performance', 'ReadableStream', 'TextEncoder', 'AbortController', 'structuredClone', 'WeakRef', 'AsyncLocalStorage', 'DOMException']) {
      try { void (globalThis as any)[name]; } catch (e: any) { found.push(name); }
    }
    (Object as any).defineProperty = define; return found.length >= 0;`, is(true)),
];

/** Code from strings, modules from elsewhere, functions of the host. */
const ESCAPES = [
  ...[["Function", "Function('return 1')()"], ["newFunction", "new Function('return 1')()"], ["constructor", "(() => {}).constructor('return 1')()"],
    ["asyncFunction", "(Object.getPrototypeOf(async function () {}).constructor as any)('return 1')()"],
    ["generator", "(Object.getPrototypeOf(function* () {}).constructor as any)('return 1')()"],
    ["eval", "(0, eval)('1')"], ["construct", "Reflect.construct(Function, ['return 1'])()"],
    ["bound", "Function.bind(null, 'return 1')()()"],
    ["hostFunction", "((globalThis as any).Convex.syscall.constructor)('return 1')()"],
    ["prelude", "(URL.constructor as any)('return this')()"],
  ].map(([name, expression]) => attack(`code_${name}`, `return ${expression};`, /EvalError/)),
  attack("newRealm", "return [typeof (globalThis as any).ShadowRealm, typeof (globalThis as any).Worker, typeof (globalThis as any).require, typeof (globalThis as any).Deno, typeof (globalThis as any).d8];",
    is(["undefined", "undefined", "undefined", "undefined", "undefined"])),
  ...["node:fs", "fs", "file:///etc/passwd", "data:text/javascript,export default 1", "http://127.0.0.1/x.js", "convex:/../../etc/passwd", "convex:/_system/cli.js", "blob:x"].map((from, i) =>
    attack(`import_${i}`, `const from = ${JSON.stringify(from)}.split("").join(""); const m: any = await import(from); return Object.keys(m);`, /./)),
  attack("callSites", "(Error as any).prepareStackTrace = (_: any, sites: any) => sites; const { stack }: any = new Error('x'); return typeof stack;", is("string"), { orValue: (v) => v === "object" }),
  attack("callSitesLeak", `(Error as any).prepareStackTrace = (_: any, sites: any) => sites;
    let caught: any; try { (globalThis as any).Convex.syscall('no', '{'); } catch (e) { caught = e; }
    const sites: any[] = Array.isArray(caught?.stack) ? caught.stack : [];
    return sites.map((site) => [site.getThis?.(), site.getFunction?.()]).flat().filter((x) => x !== undefined && x !== null).length;`, is(0)),
  attack("callerAndArguments", "function f(this: any): any { return (f as any).caller; } try { return f() === null || f() === undefined; } catch { return true; }", is(true)),
  attack("domain", "return [typeof (process as any).exit, typeof (process as any).binding, typeof (process as any).mainModule, Object.keys(process).join()];",
    is(["undefined", "undefined", "undefined", "env"])),
  attack("serverEnvironment", "return [process.env.PATH, process.env.HOME, process.env.SECRET_OF_THE_OPERATOR, process.env.INSTANCE_SECRET].map((x) => x ?? null);", is([null, null, null, null])),
  attack("gcAndNatives", "return [typeof (globalThis as any).gc, typeof (globalThis as any).version, typeof (globalThis as any).load, typeof (globalThis as any).ops];",
    is(["undefined", "undefined", "undefined", "undefined"])),
];

/** `Convex`, called by hand. Every line is tried; what it gives is an error, and the next one is tried. */
const odd = ["undefined", "null", "'{'", "'null'", "'[]'", "'1'", "'\"x\"'", "'{}'", "'['.repeat(1_000_000)", "'{\"a\":'.repeat(200_000)", "{}", "Symbol.iterator", "12n",
  "new Proxy({}, { get() { throw 1; } })", "{ toString() { throw new Error('no'); } }", "'\\ud800'", "'{\"id\":\"\\ud800\"}'", "'{\"id\":1e999}'", "'x'.repeat(20_000_000)"];
const ops = ["1.0/get", "1.0/insert", "1.0/shallowMerge", "1.0/replace", "1.0/remove", "1.0/queryStream", "1.0/queryStreamNext", "1.0/queryPage", "1.0/queryCleanup", "1.0/count",
  "1.0/db/normalizeId", "1.0/runUdf", "1.0/createFunctionHandle", "1.0/schedule", "1.0/cancel_job", "1.0/actions/query", "1.0/actions/mutation", "1.0/actions/action",
  "1.0/actions/schedule", "1.0/actions/cancel_job", "1.0/storageGetUrl", "1.0/storageGetMetadata", "1.0/storageDelete", "1.0/storageStore", "1.0/storageGet", "1.0/signJwt", "1.0/getTransactionMetrics",
  "1.0/getFunctionMetadata", "1.0/getRequestMetadata", "2.0/get", "", "__proto__", "constructor", "toString"];
const SYSCALLS = odd.map((args, i) => attack(`syscall_${i}`, `const C = (globalThis as any).Convex; const ops = ${JSON.stringify(ops)};
  for (const op of ops) {
    for (const call of ['syscall', 'asyncSyscall']) {
      try { await Promise.race([C[call](op, ${args}), null]); } catch {}
      try { void C[call](op, ${args})?.catch?.(() => {}); } catch {}
    }
  }
  return 1;`, /./, { orValue: is(1) }));

export const ATTACKS = { EXHAUSTION, FLOODS, DISGUISES, POLLUTION, ESCAPES, SYSCALLS };

/** The attacks' app, and a neighbour. */
export function attackFiles() {
  const all = Object.values(ATTACKS).flat();
  const bodies = all.map(({ name, code }) => `  ${name}: async (ctx: any): Promise<any> => { ${code} },`).join("\n");
  return {
    "convex/attack.ts": `
      import { action, mutation, query } from "./_generated/server";
      const attacks: Record<string, (ctx: any) => Promise<any>> = {\n${bodies}\n};
      export const q = query(async (ctx, { name }: any) => await attacks[name]!(ctx));
      export const m = mutation(async (ctx, { name }: any) => await attacks[name]!(ctx));
      export const a = action(async (ctx, { name }: any) => await attacks[name]!(ctx));`,
    "convex/neighbour.ts": `
      import { query } from "./_generated/server";
      export const ping = query(async (_ctx, { n }: any) => n);`,
  };
}
