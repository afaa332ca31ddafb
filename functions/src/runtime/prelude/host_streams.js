// Streams of bytes whose other end is the host, which knows them by number.
(function (ops, load) {
  "use strict";
  const { ReadableStream } = load("streams.js");
  const { streamRead, streamCancel, streamCreate, streamWrite, streamEnd } = ops;

  // The next piece. `source.name` is what developers call the operation that they would have to wait
  // for; `source.failure` is set by `abort`.
  const next = async (id, source) => {
    const chunk = await streamRead(id, source.name);
    if (source.failure) throw source.failure.reason;
    return chunk;
  };

  // Reads from the host when somebody reads from it.
  const fromHost = (id, source) => new ReadableStream({
    type: "bytes",
    start(controller) {
      source.controller = controller;
      if (source.failure) throw source.failure.reason;
    },
    async pull(controller) {
      const chunk = await next(id, source);
      if (chunk === null) {
        controller.close();
        controller.byobRequest?.respond(0);
      } else {
        controller.enqueue(chunk);
      }
    },
    cancel() { streamCancel(id); },
  }, { highWaterMark: 0 });

  // Makes whoever reads the stream fail.
  const abort = (id, source, reason) => {
    source.failure = { reason };
    streamCancel(id);
    try {
      source.controller?.error(reason);
    } catch {
      // It has been read to its end.
    }
  };

  const asBytes = (chunk) => {
    if (chunk instanceof Uint8Array) return chunk;
    throw new TypeError("The chunks of a body must be of type Uint8Array");
  };

  // Writes all of a stream to the host, at the pace at which the host takes it. Never rejects: the
  // host is told of errors.
  const toHost = async (reader, id) => {
    let failure;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        if (value.byteLength > 0 || !(value instanceof Uint8Array)) await streamWrite(id, asBytes(value));
      }
    } catch (error) {
      failure = String(error?.message ?? error);
      // Nobody waits for this: what goes wrong in it has no consequences.
      reader.cancel(error).then(undefined, () => {});
    }
    await streamEnd(id, failure);
  };

  // The number of a stream from which the host reads `stream`. Responses have a limit on their size.
  const offer = (stream, isResponse = false) => {
    const id = streamCreate(isResponse);
    toHost(stream.getReader(), id);
    return id;
  };

  const concat = (chunks, size) => {
    if (chunks.length === 1 && chunks[0].byteLength === size) return chunks[0];
    const all = new Uint8Array(size);
    let at = 0;
    for (const chunk of chunks) {
      all.set(chunk, at);
      at += chunk.byteLength;
    }
    return all;
  };

  // All of a stream, as one `Uint8Array`.
  const collect = async (stream) => {
    const reader = stream.getReader();
    const chunks = [];
    let size = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return concat(chunks, size);
      chunks.push(asBytes(value));
      size += value.byteLength;
    }
  };

  // Reads everything from the host without a `ReadableStream` between.
  const collectFromHost = async (id, source) => {
    const chunks = [];
    let size = 0;
    for (let chunk; (chunk = await next(id, source)) !== null;) {
      chunks.push(chunk);
      size += chunk.byteLength;
    }
    return concat(chunks, size);
  };
  return { fromHost, abort, offer, collect, collectFromHost, concat };
});
