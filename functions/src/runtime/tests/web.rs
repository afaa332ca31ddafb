//! The web platform in queries, where nothing but JavaScript is needed.

use serde_json::json;

use super::fake::*;
use crate::runtime::*;

#[tokio::test]
async fn streams() {
    let value = value_of(
        "const out = [];
         const source = new ReadableStream({ start(c) { for (const n of [1, 2, 3]) c.enqueue(n); c.close(); } });
         const doubled = source.pipeThrough(new TransformStream({ transform(n, c) { c.enqueue(n * 2); } }));
         for await (const n of doubled) out.push(n);
         const written = []; const w = new WritableStream({ write(x) { written.push(x); } }).getWriter(); await w.write('a'); await w.close();
         let pulls = 0; const bytes = new ReadableStream({ type: 'bytes', pull(c) { pulls++; const v = c.byobRequest.view; v[0] = 9; c.byobRequest.respond(1); } });
         const r = bytes.getReader({ mode: 'byob' }); const { value } = await r.read(new Uint8Array(4));
         const [a, b] = ReadableStream.from(['x', 'y']).tee(); await a.cancel().catch(() => {}) ; 
         const text = []; for await (const t of new Blob(['h\\u00e9', 'llo']).stream().pipeThrough(new TextDecoderStream())) text.push(t);
         const encoded = []; for await (const e of ReadableStream.from(['\\ud83d', '\\ude00!']).pipeThrough(new TextEncoderStream())) encoded.push(...e);
         return [out, written, [...value], pulls, text.join(''), encoded, ReadableStream.name, String(source)];"
            .replace(" await a.cancel().catch(() => {}) ;", "")
            .as_str(),
    )
    .await;
    assert_eq!(
        value,
        json!([
            [2, 4, 6],
            ["a"],
            [9],
            1,
            "h\u{e9}llo",
            [240, 159, 152, 128, 33],
            "ReadableStream",
            "[object ReadableStream]"
        ])
    );
}

#[tokio::test]
async fn blobs_and_files() {
    let value = value_of(
        "const b = new Blob(['ab', new Uint8Array([99, 100]), new Blob(['ef'])], {type: 'Text/Plain'});
         const s = b.slice(1, -1, 'x/y'); const f = new File(['1'], 'n.txt', {type: 'a/b', lastModified: 5});
         return [b.size, b.type, await b.text(), s.size, s.type, await s.text(), [...await s.bytes()].length, (await b.arrayBuffer()).byteLength,
           f.name, f.type, f.lastModified, f instanceof Blob, new File([], 'x').lastModified === Date.now(), String(f), await b.slice(2, 1).text(),
           new Blob(['a']) instanceof Blob, typeof Blob.is, Object.keys(b)];",
    )
    .await;
    assert_eq!(
        value,
        json!([
            6,
            "text/plain",
            "abcdef",
            4,
            "x/y",
            "bcde",
            4,
            6,
            "n.txt",
            "a/b",
            5,
            true,
            true,
            "[object File]",
            "",
            true,
            "undefined",
            []
        ])
    );
}

#[tokio::test]
async fn headers_requests_and_responses() {
    let value = value_of(
        "const h = new Headers([['B', '2'], ['a', '1'], ['A', ' 3 ']]); h.append('Set-Cookie', 'x=1'); h.append('set-cookie', 'y=2');
         const bad = []; for (const f of [() => h.append('a b', '1'), () => h.set('a', 'x\\ny'), () => new Request('/relative'), () => new Request('http://u:p@h/'),
           () => new Request('http://h/', {body: 'x'}), () => new Request('http://h/', {method: 'TRACE'}), () => new Response('x', {status: 204})]) try { f(); bad.push(null); } catch (e) { bad.push(e.name); }
         const q = new Request('http://h/p?q#f', {method: 'post', body: new URLSearchParams({a: '1 2'}), headers: {X: 'y'}}); const copy = q.clone();
         const r = Response.json({a: [1]}, {status: 201, headers: {b: 'c'}}); const twin = r.clone();
         let status; try { new Response('', {status: 100}); } catch (e) { status = e.name; }
         let twice; await r.json(); try { await r.text(); } catch (e) { twice = e.name; }
         return [[...h], h.getSetCookie(), bad, q.method, q.url, q.headers.get('content-type'), await q.text(), q.bodyUsed, copy.bodyUsed, await copy.text(), copy.headers.get('x'), q.mode, q.destination,
           await twin.json(), twin.status, twin.ok, twin.headers.get('content-type'), twice, status, Response.error().status, Response.redirect('http://h/x', 307).headers.get('location'),
           await new Response(null).text(), new Response(null).body, await new Response('s').body.getReader().read().then(({value}) => value.length)];",
    )
    .await;
    assert_eq!(
        value,
        json!([
            [["a", "1, 3"], ["b", "2"], ["set-cookie", "x=1"], ["set-cookie", "y=2"]], ["x=1", "y=2"],
            ["TypeError", "TypeError", "TypeError", "TypeError", "TypeError", "TypeError", "TypeError"],
            "POST", "http://h/p?q#f", "application/x-www-form-urlencoded;charset=UTF-8", "a=1+2", true, false, "a=1+2", "y", "cors", "",
            { "a": [1] }, 201, true, "application/json", "TypeError", "RangeError", 500, "http://h/x", "", null, 1
        ])
    );
}

#[tokio::test]
async fn forms_are_written_and_read_in_one_of_two_ways() {
    let value = value_of(
        "const d = new FormData(); d.append('a', '1'); d.append('a', '2'); d.set('f', new Blob(['x'], {type: 't/p'}), 'q\"r.txt');
         const r = new Response(d); const type = r.headers.get('content-type').split(';')[0];
         let forbidden; try { await r.formData(); } catch (e) { forbidden = e.message; }
         const u = await new Response(new URLSearchParams({k: 'v w'})).formData();
         return [d.getAll('a'), d.get('f').name, d.get('f').type, [...d.keys()], type, forbidden, u.get('k')];",
    )
    .await;
    assert_eq!(value[0], json!(["1", "2"]));
    assert_eq!(value[1], "q\"r.txt");
    assert_eq!(value[2], "t/p");
    assert_eq!(value[3], json!(["a", "a", "f"]));
    assert_eq!(value[4], "multipart/form-data");
    assert!(value[5].as_str().unwrap().starts_with("Can't use formData() in queries and mutations."));
    assert_eq!(value[6], "v w");
}

/// Points 104 and 105, and their relatives.
#[tokio::test]
async fn what_is_not_deterministic_is_refused_by_name() {
    let value = value_of(
        "const tried = [() => fetch('http://x.test'), () => crypto.subtle.generateKey({name: 'HMAC', hash: 'SHA-256'}, true, ['sign']),
           () => Convex.jsSyscall('storage/storeBlob', {blob: new Blob(['x'])}), () => Convex.jsSyscall('storage/getBlob', {storageId: 'x'})];
         const messages = []; for (const f of tried) try { await f(); messages.push('worked'); } catch (e) { messages.push(e.message); } return messages;",
    )
    .await;
    for (index, api) in
        ["fetch()", "crypto.subtle.generateKey()", "storage.store()", "storage.get()"].iter().enumerate()
    {
        let message = value[index].as_str().unwrap();
        assert!(message.starts_with(&format!("Can't use {api} in queries and mutations.")), "{message}");
    }
}

/// Point 100.
#[tokio::test]
async fn what_is_not_implemented_can_not_be_caught() {
    for body in [
        "try { crypto.subtle.wrapKey(); } catch {} return 1;",
        "try { new Crypto(); } catch {} return 1;",
        "try { Convex.jsSyscall('x', {}); } catch {} return 1;",
    ] {
        let failure = failure_of(body).await;
        assert_eq!(failure.kind, FailureKind::Uncatchable, "{body}");
    }
}

#[tokio::test]
async fn webassembly_and_intl() {
    let value = value_of(
        "const wasm = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11]);
         const now = new WebAssembly.Instance(new WebAssembly.Module(wasm)).exports.add(2, 3);
         const later = (await WebAssembly.instantiate(wasm)).instance.exports.add(4, 5);
         const compiled = await WebAssembly.compile(wasm);
         return [now, later, compiled instanceof WebAssembly.Module, new Intl.NumberFormat('de-DE').format(1234.5), new Intl.DateTimeFormat('en-US', {timeZone: 'Asia/Tokyo', hour: 'numeric'}).format(0)];",
    )
    .await;
    assert_eq!(value, json!([5, 9, true, "1.234,5", "9 AM"]));
}

#[tokio::test]
async fn performance_marks() {
    let value = value_of(
        "performance.mark('a', {detail: {x: 1}}); performance.mark('b', {startTime: 5}); const m = performance.measure('m', 'b', 'a');
         let e; try { performance.measure('n', 'none'); } catch (x) { e = x.name; } performance.clearMarks('a');
         return [m instanceof PerformanceMeasure, m.startTime, performance.getEntriesByType('mark').map((x) => x.name), e];",
    )
    .await;
    assert_eq!(value, json!([true, 5, ["b"], "SyntaxError"]));
}

#[tokio::test]
async fn what_one_call_leaves_behind_the_next_does_not_find() {
    let program = program(
        "export const f = query(async () => {
           const found = [Headers.prototype.evil, ReadableStream.prototype.evil, Response.evil, crypto.subtle.evil, performance.getEntries().length, globalThis.evil, Array.prototype.evil, fetch.evil, Blob.prototype.text.evil];
           for (const place of [Headers.prototype, ReadableStream.prototype, Response, crypto.subtle, globalThis, Array.prototype, fetch, Blob.prototype.text]) place.evil = 1;
           performance.mark('x'); Headers.prototype.get = () => 'evil'; globalThis.Blob = null;
           return found.map((x) => x ?? null);
         });",
    )
    .await;
    for _ in 0..3 {
        let (outcome, _) = run_query(&program, "f", "[{}]").await;
        assert_eq!(outcome.result.unwrap(), "[null,null,null,null,0,null,null,null,null]");
    }
}

#[tokio::test]
async fn objects_made_at_import_are_frozen_with_their_module() {
    let program = program(
        "const headers = new Headers({a: '1'}), blob = new Blob(['frozen']), form = new FormData(), bytes = new TextEncoder().encode('xyz'), url = new URL('http://h/?q=1');
         const controller = new AbortController(), response = new Response('body'), stream = new ReadableStream({ start(c) { c.enqueue('s'); c.close(); } }), request = new Request('http://h/', {method: 'POST', body: 'b'});
         const key = await0(); function await0() { return crypto.subtle; }
         export const f = query(async () => { headers.append('a', '2'); form.append('k', 'v'); const parts = []; for await (const p of stream) parts.push(p);
           return [headers.get('a'), await blob.text(), form.getAll('k').length, bytes.length, url.searchParams.get('q'), controller.signal.aborted, await response.text(), parts, await request.text(), headers instanceof Headers, key === crypto.subtle]; });",
    )
    .await;
    for _ in 0..2 {
        let (outcome, _) = run_query(&program, "f", "[{}]").await;
        assert_eq!(outcome.result.unwrap(), r#"["1, 2","frozen",1,3,"1",false,"body",["s"],"b",true,true]"#);
    }
}
