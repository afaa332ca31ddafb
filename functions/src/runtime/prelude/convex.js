// `Convex.jsSyscall`: the operations of the npm package that take and give objects.
(function (ops, load) {
  "use strict";

  const requestFromConvexJson = ({ convexJson: { url, method, headerPairs, streamId, signal } }) => {
    const { AbortController } = load("events.js");
    const { headersOf } = load("headers.js");
    const { requestOf } = load("request.js");
    const { Body } = load("body.js");
    const headers = headersOf(headerPairs);
    const length = headers.get("content-length");
    const known = length !== null && /^\d+$/.test(length) ? Number(length) : null;
    const body = streamId === null ? null : new Body({ host: { id: Number(streamId), source: {} }, length: known });
    const controller = new AbortController();
    const aborted = () => controller.abort();
    ops.streamWatch(Number(signal)).then(aborted, aborted);
    let isAwaited = false;
    // Who knows the signal may wait for it alone: a read that is waited for keeps the function going.
    const onSignal = () => {
      if (!isAwaited) ops.streamRead(Number(signal)).then(undefined, () => {});
      isAwaited = true;
    };
    return requestOf(url, method, headers, body, controller.signal, onSignal);
  };

  const convexJsonFromResponse = ({ response }) => {
    const { isResponse, responseState } = load("response.js");
    if (!isResponse(response)) throw new Error("HTTP actions must return a Response");
    const { headerList } = load("headers.js");
    const { status, headers, body, url } = responseState(response);
    let streamId = null;
    if (body !== null) {
      const { stream } = body;
      body.take();
      streamId = String(load("host_streams.js").offer(stream, true));
    }
    return { headerPairs: [...headerList(headers)], status, streamId, url };
  };

  const storeBlob = async ({ blob, options }) => {
    if (!load("blob.js").isBlob(blob)) throw new TypeError("storage.store: the argument must be a Blob");
    const sha256 = options?.sha256;
    const head = { contentType: blob.type || null, sha256: sha256 === undefined ? null : String(sha256), length: blob.size };
    return ops.storeFile(JSON.stringify(head), load("host_streams.js").offer(blob.stream()));
  };

  const getBlob = async ({ storageId }) => {
    const open = async () => JSON.parse(await ops.openFile(String(storageId)));
    const first = await open();
    if (first === null) return null;
    let opened = first.body;
    return load("blob.js").blobOf(first.size, first.type ?? "", async () => {
      let id = opened;
      opened = null;
      if (id === null) {
        const again = await open();
        if (again === null) throw new Error(`The file ${storageId} has been deleted`);
        id = again.body;
      }
      return load("host_streams.js").fromHost(id, { name: "storage.get" });
    });
  };

  const operations = {
    requestFromConvexJson,
    convexJsonFromResponse,
    "storage/storeBlob": storeBlob,
    "storage/getBlob": getBlob,
  };
  return { jsSyscall: (op, args) => operations[op](args) };
});
