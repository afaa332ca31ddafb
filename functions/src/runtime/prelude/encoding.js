// https://encoding.spec.whatwg.org for UTF-8, and the base64 functions of HTML.
(function (ops, load) {
  "use strict";
  const fail = (message) => {
    const { DOMException } = load("events.js");
    throw new DOMException(message, "InvalidCharacterError");
  };
  const tag = (type) => Object.defineProperty(type.prototype, Symbol.toStringTag, {
    value: type.name,
    configurable: true,
  });

  class TextEncoder {
    get encoding() { return "utf-8"; }
    encode(text = "") {
      return ops.encodeUtf8(String(text));
    }
    encodeInto(text, target) {
      if (!(target instanceof Uint8Array)) {
        throw new TypeError("TextEncoder.encodeInto: the target must be a Uint8Array");
      }
      let read = 0;
      let written = 0;
      for (const character of String(text)) {
        const code = character.codePointAt(0);
        const size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        if (written + size > target.length) break;
        target.set(ops.encodeUtf8(character), written);
        written += size;
        read += character.length;
      }
      return { read, written };
    }
  }
  tag(TextEncoder);

  const UTF8 = ["unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "utf-8", "utf8", "x-unicode20utf8"];
  const bytesOf = (input) => {
    if (input === undefined) return new Uint8Array();
    if (ArrayBuffer.isView(input)) {
      return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
    }
    const type = Object.prototype.toString.call(input);
    if (type === "[object ArrayBuffer]" || type === "[object SharedArrayBuffer]") {
      return new Uint8Array(input);
    }
    throw new TypeError("TextDecoder.decode: the input must be an ArrayBuffer or a view of one");
  };

  class TextDecoder {
    #fatal;
    #ignoreBOM;
    #rest = new Uint8Array();
    #started = false;
    constructor(label = "utf-8", options = {}) {
      if (!UTF8.includes(String(label).trim().toLowerCase())) {
        throw new RangeError(`The encoding label '${label}' is not supported: only utf-8 is`);
      }
      this.#fatal = Boolean(options?.fatal);
      this.#ignoreBOM = Boolean(options?.ignoreBOM);
    }
    get encoding() { return "utf-8"; }
    get fatal() { return this.#fatal; }
    get ignoreBOM() { return this.#ignoreBOM; }
    decode(input, options) {
      let bytes = bytesOf(input);
      if (this.#rest.length > 0) {
        const joined = new Uint8Array(this.#rest.length + bytes.length);
        joined.set(this.#rest);
        joined.set(bytes, this.#rest.length);
        bytes = joined;
      }
      const stream = Boolean(options?.stream);
      const end = stream ? bytes.length - incompleteTail(bytes) : bytes.length;
      this.#rest = bytes.slice(end);
      let text;
      try {
        text = ops.decodeUtf8(bytes.subarray(0, end), this.#fatal);
      } catch (error) {
        this.#rest = new Uint8Array();
        this.#started = false;
        throw error;
      }
      if (!this.#started && text.length > 0) {
        this.#started = true;
        if (!this.#ignoreBOM && text.charCodeAt(0) === 0xfeff) text = text.slice(1);
      }
      if (!stream) {
        this.#rest = new Uint8Array();
        this.#started = false;
      }
      return text;
    }
  }
  tag(TextDecoder);

  // How many bytes at the end begin a character that more bytes could complete.
  function incompleteTail(bytes) {
    for (let back = 1; back <= Math.min(3, bytes.length); back++) {
      const byte = bytes[bytes.length - back];
      if (byte < 0x80) return 0;
      if (byte >= 0xc0) {
        const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
        return size > back ? back : 0;
      }
    }
    return 0;
  }

  function btoa(data) {
    if (arguments.length === 0) throw new TypeError("btoa: 1 argument required, but only 0 present");
    const encoded = ops.base64Encode(String(data));
    return encoded === null ? fail("The string to be encoded contains characters outside of the Latin1 range.") : encoded;
  }
  function atob(data) {
    if (arguments.length === 0) throw new TypeError("atob: 1 argument required, but only 0 present");
    const decoded = ops.base64Decode(String(data));
    return decoded === null ? fail("The string to be decoded is not correctly encoded.") : decoded;
  }
  return { TextEncoder, TextDecoder, atob, btoa };
});
