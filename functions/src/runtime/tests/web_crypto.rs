//! `crypto.subtle` against published test vectors, and against itself where there is randomness.

use serde_json::json;

use super::fake::*;

const HELPERS: &str = "const hex = (b) => new Uint8Array(b).toHex(); const un = (h) => Uint8Array.fromHex(h); const utf = (t) => new TextEncoder().encode(t); const s = crypto.subtle;
  const fails = async (f) => { try { await f(); return 'worked'; } catch (e) { return e.name; } };";

async fn query_of(body: &str) -> serde_json::Value {
    value_of(&format!("{HELPERS}{body}")).await
}

async fn action_of(body: &str) -> serde_json::Value {
    let program = program(&format!("export const f = action(async () => {{ {HELPERS}{body} }});")).await;
    let (outcome, _) = run_action(&program, "f").await;
    serde_json::from_str(&outcome.result.unwrap_or_else(|failure| panic!("{}", failure.message))).unwrap()
}

#[tokio::test]
async fn digests_macs_and_derivation() {
    let value = query_of(
        "const mac = await s.importKey('raw', utf('Jefe'), {name: 'hmac', hash: 'SHA-256'}, true, ['sign', 'verify']); const tag = await s.sign('HMAC', mac, utf('what do ya want for nothing?'));
         const hk = await s.importKey('raw', un('0b'.repeat(22)), 'HKDF', false, ['deriveBits', 'deriveKey']);
         const hkdf = {name: 'HKDF', hash: 'SHA-256', salt: un('000102030405060708090a0b0c'), info: un('f0f1f2f3f4f5f6f7f8f9')};
         const pb = await s.importKey('raw', utf('password'), 'PBKDF2', false, ['deriveBits']);
         const aes = await s.deriveKey(hkdf, hk, {name: 'AES-GCM', length: 256}, true, ['encrypt']);
         return [hex(await s.digest('SHA-1', utf('abc'))), hex(await s.digest({name: 'sha-256'}, utf('abc'))), hex(tag), await s.verify('HMAC', mac, tag, utf('what do ya want for nothing?')), await s.verify('HMAC', mac, tag, utf('x')),
           (await s.exportKey('jwk', mac)), mac.algorithm.length, hex(await s.deriveBits(hkdf, hk, 336)), hex(await s.deriveBits({name: 'PBKDF2', hash: 'SHA-1', salt: utf('salt'), iterations: 4096}, pb, 160)), hex(await s.exportKey('raw', aes)).slice(0, 8),
           await fails(() => s.deriveBits({name: 'PBKDF2', hash: 'SHA-1', salt: utf('salt'), iterations: 4e9}, pb, 160)), await fails(() => s.digest('MD5', utf(''))), await fails(() => s.exportKey('raw', hk)), await fails(() => s.sign('HMAC', hk, utf(''))), await fails(() => s.importKey('raw', utf('x'), 'AES-GCM', true, ['encrypt']))];",
    )
    .await;
    assert_eq!(
        value,
        json!([
            "a9993e364706816aba3e25717850c26c9cd0d89d", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", true, false,
            { "kty": "oct", "k": "SmVmZQ", "alg": "HS256", "key_ops": ["sign", "verify"], "ext": true }, 32,
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865", "4b007901b765489abead49d926f721d065a429c1", "3cb25f25",
            "OperationError", "NotSupportedError", "InvalidAccessError", "InvalidAccessError", "DataError"
        ])
    );
}

#[tokio::test]
async fn aes() {
    let value = query_of(
        "const key = (name, h) => s.importKey('raw', un(h), name, false, ['encrypt', 'decrypt']);
         const k = '2b7e151628aed2a6abf7158809cf4f3c', block = '6bc1bee22e409f96e93d7e117393172a';
         const cbc = await key('AES-CBC', k), ctr = await key('AES-CTR', k), gcm = await key('AES-GCM', 'feffe9928665731c6d6a8f9467308308');
         const iv = un('000102030405060708090a0b0c0d0e0f'), counter = un('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff');
         const c = await s.encrypt({name: 'AES-CBC', iv}, cbc, un(block));
         const p = un('d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39'), g = {name: 'AES-GCM', iv: un('cafebabefacedbaddecaf888'), additionalData: un('feedfacedeadbeeffeedfacedeadbeefabaddad2')};
         const sealed = await s.encrypt(g, gcm, p), short = {...g, tagLength: 96}; const cut = await s.encrypt(short, gcm, p); const bent = new Uint8Array(cut.slice(0)); bent[bent.length - 1] ^= 1;
         const wrap = {name: 'AES-CTR', counter: un('ff'.repeat(16)), length: 8}; const two = new Uint8Array(32); const wrapped = await s.encrypt(wrap, ctr, two); const first = await s.encrypt({...wrap, counter: un('ff'.repeat(15) + '00')}, ctr, new Uint8Array(16));
         return [hex(c).slice(0, 32), hex(await s.decrypt({name: 'AES-CBC', iv}, cbc, c)) === block, hex(await s.encrypt({name: 'AES-CTR', counter, length: 64}, ctr, un(block))), hex(wrapped).slice(32) === hex(first), await fails(() => s.encrypt({...wrap, length: 1}, ctr, new Uint8Array(48))),
           hex(sealed).slice(-32), hex(await s.decrypt(g, gcm, sealed)) === hex(p), cut.byteLength, hex(await s.decrypt(short, gcm, cut)) === hex(p), await fails(() => s.decrypt(short, gcm, bent)), await fails(() => s.decrypt(g, gcm, un('00'))), await fails(() => s.decrypt({name: 'AES-CBC', iv}, cbc, un(block)))];",
    )
    .await;
    assert_eq!(
        value,
        json!([
            "7649abac8119b246cee98e9b12e9197d",
            true,
            "874d6191b620e3261bef6864990db6ce",
            true,
            "OperationError",
            "5bc94fbc3221a5db94fae95ae7121a47",
            true,
            72,
            true,
            "OperationError",
            "OperationError",
            "OperationError"
        ])
    );
}

/// RFC 6979 and RFC 8032; what X25519 gives is what Node's crypto gives.
#[tokio::test]
async fn curves() {
    let value = query_of(
        "const point = un('0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299');
         const ec = await s.importKey('raw', point, {name: 'ECDSA', namedCurve: 'P-256'}, true, ['verify']);
         const sig = (r, t) => un(r + t); const v = (hash, signature) => s.verify({name: 'ECDSA', hash}, ec, signature, utf('sample'));
         const s256 = sig('efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716', 'f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8');
         const s512 = sig('8496a60b5e9b47c825488827e0495b0e3fa109ec4568fd3f8d1097678eb97f00', '2362ab1adbe2b8adf9cb9edab740ea6049c028114f2460f96554f61fae3302fe');
         const s1 = sig('61340c88c3aaebeb4f6d667f672ca9759a6ccaa9fa8811313039ee4a35471d32', '6d7f147dac089441bb2e2fe8f7a3fa264b9c475098fdcf6e00d7c996e1b8b7eb');
         const seed = '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'; const ed = await s.importKey('pkcs8', un('302e020100300506032b657004220420' + seed), 'Ed25519', true, ['sign']);
         const jwk = await s.exportKey('jwk', ed); const edPublic = await s.importKey('jwk', {kty: 'OKP', crv: 'Ed25519', x: jwk.x}, 'Ed25519', true, ['verify']); const es = await s.sign('Ed25519', ed, un('72'));
         const a = await s.importKey('pkcs8', un('302e020100300506032b656e0422042077076d0a7318a57d3c16c17251b26645df4c2f92ebc0992ac177fba51db92c2a'), 'X25519', true, ['deriveBits']);
         const b = await s.importKey('raw', un('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f'), 'X25519', true, []); const shared = await s.deriveBits({name: 'X25519', public: b}, a);
         const bad = new Uint8Array(point); bad[64] ^= 1;
         return [await v('SHA-256', s256), await v('SHA-512', s512), await v('SHA-1', s1), await v('SHA-384', s256), hex(es).slice(0, 16), hex(await s.exportKey('raw', edPublic)), await s.verify('Ed25519', edPublic, es, un('72')), await s.verify('Ed25519', edPublic, es, un('73')), hex(await s.exportKey('pkcs8', ed)).endsWith(seed),
           await fails(() => s.importKey('raw', bad, {name: 'ECDSA', namedCurve: 'P-256'}, true, ['verify'])), await fails(() => s.importKey('raw', point, {name: 'ECDSA', namedCurve: 'P-256'}, true, ['sign'])), hex(await s.exportKey('spki', ec)).slice(0, 54), hex(shared)];",
    )
    .await;
    assert_eq!(
        value,
        json!([
            true,
            true,
            true,
            false,
            "92a009a9f0d4cab8",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            true,
            false,
            true,
            "DataError",
            "SyntaxError",
            "3059301306072a8648ce3d020106082a8648ce3d03010703420004",
            "ec555394277877e3ef665c2af39d396d8572f112cc8ce2af0972cb6a3989406d"
        ])
    );
}

/// What is generated works, goes through every format and comes back the same.
#[tokio::test]
async fn generated_keys() {
    let value = action_of(
        "const out = []; const data = utf('data');
         const same = async (key, format, alg) => { const form = await s.exportKey(format, key); const again = await s.importKey(format, form, alg, true, key.usages); const twice = await s.exportKey(format, again); return format === 'jwk' ? JSON.stringify(form) === JSON.stringify(twice) && again : hex(form) === hex(twice) && again; };
         const rsa = {modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256'};
         for (const [alg, use, param] of [[{name: 'RSASSA-PKCS1-v1_5', ...rsa}, ['sign', 'verify']], [{name: 'RSA-PSS', ...rsa}, ['sign', 'verify'], {saltLength: 32}], ...['P-256', 'P-384', 'P-521'].map((namedCurve) => [{name: 'ECDSA', namedCurve}, ['sign', 'verify'], {hash: 'SHA-384'}]), [{name: 'Ed25519'}, ['sign', 'verify']]]) {
           const pair = await s.generateKey(alg, true, use); const how = {name: alg.name, ...param};
           const p1 = await same(pair.privateKey, 'pkcs8', alg), p2 = await same(pair.privateKey, 'jwk', alg), k1 = await same(pair.publicKey, 'spki', alg), k2 = await same(pair.publicKey, 'jwk', alg);
           const signature = await s.sign(how, p1, data); out.push(await s.verify(how, k1, signature, data) && await s.verify(how, k2, await s.sign(how, p2, data), data) && !await s.verify(how, k1, signature, utf('other')));
         }
         const oaep = await s.generateKey({name: 'RSA-OAEP', ...rsa}, false, ['encrypt', 'decrypt']); const label = {name: 'RSA-OAEP', label: utf('l')};
         out.push(hex(await s.decrypt(label, oaep.privateKey, await s.encrypt(label, oaep.publicKey, data))) === hex(data), oaep.privateKey.extractable, oaep.publicKey.algorithm.modulusLength);
         for (const alg of [{name: 'ECDH', namedCurve: 'P-256'}, {name: 'ECDH', namedCurve: 'P-521'}, {name: 'X25519'}]) {
           const [a, b] = [await s.generateKey(alg, true, ['deriveBits', 'deriveKey']), await s.generateKey(alg, true, ['deriveBits'])]; const other = await same(b.publicKey, 'raw', alg);
           const one = await s.deriveBits({name: alg.name, public: other}, a.privateKey), two = await s.deriveBits({name: alg.name, public: a.publicKey}, b.privateKey); out.push(hex(one) === hex(two), one.byteLength);
         }
         const aes = await s.generateKey({name: 'AES-GCM', length: 128}, true, ['encrypt', 'decrypt']); const mac = await s.generateKey({name: 'HMAC', hash: 'SHA-512'}, true, ['sign']);
         out.push((await s.exportKey('raw', aes)).byteLength, mac.algorithm.length, hex(await s.exportKey('raw', aes)) !== hex(await s.exportKey('raw', await s.generateKey({name: 'AES-GCM', length: 128}, true, ['encrypt']))), String(aes), aes instanceof CryptoKey, await fails(() => s.generateKey({name: 'AES-GCM', length: 100}, true, ['encrypt']))); return out;",
    )
    .await;
    assert_eq!(
        value,
        json!([
            true,
            true,
            true,
            true,
            true,
            true,
            true,
            false,
            2048,
            true,
            32,
            true,
            66,
            true,
            32,
            16,
            1024,
            true,
            "[object CryptoKey]",
            true,
            "OperationError"
        ])
    );
}

#[tokio::test]
async fn malformed_keys_are_refused() {
    let value = query_of(
        "const out = []; const rsa = {name: 'RSA-OAEP', hash: 'SHA-256'};
         for (const [format, data, alg, use] of [['spki', un('3000'), rsa, ['encrypt']], ['spki', un('30ffffffffff'), rsa, ['encrypt']], ['pkcs8', un(''), rsa, ['decrypt']], ['jwk', {kty: 'RSA', n: 'AQAB', e: 'AQAB'}, rsa, ['encrypt']], ['jwk', {kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA'}, {name: 'ECDSA', namedCurve: 'P-256'}, ['verify']],
           ['jwk', {kty: 'oct', k: '!!'}, {name: 'HMAC', hash: 'SHA-1'}, ['sign']], ['raw', un('00'), {name: 'ECDSA', namedCurve: 'K-256'}, ['verify']], ['raw', un('00'), {name: 'Ed25519'}, ['verify']], ['raw', 'text', {name: 'HMAC', hash: 'SHA-1'}, ['sign']]]) out.push(await fails(() => s.importKey(format, data, alg, true, use))); return out;",
    )
    .await;
    assert_eq!(
        value,
        json!([
            "DataError",
            "DataError",
            "DataError",
            "DataError",
            "DataError",
            "DataError",
            "NotSupportedError",
            "DataError",
            "TypeError"
        ])
    );
}
