// Official components that call services on the internet, and are called by them. The services are local stand-ins; the
// addresses that are built into the packages lead there because the operator of the server says so.

import assert from "node:assert/strict";
import { after, afterEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until, useComponents } from "./app.mjs";
import { startExpo } from "./fakes/expo.mjs";
import { flag, pushFlags, startLaunchDarkly } from "./fakes/launchdarkly.mjs";
import { product, sendWebhook, sign, startPolar } from "./fakes/polar.mjs";
import { startTwilio } from "./fakes/twilio.mjs";

const TWILIO = { accountSid: "AC00112233445566778899aabbccddeeff", authToken: "a token of twilio's" };
const LAUNCHDARKLY = { sdkKey: "sdk-0123" };
const POLAR = { token: "polar_oat_0123", secret: "whsec of polar's" };

describe("official components with services", { concurrency: false }, () => {
  let [expo, twilio, launchdarkly, polar] = [];
  const services = () => [expo, twilio, launchdarkly, polar].filter(Boolean);
  const context = useComponents(async () => {
    expo = await startExpo();
    twilio = await startTwilio(TWILIO);
    launchdarkly = await startLaunchDarkly(LAUNCHDARKLY);
    polar = await startPolar(POLAR);
    const variables = {
      TWILIO_ACCOUNT_SID: TWILIO.accountSid,
      TWILIO_AUTH_TOKEN: TWILIO.authToken,
      LAUNCHDARKLY_SDK_KEY: LAUNCHDARKLY.sdkKey,
      POLAR_ORGANIZATION_TOKEN: POLAR.token,
      POLAR_WEBHOOK_SECRET: POLAR.secret,
      POLAR_SERVER: "sandbox",
    };
    return { args: services().flatMap(({ args }) => args), variables };
  });
  after(async () => await Promise.all(services().map((service) => service.stop())));
  afterEach(() => assert.deepEqual(services().flatMap(({ faults }) => faults.splice(0)), []));
  const { query, mutation, action } = context;
  const events = (of) => query("events:list", { of });
  const site = (path) => context.server.siteUrl + path;

  describe("expo push notifications", () => {
    const token = (name) => `ExponentPushToken[${name}]`;
    const settled = async (id) =>
      (await until(() => query("push:get", { id }), ({ state }) => !/awaiting|progress|retry/.test(state))).state;

    test("one request takes all that wait; who has no token or pauses gets none", { timeout: 60_000 }, async () => {
      for (const userId of ["ada", "bob", "cy"]) await mutation("push:record", { userId, pushToken: token(userId) });
      await mutation("push:pause", { userId: "cy", paused: true });
      assert.deepEqual(await query("push:status", { userId: "cy" }), { hasToken: true, paused: true });
      const notification = { title: "Hello", body: "to all", data: { deep: [1, { two: 2 }] } };
      await assert.rejects(mutation("push:sendAndFail", { userId: "ada", notification: { title: "Never" } }), /after sending/);
      await assert.rejects(mutation("push:send", { userId: "dan", notification }), ({ data }) => data.code === "NoPushToken");
      const notifications = ["ada", "bob", "cy"].map((userId) => ({ userId, notification }));
      const [ada, bob, cy] = await mutation("push:sendMany", { notifications });
      assert.equal(cy, null);
      assert.deepEqual([await settled(ada), await settled(bob)], ["delivered", "delivered"]);
      assert.deepEqual(expo.state.delivered, ["ada", "bob"].map((name) => ({ to: token(name), ...notification })));
      assert.equal(expo.requests.length, 1);
      assert.match(expo.requests[0].headers["accept-encoding"], /gzip/, "so that the answer came compressed");
      await mutation("push:pause", { userId: "cy", paused: false });
      assert.equal(await settled(await mutation("push:send", { userId: "cy", notification })), "delivered");
      await mutation("push:remove", { userId: "cy" });
      assert.deepEqual(await query("push:status", { userId: "cy" }), { hasToken: false, paused: false });
    });

    test("what Expo refuses is tried again, five times at most", { timeout: 60_000 }, async () => {
      for (const userId of ["flaky", "gone"]) await mutation("push:record", { userId, pushToken: token(userId) });
      const notifications = ["flaky", "gone"].map((userId) => ({ userId, notification: { title: userId } }));
      const [flaky, gone] = await mutation("push:sendMany", { notifications });
      assert.equal(await settled(flaky), "delivered");
      assert.equal(await settled(gone), "unable_to_deliver");
      assert.deepEqual([expo.attempts(token("flaky")), expo.attempts(token("gone"))], [3, 5]);
      const [{ id, numPreviousFailures }] = await query("push:list", { userId: "gone" });
      assert.deepEqual([id, numPreviousFailures], [gone, 5]);
    });

    test("an outage leaves it open whether it was delivered, and is not repeated", { timeout: 60_000 }, async () => {
      expo.state.isDown = true;
      const before = expo.requests.length;
      assert.equal(await settled(await mutation("push:send", { userId: "ada", notification: { title: "Lost?" } })), "maybe_delivered");
      await sleep(1_000);
      assert.equal(expo.requests.length, before + 1);
      expo.state.isDown = false;
      assert.equal(await settled(await mutation("push:send", { userId: "ada", notification: { title: "Back" } })), "delivered");
    });
  });

  describe("twilio", () => {
    const friend = "+15550000002";

    test("a message goes out, is kept, and its status follows what Twilio reports", async () => {
      const sent = await action("texts:send", { to: friend, body: "Tea & cake at 5% off?" });
      assert.deepEqual([sent.status, sent.counterparty, sent.direction], ["queued", friend, "outbound-api"]);
      const there = twilio.messages.get(sent.sid);
      assert.deepEqual([there.from, there.to, there.body], ["+15550000001", friend, "Tea & cake at 5% off?"]);
      assert.equal(there.callback, site("/twilio/message-status"));
      assert.deepEqual(await events("texts sent"), ["Tea & cake at 5% off?"]);
      for (const status of ["sent", "delivered"]) {
        assert.equal((await twilio.report(sent.sid, status)).status, 200);
        assert.equal((await query("texts:get", { sid: sent.sid })).status, status);
      }
    });

    test("a callback that fails undoes what the component wrote; a bad number fails the action", async () => {
      await assert.rejects(action("texts:send", { to: friend, body: "this one", failing: true }), /not this one/);
      assert.equal(twilio.messages.size, 2, "it was sent all the same");
      await assert.rejects(action("texts:send", { to: "nobody", body: "lost" }), /Failed to send request to Twilio/);
      assert.deepEqual(await query("texts:list", { of: "outgoing" }), [{ body: "Tea & cake at 5% off?", status: "delivered" }]);
    });

    test("incoming messages arrive where the number was told to send them", async () => {
      twilio.addNumber("PN1", "+15550000001");
      await action("texts:register", { sid: "PN1" });
      assert.equal(twilio.numbers.get("PN1").sms_url, site("/twilio/incoming-message"));
      const answer = await twilio.text("PN1", friend, "Yes, gladly! \u{1f370}");
      assert.deepEqual([answer.status, answer.headers.get("content-type")], [200, "application/xml"]);
      assert.match(await answer.text(), /<Response><\/Response>/);
      assert.deepEqual(await events("texts received"), [{ from: friend, body: "Yes, gladly! \u{1f370}" }]);
      assert.deepEqual(await query("texts:list", { of: "incoming" }), [{ body: "Yes, gladly! \u{1f370}", status: "received" }]);
      assert.deepEqual(await query("texts:talk", { counterparty: friend }), ["Tea & cake at 5% off?", "Yes, gladly! \u{1f370}"]);
    });

    test("a message that Twilio does not know is not taken over, whoever tells of it", async () => {
      const body = new URLSearchParams({ SmsSid: "SM-made-up", Body: "Send money" });
      assert.equal((await fetch(site("/twilio/incoming-message"), { method: "POST", body })).status, 500);
      const report = new URLSearchParams({ MessageSid: "SM-made-up", MessageStatus: "delivered" });
      assert.equal((await fetch(site("/twilio/message-status"), { method: "POST", body: report })).status, 500);
      assert.equal((await query("texts:list", { of: "all" })).length, 2);
    });
  });

  describe("launchdarkly", () => {
    const webhook = () => site("/ld/webhook");
    const ada = { kind: "user", key: "ada", plan: "pro" };
    const bob = { kind: "user", key: "bob", plan: "free" };
    const inSegment = { attribute: "", op: "segmentMatch", values: ["friends"] };
    const segments = { friends: { key: "friends", version: 1, included: ["bob"], excluded: [], rules: [], salt: "s", deleted: false } };
    const flags = (version, on) => ({
      banner: flag("banner", {
        version, on, variations: ["off", "plain", "golden", "friendly"], fallthrough: 1,
        rules: [
          { clause: { attribute: "plan", op: "in", values: ["pro"] }, variation: 2 },
          { clause: inSegment, variation: 3 },
        ],
      }),
      checkout: flag("checkout", { version, variations: [false, true], fallthrough: 1 }),
    });
    const banners = async () =>
      await Promise.all([ada, bob, { kind: "user", key: "cy" }].map((user) => query("flags:banner", { user })));
    const stored = async (table) => (await context.cli(["data", table, "--component", "launchdarkly"])).stdout;
    let token;

    test("flags are taken from who has the token that the CLI made", async () => {
      const made = await context.cli(["run", "--component", "launchdarkly", "tokens:generate"]);
      assert.equal(made.code, 0, made.stderr);
      token = JSON.parse(made.stdout);
      const again = await context.cli(["run", "--component", "launchdarkly", "tokens:generate"]);
      assert.match(again.stderr, /A token already exists/);
      assert.equal(await query("flags:banner", { user: ada }), "none", "there are no flags yet");
      assert.equal((await fetch(webhook())).status, 401);
      assert.equal((await pushFlags(webhook(), "made up", { flags: flags(1, true), segments })).status, 401);
      assert.equal(await query("flags:banner", { user: ada }), "none");
      const check = await fetch(webhook(), { headers: { Authorization: `Bearer ${token}` } });
      assert.deepEqual([check.status, await check.json()], [200, { success: true }]);
      assert.equal((await pushFlags(webhook(), token, { flags: flags(1, true), segments })).status, 200);
    });

    test("queries evaluate rules and segments, and change with the flags", async () => {
      assert.deepEqual(await banners(), ["golden", "friendly", "plain"]);
      assert.deepEqual(await query("flags:all", { user: bob }), { banner: "friendly", checkout: true });
      assert.equal((await pushFlags(webhook(), token, { flags: flags(2, false), segments })).status, 200);
      assert.deepEqual(await banners(), ["off", "off", "off"]);
      assert.equal((await pushFlags(webhook(), token, { flags: flags(1, true), segments })).status, 200);
      assert.deepEqual(await banners(), ["off", "off", "off"], "what is older is not taken");
      const { checkout } = flags(3, true);
      assert.equal((await pushFlags(webhook(), token, { flags: { checkout }, segments })).status, 200);
      assert.deepEqual(await query("flags:all", { user: bob }), { checkout: true });
    });

    test("what a mutation evaluates is sent as events", { timeout: 60_000 }, async () => {
      assert.equal(await mutation("flags:evaluate", { user: ada }), true);
      const kinds = await until(() => launchdarkly.events.map(({ kind }) => kind), (kinds) => kinds.includes("feature"));
      assert.deepEqual(kinds.sort(), ["feature", "index", "summary"]);
      const { key, value, variation, version, context } = launchdarkly.events.find(({ kind }) => kind === "feature");
      assert.deepEqual({ key, value, variation, version }, { key: "checkout", value: true, variation: 1, version: 3 });
      assert.deepEqual(context ?? launchdarkly.events.find(({ kind }) => kind === "index").context, ada);
      const summary = launchdarkly.events.find(({ kind }) => kind === "summary");
      assert.deepEqual(summary.features.checkout.counters, [{ value: true, count: 1, variation: 1, version: 3 }]);
      await until(() => stored("events"), (text) => !text.includes("checkout"));
    });
  });

  describe("polar", () => {
    const webhook = (type, data, change) => sendWebhook(site("/polar/events"), POLAR.secret, type, data, change);
    const names = async (name) => (await query(name)).map(({ name }) => name).sort();
    const current = () => query("billing:current", { userId: "ada" });

    test("products are taken over, page by page, and by webhook", async () => {
      await action("billing:syncProducts");
      assert.deepEqual(await names("billing:listAllProducts"), ["Basic", "Pro"]);
      const { pro } = await query("billing:getConfiguredProducts");
      assert.deepEqual([pro.id, pro.prices[0].priceAmount, pro.metadata], ["prod_pro", 2_000, { tier: "pro" }]);
      assert.equal((await webhook("product.created", product("prod_team", "Team", 9_000))).status, 202);
      assert.deepEqual(await names("billing:listAllProducts"), ["Basic", "Pro", "Team"]);
      const renamed = { ...product("prod_team", "Crew", 9_500), modified_at: "2026-11-02T00:00:00.000Z" };
      assert.equal((await webhook("product.updated", renamed)).status, 202);
      assert.deepEqual(await names("billing:listAllProducts"), ["Basic", "Crew", "Pro"]);
    });

    test("a checkout makes the customer once, the portal is hers", async () => {
      const buy = { productIds: ["prod_basic"], origin: "https://app.example", successUrl: "https://app.example/done" };
      const { url } = await action("billing:generateCheckoutLink", { ...buy, locale: "de", metadata: { from: "test" } });
      assert.equal(url, "https://sandbox.polar.sh/checkout/polar_c_1?products=prod_basic&locale=de");
      const sent = JSON.parse(polar.requests.at(-1).body);
      assert.deepEqual([sent.customer_id, sent.embed_origin, sent.metadata], ["cus_1", "https://app.example", { from: "test" }]);
      await action("billing:generateCheckoutLink", buy);
      assert.deepEqual(polar.state.customers.map(({ email, metadata }) => [email, metadata]), [["ada@example.com", { userId: "ada" }]]);
      assert.deepEqual(await action("billing:generateCustomerPortalUrl"),
        { url: "https://sandbox.polar.sh/portal?customer_session_token=for_cus_1" });
      await assert.rejects(action("billing:generateCheckoutLink", { ...buy, productIds: ["prod_none"] }), /HTTPValidationError|Product does not exist/);
    });

    test("webhooks are taken only with a signature that fits", async () => {
      const made = polar.subscribe(polar.state.customers[0], polar.state.products[0]);
      const later = `${Math.floor(Date.now() / 1_000) - 3_600}`;
      const forgeries = {
        "another secret": (sent) => ({ ...sent, signature: sign("made up", sent.id, sent.timestamp, sent.body) }),
        "another body": (sent) => ({ ...sent, body: sent.body.replace(`"amount":500`, `"amount":1`) }),
        "an hour old": (sent) => ({ ...sent, timestamp: later, signature: sign(POLAR.secret, sent.id, later, sent.body) }),
        "no signature": (sent) => ({ ...sent, signature: "" }),
      };
      for (const [name, change] of Object.entries(forgeries)) {
        assert.equal((await webhook("subscription.created", made, change)).status, 403, name);
      }
      assert.equal(await current(), null);
      assert.equal((await webhook("subscription.created", made)).status, 202);
      assert.deepEqual(await current(), { id: "sub_1", status: "active", productKey: "basic", cancelAtPeriodEnd: false, product: "Basic" });
    });

    test("changes go to Polar and come back by webhook, in the order of their times", async () => {
      const updated = () => webhook("subscription.updated", polar.state.subscriptions.get("sub_1"));
      await action("billing:changeCurrentSubscription", { productId: "prod_pro" });
      const stale = structuredClone(polar.state.subscriptions.get("sub_1"));
      assert.equal((await current()).product, "Basic", "not before Polar says so");
      await updated();
      assert.equal((await current()).product, "Pro");
      await assert.rejects(action("billing:changeCurrentSubscription", { productId: "prod_pro" }), /already on this product/);
      await action("billing:cancelCurrentSubscription", {});
      await updated();
      assert.deepEqual(await current(), { id: "sub_1", status: "active", productKey: "pro", cancelAtPeriodEnd: true, product: "Pro" });
      assert.equal((await webhook("subscription.updated", stale)).status, 202);
      assert.equal((await current()).cancelAtPeriodEnd, true, "what is older is not taken");
      await action("billing:cancelCurrentSubscription", { revokeImmediately: true });
      await updated();
      assert.equal(await current(), null);
      assert.deepEqual((await query("billing:listAllSubscriptions")).map(({ id, status }) => [id, status]), [["sub_1", "canceled"]]);
      assert.deepEqual(await events("subscriptions"), ["active", "active", "active", "canceled"]);
      await assert.rejects(action("billing:cancelCurrentSubscription", {}), /Subscription not found/);
    });
  });
});
