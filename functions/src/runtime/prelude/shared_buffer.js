// `SharedArrayBuffer` without `maxByteLength`: nothing counts the memory of growable ones. The native class is no global.
(function (ops) {
  "use strict";
  const { construct } = Reflect;
  const Native = ops.sharedBuffer().constructor;
  function SharedArrayBuffer(length, options) {
    if (!new.target) throw new TypeError("Constructor SharedArrayBuffer requires 'new'");
    if (options?.maxByteLength !== undefined) throw new RangeError("A SharedArrayBuffer can't be growable here");
    return construct(Native, [length], new.target);
  }
  Object.defineProperties(SharedArrayBuffer, {
    length: { value: 1, configurable: true },
    prototype: { value: Native.prototype, writable: false },
    [Symbol.species]: Object.getOwnPropertyDescriptor(Native, Symbol.species),
  });
  Object.defineProperty(Native.prototype, "constructor", { value: SharedArrayBuffer, writable: true, configurable: true });
  return { SharedArrayBuffer };
});
