// `crypto.subtle` of https://w3c.github.io/webcrypto. The arithmetic is the host's.
(function (ops, load) {
  "use strict";
  const keys = load("crypto_key.js");
  const { CryptoKey, keyOf, isKey, stateOf, fail, SIZES, der } = keys;
  const construct = Symbol("construct");
  const HASHES = { "SHA-1": 160, "SHA-256": 256, "SHA-384": 384, "SHA-512": 512 };
  const BLOCKS = { "SHA-1": 512, "SHA-256": 512, "SHA-384": 1024, "SHA-512": 1024 };
  const RSA = { "RSASSA-PKCS1-v1_5": ["sign", "verify"], "RSA-PSS": ["sign", "verify"], "RSA-OAEP": ["encrypt",
    "decrypt", "wrapKey", "unwrapKey"] };
  const CURVES = { ECDSA: ["sign", "verify"], Ed25519: ["sign", "verify"], ECDH: ["deriveKey", "deriveBits"],
    X25519: ["deriveKey", "deriveBits"] };
  const AES = { "AES-CBC": 1, "AES-CTR": 1, "AES-GCM": 1, "AES-KW": 1 };
  const SECRET_USAGES = {
    HMAC: ["sign", "verify"], HKDF: ["deriveKey", "deriveBits"], PBKDF2: ["deriveKey", "deriveBits"],
    "AES-KW": ["wrapKey", "unwrapKey"],
  };
  const AES_USAGES = ["encrypt", "decrypt", "wrapKey", "unwrapKey"];
  const PRIVATE = ["decrypt", "sign", "unwrapKey", "deriveKey", "deriveBits"];
  const OPERATIONS = {
    digest: Object.keys(HASHES),
    sign: ["RSASSA-PKCS1-v1_5", "RSA-PSS", "ECDSA", "HMAC", "Ed25519"],
    encrypt: ["RSA-OAEP", "AES-CBC", "AES-CTR", "AES-GCM"],
    derive: ["PBKDF2", "HKDF", "ECDH", "X25519"],
    key: [...Object.keys(RSA), ...Object.keys(CURVES), ...Object.keys(AES), "HMAC", "PBKDF2", "HKDF"],
  };

  // An algorithm as an object with the proper name.
  const normalize = (algorithm, operation) => {
    const object = typeof algorithm === "object" && algorithm !== null ? algorithm : { name: algorithm };
    if (object.name === undefined) throw new TypeError("The algorithm has no name");
    const wanted = String(object.name).toUpperCase();
    const name = OPERATIONS[operation].find((known) => known.toUpperCase() === wanted);
    if (name === undefined) return fail("NotSupportedError", `Unrecognized algorithm name '${object.name}'`);
    return { ...object, name };
  };
  const hashOf = (algorithm) => {
    if (algorithm.hash === undefined) throw new TypeError(`${algorithm.name}: the hash is missing`);
    return normalize(algorithm.hash, "digest").name;
  };
  // A copy of a buffer's bytes.
  const bytesOf = (data, what) => {
    if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
    if (data instanceof ArrayBuffer) return new Uint8Array(data).slice();
    throw new TypeError(`${what} must be an ArrayBuffer or a view of one`);
  };
  const optional = (data, what) => (data === undefined ? new Uint8Array() : bytesOf(data, what));
  const done = (bytes, what) => bytes ?? fail("OperationError", `${what} failed`);
  const bufferOf = (bytes) => bytes.buffer;

  const use = (key, usage, name) => {
    if (!isKey(key)) throw new TypeError("The key is not a CryptoKey");
    const state = stateOf(key);
    if (state.algorithm.name !== name) fail("InvalidAccessError", `The key is for ${state.algorithm.name}, not for ${name}`);
    if (!state.usages.includes(usage)) fail("InvalidAccessError", `The key may not be used for '${usage}'`);
    return state;
  };
  const checkSalt = (algorithm, hash) => {
    if (Number(algorithm.saltLength) * 8 !== HASHES[hash]) {
      fail("NotSupportedError", `RSA-PSS: the salt must be as long as the digest, ${HASHES[hash] / 8} bytes`);
    }
  };

  const sign = (algorithm, { algorithm: { name, hash, namedCurve }, material, type }, data) => {
    if (name !== "HMAC" && type !== "private") fail("InvalidAccessError", "Signing needs a private key");
    switch (name) {
      case "HMAC": return ops.cryptoHmac(hash.name, material.raw, data);
      case "Ed25519": return ops.cryptoEdSign(material.d, data);
      case "ECDSA":
        ops.checkCryptoRng("crypto.subtle.sign() with ECDSA");
        return ops.cryptoEcSign(namedCurve, hashOf(algorithm), material.d, material.x, data);
      default:
        if (name === "RSA-PSS") {
          ops.checkCryptoRng("crypto.subtle.sign() with RSA-PSS");
          checkSalt(algorithm, hash.name);
        }
        return ops.cryptoRsaSign(name === "RSA-PSS", hash.name, material.der, data);
    }
  };
  const verify = (algorithm, { algorithm: { name, hash, namedCurve }, material, type }, signature, data) => {
    if (name !== "HMAC" && type !== "public") fail("InvalidAccessError", "Verifying needs a public key");
    switch (name) {
      case "HMAC": return ops.cryptoHmacVerify(hash.name, material.raw, data, signature);
      case "Ed25519": return ops.cryptoEdVerify(material.x, signature, data);
      case "ECDSA": return ops.cryptoEcVerify(namedCurve, hashOf(algorithm), material.x, signature, data);
      default:
        if (name === "RSA-PSS") checkSalt(algorithm, hash.name);
        return ops.cryptoRsaVerify(name === "RSA-PSS", hash.name, material.pkcs1, signature, data);
    }
  };

  const crypt = (algorithm, isEncrypt, { algorithm: { hash }, material, type }, data) => {
    const what = isEncrypt ? "Encryption" : "Decryption";
    switch (algorithm.name) {
      case "RSA-OAEP": {
        if (type !== (isEncrypt ? "public" : "private")) fail("InvalidAccessError", `${what} needs the other key of the pair`);
        if (isEncrypt) ops.checkCryptoRng("crypto.subtle.encrypt() with RSA-OAEP");
        return done(ops.cryptoRsaOaep(isEncrypt, hash.name, material.der, data, optional(algorithm.label, "label")), what);
      }
      case "AES-CBC": {
        const iv = bytesOf(algorithm.iv, "iv");
        if (iv.length !== 16) fail("OperationError", "AES-CBC: the iv must have 16 bytes");
        return done(ops.cryptoAesCbc(isEncrypt, material.raw, iv, data), what);
      }
      case "AES-CTR": {
        const counter = bytesOf(algorithm.counter, "counter");
        const bits = Number(algorithm.length);
        if (counter.length !== 16) fail("OperationError", "AES-CTR: the counter must have 16 bytes");
        if (!(bits >= 1 && bits <= 128)) fail("OperationError", "AES-CTR: the length of the counter must be 1 to 128 bits");
        return done(ops.cryptoAesCtr(material.raw, counter, data, bits), what);
      }
      default: {
        const iv = bytesOf(algorithm.iv, "iv");
        const tag = algorithm.tagLength === undefined ? 128 : Number(algorithm.tagLength);
        if (![96, 104, 112, 120, 128].includes(tag)) {
          fail("OperationError", `AES-GCM: a tag of ${algorithm.tagLength} bits is not supported`);
        }
        const extra = optional(algorithm.additionalData, "additionalData");
        if (iv.length !== 12) fail("OperationError", "AES-GCM: the iv must have 12 bytes");
        return done(ops.cryptoAesGcm(isEncrypt, material.raw, iv, data, extra, tag / 8), what);
      }
    }
  };

  const deriveBits = (algorithm, { algorithm: { namedCurve, name }, material, type }, length) => {
    if (name === "ECDH" || name === "X25519") {
      const other = isKey(algorithm.public) ? stateOf(algorithm.public) : fail("InvalidAccessError",
        `${name}: the public key is missing`);
      if (type !== "private" || other.type !== "public" || other.algorithm.name !== name
        || other.algorithm.namedCurve !== namedCurve) {
        fail("InvalidAccessError", `${name}: the keys do not belong together`);
      }
      const secret = done(ops.cryptoAgree(namedCurve ?? name, material.d, other.material.x), name);
      if (length === null || length === undefined) return secret;
      if (length > secret.length * 8) fail("OperationError", `${name}: only ${secret.length * 8} bits can be derived`);
      const bytes = secret.slice(0, Math.ceil(length / 8));
      if (length % 8 !== 0) bytes[bytes.length - 1] &= 0xff << (8 - length % 8);
      return bytes;
    }
    if (length === null || length === undefined || length % 8 !== 0) {
      fail("OperationError", `${name}: the length must be a multiple of 8 bits`);
    }
    const [hash, salt, bytes] = [hashOf(algorithm), bytesOf(algorithm.salt, "salt"), length / 8];
    if (bytes === 0) return new Uint8Array();
    if (name === "HKDF") return done(ops.cryptoHkdf(hash, material.raw, salt, bytesOf(algorithm.info, "info"), bytes), name);
    const iterations = Number(algorithm.iterations);
    if (!(iterations >= 1 && iterations < 2 ** 32)) fail("OperationError", "PBKDF2: the number of iterations must be positive");
    return done(ops.cryptoPbkdf2(hash, material.raw, salt, Math.trunc(iterations), bytes), name);
  };

  const secretLength = (algorithm, raw) => {
    if (AES[algorithm.name]) {
      const length = raw ? raw.length * 8 : Number(algorithm.length);
      if (![128, 192, 256].includes(length)) fail(raw ? "DataError" : "OperationError", "AES keys have 128, 192 or 256 bits");
      return length;
    }
    if (algorithm.name !== "HMAC") return null;
    if (raw?.length === 0) fail("DataError", "HMAC keys must not be empty");
    const length = algorithm.length === undefined ? raw ? raw.length * 8 : BLOCKS[hashOf(algorithm)] : Number(algorithm.length);
    if (length === 0) fail("OperationError", "HMAC keys must not be empty");
    if (raw && (length > raw.length * 8 || length <= raw.length * 8 - 8)) {
      fail("DataError", "HMAC: the length does not fit the key");
    }
    return length;
  };

  const importKey = (format, data, algorithm, extractable, usages) => {
    const { name } = algorithm;
    if (format !== "jwk") data = bytesOf(data, "the key data");
    const signs = RSA[name]?.includes("sign") || name === "ECDSA" || name === "Ed25519" || name === "HMAC";
    const check = (kty) => keys.checkJwk(data, kty, usages, extractable, signs ? "sig" : "enc");
    let imported;
    let shown = { name };
    let allowed;
    if (RSA[name]) {
      const hash = hashOf(algorithm);
      imported = keys.importRsa(format, data, check);
      const { modulusLength, publicExponent } = imported;
      shown = { name, modulusLength, publicExponent, hash: { name: hash } };
      allowed = RSA[name].filter((usage) => PRIVATE.includes(usage) === (imported.type === "private"));
    } else if (CURVES[name]) {
      const curve = algorithm.namedCurve ?? name;
      if (SIZES[curve] === undefined || (name.startsWith("EC") && !curve.startsWith("P-"))) {
        fail("NotSupportedError", `Unknown curve '${curve}'`);
      }
      imported = keys.importCurve(curve, format, data, check);
      if (name.startsWith("EC")) shown = { name, namedCurve: curve };
      allowed = CURVES[name].filter((usage) => PRIVATE.includes(usage) === (imported.type === "private"));
    } else {
      imported = keys.importSecret(format, data, check);
      const { raw } = imported.material;
      allowed = SECRET_USAGES[name] ?? AES_USAGES;
      if (name === "HMAC") shown = { name, hash: { name: hashOf(algorithm) }, length: secretLength(algorithm, raw) };
      else if (AES[name]) shown = { name, length: secretLength(algorithm, raw) };
      else if (extractable) fail("SyntaxError", `${name} keys can't be extractable`);
    }
    const wrong = usages.find((usage) => !allowed.includes(usage));
    if (wrong !== undefined) fail("SyntaxError", `A ${imported.type} ${name} key can't be used for '${wrong}'`);
    if (imported.type !== "public" && usages.length === 0) fail("SyntaxError", "The usages of the key must not be empty");
    return keyOf(imported.type, Boolean(extractable), shown, [...new Set(usages)], imported.material);
  };

  const generateKey = (algorithm, extractable, usages) => {
    const { name } = algorithm;
    const allowed = RSA[name] ?? CURVES[name] ?? SECRET_USAGES[name] ?? AES_USAGES;
    if (name === "HKDF" || name === "PBKDF2") fail("NotSupportedError", `${name} keys can't be generated`);
    const wrong = usages.find((usage) => !allowed.includes(usage));
    if (wrong !== undefined) fail("SyntaxError", `A ${name} key can't be used for '${wrong}'`);
    const pair = (shown, secret, open) => {
      const isPrivate = (usage) => PRIVATE.includes(usage);
      if (!usages.some(isPrivate)) fail("SyntaxError", "The usages of the private key must not be empty");
      return {
        publicKey: keyOf("public", true, shown, usages.filter((usage) => !isPrivate(usage)), open),
        privateKey: keyOf("private", Boolean(extractable), shown, usages.filter(isPrivate), secret),
      };
    };
    if (RSA[name]) {
      const hash = hashOf(algorithm);
      const exponent = bytesOf(algorithm.publicExponent, "publicExponent");
      if (exponent.reduce((n, byte) => n * 256 + byte, 0) !== 65537) {
        fail("NotSupportedError", "RSA: the public exponent must be 65537");
      }
      const made = ops.cryptoRsaGenerate(Number(algorithm.modulusLength))
        ?? fail("NotSupportedError", "RSA: the modulus must have 2048, 3072 or 4096 bits");
      const numbers = der.readRsaPrivate(der.readPkcs8(made).key);
      const { material, modulusLength, publicExponent } = keys.rsaMaterial(true, numbers);
      const open = keys.rsaMaterial(false, numbers.slice(0, 2)).material;
      return pair({ name, modulusLength, publicExponent, hash: { name: hash } }, material, open);
    }
    if (CURVES[name]) {
      const isEc = name.startsWith("EC");
      const curve = isEc ? algorithm.namedCurve : name;
      if (SIZES[curve] === undefined || (isEc && !curve.startsWith("P-"))) {
        fail("NotSupportedError", `Unknown curve '${curve}'`);
      }
      const d = done(ops.cryptoCurveGenerate(curve), "generateKey");
      const x = done(ops.cryptoCurvePublic(curve, d), "generateKey");
      return pair(isEc ? { name, namedCurve: curve } : { name }, { d, x }, { d: null, x });
    }
    if (usages.length === 0) fail("SyntaxError", "The usages of the key must not be empty");
    const length = secretLength(algorithm, null);
    const shown = name === "HMAC" ? { name, hash: { name: hashOf(algorithm) }, length } : { name, length };
    return keyOf("secret", Boolean(extractable), shown, [...new Set(usages)],
      { raw: ops.cryptoOsRandom(Math.ceil(length / 8)) });
  };

  class SubtleCrypto {
    constructor(key) {
      if (key !== construct) throw new TypeError("Illegal constructor");
    }
    async digest(algorithm, data) {
      return bufferOf(ops.cryptoDigest(normalize(algorithm, "digest").name, bytesOf(data, "the data")));
    }
    async sign(algorithm, key, data) {
      const normal = normalize(algorithm, "sign");
      return bufferOf(done(sign(normal, use(key, "sign", normal.name), bytesOf(data, "the data")), "Signing"));
    }
    async verify(algorithm, key, signature, data) {
      const normal = normalize(algorithm, "sign");
      return verify(normal, use(key, "verify", normal.name), bytesOf(signature, "the signature"), bytesOf(data, "the data"));
    }
    async encrypt(algorithm, key, data) {
      const normal = normalize(algorithm, "encrypt");
      return bufferOf(crypt(normal, true, use(key, "encrypt", normal.name), bytesOf(data, "the data")));
    }
    async decrypt(algorithm, key, data) {
      const normal = normalize(algorithm, "encrypt");
      return bufferOf(crypt(normal, false, use(key, "decrypt", normal.name), bytesOf(data, "the data")));
    }
    async deriveBits(algorithm, key, length = null) {
      const normal = normalize(algorithm, "derive");
      return bufferOf(deriveBits(normal, use(key, "deriveBits", normal.name), length));
    }
    async deriveKey(algorithm, key, derived, extractable, usages) {
      const normal = normalize(algorithm, "derive");
      const target = normalize(derived, "key");
      const bits = deriveBits(normal, use(key, "deriveKey", normal.name), secretLength(target, null));
      return importKey("raw", bits, target, extractable, [...usages]);
    }
    async generateKey(algorithm, extractable, usages) {
      ops.checkCryptoRng("crypto.subtle.generateKey()");
      return generateKey(normalize(algorithm, "key"), extractable, [...usages]);
    }
    async importKey(format, data, algorithm, extractable, usages) {
      return importKey(String(format), data, normalize(algorithm, "key"), extractable, [...usages]);
    }
    async exportKey(format, key) {
      if (!isKey(key)) throw new TypeError("The key is not a CryptoKey");
      return keys.exportKey(String(format), key);
    }
    async wrapKey() { ops.notImplemented("crypto.subtle.wrapKey()"); }
    async unwrapKey() { ops.notImplemented("crypto.subtle.unwrapKey()"); }
  }
  Object.defineProperty(SubtleCrypto.prototype, Symbol.toStringTag, { value: "SubtleCrypto", configurable: true });
  return { SubtleCrypto, CryptoKey, subtle: new SubtleCrypto(construct) };
});
