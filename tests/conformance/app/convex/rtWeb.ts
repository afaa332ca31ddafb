// What web.test.mjs calls: the web platform inside actions and queries.
import { action, query } from "./_generated/server";
import { v } from "convex/values";

const caught = async (body: () => Promise<unknown>) => {
  try {
    await body();
    return null;
  } catch (error: any) {
    return `${error.name}: ${error.message}`;
  }
};

/** One request; what came back. */
export const send = action({
  args: { url: v.string(), init: v.optional(v.any()) },
  handler: async (_ctx, { url, init }) => {
    const response = await fetch(url, init);
    const { status, statusText, redirected, headers } = response;
    return { status, statusText, redirected, url: response.url, headers: [...headers],
      cookies: headers.getSetCookie(), text: await response.text() };
  },
});

/** The error of a request. */
export const fail = action({
  args: { url: v.string(), init: v.optional(v.any()) },
  handler: async (_ctx, { url, init }) => await caught(async () => await (await fetch(url, init)).text()),
});

export const failInQuery = query({ args: {}, handler: async () => await caught(() => fetch("http://127.0.0.1/")) });

/** Aborts before, while waiting, and in the middle of a body. */
export const aborts = action({
  args: { origin: v.string() },
  handler: async (_ctx, { origin }) => [
    await caught(() => fetch(`${origin}/never`, { signal: AbortSignal.abort() })),
    await caught(() => fetch(`${origin}/never`, { signal: AbortSignal.timeout(50) })),
    await caught(async () => {
      const controller = new AbortController();
      const response = await fetch(`${origin}/drip`, { signal: controller.signal });
      const reader = response.body!.getReader();
      await reader.read();
      controller.abort();
      await reader.read();
    }),
  ],
});

/** Streams `mib` MiB up while reading what the server counts; then down. */
export const stream = action({
  args: { origin: v.string(), mib: v.number() },
  handler: async (_ctx, { origin, mib }) => {
    let left = mib;
    const body = new ReadableStream({
      pull(controller) {
        if (left-- > 0) controller.enqueue(new Uint8Array(1 << 20));
        else controller.close();
      },
    });
    const up = await (await fetch(`${origin}/count`, { method: "POST", body, duplex: "half" } as any)).json();
    let down = 0;
    for await (const chunk of (await fetch(`${origin}/bytes/${mib}`)).body as any) down += chunk.length;
    return { up, down };
  },
});

/** Pieces arrive while the server is still sending: the time of each, from the start. */
export const drip = action({
  args: { origin: v.string() },
  handler: async (_ctx, { origin }) => {
    const started = Date.now();
    const times: number[] = [];
    for await (const _ of (await fetch(`${origin}/drip`)).body as any) times.push(Date.now() - started);
    return times;
  },
});

export const form = action({
  args: { origin: v.string() },
  handler: async (_ctx, { origin }) => {
    const data = new FormData();
    data.append("text", "v\u00e4lue");
    data.append("file", new File(["content"], "n\u00e4me.txt", { type: "text/plain" }));
    const response = await fetch(`${origin}/form`, { method: "POST", body: data });
    const back = await response.formData();
    const file = back.get("file") as File;
    return [back.get("text"), file.name, file.type, await file.text()];
  },
});

export const unawaited = action({
  args: { origin: v.string() },
  handler: async (_ctx, { origin }) => {
    void fetch(`${origin}/never`);
    await fetch(`${origin}/echo`);
  },
});

/** Signs with a key of the caller's, and verifies the caller's signature with its public half. */
export const sign = action({
  args: { jwk: v.any(), publicJwk: v.any(), algorithm: v.any(), params: v.any(), signature: v.bytes(), data: v.bytes() },
  handler: async (_ctx, { jwk, publicJwk, algorithm, params, signature, data }) => {
    const key = await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["sign"]);
    const open = await crypto.subtle.importKey("jwk", publicJwk, algorithm, true, ["verify"]);
    return { signature: await crypto.subtle.sign(params, key, data), verified: await crypto.subtle.verify(params,
      open, signature, data) };
  },
});

export const decrypt = action({
  args: { jwk: v.any(), algorithm: v.any(), params: v.any(), data: v.bytes() },
  handler: async (_ctx, { jwk, algorithm, params, data }) => {
    const key = await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["decrypt"]);
    return await crypto.subtle.decrypt(params, key, data);
  },
});

/** The text of `bytes`, whole and in pieces of `size`. */
export const decode = query({
  args: { label: v.string(), bytes: v.bytes(), size: v.number(), options: v.any() },
  handler: async (_ctx, { label, bytes, size, options }) => {
    const caughtName = (run: () => unknown) => {
      try {
        return run();
      } catch (error: any) {
        return error.name;
      }
    };
    return [
      caughtName(() => new TextDecoder(label, options).decode(bytes)),
      caughtName(() => {
        const decoder = new TextDecoder(label, options);
        let text = "";
        for (let at = 0; at < bytes.byteLength; at += size) text += decoder.decode(bytes.slice(at, at + size), { stream: true });
        return text + decoder.decode();
      }),
      caughtName(() => new TextDecoder(label).encoding),
    ];
  },
});
