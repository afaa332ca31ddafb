// https://encoding.spec.whatwg.org, and the base64 functions of HTML.
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

  // The encodings in which a byte order mark says nothing that is not known by now.
  const MARKED = ["utf-8", "utf-16le", "utf-16be"];

  class TextDecoder {
    #encoding;
    #fatal;
    #ignoreBOM;
    // Bytes to be given again with what follows, and how much of their text was given out.
    #rest = new Uint8Array();
    #given = 0;
    #started = false;
    constructor(label = "utf-8", options = {}) {
      const encoding = ops.encodingName(String(label));
      if (encoding === null) throw new RangeError(`The encoding label '${label}' is not supported`);
      this.#encoding = encoding;
      this.#fatal = Boolean(options?.fatal);
      this.#ignoreBOM = Boolean(options?.ignoreBOM);
    }
    get encoding() { return this.#encoding; }
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
      let decoded;
      try {
        decoded = ops.decode(this.#encoding, bytes, this.#fatal, stream);
      } catch (error) {
        this.#reset();
        throw error;
      }
      let [text, tail] = decoded;
      const whole = text.length;
      if (this.#given > 0) text = text.slice(this.#given);
      if (!this.#started && text.length > 0) {
        this.#started = true;
        const isMark = text.charCodeAt(0) === 0xfeff && MARKED.includes(this.#encoding);
        if (isMark && !this.#ignoreBOM) text = text.slice(1);
      }
      if (!stream) {
        this.#reset();
      } else if (tail < 0) {
        this.#rest = bytes.slice();
        this.#given = whole;
      } else {
        this.#rest = bytes.slice(bytes.length - tail);
      }
      return text;
    }
    #reset() {
      this.#rest = new Uint8Array();
      this.#given = 0;
      this.#started = false;
    }
  }
  tag(TextDecoder);

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
