// https://w3c.github.io/webcrypto: random numbers. The rest is in subtle.js.
(function (ops, load) {
  "use strict";
  const construct = Symbol("construct");
  const INTEGERS = ["Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array",
    "Int32Array", "Uint32Array", "BigInt64Array", "BigUint64Array"];
  const typeName = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get;

  class Crypto {
    constructor(key) {
      if (key !== construct) {
        ops.notImplemented("the constructor of Crypto");
        throw new TypeError("Illegal constructor");
      }
    }
    get subtle() { return load("subtle.js").subtle; }
    getRandomValues(array) {
      if (!INTEGERS.includes(typeName.call(array))) {
        const { DOMException } = load("events.js");
        throw new DOMException("crypto.getRandomValues: the argument must be an integer typed array", "TypeMismatchError");
      }
      if (array.byteLength > 65536) {
        throw new TypeError(`crypto.getRandomValues: ${array.byteLength} bytes requested, at most 65536 are given`);
      }
      ops.randomFill(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
      return array;
    }
    randomUUID() {
      return ops.randomUuid();
    }
  }
  Object.defineProperty(Crypto.prototype, Symbol.toStringTag, { value: "Crypto", configurable: true });
  return { Crypto, crypto: new Crypto(construct) };
});
