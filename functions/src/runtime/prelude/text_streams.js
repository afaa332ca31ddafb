// https://encoding.spec.whatwg.org/#stream-classes
(function (ops, load) {
  "use strict";
  const { TransformStream } = load("streams.js");
  const { TextEncoder, TextDecoder } = load("encoding.js");
  const tag = (type) => Object.defineProperty(type.prototype, Symbol.toStringTag, { value: type.name, configurable: true });

  class TextEncoderStream {
    #transform;
    constructor() {
      const encoder = new TextEncoder();
      // The first half of a surrogate pair whose second half may be in the next chunk.
      let high = "";
      this.#transform = new TransformStream({
        transform(chunk, controller) {
          let text = high + String(chunk);
          high = "";
          const last = text.charCodeAt(text.length - 1);
          if (last >= 0xd800 && last < 0xdc00) {
            high = text.slice(-1);
            text = text.slice(0, -1);
          }
          if (text !== "") controller.enqueue(encoder.encode(text));
        },
        flush(controller) {
          if (high !== "") controller.enqueue(encoder.encode("\ufffd"));
        },
      });
    }
    get encoding() { return "utf-8"; }
    get readable() { return this.#transform.readable; }
    get writable() { return this.#transform.writable; }
  }
  tag(TextEncoderStream);

  class TextDecoderStream {
    #decoder;
    #transform;
    constructor(label = "utf-8", options = {}) {
      const decoder = this.#decoder = new TextDecoder(label, options);
      this.#transform = new TransformStream({
        transform(chunk, controller) {
          const text = decoder.decode(chunk, { stream: true });
          if (text !== "") controller.enqueue(text);
        },
        flush(controller) {
          const text = decoder.decode();
          if (text !== "") controller.enqueue(text);
        },
      });
    }
    get encoding() { return this.#decoder.encoding; }
    get fatal() { return this.#decoder.fatal; }
    get ignoreBOM() { return this.#decoder.ignoreBOM; }
    get readable() { return this.#transform.readable; }
    get writable() { return this.#transform.writable; }
  }
  tag(TextDecoderStream);
  return { TextEncoderStream, TextDecoderStream };
});
