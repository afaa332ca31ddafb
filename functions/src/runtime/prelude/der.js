// The part of ASN.1 that keys are wrapped in (X.690 DER, RFC 5280, 5208, 5915, 8017, 8410).
(function () {
  "use strict";
  const [INTEGER, BITS, OCTETS, NULL, OID, SEQUENCE, FIRST, SECOND] = [0x02, 0x03, 0x04, 0x05, 0x06, 0x30, 0xa0, 0xa1];
  const OIDS = {
    rsa: [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01],
    ec: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01],
    "P-256": [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
    "P-384": [0x2b, 0x81, 0x04, 0x00, 0x22],
    "P-521": [0x2b, 0x81, 0x04, 0x00, 0x23],
    X25519: [0x2b, 0x65, 0x6e],
    Ed25519: [0x2b, 0x65, 0x70],
  };

  const write = (tag, ...parts) => {
    const content = parts.flatMap((part) => [...part]);
    const size = [];
    for (let n = content.length; n > 0; n >>= 8) size.unshift(n & 0xff);
    const head = content.length < 0x80 ? [content.length] : [0x80 | size.length, ...size];
    return Uint8Array.from([tag, ...head, ...content]);
  };
  const oid = (name) => write(OID, OIDS[name]);
  const trim = (bytes) => {
    const first = bytes.findIndex((byte) => byte !== 0);
    return bytes.subarray(first < 0 ? bytes.length : first);
  };
  const integer = (numbers) => {
    const short = trim(Uint8Array.from(numbers));
    return write(INTEGER, short.length === 0 ? [0] : short[0] >= 0x80 ? [0, ...short] : short);
  };
  const algorithm = (name) => {
    if (name === "rsa") return write(SEQUENCE, oid("rsa"), write(NULL));
    return name.startsWith("P-") ? write(SEQUENCE, oid("ec"), oid(name)) : write(SEQUENCE, oid(name));
  };

  // Reads elements one after the other; throws at what is malformed or not expected.
  class Reader {
    constructor(bytes) {
      this.bytes = bytes;
      this.at = 0;
    }
    get isAtEnd() { return this.at >= this.bytes.length; }
    get tag() { return this.bytes[this.at]; }
    take(tag) {
      if (this.tag !== tag) throw new RangeError("unexpected element");
      let at = this.at + 2;
      let size = this.bytes[this.at + 1];
      if (size >= 0x80) {
        const count = size & 0x7f;
        if (count === 0 || count > 4) throw new RangeError("bad length");
        size = 0;
        for (let i = 0; i < count; i++) size = size * 256 + this.bytes[at++];
      }
      if (!(at + size <= this.bytes.length)) throw new RangeError("truncated");
      this.at = at + size;
      return this.bytes.subarray(at, at + size);
    }
    enter(tag = SEQUENCE) { return new Reader(this.take(tag)); }
    integer() { return trim(this.take(INTEGER)); }
    bits() {
      const content = this.take(BITS);
      if (content[0] !== 0) throw new RangeError("unused bits");
      return content.subarray(1);
    }
    // The name of the algorithm, which must be `rsa` or one of the curves.
    algorithm() {
      const sequence = this.enter();
      const is = (content, name) => content.length === OIDS[name].length && OIDS[name].every((b, i) => b === content[i]);
      let content = sequence.take(OID);
      if (is(content, "rsa")) return "rsa";
      if (is(content, "ec")) content = sequence.take(OID);
      const name = Object.keys(OIDS).find((n) => n !== "rsa" && n !== "ec" && is(content, n));
      if (name === undefined) throw new RangeError("unknown algorithm");
      return name;
    }
  }

  // The result of a reader, or `null` if the bytes are malformed.
  const parse = (bytes, body) => {
    try {
      return body(new Reader(bytes));
    } catch (error) {
      if (error instanceof RangeError) return null;
      throw error;
    }
  };

  const spki = (name, key) => write(SEQUENCE, algorithm(name), write(BITS, [0], key));
  const pkcs8 = (name, key) => write(SEQUENCE, integer([]), algorithm(name), write(OCTETS, key));
  // `{name, key}` out of SubjectPublicKeyInfo and PrivateKeyInfo.
  const readSpki = (bytes) => parse(bytes, (reader) => {
    const info = reader.enter();
    return { name: info.algorithm(), key: info.bits() };
  });
  const readPkcs8 = (bytes) => parse(bytes, (reader) => {
    const info = reader.enter();
    info.integer();
    return { name: info.algorithm(), key: info.take(OCTETS) };
  });

  return {
    spki,
    pkcs8,
    readSpki,
    readPkcs8,
    // RSAPublicKey and RSAPrivateKey as lists of numbers, big-endian without leading zeros.
    rsaPublic: (numbers) => write(SEQUENCE, ...numbers.map(integer)),
    rsaPrivate: (numbers) => write(SEQUENCE, integer([]), ...numbers.map(integer)),
    readRsaPublic: (bytes) => parse(bytes, (reader) => {
      const sequence = reader.enter();
      return [sequence.integer(), sequence.integer()];
    }),
    readRsaPrivate: (bytes) => parse(bytes, (reader) => {
      const sequence = reader.enter();
      sequence.integer();
      return Array.from({ length: 8 }, () => sequence.integer());
    }),
    // ECPrivateKey.
    ecPrivate: (d, point) => write(SEQUENCE, integer([1]), write(OCTETS, d), write(SECOND, write(BITS, [0], point))),
    readEcPrivate: (bytes) => parse(bytes, (reader) => {
      const sequence = reader.enter();
      sequence.integer();
      const d = sequence.take(OCTETS);
      if (sequence.tag === FIRST) sequence.take(FIRST);
      return d;
    }),
    // CurvePrivateKey of Ed25519 and X25519.
    curvePrivate: (d) => write(OCTETS, d),
    readCurvePrivate: (bytes) => parse(bytes, (reader) => reader.take(OCTETS)),
  };
});
