// Keys of https://w3c.github.io/webcrypto, and reading them from and writing them to the formats.
(function (ops, load) {
  "use strict";
  const { DOMException } = load("events.js");
  const der = load("der.js");
  const construct = Symbol("construct");
  const fail = (name, message) => { throw new DOMException(message, name); };
  const SIZES = { "P-256": 32, "P-384": 48, "P-521": 66, Ed25519: 32, X25519: 32 };

  class CryptoKey {
    #state;
    constructor(key, state) {
      if (key !== construct) throw new TypeError("Illegal constructor");
      this.#state = state;
    }
    static state(key) { return key.#state; }
    static is(value) { return typeof value === "object" && value !== null && #state in value; }
    get type() { return this.#state.type; }
    get extractable() { return this.#state.extractable; }
    get algorithm() { return this.#state.shownAlgorithm; }
    get usages() { return this.#state.shownUsages; }
  }
  const { state: stateOf, is: isKey } = CryptoKey;
  delete CryptoKey.state;
  delete CryptoKey.is;
  Object.defineProperty(CryptoKey.prototype, Symbol.toStringTag, { value: "CryptoKey", configurable: true });

  // `material`: `raw` of secrets; `der` (SubjectPublicKeyInfo, PrivateKeyInfo) of RSA, and `pkcs1` of
  // public ones; `d` and `x` (the public key's bytes) of curves.
  const keyOf = (type, extractable, algorithm, usages, material) => {
    const state = { type, extractable, algorithm, usages, material };
    // What user code sees is not what the operations go by.
    state.shownAlgorithm = structured(algorithm);
    state.shownUsages = [...usages];
    return new CryptoKey(construct, state);
  };
  const structured = (algorithm) => {
    const copy = { ...algorithm };
    if (copy.hash) copy.hash = { ...copy.hash };
    if (copy.publicExponent) copy.publicExponent = copy.publicExponent.slice();
    return copy;
  };

  const decode64 = (text, what) => {
    if (typeof text !== "string") return fail("DataError", `The JWK has no '${what}'`);
    try {
      return Uint8Array.fromBase64(text, { alphabet: "base64url" });
    } catch {
      return fail("DataError", `'${what}' of the JWK is not base64url`);
    }
  };
  const encode64 = (bytes) => bytes.toBase64({ alphabet: "base64url", omitPadding: true });

  const checkJwk = (jwk, kty, usages, extractable, use) => {
    if (typeof jwk !== "object" || jwk === null) throw new TypeError("The key data must be a JsonWebKey");
    if (jwk.kty !== kty) fail("DataError", `'kty' of the JWK must be '${kty}'`);
    if (usages.length > 0 && jwk.use !== undefined && jwk.use !== use) fail("DataError", `'use' of the JWK must be '${use}'`);
    if (jwk.key_ops !== undefined && !usages.every((usage) => jwk.key_ops.includes(usage))) {
      fail("DataError", "'key_ops' of the JWK do not allow the usages");
    }
    if (jwk.ext === false && extractable) fail("DataError", "'ext' of the JWK forbids extraction");
  };

  const rsaMaterial = (isPrivate, numbers) => {
    if (numbers === null) return fail("DataError", "The RSA key is malformed");
    const [n, e] = numbers;
    const material = isPrivate
      ? { der: der.pkcs8("rsa", der.rsaPrivate(numbers)), numbers }
      : { der: der.spki("rsa", der.rsaPublic([n, e])), pkcs1: der.rsaPublic([n, e]), numbers };
    const length = n.length * 8 - Math.clz32(n[0] ?? 0) + 24;
    if (length < 2048 || length > 8192 || !ops.cryptoRsaCheck(isPrivate, isPrivate ? material.der : material.pkcs1)) {
      fail("DataError", "The RSA key is not valid, or of a size that is not supported (2048 to 8192 bits)");
    }
    return { type: isPrivate ? "private" : "public", material, modulusLength: length, publicExponent: e.slice() };
  };
  const JWK_RSA = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];

  const importRsa = (format, data, check) => {
    if (format === "spki" || format === "pkcs8") {
      const isPrivate = format === "pkcs8";
      const info = isPrivate ? der.readPkcs8(data) : der.readSpki(data);
      if (info?.name !== "rsa") fail("DataError", `The data is not an RSA key in ${format}`);
      return rsaMaterial(isPrivate, isPrivate ? der.readRsaPrivate(info.key) : der.readRsaPublic(info.key));
    }
    if (format !== "jwk") return fail("NotSupportedError", `RSA keys have no format '${format}'`);
    check("RSA");
    if (data.oth !== undefined) fail("NotSupportedError", "RSA keys with more than two primes are not supported");
    const isPrivate = data.d !== undefined;
    return rsaMaterial(isPrivate, JWK_RSA.slice(0, isPrivate ? 8 : 2).map((name) => decode64(data[name], name)));
  };

  const pad = (bytes, size) => {
    const all = new Uint8Array(size);
    all.set(bytes, size - bytes.length);
    return all;
  };
  const curveMaterial = (curve, d, x) => {
    const bad = () => fail("DataError", `The key is not valid on ${curve}`);
    if (d !== null) {
      if (d.length !== SIZES[curve]) bad();
      const computed = ops.cryptoCurvePublic(curve, d) ?? bad();
      if (x !== null && !(x.length === computed.length && x.every((byte, i) => byte === computed[i]))) bad();
      return { type: "private", material: { d: d.slice(), x: computed } };
    }
    return { type: "public", material: { d: null, x: ops.cryptoCurveCheck(curve, x) ?? bad() } };
  };

  const importCurve = (curve, format, data, check) => {
    const isEc = curve.startsWith("P-");
    const size = SIZES[curve];
    if (format === "raw") return curveMaterial(curve, null, data);
    if (format === "spki" || format === "pkcs8") {
      const info = format === "pkcs8" ? der.readPkcs8(data) : der.readSpki(data);
      if (info?.name !== curve) fail("DataError", `The data is not a key on ${curve} in ${format}`);
      if (format === "spki") return curveMaterial(curve, null, info.key);
      const d = isEc ? der.readEcPrivate(info.key) : der.readCurvePrivate(info.key);
      if (d === null) fail("DataError", "The private key is malformed");
      return curveMaterial(curve, d, null);
    }
    if (format !== "jwk") return fail("NotSupportedError", `Unknown key format '${format}'`);
    check(isEc ? "EC" : "OKP");
    if (data.crv !== curve) fail("DataError", `'crv' of the JWK must be '${curve}'`);
    const [x, y] = [decode64(data.x, "x"), isEc ? decode64(data.y, "y") : null];
    if (x.length > size || (y && y.length > size)) fail("DataError", "The coordinates of the JWK are too long");
    const point = isEc ? Uint8Array.from([4, ...pad(x, size), ...pad(y, size)]) : x;
    return curveMaterial(curve, data.d === undefined ? null : decode64(data.d, "d"), point);
  };

  const importSecret = (format, data, check) => {
    if (format === "raw") return { type: "secret", material: { raw: data.slice() } };
    if (format !== "jwk") return fail("NotSupportedError", `Secret keys have no format '${format}'`);
    check("oct");
    return { type: "secret", material: { raw: decode64(data.k, "k") } };
  };

  const JWK_ALG = {
    "RSASSA-PKCS1-v1_5": (hash) => (hash === "SHA-1" ? "RS1" : `RS${hash.slice(4)}`),
    "RSA-PSS": (hash) => (hash === "SHA-1" ? "PS1" : `PS${hash.slice(4)}`),
    "RSA-OAEP": (hash) => (hash === "SHA-1" ? "RSA-OAEP" : `RSA-OAEP-${hash.slice(4)}`),
    HMAC: (hash) => (hash === "SHA-1" ? "HS1" : `HS${hash.slice(4)}`),
  };
  const exportKey = (format, key) => {
    const { type, extractable, algorithm, usages, material } = stateOf(key);
    if (!extractable) fail("InvalidAccessError", "The key is not extractable");
    const wrong = () => fail("InvalidAccessError", `A ${type} ${algorithm.name} key can't be exported as '${format}'`);
    const curve = algorithm.namedCurve ?? (SIZES[algorithm.name] ? algorithm.name : null);
    const isEc = curve?.startsWith("P-");
    if (format === "jwk") {
      const jwk = { key_ops: [...usages], ext: extractable };
      if (material.raw) {
        const alg = JWK_ALG[algorithm.name]?.(algorithm.hash.name) ?? `A${algorithm.length}${algorithm.name.slice(4)}`;
        return { kty: "oct", k: encode64(material.raw), alg, ...jwk };
      }
      if (material.der) {
        const members = Object.fromEntries(material.numbers.map((number, i) => [JWK_RSA[i], encode64(number)]));
        return { kty: "RSA", alg: JWK_ALG[algorithm.name](algorithm.hash.name), ...members, ...jwk };
      }
      const { d, x } = material;
      const size = SIZES[curve];
      const point = isEc ? { x: encode64(x.slice(1, 1 + size)), y: encode64(x.slice(1 + size)) } : { x: encode64(x) };
      return { kty: isEc ? "EC" : "OKP", crv: curve, ...point, ...(d && { d: encode64(d) }), ...jwk };
    }
    let bytes;
    if (format === "raw") bytes = material.raw ?? (type === "public" && curve ? material.x : wrong());
    else if (format === "spki" && type === "public") bytes = material.der ?? der.spki(curve, material.x);
    else if (format === "pkcs8" && type === "private") {
      bytes = material.der ?? der.pkcs8(curve, isEc ? der.ecPrivate(material.d, material.x) : der.curvePrivate(material.d));
    } else return ["raw", "spki", "pkcs8"].includes(format) ? wrong() : fail("NotSupportedError",
      `Unknown key format '${format}'`);
    return bytes.slice().buffer;
  };
  return { CryptoKey, keyOf, isKey, stateOf, fail, checkJwk, importRsa, importCurve, importSecret, exportKey,
    rsaMaterial, curveMaterial, SIZES, der };
});
