// `AsyncLocalStorage` and `AsyncResource` of Node.js. V8 carries one value along every `await`
// (continuation-preserved embedder data); ours is an immutable map from storage to store.
(function (ops) {
  "use strict";
  const { getAsyncContext, setAsyncContext } = ops;
  const withEntry = (frame, storage, store) => new Map(frame).set(storage, store);
  const runIn = (frame, callback, thisArg, args) => {
    const before = getAsyncContext();
    setAsyncContext(frame);
    try {
      return Reflect.apply(callback, thisArg, args);
    } finally {
      setAsyncContext(before);
    }
  };

  class AsyncLocalStorage {
    #disabled = false;
    #defaultValue;
    #name;
    constructor(options = {}) {
      this.#defaultValue = options?.defaultValue;
      this.#name = options?.name === undefined ? "" : String(options.name);
    }
    get name() { return this.#name; }
    static bind(callback) {
      return AsyncResource.bind(callback);
    }
    static snapshot() {
      const frame = getAsyncContext();
      return (callback, ...args) => runIn(frame, callback, undefined, args);
    }
    run(store, callback, ...args) {
      this.#disabled = false;
      return runIn(withEntry(getAsyncContext(), this, store), callback, undefined, args);
    }
    exit(callback, ...args) {
      return this.run(undefined, callback, ...args);
    }
    enterWith(store) {
      this.#disabled = false;
      setAsyncContext(withEntry(getAsyncContext(), this, store));
    }
    disable() {
      this.#disabled = true;
    }
    getStore() {
      if (this.#disabled) return undefined;
      const frame = getAsyncContext();
      return frame?.has(this) ? frame.get(this) : this.#defaultValue;
    }
  }

  class AsyncResource {
    #frame = getAsyncContext();
    constructor(type) {
      if (typeof type !== "string") throw new TypeError("AsyncResource: the type must be a string");
    }
    static bind(callback, type, thisArg) {
      return new AsyncResource(type ?? (callback.name || "bound-anonymous-fn")).bind(callback, thisArg);
    }
    bind(callback, thisArg) {
      const resource = this;
      return function (...args) {
        return resource.runInAsyncScope(callback, thisArg === undefined ? this : thisArg, ...args);
      };
    }
    runInAsyncScope(callback, thisArg, ...args) {
      return runIn(this.#frame, callback, thisArg, args);
    }
    emitDestroy() { return this; }
    asyncId() { return 0; }
    triggerAsyncId() { return 0; }
  }
  return { AsyncLocalStorage, AsyncResource };
});
