use serde_json::json;

use super::fake::*;
use crate::runtime::*;

#[tokio::test]
async fn what_is_there_and_what_is_not() {
    let value = value_of(
        "const there = 'self process URL URLSearchParams crypto Crypto Event EventTarget AbortController AbortSignal DOMException structuredClone setTimeout setInterval clearTimeout clearInterval AsyncLocalStorage AsyncResource TextEncoder TextDecoder atob btoa performance Performance PerformanceEntry PerformanceMark PerformanceMeasure SubtleCrypto CryptoKey ReadableStream ReadableStreamBYOBReader ReadableStreamDefaultReader TransformStream WritableStream WritableStreamDefaultWriter TextEncoderStream TextDecoderStream Blob File FormData fetch Headers Request Response WebAssembly Intl SharedArrayBuffer'.split(' ');
         const absent = 'global window document Worker WebSocket XMLHttpRequest indexedDB caches localStorage queueMicrotask setImmediate navigator Buffer require module MessageChannel BroadcastChannel CompressionStream EventSource CustomEvent requestAnimationFrame Deno'.split(' ');
         return [there.filter((n) => typeof globalThis[n] === 'undefined'), absent.filter((n) => typeof globalThis[n] !== 'undefined'), self === globalThis, Object.keys(globalThis)];",
    )
    .await;
    assert_eq!(value, json!([[], [], true, []]));
}

#[tokio::test]
async fn time_and_chance_are_decided_by_the_host() {
    let source = "const atImport = [Date.now(), Math.random(), process.env.IMPORT, performance.now()];
      export const f = query(async () => [atImport, Date.now(), new Date().getTime(), new Date() instanceof Date, Date().slice(0, 15), new Date(0).toISOString(), Math.random(), crypto.randomUUID(), crypto.getRandomValues(new Uint8Array(4)).join(), performance.now(), performance.timeOrigin, process.env.NAME, typeof process.env.NONE, Object.keys(process.env), 'NAME' in process.env, new Intl.DateTimeFormat('en-US', {timeZone: 'UTC'}).format(), new Date(0).getTimezoneOffset()]);";
    let program = program(source).await;
    let (first, _) = run_query(&program, "f", "[{}]").await;
    let (second, _) = run_query(&program, "f", "[{}]").await;
    let value: serde_json::Value = serde_json::from_str(&first.result.clone().unwrap()).unwrap();
    assert_eq!(first.result.unwrap(), second.result.unwrap());
    assert_eq!(first.observed, Observed { time: true, random: true });
    assert_eq!(value[0][0], IMPORT_MS);
    assert_eq!(value[0][2], "at import");
    assert_eq!(value[0][3], 0);
    assert_eq!(value[1], NOW_MS);
    assert_eq!(value[2], NOW_MS);
    assert_eq!(value[3], true);
    assert_eq!(value[4], "Sun Jun 15 2025");
    assert_eq!(value[5], "1970-01-01T00:00:00.000Z");
    let uuid = uuid::Uuid::parse_str(value[7].as_str().unwrap()).unwrap();
    assert_eq!(uuid.get_version_num(), 4);
    assert_eq!(value[9], NOW_MS - IMPORT_MS);
    assert_eq!(value[10], IMPORT_MS);
    assert_eq!(value[11], "value");
    assert_eq!(value[12], "undefined");
    assert_eq!(value[13], json!([]));
    assert_eq!(value[14], false);
    assert_eq!(value[15], "6/15/2025");
    assert_eq!(value[16], 0);
}

#[tokio::test]
async fn urls() {
    let value = value_of(
        "const u = new URL('../b?q=1#h', 'https://user:pw@example.com:8080/a/c'); u.searchParams.append('x', 'y z'); u.host = 'other.org'; u.hash = '';
         const p = new URLSearchParams({a: '1', b: '2'}); p.append('a', '3'); p.delete('b'); p.sort();
         let error; try { new URL('nope'); } catch (e) { error = e.name; }
         return [u.href, u.origin, u.username, u.pathname, u.search, [...p], String(p), p.getAll('a'), p.size, error, URL.canParse('x:y'), JSON.stringify(u), new URLSearchParams('?a=b%20c+d').get('a')];",
    )
    .await;
    assert_eq!(
        value,
        json!([
            "https://user:pw@other.org:8080/b?q=1&x=y+z",
            "https://other.org:8080",
            "user",
            "/b",
            "?q=1&x=y+z",
            [["a", "1"], ["a", "3"]],
            "a=1&a=3",
            ["1", "3"],
            2,
            "TypeError",
            true,
            "\"https://user:pw@other.org:8080/b?q=1&x=y+z\"",
            "b c d",
        ])
    );
}

#[tokio::test]
async fn text_and_base64() {
    let value = value_of(
        "const d = new TextDecoder(); const bytes = new TextEncoder().encode('h\u{e9}\u{1f600}');
         const streamed = d.decode(bytes.subarray(0, 2), {stream: true}) + d.decode(bytes.subarray(2, 5), {stream: true}) + d.decode(bytes.subarray(5));
         let fatal; try { new TextDecoder('utf-8', {fatal: true}).decode(new Uint8Array([255])); } catch (e) { fatal = e.name; }
         let bad; try { atob('a'); } catch (e) { bad = [e.name, e.code, e instanceof DOMException, e instanceof Error]; }
         return [[...bytes], streamed, new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 65, 255])), fatal, btoa('hi'), atob(' aGk= '), atob('aGk'), bad, new TextEncoder().encodeInto('a\u{20ac}b', new Uint8Array(4))];",
    )
    .await;
    assert_eq!(
        value,
        json!([
            [104, 195, 169, 240, 159, 152, 128], "h\u{e9}\u{1f600}", "A\u{fffd}", "TypeError", "aGk=", "hi", "hi",
            ["InvalidCharacterError", 5, true, true], { "read": 2, "written": 4 },
        ])
    );
}

#[tokio::test]
async fn text_in_other_encodings() {
    let value = value_of(
        "const decode = (label, bytes, options) => new TextDecoder(label, options).decode(new Uint8Array(bytes));
         const inPieces = (label, bytes) => { const d = new TextDecoder(label); let text = ''; for (const byte of bytes) text += d.decode(new Uint8Array([byte]), {stream: true}); return text + d.decode(); };
         const failure = (f) => { try { return f(); } catch (e) { return e.name; } };
         const names = ['latin1', ' ASCII ', 'utf-16', 'UTF-16BE', 'sjis', 'gbk', 'x-user-defined', 'koi8-r', 'unicode-1-1-utf-8'].map((label) => new TextDecoder(label).encoding);
         const jp = [0x1b, 0x24, 0x42, 0x46, 0x7c, 0x4b, 0x5c, 0x1b, 0x28, 0x42, 0x61];
         return [names, decode('windows-1252', [0x80, 0xe9]), decode('utf-16le', [0xff, 0xfe, 0x41, 0, 0x3d, 0xd8, 0, 0xde]), decode('utf-16be', [0, 0x41], {ignoreBOM: true}),
           decode('utf-16le', [0xff, 0xfe], {ignoreBOM: true}).length, decode('shift_jis', [0x93, 0xfa, 0x96, 0x7b]), inPieces('shift_jis', [0x93, 0xfa, 0x96, 0x7b]), inPieces('utf-16le', [0xff, 0xfe, 0x41, 0, 0x3d, 0xd8, 0, 0xde]),
           decode('iso-2022-jp', jp), inPieces('iso-2022-jp', jp), inPieces('gb18030', [0x84, 0x31, 0x95, 0x33, 0x41]).length,
           failure(() => new TextDecoder('nothing')), failure(() => new TextDecoder('iso-2022-kr')), failure(() => decode('shift_jis', [0x93], {fatal: true})), failure(() => decode('utf-16le', [0x41], {fatal: true})),
           inPieces('utf-8', [0xef, 0xbb, 0xbf, 0x41, 0xff, 0xe2, 0x82]), await new Response(new Blob([new Uint8Array([0x93, 0xfa])]).stream().pipeThrough(new TextDecoderStream('shift_jis')).pipeThrough(new TextEncoderStream())).text()];",
    )
    .await;
    assert_eq!(
        value,
        json!([
            [
                "windows-1252",
                "windows-1252",
                "utf-16le",
                "utf-16be",
                "shift_jis",
                "gbk",
                "x-user-defined",
                "koi8-r",
                "utf-8"
            ],
            "\u{20ac}\u{e9}",
            "A\u{1f600}",
            "A",
            1,
            "\u{65e5}\u{672c}",
            "\u{65e5}\u{672c}",
            "A\u{1f600}",
            "\u{65e5}\u{672c}a",
            "\u{65e5}\u{672c}a",
            2,
            "RangeError",
            "RangeError",
            "TypeError",
            "TypeError",
            "A\u{fffd}\u{fffd}",
            "\u{65e5}",
        ])
    );
}

#[tokio::test]
async fn events_and_cloning() {
    let value = value_of(
        "const log = []; const c = new AbortController(); c.signal.addEventListener('abort', (e) => log.push(e.type, e.target === c.signal)); c.signal.onabort = () => log.push('on'); c.abort(); c.abort();
         try { c.signal.throwIfAborted(); } catch (e) { log.push(e.name); }
         const t = new EventTarget(); t.addEventListener('x', () => log.push('once'), {once: true}); t.dispatchEvent(new Event('x')); t.dispatchEvent(new Event('x'));
         const original = {d: new Date(5), m: new Map([[1, {a: [1]}]]), b: new Uint8Array([1, 2])}; original.self = original;
         const copy = structuredClone(original); log.push(copy !== original, copy.self === copy, copy.d.getTime(), copy.m.get(1).a[0], copy.b[1]);
         try { structuredClone(() => {}); } catch (e) { log.push(e.name, e.constructor === DOMException); }
         return [log, AbortSignal.any([c.signal]).aborted];",
    )
    .await;
    assert_eq!(
        value,
        json!([["abort", true, "on", "AbortError", "once", true, true, 5, 1, 2, "DataCloneError", true], true])
    );
}

#[tokio::test]
async fn async_local_storage_follows_awaits() {
    let value = value_of(
        "const s = new AsyncLocalStorage(); const seen = [];
         await Promise.all([1, 2].map((n) => s.run(n, async () => { await call('echo'); seen.push(s.getStore()); await null; seen.push(s.getStore()); })));
         const bound = s.run(3, () => AsyncResource.bind(() => s.getStore()));
         return [seen, s.getStore() === undefined, bound()];",
    )
    .await;
    assert_eq!(value, json!([[1, 1, 2, 2], true, 3]));
}

#[tokio::test]
async fn what_only_actions_may_do() {
    let value = value_of(
        "const messages = []; for (const f of [() => setTimeout(() => {}, 1), () => setInterval(() => {}, 1)]) try { f(); } catch (e) { messages.push(e.message); }
         try { await import('./m.js'); } catch (e) { messages.push(e.name); }
         try { new Function('return 1'); } catch (e) { messages.push(e.name); }
         try { eval('1'); } catch (e) { messages.push(e.name); }
         return messages;",
    )
    .await;
    assert!(value[0].as_str().unwrap().starts_with("Can't use setTimeout in queries and mutations."));
    assert!(value[1].as_str().unwrap().contains("setInterval"));
    assert_eq!(value[2], "TypeError");
    assert_eq!(value[3], "EvalError");
    assert_eq!(value[4], "EvalError");
}

#[tokio::test]
async fn weak_references_are_strong() {
    let value = value_of(
        "const r = new WeakRef({a: 1}); new FinalizationRegistry(() => {}).register({}, 1); let e; try { new WeakRef(1); } catch (x) { e = x.name; } return [r.deref().a, e];",
    )
    .await;
    assert_eq!(value, json!([1, "TypeError"]));
}

#[tokio::test]
async fn user_code_may_break_its_own_world() {
    let value = value_of(
        "delete globalThis.Convex; globalThis.Promise = null; globalThis.Date = null; Object.prototype.inspect = 1; console.log({a: 1}); return typeof Convex;",
    )
    .await;
    assert_eq!(value, "undefined");
}

#[tokio::test]
async fn import_meta_throws() {
    let value = value_of("try { return import.meta; } catch (e) { return e.name; }").await;
    assert_eq!(value, "TypeError");
}
