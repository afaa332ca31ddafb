// udf-runtime.md, section 12: the web platform of actions (105, 119, 121) and crypto.subtle, held against Node's own.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { caller } from "./call.mjs";
import { useServer } from "./harness.mjs";

const { subtle } = crypto;
const bodyOf = async (request) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
};

/** What the actions talk to: answers by path. */
const routes = {
  async echo(request, response) {
    const body = await bodyOf(request);
    response.setHeader("set-cookie", ["a=1", "b=2"]);
    response.end(JSON.stringify({ method: request.method, headers: request.headers, body: body.toString() }));
  },
  redirect(_request, response, [code]) {
    response.writeHead(Number(code), { location: "/echo" }).end();
  },
  away(_request, response, [target]) {
    response.writeHead(302, { location: decodeURIComponent(target) }).end();
  },
  never() {},
  async count(request, response) {
    let size = 0;
    for await (const chunk of request) size += chunk.length;
    response.end(String(size));
  },
  async bytes(_request, response, [mib]) {
    for (let i = 0; i < Number(mib); i++) {
      if (!response.write(Buffer.alloc(1 << 20))) await new Promise((resume) => response.once("drain", resume));
    }
    response.end();
  },
  async drip(_request, response) {
    for (let i = 0; i < 4; i++) {
      response.write("x");
      await new Promise((resume) => setTimeout(resume, 150));
    }
    response.end();
  },
  async form(request, response) {
    response.setHeader("content-type", request.headers["content-type"]);
    response.end(await bodyOf(request));
  },
};
const web = createServer((request, response) => {
  const [name, ...rest] = new URL(request.url, "http://x").pathname.slice(1).split("/");
  if (routes[name]) routes[name](request, response, rest);
  else response.writeHead(404).end();
});
await new Promise((listening) => web.listen(0, "127.0.0.1", listening));
const origin = `http://127.0.0.1:${web.address().port}`;
after(() => {
  web.closeAllConnections();
  web.close();
});

const override = `api.service.test=${origin}`;
const use = useServer({ args: ["--allow-fetch", "127.0.0.1", "--fetch-override", override] });
const { ok } = caller(use);

test("runtime 121: a request arrives as it was sent, the response as it was answered", async () => {
  const init = { method: "PUT", body: "hello", headers: { "X-Own": "1" } };
  const got = await ok.action("rtWeb:send", { url: `${origin}/echo?q`, init });
  const { method, headers, body } = JSON.parse(got.text);
  assert.deepEqual([got.status, got.statusText, got.redirected, method, body], [200, "OK", false, "PUT", "hello"]);
  assert.equal(headers["user-agent"], "Convex/1.0");
  assert.equal(headers["content-length"], "5");
  assert.equal(headers["x-own"], "1");
  assert.deepEqual(got.cookies, ["a=1", "b=2"]);
});

test("runtime 121: redirects", async () => {
  const init = { method: "POST", body: "b", headers: { authorization: "secret" } };
  const found = await ok.action("rtWeb:send", { url: `${origin}/redirect/302`, init });
  assert.deepEqual([found.redirected, found.url, JSON.parse(found.text).method], [true, `${origin}/echo`, "GET"]);
  const kept = await ok.action("rtWeb:send", { url: `${origin}/redirect/307`, init });
  assert.deepEqual([JSON.parse(kept.text).method, JSON.parse(kept.text).body], ["POST", "b"]);
  assert.equal(JSON.parse(kept.text).headers.authorization, "secret");
  const manual = await ok.action("rtWeb:send", { url: `${origin}/redirect/301`, init: { redirect: "manual" } });
  assert.equal(manual.status, 301);
  assert.match(await ok.action("rtWeb:fail", { url: `${origin}/redirect/301`, init: { redirect: "error" } }),
    /^TypeError: .*redirects/);
});

test("runtime 121: aborts", async () => {
  const [before, waiting, reading] = await ok.action("rtWeb:aborts", { origin });
  assert.match(before, /^AbortError/);
  assert.match(waiting, /^TimeoutError/);
  assert.match(reading, /^AbortError/);
});

test("runtime 121: bodies larger than the memory of a function stream up and down", async () => {
  const mib = 150;
  assert.deepEqual(await ok.action("rtWeb:stream", { origin, mib }), { up: mib << 20, down: mib << 20 });
});

test("runtime 121: what is sent in pieces is received in pieces", async () => {
  const times = await ok.action("rtWeb:drip", { origin });
  assert.equal(times.length, 4);
  assert.ok(times[3] - times[0] > 250, String(times));
});

test("runtime 121: failures name the URL", async () => {
  const closed = await ok.action("rtWeb:fail", { url: "http://127.0.0.1:9/x" });
  assert.match(closed, /^TypeError: fetch of http:\/\/127\.0\.0\.1:9\/x failed: .*refused/i);
  assert.match(await ok.action("rtWeb:fail", { url: "file:///etc/passwd" }), /^TypeError: .*scheme/);
});

test("attack: no address inside is reached, neither directly, nor by name, nor by a redirect", async () => {
  const inside = ["http://169.254.169.254/latest/meta-data/", "http://[::1]:1/", "http://[fd00:ec2::254]/",
    "http://10.0.0.1/", "http://0.0.0.0/", "http://[::ffff:169.254.169.254]/"];
  for (const url of inside) {
    for (const tried of [url, `${origin}/away/${encodeURIComponent(url)}`]) {
      assert.match(await ok.action("rtWeb:fail", { url: tried }), /^TypeError: fetch of .* failed: .*egress policy/, tried);
    }
  }
});

test("a service with a built-in address can be replaced by the operator", async () => {
  const got = await ok.action("rtWeb:send", { url: "https://api.service.test/echo" });
  assert.equal(JSON.parse(got.text).headers.host, "api.service.test");
});

test("runtime 105: fetch in a query names itself and points to actions", async () => {
  assert.match(await ok.query("rtWeb:failInQuery"),
    /Can't use fetch\(\) in queries and mutations\. Please consider using an action/);
});

test("forms go there and back", async () => {
  assert.deepEqual(await ok.action("rtWeb:form", { origin }), ["v\u00e4lue", "n\u00e4me.txt", "text/plain", "content"]);
});

test("runtime 119: a request that nobody waited for is named in the log", async () => {
  const result = await caller(use).action("rtWeb:unawaited", { origin });
  assert.ok(result.logs.some((line) => /1 unawaited operation: \[fetch\]/.test(line)), JSON.stringify(result));
});

const rsa = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };
const signing = [
  [{ name: "RSASSA-PKCS1-v1_5", ...rsa }, {}],
  [{ name: "RSA-PSS", ...rsa }, { saltLength: 32 }],
  ...["P-256", "P-384", "P-521"].flatMap((namedCurve) =>
    ["SHA-256", "SHA-512"].map((hash) => [{ name: "ECDSA", namedCurve }, { hash }]),
  ),
  [{ name: "Ed25519" }, {}],
];
for (const [algorithm, more] of signing) {
  test(`crypto.subtle: ${JSON.stringify({ ...algorithm, publicExponent: undefined, ...more })} is what Node understands`, async () => {
    const params = { name: algorithm.name, ...more };
    const data = crypto.getRandomValues(new Uint8Array(100)).buffer;
    const { privateKey, publicKey } = await subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const [jwk, publicJwk] = [await subtle.exportKey("jwk", privateKey), await subtle.exportKey("jwk", publicKey)];
    const signature = await subtle.sign(params, privateKey, data);
    const plain = { ...algorithm, publicExponent: undefined };
    const got = await ok.action("rtWeb:sign", { jwk, publicJwk, algorithm: plain, params, signature, data });
    assert.equal(got.verified, true);
    assert.equal(await subtle.verify(params, publicKey, got.signature, data), true);
  });
}

test("crypto.subtle: what Node encrypts is decrypted", async () => {
  const data = new TextEncoder().encode("secret").buffer;
  const iv = crypto.getRandomValues(new Uint8Array(16)).buffer;
  for (const [algorithm, params] of [
    [{ name: "AES-CBC", length: 192 }, { name: "AES-CBC", iv }],
    [{ name: "AES-CTR", length: 256 }, { name: "AES-CTR", counter: iv, length: 64 }],
    [{ name: "AES-GCM", length: 128 }, { name: "AES-GCM", iv: iv.slice(0, 12), additionalData: iv }],
    [{ name: "RSA-OAEP", ...rsa }, { name: "RSA-OAEP", label: iv }],
  ]) {
    const made = await subtle.generateKey(algorithm, true, ["encrypt", "decrypt"]);
    const sealed = await subtle.encrypt(params, made.publicKey ?? made, data);
    const jwk = await subtle.exportKey("jwk", made.privateKey ?? made);
    const plain = { ...algorithm, publicExponent: undefined };
    const opened = await ok.action("rtWeb:decrypt", { jwk, algorithm: plain, params, data: sealed });
    assert.deepEqual(new Uint8Array(opened), new Uint8Array(data), algorithm.name);
  }
});

test("TextDecoder: every kind of encoding, whole and in pieces, is what Node decodes", async () => {
  const samples = {
    "utf-8": [0xef, 0xbb, 0xbf, 0x68, 0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80, 0xff, 0xe2, 0x82],
    "utf-16le": [0xff, 0xfe, 0x41, 0, 0x3d, 0xd8, 0, 0xde, 0x3d, 0xd8, 0x42, 0],
    "utf-16be": [0xfe, 0xff, 0, 0x41, 0xd8, 0x3d, 0xde, 0],
    // Not 0x80 to 0x9f, which some versions of Node take for Latin-1.
    latin1: [0xe9, 0x61, 0xff],
    "iso-8859-2": [0xa3, 0xf3, 0x64, 0xbc],
    "koi8-r": [0xf0, 0xd2, 0xc9, 0xd7, 0xc5, 0xd4],
    shift_jis: [0x93, 0xfa, 0x96, 0x7b, 0x8c, 0xea, 0x61],
    "euc-jp": [0xc6, 0xfc, 0xcb, 0xdc, 0x78],
    "iso-2022-jp": [0x1b, 0x24, 0x42, 0x46, 0x7c, 0x4b, 0x5c, 0x1b, 0x28, 0x42, 0x61],
    gb18030: [0xd6, 0xd0, 0x81, 0x30, 0x81, 0x30, 0x7a],
    big5: [0xa4, 0xa4, 0xa4, 0xe5, 0x20, 0x78],
    "euc-kr": [0xc7, 0xd1, 0xb1, 0xdb],
  };
  const attempt = (run) => {
    try {
      return run();
    } catch (error) {
      return error.name;
    }
  };
  for (const [label, numbers] of Object.entries(samples)) {
    const bytes = Uint8Array.from(numbers).buffer;
    for (const options of [{}, { fatal: true }, { ignoreBOM: true }]) {
      const expected = attempt(() => new TextDecoder(label, options).decode(bytes));
      for (const size of [1, 2, 3, 5]) {
        const got = await ok.query("rtWeb:decode", { label, bytes, size, options });
        const name = new TextDecoder(label).encoding;
        assert.deepEqual(got, [expected, expected, name], `${label} ${JSON.stringify(options)} in pieces of ${size}`);
      }
    }
  }
  const empty = new ArrayBuffer(0);
  for (const label of ["nothing", "iso-2022-kr", "replacement"]) {
    assert.deepEqual(await ok.query("rtWeb:decode", { label, bytes: empty, size: 1, options: {} }), ["RangeError", "RangeError", "RangeError"]);
  }
});
