// Polar's API as far as the component uses it, and its webhooks: https://polar.sh/docs/api-reference

import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { startService } from "./service.mjs";

const CREATED = "2026-11-01T00:00:00.000Z";
const ORGANIZATION = "org_1";
const PAGE = 2;

export async function startPolar({ token }) {
  const products = [product("prod_basic", "Basic", 500), product("prod_pro", "Pro", 2_000), product("prod_old", "Old", 100, true)];
  const state = { products, customers: [], subscriptions: new Map() };
  const service = await startService("sandbox-api.polar.sh", (request) => {
    if (request.headers.authorization !== `Bearer ${token}`) return { status: 401, body: { detail: "Not authenticated" } };
    const place = `${request.method} ${request.path.replace(/^\/v1\/subscriptions\/[^/]+$/, "/v1/subscriptions/*")}`;
    return routes[place]?.(request);
  });
  const json = ({ headers, body }) => {
    assert.equal(headers["content-type"], "application/json");
    return JSON.parse(body);
  };
  const routes = {
    "GET /v1/products/": ({ query }) => {
      assert.equal(query.get("limit"), "100");
      const from = (Number(query.get("page")) - 1) * PAGE;
      const pagination = { total_count: state.products.length, max_page: Math.ceil(state.products.length / PAGE) };
      return { body: { items: state.products.slice(from, from + PAGE), pagination } };
    },
    "GET /v1/customers/": ({ query }) => {
      const items = state.customers.filter(({ email }) => email === query.get("email"));
      return { body: { items, pagination: { total_count: items.length, max_page: 1 } } };
    },
    "POST /v1/customers/": (request) => {
      const { email, metadata } = json(request);
      assert.match(email, /@/);
      state.customers.push(customer(`cus_${state.customers.length + 1}`, email, metadata));
      return { status: 201, body: state.customers.at(-1) };
    },
    "POST /v1/checkouts/": (request) => {
      const { customer_id, products, success_url, embed_origin, metadata } = json(request);
      assert.ok(state.customers.some(({ id }) => id === customer_id), "a known customer");
      const wanted = products.map((id) => state.products.find((product) => product.id === id));
      if (!wanted.every(Boolean)) return { status: 422, body: { detail: [{ loc: ["body", "products"], msg: "Product does not exist.", type: "value_error" }] } };
      return { status: 201, body: checkout({ customer_id, success_url, embed_origin, metadata }, wanted) };
    },
    "POST /v1/customer-sessions/": (request) => {
      const { customer_id, return_url } = json(request);
      const customer = state.customers.find(({ id }) => id === customer_id);
      assert.ok(customer, "a known customer");
      const customer_portal_url = `https://sandbox.polar.sh/portal?customer_session_token=for_${customer_id}`;
      const times = { created_at: CREATED, modified_at: null, expires_at: "2026-12-01T00:00:00.000Z" };
      const session = { id: "ses_1", token: "polar_cst_1", return_url: return_url ?? null, customer_portal_url, customer_id, customer };
      return { status: 201, body: { ...session, ...times } };
    },
    "PATCH /v1/subscriptions/*": (request) => {
      const current = state.subscriptions.get(request.path.split("/").at(-1));
      if (current === undefined) return { status: 404, body: { error: "ResourceNotFound", detail: "Not found" } };
      const { product_id, cancel_at_period_end, revoke, ...rest } = json(request);
      assert.deepEqual(rest, {});
      if (product_id !== undefined) Object.assign(current, { product_id, product: state.products.find(({ id }) => id === product_id) });
      if (cancel_at_period_end !== undefined) Object.assign(current, { cancel_at_period_end });
      if (revoke) Object.assign(current, { status: "canceled", ended_at: new Date().toISOString() });
      current.modified_at = new Date().toISOString();
      return { body: current };
    },
  };
  return {
    ...service,
    state,
    subscribe: (customer, product, fields = {}) => {
      const made = subscription(`sub_${state.subscriptions.size + 1}`, customer, product, fields);
      state.subscriptions.set(made.id, made);
      return made;
    },
  };
}

/** Sends an event with a signature as of https://www.standardwebhooks.com, or what `change` makes of it. */
export function sendWebhook(url, secret, type, data, change = (sent) => sent) {
  const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data });
  const [id, timestamp] = [`msg_${randomUUID()}`, `${Math.floor(Date.now() / 1_000)}`];
  const sent = change({ id, timestamp, body, signature: sign(secret, id, timestamp, body) });
  const headers = { "webhook-id": sent.id, "webhook-timestamp": sent.timestamp, "webhook-signature": sent.signature };
  return fetch(url, { method: "POST", body: sent.body, headers: { "content-type": "application/json", ...headers } });
}

export function sign(secret, id, timestamp, body) {
  return `v1,${createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}

export function product(id, name, amount, is_archived = false) {
  const price = {
    id: `price_${id}`, created_at: CREATED, modified_at: null, source: "catalog", amount_type: "fixed", price_currency: "usd",
    tax_behavior: null, is_archived: false, product_id: id, price_amount: amount,
  };
  return {
    id, created_at: CREATED, modified_at: null, trial_interval: null, trial_interval_count: null, name, description: null,
    visibility: "public", recurring_interval: "month", recurring_interval_count: 1, is_recurring: true, is_archived,
    organization_id: ORGANIZATION, metadata: { tier: name.toLowerCase() }, prices: [price], benefits: [], medias: [],
    attached_custom_fields: [],
  };
}

function customer(id, email, metadata = {}) {
  return {
    id, created_at: CREATED, modified_at: null, metadata, external_id: null, email, email_verified: true, type: "individual",
    name: null, billing_address: null, tax_id: null, locale: null, organization_id: ORGANIZATION, deleted_at: null, avatar_url: "",
  };
}

function subscription(id, customer, product, fields) {
  return {
    id, created_at: CREATED, modified_at: CREATED, amount: product.prices[0].price_amount, currency: "usd",
    recurring_interval: "month", recurring_interval_count: 1, status: "active", current_period_start: CREATED,
    current_period_end: "2026-12-01T00:00:00.000Z", trial_start: null, trial_end: null, cancel_at_period_end: false,
    canceled_at: null, started_at: CREATED, ends_at: null, ended_at: null, customer_id: customer.id, product_id: product.id,
    discount_id: null, checkout_id: null, customer_cancellation_reason: null, customer_cancellation_comment: null, metadata: {},
    customer, product, discount: null, prices: product.prices, meters: [], pending_update: null, ...fields,
  };
}

function checkout({ customer_id, success_url, embed_origin, metadata = {} }, products) {
  const [first] = products;
  const { price_amount: amount } = first.prices[0];
  const sold = products.map(({ metadata: _, attached_custom_fields: __, ...product }) => product);
  return {
    id: "che_1", created_at: CREATED, modified_at: null, payment_processor: "stripe", status: "open", client_secret: "polar_c_1",
    url: `https://sandbox.polar.sh/checkout/polar_c_1?products=${products.map(({ id }) => id)}`,
    expires_at: "2026-12-01T00:00:00.000Z", success_url, return_url: null, embed_origin: embed_origin ?? null, amount,
    discount_amount: 0, net_amount: amount, tax_amount: null, total_amount: amount, currency: "usd", allow_trial: null,
    active_trial_interval: null, active_trial_interval_count: null, trial_end: null, organization_id: ORGANIZATION,
    product_id: first.id, product_price_id: first.prices[0].id, discount_id: null, allow_discount_codes: true,
    require_billing_address: false, is_discount_applicable: true, is_free_product_price: false, is_payment_required: true,
    is_payment_setup_required: true, is_payment_form_required: true, customer_id, is_business_customer: false,
    customer_name: null, customer_email: null, customer_ip_address: null, customer_billing_name: null,
    customer_billing_address: null, customer_tax_id: null, locale: null, payment_processor_metadata: {},
    billing_address_fields: Object.fromEntries(
      ["country", "state", "city", "postal_code", "line1", "line2"].map((field) => [field, "optional"])),
    trial_interval: null, trial_interval_count: null, metadata, external_customer_id: null, products: sold, product: sold[0],
    product_price: first.prices[0], prices: Object.fromEntries(products.map(({ id, prices }) => [id, prices])), discount: null,
    subscription_id: null, attached_custom_fields: null, customer_metadata: {},
  };
}
