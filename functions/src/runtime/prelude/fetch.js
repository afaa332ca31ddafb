// https://fetch.spec.whatwg.org/#fetch-method. The host sends one request at a time; what leads to
// the next one is decided here, where it may go in the host.
(function (ops, load) {
  "use strict";
  const { headerList, headersOf } = load("headers.js");
  const { Request, requestState } = load("request.js");
  const { responseOf, REDIRECTS, NULL_BODY } = load("response.js");
  const { Body } = load("body.js");
  const { URL } = load("url.js");
  const MAX_REDIRECTS = 20;
  const ABOUT_BODY = ["content-encoding", "content-language", "content-location", "content-type", "content-length"];
  const SECRET = ["authorization", "cookie", "host", "proxy-authorization"];

  // Sends one request; resolves with its parsed head.
  const send = async (signal, request, body) => {
    const [sent, number] = ops.fetch(JSON.stringify(request), body);
    let onAbort;
    const aborted = new Promise((_, reject) => {
      onAbort = () => {
        ops.fetchAbort(number);
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
    });
    try {
      return JSON.parse(await Promise.race([sent, aborted]));
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw new TypeError(error.message);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  };

  async function fetch(input, init = undefined) {
    const { signal, redirect, body, headers, ...start } = requestState(new Request(input, init));
    signal.throwIfAborted();
    let method = start.method;
    let url = new URL(start.url);
    let list = [...headerList(headers)];
    const bytes = body?.bytes ?? null;
    const stream = body !== null && bytes === null ? body.stream : null;
    body?.take();
    let payload = bytes ?? (stream && load("host_streams.js").offer(stream)) ?? undefined;
    for (let redirects = 0; ; redirects++) {
      if (url.protocol !== "http:" && url.protocol !== "https:") {
        throw new TypeError(`fetch of ${url.href} failed: the scheme must be http or https`);
      }
      url.hash = "";
      const head = await send(signal, { method, url: url.href, headers: list }, payload);
      const found = headersOf(head.headers);
      const location = REDIRECTS.includes(head.status) ? found.get("location") : null;
      if (location === null || redirect === "manual") {
        return answer(signal, head, found, method, url.href, redirects > 0);
      }
      ops.streamCancel(head.body);
      if (redirect === "error") throw new TypeError(`fetch of ${url.href} failed: it redirects to ${location}`);
      if (redirects === MAX_REDIRECTS) {
        throw new TypeError(`fetch of ${start.url} failed: more than ${MAX_REDIRECTS} redirects`);
      }
      const next = URL.parse(location, url.href);
      if (next === null) throw new TypeError(`fetch of ${url.href} failed: it redirects to '${location}', which is no URL`);
      const becomesGet = head.status === 303 ? method !== "GET" && method !== "HEAD" : head.status < 303 && method === "POST";
      if (becomesGet) {
        method = "GET";
        payload = undefined;
        list = list.filter(([name]) => !ABOUT_BODY.includes(name));
      } else if (typeof payload === "number") {
        throw new TypeError(`fetch of ${url.href} failed: it redirects, and a streamed body can't be sent again`);
      }
      if (next.origin !== url.origin) list = list.filter(([name]) => !SECRET.includes(name));
      url = next;
    }
  }

  function answer(signal, head, headers, method, url, redirected) {
    const source = {};
    let body = null;
    if (method === "HEAD" || NULL_BODY.includes(head.status)) {
      ops.streamCancel(head.body);
    } else {
      const length = headers.get("content-length");
      const known = length !== null && /^\d+$/.test(length) && !headers.has("content-encoding") ? Number(length) : null;
      body = new Body({ host: { id: head.body, source }, length: known });
      signal.addEventListener("abort", () => load("host_streams.js").abort(head.body, source, signal.reason), { once: true });
    }
    return responseOf(head.status, headers, url, redirected, body);
  }
  Object.defineProperty(fetch, "length", { value: 1, configurable: true });
  return { fetch };
});
