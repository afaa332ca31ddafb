// https://xhr.spec.whatwg.org/#interface-formdata and its two encodings.
(function (ops, load) {
  "use strict";
  const { Blob, File, isBlob, bytesInMemory } = load("blob.js");
  const { TextEncoder, TextDecoder } = load("encoding.js");
  const encoder = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  const entry = (name, value, filename, count) => {
    name = String(name).toWellFormed();
    if (!isBlob(value)) {
      if (count > 2) throw new TypeError("FormData: a file name is only for blobs");
      return [name, String(value).toWellFormed()];
    }
    if (value instanceof File && filename === undefined) return [name, value];
    const options = { type: value.type, lastModified: value.lastModified };
    return [name, new File([value], filename === undefined ? value.name ?? "blob" : String(filename), options)];
  };

  class FormData {
    #entries = [];
    constructor(form = undefined) {
      if (form !== undefined) throw new TypeError("Failed to construct 'FormData': there are no form elements here");
    }
    static entriesOf(data) { return data.#entries; }
    static is(value) { return typeof value === "object" && value !== null && #entries in value; }
    append(name, value, filename) {
      this.#entries.push(entry(name, value, filename, arguments.length));
    }
    delete(name) {
      name = String(name);
      this.#entries = this.#entries.filter(([n]) => n !== name);
    }
    get(name) {
      name = String(name);
      const found = this.#entries.find(([n]) => n === name);
      return found === undefined ? null : found[1];
    }
    getAll(name) {
      name = String(name);
      return this.#entries.filter(([n]) => n === name).map(([, value]) => value);
    }
    has(name) {
      name = String(name);
      return this.#entries.some(([n]) => n === name);
    }
    set(name, value, filename) {
      const made = entry(name, value, filename, arguments.length);
      const at = this.#entries.findIndex(([n]) => n === made[0]);
      if (at < 0) {
        this.#entries.push(made);
      } else {
        this.#entries[at] = made;
        this.#entries = this.#entries.filter(([n], i) => i <= at || n !== made[0]);
      }
    }
    forEach(callback, thisArg) {
      for (const [name, value] of this.#entries) callback.call(thisArg, value, name, this);
    }
    *entries() { for (const [name, value] of this.#entries) yield [name, value]; }
    *keys() { for (const [name] of this.#entries) yield name; }
    *values() { for (const [, value] of this.#entries) yield value; }
  }
  const { entriesOf, is: isFormData } = FormData;
  delete FormData.entriesOf;
  delete FormData.is;
  for (const name of ["append", "delete", "get", "getAll", "has", "set", "forEach", "entries", "keys", "values"]) {
    Object.defineProperty(FormData.prototype, name, { enumerable: true });
  }
  Object.defineProperties(FormData.prototype, {
    [Symbol.iterator]: { value: FormData.prototype.entries, writable: true, configurable: true },
    [Symbol.toStringTag]: { value: "FormData", configurable: true },
  });

  const escapeName = (name) => name.replace(/\n/g, "%0A").replace(/\r/g, "%0D").replace(/"/g, "%22");
  const lines = (text) => text.replace(/\r\n|\r|\n/g, "\r\n");

  // The body for a form as a blob, and the boundary of its parts.
  const encode = (data) => {
    const boundary = `----formdata-${ops.randomUuid()}`;
    const parts = [];
    for (const [name, value] of entriesOf(data)) {
      const disposition = `--${boundary}\r\nContent-Disposition: form-data; name="${escapeName(lines(name))}"`;
      if (typeof value === "string") {
        parts.push(`${disposition}\r\n\r\n${lines(value)}\r\n`);
      } else {
        const type = value.type || "application/octet-stream";
        parts.push(`${disposition}; filename="${escapeName(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`, value, "\r\n");
      }
    }
    parts.push(`--${boundary}--\r\n`);
    return { blob: new Blob(parts), boundary };
  };

  const indexOf = (bytes, pattern, from) => {
    const last = bytes.length - pattern.length;
    for (let at = bytes.indexOf(pattern[0], from); at >= 0 && at <= last; at = bytes.indexOf(pattern[0], at + 1)) {
      let i = 1;
      while (i < pattern.length && bytes[at + i] === pattern[i]) i++;
      if (i === pattern.length) return at;
    }
    return -1;
  };
  const startsWith = (bytes, pattern, at) => pattern.every((byte, i) => bytes[at + i] === byte);
  const unescapeName = (name) => name.replace(/%0A/gi, "\n").replace(/%0D/gi, "\r").replace(/%22/g, '"').replace(/\\"/g, '"');
  const parameter = (header, name) => {
    const quoted = new RegExp(`;\\s*${name}="((?:[^"\\\\]|\\\\.)*)"`, "i").exec(header);
    if (quoted) return unescapeName(quoted[1]);
    return new RegExp(`;\\s*${name}=([^;\\s]+)`, "i").exec(header)?.[1] ?? null;
  };

  // Reads `multipart/form-data`.
  const decodeMultipart = (bytes, boundary) => {
    const bad = (what) => new TypeError(`Cannot parse the form: ${what}`);
    const delimiter = encoder.encode(`--${boundary}`);
    const separator = encoder.encode(`\r\n--${boundary}`);
    const [crlf, blank, end] = ["\r\n", "\r\n\r\n", "--"].map((text) => [...encoder.encode(text)]);
    const data = new FormData();
    let at = startsWith(bytes, [...delimiter], 0) ? 0 : indexOf(bytes, separator, 0) + 2;
    if (at < 2 && !startsWith(bytes, [...delimiter], 0)) throw bad("its boundary is missing");
    for (;;) {
      at += delimiter.length;
      if (startsWith(bytes, end, at)) return data;
      if (!startsWith(bytes, crlf, at)) throw bad("a boundary is not followed by a line break");
      const headEnd = startsWith(bytes, blank, at) ? at : indexOf(bytes, blank, at);
      if (headEnd < 0) throw bad("a part has no end of its headers");
      const bodyEnd = indexOf(bytes, separator, headEnd + 2);
      if (bodyEnd < 0) throw bad("the last boundary is missing");
      const head = decoder.decode(bytes.subarray(at + 2, headEnd));
      const body = bytes.subarray(headEnd + 4, Math.max(bodyEnd, headEnd + 4));
      const disposition = /^content-disposition:\s*form-data(.*)$/im.exec(head)?.[1] ?? null;
      const name = disposition === null ? null : parameter(disposition, "name");
      if (name === null) throw bad("a part has no name");
      const filename = parameter(disposition, "filename");
      if (filename === null) {
        data.append(name, decoder.decode(body));
      } else {
        const type = /^content-type:\s*(.*?)\s*$/im.exec(head)?.[1] ?? "text/plain";
        data.append(name, new File([body], filename, { type }));
      }
      at = bodyEnd + 2;
    }
  };

  const decodeUrlEncoded = (text) => {
    const data = new FormData();
    for (const [name, value] of new (load("url.js").URLSearchParams)(text)) data.append(name, value);
    return data;
  };
  return { FormData, isFormData, encode, decodeMultipart, decodeUrlEncoded, bytesInMemory };
});
