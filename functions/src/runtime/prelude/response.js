// https://fetch.spec.whatwg.org/#response-class
(function (ops, load) {
  "use strict";
  const { Headers, headerList, freeze } = load("headers.js");
  const { extract, mixin } = load("body.js");
  const NULL_BODY = [101, 103, 204, 205, 304];
  const REDIRECTS = [301, 302, 303, 307, 308];
  const TEXTS = {
    100: "Continue", 101: "Switching Protocols", 102: "Processing", 103: "Early Hints", 200: "OK", 201: "Created",
    202: "Accepted", 203: "Non-Authoritative Information", 204: "No Content", 205: "Reset Content",
    206: "Partial Content", 207: "Multi-Status", 208: "Already Reported", 226: "IM Used", 300: "Multiple Choices",
    301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified", 305: "Use Proxy",
    307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
    402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
    407: "Proxy Authentication Required", 408: "Request Timeout", 409: "Conflict", 410: "Gone",
    411: "Length Required", 412: "Precondition Failed", 413: "Payload Too Large", 414: "URI Too Long",
    415: "Unsupported Media Type", 416: "Range Not Satisfiable", 417: "Expectation Failed", 418: "I'm a teapot",
    421: "Misdirected Request", 422: "Unprocessable Entity", 423: "Locked", 424: "Failed Dependency",
    425: "Too Early", 426: "Upgrade Required", 428: "Precondition Required", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 451: "Unavailable For Legal Reasons", 500: "Internal Server Error",
    501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
    505: "HTTP Version Not Supported", 506: "Variant Also Negotiates", 507: "Insufficient Storage",
    508: "Loop Detected", 510: "Not Extended", 511: "Network Authentication Required",
  };
  const key = Symbol("construct");

  class Response {
    #state;
    constructor(body = null, init = {}) {
      if (body === key) {
        this.#state = init;
        return;
      }
      const status = init?.status === undefined ? 200 : Math.trunc(Number(init.status));
      if (!(status >= 200 && status <= 599)) {
        throw new RangeError(`Failed to construct 'Response': The status provided (${init.status}) is outside the range [200, 599].`);
      }
      const statusText = String(init?.statusText ?? "");
      if (/[^\t\x20-\x7e\x80-\xff]/.test(statusText)) throw new TypeError("Failed to construct 'Response': invalid statusText");
      const headers = new Headers(init?.headers ?? undefined);
      this.#state = { body: null, status, statusText, headers, url: "", redirected: false, type: "default" };
      if (body === null || body === undefined) return;
      // Components in use answer 205 with an empty text, which the standard has as an error.
      if (NULL_BODY.includes(status) && status !== 205) {
        throw new TypeError("Failed to construct 'Response': Response with null body status cannot have body");
      }
      const extracted = extract(body);
      this.#state.body = extracted.body;
      if (extracted.type !== null && !headers.has("content-type")) headers.set("content-type", extracted.type);
    }
    static state(response) { return response.#state; }
    static is(value) { return typeof value === "object" && value !== null && #state in value; }
    static error() {
      const headers = freeze(new Headers());
      return new Response(key, { body: null, status: 500, statusText: "", headers, url: "", redirected: false, type: "error" });
    }
    static json(data, init = {}) {
      const text = JSON.stringify(data);
      if (text === undefined) throw new TypeError("Response.json: the data can't be written as JSON");
      const response = new Response(text, init);
      if (!new Headers(init?.headers ?? undefined).has("content-type")) {
        response.headers.set("content-type", "application/json");
      }
      return response;
    }
    static redirect(url, status = 302) {
      const { href } = new (load("url.js").URL)(url);
      if (!REDIRECTS.includes(status)) throw new RangeError(`Response.redirect: Invalid status code ${status}`);
      const response = new Response(null, { status, headers: { location: href } });
      freeze(response.headers);
      return response;
    }
    get type() { return this.#state.type; }
    get url() { return this.#state.url; }
    get redirected() { return this.#state.redirected; }
    get status() { return this.#state.status; }
    get ok() { return this.#state.status >= 200 && this.#state.status < 300; }
    get statusText() { return this.#state.statusText; }
    get headers() { return this.#state.headers; }
    clone() {
      const headers = new Headers();
      for (const [name, value] of headerList(this.#state.headers)) headers.append(name, value);
      return new Response(key, { ...this.#state, headers, body: this.#state.body?.clone() ?? null });
    }
  }
  const { state, is: isResponse } = Response;
  delete Response.state;
  delete Response.is;
  mixin(Response, (response) => state(response).body);
  for (const name of ["type", "url", "redirected", "status", "ok", "statusText", "headers", "clone"]) {
    Object.defineProperty(Response.prototype, name, { enumerable: true });
  }
  Object.defineProperty(Response.prototype, Symbol.toStringTag, { value: "Response", configurable: true });

  return {
    Response,
    isResponse,
    responseState: state,
    REDIRECTS,
    NULL_BODY,
    // A response from the network.
    responseOf: (status, headers, url, redirected, body) => new Response(key, {
      body, status, statusText: TEXTS[status] ?? "", headers: freeze(headers), url, redirected, type: "basic",
    }),
  };
});
