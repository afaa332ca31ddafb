// https://fetch.spec.whatwg.org/#bodies
(function (ops, load) {
  "use strict";
  const { TextEncoder, TextDecoder } = load("encoding.js");
  const { isBlob, isBuffer, bytesInMemory, blobOf, blobOfBytes } = load("blob.js");
  const encoder = new TextEncoder();
  const isDisturbed = (stream) => stream._disturbed === true;

  // Bytes in memory, a stream of the host's (`{id, source}`), or a stream of JavaScript's.
  class Body {
    #bytes;
    #host;
    #stream;
    #used = false;
    constructor({ bytes = null, host = null, stream = null, length = null }) {
      this.#bytes = bytes;
      this.#host = host;
      this.#stream = stream;
      this.length = bytes ? bytes.byteLength : length;
    }
    // The bytes, if they are all there and nobody has asked for a stream of them.
    get bytes() { return this.#stream === null ? this.#bytes : null; }
    get stream() {
      if (this.#stream !== null) return this.#stream;
      const { ReadableStream } = load("streams.js");
      if (this.#host) {
        this.#stream = load("host_streams.js").fromHost(this.#host.id, this.#host.source);
      } else {
        const bytes = this.#bytes;
        this.#stream = new ReadableStream({
          type: "bytes",
          start(controller) {
            if (bytes.byteLength > 0) controller.enqueue(bytes);
            controller.close();
          },
        });
      }
      if (this.#used) this.#stream.getReader();
      return this.#stream;
    }
    get isUsed() { return this.#used || (this.#stream !== null && isDisturbed(this.#stream)); }
    get isUnusable() { return this.isUsed || (this.#stream !== null && this.#stream.locked); }
    // Marks the body as used; from here on it is the caller's.
    take() {
      if (this.isUnusable) throw new TypeError("Body is unusable: it has been read already, or is locked");
      this.#used = true;
    }
    // All of it. `name` is what developers call the operation.
    async read(name) {
      this.take();
      if (this.#stream !== null) return load("host_streams.js").collect(this.#stream);
      if (this.#bytes) return this.#bytes;
      const { id, source } = this.#host;
      source.name = name;
      return load("host_streams.js").collectFromHost(id, source);
    }
    // A stream of the host's that nobody has read of, to be opened later; `null` if it isn't one.
    hostStream() {
      if (this.#stream !== null || this.#host === null || this.length === null) return null;
      this.take();
      return this.#host;
    }
    clone() {
      if (this.isUnusable) throw new TypeError("Body is unusable: it has been read already, or is locked");
      if (this.bytes) return new Body({ bytes: this.#bytes.slice() });
      const [own, other] = this.stream.tee();
      this.#stream = own;
      return new Body({ stream: other, length: this.length });
    }
  }

  // A body and its content type, as https://fetch.spec.whatwg.org/#concept-bodyinit-extract makes them.
  const extract = (init) => {
    if (init instanceof load("streams.js").ReadableStream) {
      if (init.locked || isDisturbed(init)) throw new TypeError("The stream of a body must not be locked or read already");
      return { body: new Body({ stream: init }), type: null };
    }
    if (isBlob(init)) {
      const bytes = bytesInMemory(init);
      const body = bytes ? new Body({ bytes }) : new Body({ stream: init.stream(), length: init.size });
      return { body, type: init.type || null };
    }
    if (ArrayBuffer.isView(init)) {
      return { body: new Body({ bytes: new Uint8Array(init.buffer, init.byteOffset, init.byteLength).slice() }), type: null };
    }
    if (isBuffer(init)) {
      return { body: new Body({ bytes: new Uint8Array(init).slice() }), type: null };
    }
    if (load("form_data.js").isFormData(init)) {
      const { blob, boundary } = load("form_data.js").encode(init);
      return { body: extract(blob).body, type: `multipart/form-data; boundary=${boundary}` };
    }
    const bytes = encoder.encode(String(init));
    const isQuery = init instanceof load("url.js").URLSearchParams;
    const type = isQuery ? "application/x-www-form-urlencoded;charset=UTF-8" : "text/plain;charset=UTF-8";
    return { body: new Body({ bytes }), type };
  };

  // Bodies of up to this size become blobs in memory, larger ones are read when needed, once.
  const SMALL = 1 << 20;

  // Adds the members of the Body mixin. `bodyOf(object)` is a `Body` or `null`.
  const mixin = (type, bodyOf) => {
    const read = async (self, name) => {
      const body = bodyOf(self);
      return body === null ? new Uint8Array() : body.read(name);
    };
    const methods = {
      get body() { return bodyOf(this)?.stream ?? null; },
      get bodyUsed() { return bodyOf(this)?.isUsed ?? false; },
      async arrayBuffer() {
        const bytes = await read(this, "fetch");
        const { buffer } = bytes;
        return bytes.byteLength === buffer.byteLength ? buffer : bytes.slice().buffer;
      },
      async bytes() { return read(this, "fetch"); },
      async text() { return new TextDecoder().decode(await read(this, "fetch")); },
      async json() { return JSON.parse(await this.text()); },
      async blob() {
        const type = this.headers.get("content-type") ?? "";
        const body = bodyOf(this);
        const host = body?.length > SMALL ? body.hostStream() : null;
        if (host === null) return blobOfBytes(await read(this, "fetch"), type);
        let isOpen = false;
        return blobOf(body.length, type, () => {
          if (isOpen) throw new TypeError("The body that this blob is of can be read only once");
          isOpen = true;
          return load("host_streams.js").fromHost(host.id, host.source);
        });
      },
      async formData() {
        const { decodeMultipart, decodeUrlEncoded } = load("form_data.js");
        const type = this.headers.get("content-type") ?? "";
        if (/^\s*multipart\/form-data\s*(;|$)/i.test(type)) {
          ops.checkFormParse("formData()");
          const boundary = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(type);
          if (!boundary) throw new TypeError("Cannot parse the form: its type has no boundary");
          return decodeMultipart(await read(this, "formData"), boundary[1] ?? boundary[2]);
        }
        if (/^\s*application\/x-www-form-urlencoded\s*(;|$)/i.test(type)) {
          return decodeUrlEncoded(new TextDecoder().decode(await read(this, "formData")));
        }
        throw new TypeError(`Cannot parse a form of type '${type}'`);
      },
    };
    Object.defineProperties(type.prototype, Object.getOwnPropertyDescriptors(methods));
  };
  return { Body, extract, mixin };
});
