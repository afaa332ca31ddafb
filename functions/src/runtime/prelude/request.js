// https://fetch.spec.whatwg.org/#request-class
(function (ops, load) {
  "use strict";
  const { Headers, headerList, TOKEN } = load("headers.js");
  const { extract, mixin } = load("body.js");
  const { AbortController, AbortSignal } = load("events.js");
  const { URL } = load("url.js");
  const key = Symbol("construct");
  const NORMALIZED = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];

  const methodOf = (method) => {
    const text = String(method);
    if (!TOKEN.test(text)) throw new TypeError(`'${text}' is not a valid HTTP method.`);
    const upper = text.toUpperCase();
    if (["CONNECT", "TRACE", "TRACK"].includes(upper)) throw new TypeError(`'${text}' HTTP method is unsupported.`);
    return NORMALIZED.includes(upper) ? upper : text;
  };
  // A value of an enumeration, or what it was.
  const oneOf = (name, value, values, before) => {
    if (value === undefined) return before;
    if (!values.includes(String(value))) {
      throw new TypeError(`Failed to construct 'Request': '${value}' is not a valid value of '${name}'`);
    }
    return String(value);
  };

  class Request {
    #state;
    constructor(input, init = {}) {
      if (arguments.length === 0) {
        throw new TypeError("Failed to construct 'Request': 1 argument required, but only 0 present.");
      }
      if (input === key) {
        this.#state = init;
        return;
      }
      init ??= {};
      const base = typeof input === "object" && input !== null && #state in input ? input.#state : null;
      let url = base?.url;
      if (base === null) {
        const parsed = new URL(input);
        if (parsed.username !== "" || parsed.password !== "") {
          throw new TypeError(`Failed to construct 'Request': '${parsed.href}' has credentials in it`);
        }
        url = parsed.href;
      }
      const method = init.method === undefined ? base?.method ?? "GET" : methodOf(init.method);
      const headers = new Headers(init.headers === undefined ? base && headerList(base.headers) || undefined : init.headers);
      const signal = init.signal === undefined ? base?.signal : init.signal;
      if (signal !== undefined && signal !== null && !(signal instanceof AbortSignal)) {
        throw new TypeError("Failed to construct 'Request': 'signal' is not an AbortSignal");
      }
      this.#state = {
        url, method, headers, body: null,
        signal: signal ? AbortSignal.any([signal]) : new AbortController().signal,
        redirect: oneOf("redirect", init.redirect, ["follow", "error", "manual"], base?.redirect ?? "follow"),
        mode: oneOf("mode", init.mode, ["cors", "no-cors", "same-origin", "navigate"], base?.mode ?? "cors"),
        credentials: oneOf("credentials", init.credentials, ["omit", "same-origin", "include"],
          base?.credentials ?? "same-origin"),
        cache: oneOf("cache", init.cache, ["default", "no-store", "reload", "no-cache", "force-cache",
          "only-if-cached"], base?.cache ?? "default"),
        integrity: String(init.integrity ?? base?.integrity ?? ""),
        keepalive: Boolean(init.keepalive ?? base?.keepalive),
      };
      const own = init.body ?? null;
      const isBodyless = method === "GET" || method === "HEAD";
      if (isBodyless && (own !== null || (base?.body ?? null) !== null)) {
        throw new TypeError("Failed to construct 'Request': Request with GET/HEAD method cannot have body.");
      }
      if (own !== null) {
        const { body, type } = extract(own);
        this.#state.body = body;
        if (type !== null && !headers.has("content-type")) headers.set("content-type", type);
      } else if (base?.body) {
        this.#state.body = base.body.clone();
        base.body.take();
      }
    }
    static state(request) { return request.#state; }
    get method() { return this.#state.method; }
    get url() { return this.#state.url; }
    get headers() { return this.#state.headers; }
    get signal() {
      this.#state.onSignal?.();
      return this.#state.signal;
    }
    get redirect() { return this.#state.redirect; }
    get mode() { return this.#state.mode; }
    get credentials() { return this.#state.credentials; }
    get cache() { return this.#state.cache; }
    get integrity() { return this.#state.integrity; }
    get keepalive() { return this.#state.keepalive; }
    get destination() { return ""; }
    get referrer() { return "about:client"; }
    get referrerPolicy() { return ""; }
    get duplex() { return "half"; }
    get isReloadNavigation() { return false; }
    get isHistoryNavigation() { return false; }
    clone() {
      const headers = new Headers(headerList(this.#state.headers));
      const signal = AbortSignal.any([this.#state.signal]);
      return new Request(key, { ...this.#state, headers, signal, body: this.#state.body?.clone() ?? null });
    }
  }
  const { state } = Request;
  delete Request.state;
  mixin(Request, (request) => state(request).body);
  for (const name of Object.getOwnPropertyNames(Request.prototype)) {
    if (name !== "constructor") Object.defineProperty(Request.prototype, name, { enumerable: true });
  }
  Object.defineProperty(Request.prototype, Symbol.toStringTag, { value: "Request", configurable: true });
  return {
    Request,
    requestState: state,
    // A request that came from a client: nothing about it is refused.
    // `onSignal` is told when somebody asks for the signal.
    requestOf: (url, method, headers, body, signal, onSignal) => new Request(key, {
      url, method, headers, body, signal, onSignal, redirect: "follow", mode: "cors", credentials: "same-origin",
      cache: "default", integrity: "", keepalive: false,
    }),
  };
});
