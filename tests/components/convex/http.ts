import { registerRoutes } from "@convex-dev/launchdarkly";
import { httpRouter } from "convex/server";
import { components, internal } from "./_generated/api";
import { polar } from "./billing";
import { write } from "./streams";
import { twilio } from "./texts";

const http = httpRouter();

http.route({ path: "/stream", method: "POST", handler: write });
twilio.registerRoutes(http);
registerRoutes(components.launchdarkly, http);
polar.registerRoutes(http, {
  events: {
    "subscription.updated": async (ctx, { data }) => {
      await ctx.runMutation(internal.events.note, { of: "subscriptions", what: data.status });
    },
  },
});

export default http;
