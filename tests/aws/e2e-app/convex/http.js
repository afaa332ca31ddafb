import { httpRouter } from "convex/server";
import { api } from "./_generated/api";
import { httpAction } from "./_generated/server";

const http = httpRouter();

http.route({
  path: "/send",
  method: "POST",
  handler: httpAction(async (ctx, request) => {
    await ctx.runMutation(api.messages.send, { by: "http", text: await request.text() });
    return new Response(request.url, { status: 201, headers: { "x-answer": "yes" } });
  }),
});

http.route({
  path: "/bytes",
  method: "POST",
  handler: httpAction(async (_ctx, request) => {
    const bytes = new Uint8Array(await request.arrayBuffer());
    return new Response(bytes.reverse(), { headers: { "content-type": "application/octet-stream" } });
  }),
});

http.route({
  pathPrefix: "/long/",
  method: "GET",
  handler: httpAction(async (_ctx, request) => new Response("x".repeat(Number(new URL(request.url).pathname.split("/")[2])))),
});

export default http;
