// DOM events without a tree: https://dom.spec.whatwg.org/#events and #aborting-ongoing-activities.
(function (ops) {
  "use strict";
  const tag = (type) => Object.defineProperty(type.prototype, Symbol.toStringTag, {
    value: type.name,
    configurable: true,
  });
  const enumerable = (type, ...names) => {
    for (const name of names) {
      const descriptor = Object.getOwnPropertyDescriptor(type.prototype, name);
      Object.defineProperty(type.prototype, name, { ...descriptor, enumerable: true });
    }
  };

  const CODES = {
    IndexSizeError: 1, HierarchyRequestError: 3, WrongDocumentError: 4,
    InvalidCharacterError: 5, NoModificationAllowedError: 7, NotFoundError: 8,
    NotSupportedError: 9, InUseAttributeError: 10, InvalidStateError: 11, SyntaxError: 12,
    InvalidModificationError: 13, NamespaceError: 14, InvalidAccessError: 15,
    TypeMismatchError: 17, SecurityError: 18, NetworkError: 19, AbortError: 20,
    URLMismatchError: 21, QuotaExceededError: 22, TimeoutError: 23, InvalidNodeTypeError: 24,
    DataCloneError: 25,
  };
  class DOMException extends Error {
    #name;
    constructor(message = "", options = "Error") {
      super(String(message));
      if (typeof options === "object" && options !== null) {
        this.#name = String(options.name ?? "Error");
        if ("cause" in options) {
          Object.defineProperty(this, "cause", {
            value: options.cause, writable: true, configurable: true,
          });
        }
      } else {
        this.#name = String(options);
      }
    }
    get name() {
      return this.#name;
    }
    get code() {
      return CODES[this.#name] ?? 0;
    }
  }
  enumerable(DOMException, "name", "code");
  tag(DOMException);
  for (const [name, code] of Object.entries(CODES)) {
    const constant = name.replace(/Error$/, "").replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
    const descriptor = { value: code, enumerable: true };
    Object.defineProperty(DOMException, `${constant}_ERR`, descriptor);
    Object.defineProperty(DOMException.prototype, `${constant}_ERR`, descriptor);
  }

  const internals = new WeakMap();
  class Event {
    static NONE = 0;
    static CAPTURING_PHASE = 1;
    static AT_TARGET = 2;
    static BUBBLING_PHASE = 3;
    constructor(type, init = {}) {
      if (arguments.length === 0) {
        throw new TypeError("Failed to construct 'Event': 1 argument required, but only 0 present.");
      }
      internals.set(this, {
        type: String(type),
        bubbles: Boolean(init?.bubbles),
        cancelable: Boolean(init?.cancelable),
        composed: Boolean(init?.composed),
        target: null, phase: 0, canceled: false, passive: false, stopped: false,
        stoppedAtOnce: false, dispatching: false, trusted: false,
        timeStamp: ops.performanceNow(),
      });
    }
    get type() { return internals.get(this).type; }
    get bubbles() { return internals.get(this).bubbles; }
    get cancelable() { return internals.get(this).cancelable; }
    get composed() { return internals.get(this).composed; }
    get target() { return internals.get(this).target; }
    get srcElement() { return internals.get(this).target; }
    get currentTarget() {
      const state = internals.get(this);
      return state.dispatching ? state.target : null;
    }
    get eventPhase() { return internals.get(this).phase; }
    get defaultPrevented() { return internals.get(this).canceled; }
    get returnValue() { return !internals.get(this).canceled; }
    get cancelBubble() { return internals.get(this).stopped; }
    set cancelBubble(value) { if (value) internals.get(this).stopped = true; }
    get isTrusted() { return internals.get(this).trusted; }
    get timeStamp() { return internals.get(this).timeStamp; }
    composedPath() {
      const state = internals.get(this);
      return state.dispatching ? [state.target] : [];
    }
    preventDefault() {
      const state = internals.get(this);
      if (state.cancelable && !state.passive) state.canceled = true;
    }
    stopPropagation() { internals.get(this).stopped = true; }
    stopImmediatePropagation() {
      const state = internals.get(this);
      state.stopped = state.stoppedAtOnce = true;
    }
  }
  tag(Event);

  const listenersOf = new WeakMap();
  const listeners = (target) => {
    const self = target ?? globalThis;
    let list = listenersOf.get(self);
    if (!list) listenersOf.set(self, list = []);
    return list;
  };
  const flags = (options) => typeof options === "object" && options !== null
    ? options
    : { capture: Boolean(options) };

  class EventTarget {
    addEventListener(type, callback, options) {
      const { capture = false, once = false, passive = false, signal } = flags(options);
      if (signal?.aborted || callback === null || callback === undefined) return;
      type = String(type);
      const list = listeners(this);
      if (list.some((l) => l.type === type && l.callback === callback && l.capture === Boolean(capture))) {
        return;
      }
      const listener = { type, callback, capture: Boolean(capture), once, passive, removed: false };
      list.push(listener);
      signal?.addEventListener("abort", () => remove(list, listener), { once: true });
    }
    removeEventListener(type, callback, options) {
      const capture = Boolean(flags(options).capture);
      const list = listeners(this);
      const listener = list.find((l) =>
        l.type === String(type) && l.callback === callback && l.capture === capture);
      if (listener) remove(list, listener);
    }
    dispatchEvent(event) {
      const state = internals.get(event);
      if (!state) {
        throw new TypeError("Failed to execute 'dispatchEvent' on 'EventTarget': parameter 1 is not of type 'Event'.");
      }
      if (state.dispatching) {
        throw new DOMException("The event is already being dispatched.", "InvalidStateError");
      }
      return dispatch(this ?? globalThis, event, state);
    }
  }
  tag(EventTarget);

  function remove(list, listener) {
    listener.removed = true;
    const index = list.indexOf(listener);
    if (index >= 0) list.splice(index, 1);
  }

  function dispatch(target, event, state) {
    Object.assign(state, { target, dispatching: true, phase: 2 });
    const list = listeners(target);
    for (const listener of [...list]) {
      if (listener.type !== state.type || listener.removed) continue;
      if (listener.once) remove(list, listener);
      state.passive = listener.passive;
      try {
        const { callback } = listener;
        if (typeof callback === "function") callback.call(target, event);
        else callback.handleEvent(event);
      } catch (error) {
        // Listeners don't see one another's errors; whoever looks at the log does.
        ops.reportError(error);
      }
      state.passive = false;
      if (state.stoppedAtOnce) break;
    }
    Object.assign(state, { dispatching: false, phase: 0, stopped: false, stoppedAtOnce: false });
    return !state.canceled;
  }

  const construct = Symbol("construct");
  const abort = Symbol("abort");
  class AbortSignal extends EventTarget {
    #reason = undefined;
    #aborted = false;
    #dependents = [];
    #handler = null;
    constructor(key) {
      if (key !== construct) throw new TypeError("Illegal constructor");
      super();
    }
    get aborted() { return this.#aborted; }
    get reason() { return this.#reason; }
    get onabort() { return this.#handler; }
    set onabort(handler) {
      if (this.#handler) this.removeEventListener("abort", this.#handler);
      this.#handler = typeof handler === "function" ? handler : null;
      if (this.#handler) this.addEventListener("abort", this.#handler);
    }
    throwIfAborted() {
      if (this.#aborted) throw this.#reason;
    }
    [abort](reason) {
      if (this.#aborted) return;
      this.#aborted = true;
      this.#reason = reason === undefined
        ? new DOMException("This operation was aborted", "AbortError")
        : reason;
      const event = new Event("abort");
      internals.get(event).trusted = true;
      this.dispatchEvent(event);
      for (const dependent of this.#dependents) dependent[abort](this.#reason);
    }
    static abort(reason) {
      const signal = new AbortSignal(construct);
      signal[abort](reason);
      return signal;
    }
    static timeout(milliseconds) {
      const signal = new AbortSignal(construct);
      ops.setTimeout(
        () => signal[abort](new DOMException("The operation timed out.", "TimeoutError")),
        milliseconds,
      );
      return signal;
    }
    static any(signals) {
      const result = new AbortSignal(construct);
      const sources = [...signals];
      const aborted = sources.find((signal) => signal.aborted);
      if (aborted) result[abort](aborted.reason);
      else for (const source of sources) source.#dependents.push(result);
      return result;
    }
  }
  enumerable(AbortSignal, "aborted", "reason", "onabort", "throwIfAborted");
  tag(AbortSignal);

  class AbortController {
    #signal = new AbortSignal(construct);
    get signal() { return this.#signal; }
    abort(reason) { this.#signal[abort](reason); }
  }
  enumerable(AbortController, "signal", "abort");
  tag(AbortController);

  return { DOMException, Event, EventTarget, AbortSignal, AbortController };
});
