// https://url.spec.whatwg.org; parsing and serializing is done by the host.
(function (ops) {
  "use strict";
  const update = Symbol("update");
  const attach = Symbol("attach");
  const wellFormed = (value) => String(value).toWellFormed();

  class URLSearchParams {
    #pairs = [];
    #url = null;
    constructor(init = "") {
      if (init === null || init === undefined) init = "";
      if (typeof init === "object" || typeof init === "function") {
        const iterate = init[Symbol.iterator];
        if (iterate !== undefined && iterate !== null) {
          for (const entry of init) {
            const pair = [...entry];
            if (pair.length !== 2) {
              throw new TypeError("URLSearchParams: each pair must be an iterable of 2 elements");
            }
            this.#pairs.push([wellFormed(pair[0]), wellFormed(pair[1])]);
          }
        } else {
          for (const key of Reflect.ownKeys(init)) {
            if (!Object.getOwnPropertyDescriptor(init, key)?.enumerable) continue;
            this.#pairs.push([wellFormed(key), wellFormed(init[key])]);
          }
        }
      } else {
        const text = wellFormed(init);
        this.#pairs = ops.queryParse(text.startsWith("?") ? text.slice(1) : text);
      }
    }
    [attach](url, query) {
      this.#url = url;
      this.#pairs = ops.queryParse(query);
      return this;
    }
    #changed() {
      this.#url?.[update](this.toString());
    }
    get size() { return this.#pairs.length; }
    append(name, value) {
      this.#pairs.push([wellFormed(name), wellFormed(value)]);
      this.#changed();
    }
    delete(name, value) {
      name = wellFormed(name);
      const exact = value === undefined ? undefined : wellFormed(value);
      this.#pairs = this.#pairs.filter(([n, v]) => n !== name || (exact !== undefined && v !== exact));
      this.#changed();
    }
    get(name) {
      name = wellFormed(name);
      return this.#pairs.find(([n]) => n === name)?.[1] ?? null;
    }
    getAll(name) {
      name = wellFormed(name);
      return this.#pairs.filter(([n]) => n === name).map(([, v]) => v);
    }
    has(name, value) {
      name = wellFormed(name);
      const exact = value === undefined ? undefined : wellFormed(value);
      return this.#pairs.some(([n, v]) => n === name && (exact === undefined || v === exact));
    }
    set(name, value) {
      name = wellFormed(name);
      value = wellFormed(value);
      const first = this.#pairs.findIndex(([n]) => n === name);
      if (first < 0) {
        this.#pairs.push([name, value]);
      } else {
        this.#pairs[first][1] = value;
        this.#pairs = this.#pairs.filter(([n], i) => i <= first || n !== name);
      }
      this.#changed();
    }
    sort() {
      this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
      this.#changed();
    }
    forEach(callback, thisArg) {
      for (const [name, value] of this) callback.call(thisArg, value, name, this);
    }
    *entries() {
      for (let i = 0; i < this.#pairs.length; i++) yield [...this.#pairs[i]];
    }
    *keys() {
      for (let i = 0; i < this.#pairs.length; i++) yield this.#pairs[i][0];
    }
    *values() {
      for (let i = 0; i < this.#pairs.length; i++) yield this.#pairs[i][1];
    }
    toString() {
      return ops.querySerialize(this.#pairs.flat());
    }
  }
  Object.defineProperties(URLSearchParams.prototype, {
    [Symbol.iterator]: { value: URLSearchParams.prototype.entries, writable: true, configurable: true },
    [Symbol.toStringTag]: { value: "URLSearchParams", configurable: true },
  });

  // The parts that the host gives, in this order, for a parsed URL.
  const PARTS = ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];
  class URL {
    #parts;
    #params = null;
    constructor(url, base) {
      if (arguments.length === 0) {
        throw new TypeError("Failed to construct 'URL': 1 argument required, but only 0 present.");
      }
      const parts = ops.urlParse(wellFormed(url), base === undefined ? undefined : wellFormed(base));
      if (parts === null) throw new TypeError(`Invalid URL: '${url}'`);
      this.#parts = parts;
    }
    static canParse(url, base) {
      return ops.urlParse(wellFormed(url), base === undefined ? undefined : wellFormed(base)) !== null;
    }
    static parse(url, base) {
      return URL.canParse(url, base) ? new URL(url, base) : null;
    }
    static read(url, part) { return url.#parts[part]; }
    static write(url, name, value) {
      const parts = ops.urlSet(url.#parts[0], name, wellFormed(value));
      if (parts === null) {
        if (name === "href") throw new TypeError(`Invalid URL: '${value}'`);
        return;
      }
      url.#parts = parts;
      if (url.#params) url.#params[attach](url, url.#parts[9].slice(1));
    }
    [update](query) {
      this.#parts = ops.urlSet(this.#parts[0], "search", query) ?? this.#parts;
    }
    get searchParams() {
      this.#params ??= new URLSearchParams()[attach](this, this.#parts[9].slice(1));
      return this.#params;
    }
    toString() { return this.#parts[0]; }
    toJSON() { return this.#parts[0]; }
  }
  const { read, write } = URL;
  delete URL.read;
  delete URL.write;
  PARTS.forEach((name, index) => {
    Object.defineProperty(URL.prototype, name, {
      enumerable: true,
      configurable: true,
      get() { return read(this, index); },
      set: name === "origin" ? undefined : function (value) { write(this, name, value); },
    });
  });
  Object.defineProperty(URL.prototype, Symbol.toStringTag, { value: "URL", configurable: true });
  return { URL, URLSearchParams };
});
