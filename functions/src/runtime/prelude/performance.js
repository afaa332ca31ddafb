// The clock of https://w3c.github.io/hr-time: what it shows is decided by the host.
(function (ops) {
  "use strict";
  const construct = Symbol("construct");
  class Performance {
    constructor(key) {
      if (key !== construct) throw new TypeError("Illegal constructor");
    }
    now() { return ops.performanceNow(); }
    get timeOrigin() { return ops.timeOrigin(); }
    toJSON() { return { timeOrigin: this.timeOrigin }; }
  }
  Object.defineProperty(Performance.prototype, Symbol.toStringTag, { value: "Performance", configurable: true });
  return { Performance, performance: new Performance(construct) };
});
