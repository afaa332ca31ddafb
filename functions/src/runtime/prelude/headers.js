// https://fetch.spec.whatwg.org/#headers-class, without guards: nothing is forbidden on a server.
(function () {
  "use strict";
  const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
  const nameOf = (name) => {
    const text = String(name);
    if (!TOKEN.test(text)) throw new TypeError(`Invalid header name: '${text}'`);
    return text.toLowerCase();
  };
  const valueOf = (value) => {
    const text = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
    if (/[\0\r\n]|[^\0-\xff]/.test(text)) throw new TypeError(`Invalid header value: '${text}'`);
    return text;
  };

  class Headers {
    // [lower-case name, value], in the order in which they were added.
    #list = [];
    #immutable = false;
    constructor(init = undefined) {
      if (init === undefined) return;
      if (init === null || (typeof init !== "object" && typeof init !== "function")) {
        throw new TypeError("Failed to construct 'Headers': the argument must be an object or a sequence");
      }
      if (typeof init[Symbol.iterator] === "function") {
        for (const pair of init) {
          const [name, value, ...more] = pair;
          if (pair.length < 2 || more.length > 0) throw new TypeError("Headers: each header must be a pair of name and value");
          this.append(name, value);
        }
      } else {
        for (const name of Reflect.ownKeys(init)) {
          if (Object.getOwnPropertyDescriptor(init, name)?.enumerable) this.append(name, init[name]);
        }
      }
    }
    static list(headers) { return headers.#list; }
    static of(list) {
      const headers = new Headers();
      headers.#list = list.map(([name, value]) => [name.toLowerCase(), value]);
      return headers;
    }
    static freeze(headers) {
      headers.#immutable = true;
      return headers;
    }
    static is(value) { return typeof value === "object" && value !== null && #list in value; }
    #change() {
      if (this.#immutable) throw new TypeError("Headers are immutable");
    }
    append(name, value) {
      const pair = [nameOf(name), valueOf(value)];
      this.#change();
      this.#list.push(pair);
    }
    delete(name) {
      name = nameOf(name);
      this.#change();
      this.#list = this.#list.filter(([n]) => n !== name);
    }
    get(name) {
      name = nameOf(name);
      const values = this.#list.filter(([n]) => n === name).map(([, value]) => value);
      return values.length === 0 ? null : values.join(", ");
    }
    getSetCookie() {
      return this.#list.filter(([n]) => n === "set-cookie").map(([, value]) => value);
    }
    has(name) {
      name = nameOf(name);
      return this.#list.some(([n]) => n === name);
    }
    set(name, value) {
      const pair = [nameOf(name), valueOf(value)];
      this.#change();
      const at = this.#list.findIndex(([n]) => n === pair[0]);
      if (at < 0) {
        this.#list.push(pair);
      } else {
        this.#list[at] = pair;
        this.#list = this.#list.filter(([n], i) => i <= at || n !== pair[0]);
      }
    }
    // Sorted by name; values of one name are joined, except those of `Set-Cookie`.
    #sorted() {
      const names = [...new Set(this.#list.map(([name]) => name))].sort();
      return names.flatMap((name) => name === "set-cookie"
        ? this.getSetCookie().map((value) => [name, value])
        : [[name, this.get(name)]]);
    }
    forEach(callback, thisArg) {
      for (const [name, value] of this.#sorted()) callback.call(thisArg, value, name, this);
    }
    *entries() { yield* this.#sorted(); }
    *keys() { for (const [name] of this.#sorted()) yield name; }
    *values() { for (const [, value] of this.#sorted()) yield value; }
  }
  const { list: headerList, of: headersOf, is: isHeaders, freeze } = Headers;
  for (const name of ["list", "of", "is", "freeze"]) delete Headers[name];
  for (const name of ["append", "delete", "get", "getSetCookie", "has", "set", "forEach", "entries", "keys", "values"]) {
    Object.defineProperty(Headers.prototype, name, { enumerable: true });
  }
  Object.defineProperties(Headers.prototype, {
    [Symbol.iterator]: { value: Headers.prototype.entries, writable: true, configurable: true },
    [Symbol.toStringTag]: { value: "Headers", configurable: true },
  });
  return { Headers, headerList, headersOf, isHeaders, freeze, TOKEN };
});
