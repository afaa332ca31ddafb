// https://w3c.github.io/FileAPI: bytes in memory, or a stream that can be opened.
(function (ops, load) {
  "use strict";
  const { TextEncoder, TextDecoder } = load("encoding.js");
  const encoder = new TextEncoder();
  const key = Symbol("construct");
  const tag = (type) => Object.defineProperty(type.prototype, Symbol.toStringTag, { value: type.name, configurable: true });
  const normalType = (type) => (/^[\x20-\x7e]*$/.test(type) ? type.toLowerCase() : "");

  const copyOf = (part) => {
    if (ArrayBuffer.isView(part)) return new Uint8Array(part.buffer, part.byteOffset, part.byteLength).slice();
    return new Uint8Array(part).slice();
  };
  // There is no SharedArrayBuffer while a startup snapshot is made.
  const isBuffer = (value) => value instanceof ArrayBuffer ||
    (typeof SharedArrayBuffer === "function" && value instanceof SharedArrayBuffer);

  // A piece of a blob: `{size, bytes}` in memory, or `{size, open}` with `open()` giving a stream of `size` bytes.
  const pieceOf = (part, endings) => {
    if (isBlob(part)) return piecesOf(part);
    if (isBuffer(part) || ArrayBuffer.isView(part)) {
      const bytes = copyOf(part);
      return [{ size: bytes.byteLength, bytes }];
    }
    let text = String(part);
    if (endings === "native") text = text.replace(/\r\n?/g, "\n");
    const bytes = encoder.encode(text);
    return [{ size: bytes.byteLength, bytes }];
  };

  class Blob {
    #pieces = [];
    #size = 0;
    #type = "";
    constructor(parts = [], options = {}) {
      if (parts === key) {
        this.#pieces = options.pieces;
        this.#type = normalType(options.type);
      } else {
        if (typeof parts !== "object" || parts === null || typeof parts[Symbol.iterator] !== "function") {
          throw new TypeError("Failed to construct 'Blob': the parts must be a sequence");
        }
        const endings = options?.endings ?? "transparent";
        if (endings !== "transparent" && endings !== "native") {
          throw new TypeError(`Failed to construct 'Blob': '${endings}' is not a valid value of 'endings'`);
        }
        for (const part of parts) this.#pieces.push(...pieceOf(part, endings));
        this.#type = normalType(String(options?.type ?? ""));
      }
      for (const piece of this.#pieces) this.#size += piece.size;
    }
    static is(value) { return typeof value === "object" && value !== null && #pieces in value; }
    static pieces(blob) { return blob.#pieces; }
    get size() { return this.#size; }
    get type() { return this.#type; }
    slice(start = 0, end = this.#size, contentType = "") {
      const clamp = (n) => {
        const whole = Math.trunc(Number(n)) || 0;
        return whole < 0 ? Math.max(this.#size + whole, 0) : Math.min(whole, this.#size);
      };
      const [from, to] = [clamp(start), clamp(end)];
      const pieces = [];
      let at = 0;
      for (const piece of this.#pieces) {
        const [first, last] = [Math.max(from - at, 0), Math.min(to - at, piece.size)];
        if (first < last) pieces.push(part(piece, first, last));
        at += piece.size;
      }
      return new Blob(key, { pieces, type: String(contentType) });
    }
    stream() {
      const { ReadableStream } = load("streams.js");
      const pieces = this.#pieces.values();
      let reader = null;
      return new ReadableStream({
        type: "bytes",
        async pull(controller) {
          for (;;) {
            if (reader === null) {
              const { done, value } = pieces.next();
              if (done) {
                controller.close();
                controller.byobRequest?.respond(0);
                return;
              }
              if (value.size === 0) continue;
              if (value.bytes) return controller.enqueue(value.bytes.slice());
              reader = (await value.open()).getReader();
            }
            const { done, value } = await reader.read();
            if (!done) return controller.enqueue(value);
            reader = null;
          }
        },
        cancel(reason) { return reader?.cancel(reason); },
      }, { highWaterMark: 0 });
    }
    async bytes() {
      if (this.#pieces.every((piece) => piece.bytes)) {
        const all = new Uint8Array(this.#size);
        let at = 0;
        for (const { bytes } of this.#pieces) {
          all.set(bytes, at);
          at += bytes.byteLength;
        }
        return all;
      }
      return load("host_streams.js").collect(this.stream());
    }
    async arrayBuffer() {
      const { buffer, byteLength } = await this.bytes();
      return byteLength === buffer.byteLength ? buffer : buffer.slice(0, byteLength);
    }
    async text() { return new TextDecoder().decode(await this.bytes()); }
  }
  const { is: isBlob, pieces: piecesOf } = Blob;
  delete Blob.is;
  delete Blob.pieces;
  for (const name of ["size", "type", "slice", "stream", "text", "arrayBuffer", "bytes"]) {
    const descriptor = Object.getOwnPropertyDescriptor(Blob.prototype, name);
    Object.defineProperty(Blob.prototype, name, { ...descriptor, enumerable: true });
  }
  tag(Blob);

  // Bytes `first` to `last` of a piece.
  function part(piece, first, last) {
    const size = last - first;
    if (piece.bytes) return { size, bytes: piece.bytes.subarray(first, last) };
    if (size === piece.size) return piece;
    const open = async () => {
      const { TransformStream } = load("streams.js");
      let at = 0;
      return (await piece.open()).pipeThrough(new TransformStream({
        transform(chunk, controller) {
          const [from, to] = [Math.max(first - at, 0), Math.min(last - at, chunk.byteLength)];
          if (from < to) controller.enqueue(chunk.subarray(from, to));
          at += chunk.byteLength;
          if (at >= last) controller.terminate();
        },
      }));
    };
    return { size, open };
  }

  class File extends Blob {
    #name;
    #lastModified;
    constructor(parts, name, options = {}) {
      if (arguments.length < 2) {
        throw new TypeError(`Failed to construct 'File': 2 arguments required, but only ${arguments.length} present.`);
      }
      super(parts, options);
      this.#name = String(name).toWellFormed();
      this.#lastModified = options?.lastModified === undefined ? ops.now() : Math.trunc(Number(options.lastModified)) || 0;
    }
    get name() { return this.#name; }
    get lastModified() { return this.#lastModified; }
    get webkitRelativePath() { return ""; }
  }
  tag(File);
  return {
    Blob,
    File,
    isBlob,
    isBuffer,
    // The bytes of a blob that is wholly in memory, else `null`.
    bytesInMemory: (blob) => {
      const pieces = piecesOf(blob);
      if (!pieces.every((piece) => piece.bytes)) return null;
      return load("host_streams.js").concat(pieces.map((piece) => piece.bytes), blob.size);
    },
    // A blob of `size` bytes that are read when needed: `open()` gives a stream of them.
    blobOf: (size, type, open) => new Blob(key, { pieces: [{ size, open }], type }),
    // A blob around bytes that nobody else has.
    blobOfBytes: (bytes, type) => new Blob(key, { pieces: [{ size: bytes.byteLength, bytes }], type }),
  };
});
