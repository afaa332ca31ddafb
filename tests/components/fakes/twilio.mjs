// Twilio's REST API for messages, and the callbacks that it makes: https://www.twilio.com/docs/messaging/api

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { startService } from "./service.mjs";

export async function startTwilio({ accountSid, authToken }) {
  const [messages, numbers] = [new Map(), new Map()];
  const root = `/2010-04-01/Accounts/${accountSid}`;
  const now = () => new Date().toUTCString().replace("GMT", "+0000");
  const message = (fields) => {
    const sid = `SM${String(messages.size + 1).padStart(32, "0")}`;
    const made = {
      account_sid: accountSid, api_version: "2010-04-01", date_created: now(), date_sent: null, date_updated: now(),
      error_code: null, error_message: null, messaging_service_sid: null, num_media: "0", num_segments: "1", price: null,
      price_unit: "USD", sid, subresource_uris: { media: `${root}/Messages/${sid}/Media.json` },
      uri: `${root}/Messages/${sid}.json`, tags: null, ...fields,
    };
    messages.set(sid, made);
    return made;
  };
  const addNumber = (sid, phone_number) => {
    const callback = { status_callback: "", status_callback_method: "POST", sms_fallback_method: "POST", sms_fallback_url: "" };
    const voice = { voice_application_sid: "", voice_caller_id_lookup: false, voice_fallback_method: "POST", voice_fallback_url: "",
      voice_method: "POST", voice_url: "", voice_receive_mode: "voice" };
    numbers.set(sid, {
      account_sid: accountSid, address_requirements: "none", address_sid: null, api_version: "2010-04-01", beta: false,
      bundle_sid: null, capabilities: { fax: false, mms: true, sms: true, voice: true }, date_created: now(), date_updated: now(),
      emergency_address_sid: null, emergency_address_status: "unregistered", emergency_status: "Active",
      friendly_name: phone_number, identity_sid: null, origin: "twilio", phone_number, sid, sms_application_sid: "",
      sms_method: "POST", sms_url: "", status: "in-use", ...callback, subresource_uris: { assigned_add_ons: "" }, trunk_sid: null,
      uri: `${root}/IncomingPhoneNumbers/${sid}.json`, ...voice, type: "local",
    });
  };
  const formOf = ({ headers, body }) => {
    assert.match(headers["content-type"], /^application\/x-www-form-urlencoded/);
    return Object.fromEntries(new URLSearchParams(body));
  };
  const service = await startService("api.twilio.com", (request) => {
    const { method, path, headers } = request;
    const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString("base64")}`;
    if (headers.authorization !== authorization || !path.startsWith(`${root}/`)) {
      return { status: 401, body: { code: 20003, message: "Authenticate", status: 401 } };
    }
    const [what, sid] = path.slice(root.length + 1).replace(/\.json$/, "").split("/");
    if (what === "Messages" && sid === undefined && method === "POST") {
      const { From: from, To: to, Body: body, StatusCallback: callback, ...rest } = formOf(request);
      assert.deepEqual(rest, {});
      assert.match(from, /^\+\d+$/);
      new URL(callback);
      if (!/^\+\d+$/.test(to)) return { status: 400, body: { code: 21211, message: "Invalid 'To' Phone Number", status: 400 } };
      const { callback: _, ...made } = message({ from, to, body, direction: "outbound-api", status: "queued", callback });
      return { status: 201, body: made };
    }
    if (what === "Messages" && method === "GET" && messages.has(sid)) return { body: messages.get(sid) };
    if (what === "IncomingPhoneNumbers" && numbers.has(sid)) {
      const number = numbers.get(sid);
      if (method === "POST") number.sms_url = formOf(request).SmsUrl;
      return { body: number };
    }
    return undefined;
  });
  /** As Twilio calls back: a form, with the signature of its address and its fields. */
  const call = (url, fields) => {
    const signed = url + Object.keys(fields).sort().map((name) => name + fields[name]).join("");
    const signature = createHmac("sha1", authToken).update(signed).digest("base64");
    return fetch(url, { method: "POST", body: new URLSearchParams(fields), headers: { "X-Twilio-Signature": signature } });
  };
  return {
    ...service,
    addNumber,
    messages,
    numbers,
    /** Tells the app what became of a message that it sent. */
    report: (sid, status) =>
      call(messages.get(sid).callback, { AccountSid: accountSid, MessageSid: sid, MessageStatus: status, SmsSid: sid, SmsStatus: status }),
    /** Somebody writes to one of the numbers. */
    text: (number, from, body) => {
      const { sms_url: url, phone_number: to } = numbers.get(number);
      const { sid } = message({ from, to, body, direction: "inbound", status: "received" });
      return call(url, { AccountSid: accountSid, Body: body, From: from, MessageSid: sid, SmsSid: sid, To: to });
    },
  };
}
