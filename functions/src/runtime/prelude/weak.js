// When the garbage collector runs must not show: references are strong, finalizers never run.
(function () {
  "use strict";
  const canBeHeldWeakly = (value) =>
    (typeof value === "object" && value !== null) || typeof value === "function" ||
    (typeof value === "symbol" && Symbol.keyFor(value) === undefined);
  class WeakRef {
    #target;
    constructor(target) {
      if (!canBeHeldWeakly(target)) throw new TypeError("WeakRef: invalid target");
      this.#target = target;
    }
    deref() {
      return this.#target;
    }
  }
  class FinalizationRegistry {
    constructor(cleanup) {
      if (typeof cleanup !== "function") {
        throw new TypeError("FinalizationRegistry: cleanup must be callable");
      }
    }
    register(target) {
      if (!canBeHeldWeakly(target)) {
        throw new TypeError("FinalizationRegistry.prototype.register: invalid target");
      }
    }
    unregister() {
      return false;
    }
  }
  for (const type of [WeakRef, FinalizationRegistry]) {
    Object.defineProperty(type.prototype, Symbol.toStringTag, {
      value: type.name,
      configurable: true,
    });
  }
  return { WeakRef, FinalizationRegistry };
});
