// Signed requests to services of AWS, as much of them as tests need.

import { createHash, createHmac } from "node:crypto";

/**
 * @typedef {{accessKeyId: string, secretAccessKey: string, sessionToken?: string}} Credentials
 */

/** What a service says when it does not do something. */
export class AwsError extends Error {
  /**
   * @param {string} code for example `AccessDenied`
   * @param {number} status
   */
  constructor(code, message, status) {
    super(`${code} (${status}): ${message}`);
    this.code = code;
    this.status = status;
  }

  /** Whether it was refused for lack of permission. */
  get denied() {
    return /^AccessDenied|^UnauthorizedOperation|^Forbidden/.test(this.code);
  }
}

/** A client of all services behind one endpoint, with one identity. */
export class Aws {
  /**
   * @param {string} endpoint URL without a path
   * @param {Credentials} credentials
   */
  constructor(endpoint, credentials, region = "us-east-1") {
    this.endpoint = endpoint;
    this.credentials = credentials;
    this.region = region;
  }

  /** A client with the rights of a role, which the present identity takes. */
  async assume(roleArn) {
    const xml = await this.query("sts", "2011-06-15", "AssumeRole", { RoleArn: roleArn, RoleSessionName: "test" });
    const value = (name) => element(xml, name);
    const credentials = {
      accessKeyId: value("AccessKeyId"),
      secretAccessKey: value("SecretAccessKey"),
      sessionToken: value("SessionToken"),
    };
    return new Aws(this.endpoint, credentials, this.region);
  }

  /** A call of a service with the Query protocol (IAM, STS, CloudFormation); gives its XML. */
  async query(service, version, action, parameters = {}) {
    const body = new URLSearchParams({ Action: action, Version: version, ...parameters }).toString();
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return await (await this.request(service, "POST", "/", { body, headers })).text();
  }

  /** A call of a service with the JSON protocol (DynamoDB, Secrets Manager, CloudWatch Logs). */
  async json(service, target, input) {
    const version = service === "dynamodb" ? "1.0" : "1.1";
    const headers = { "content-type": `application/x-amz-json-${version}`, "x-amz-target": target };
    return JSON.parse((await (await this.request(service, "POST", "/", { body: JSON.stringify(input), headers })).text()) || "{}");
  }

  /**
   * One signed request.
   *
   * @param {string} place path, encoded, and query
   * @param {{headers?: Record<string, string>, body?: string | Buffer}} [options]
   * @returns {Promise<Response>} a good one
   * @throws {AwsError}
   */
  async request(service, method, place, { headers = {}, body = "" } = {}) {
    const signed = this.#sign(service, method, place, headers, body);
    const answer = await fetch(`${this.endpoint}${place}`, { method, headers: signed, body: body.length === 0 ? undefined : body });
    if (answer.ok) return answer;
    const text = await answer.text();
    throw failure(text, answer);
  }

  /** Headers with those of signature version 4. */
  #sign(service, method, place, headers, body) {
    const { accessKeyId, secretAccessKey, sessionToken } = this.credentials;
    const url = new URL(place, this.endpoint);
    const now = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
    const all = { ...headers, host: url.host, "x-amz-content-sha256": hash(body), "x-amz-date": now };
    if (sessionToken !== undefined) all["x-amz-security-token"] = sessionToken;
    const names = Object.keys(all).sort();
    const queries = [...url.searchParams].map((pair) => pair.map(encode).join("=")).sort().join("&");
    // S3 takes paths as they are; the other services have their segments encoded once more.
    const pathname = service === "s3" ? url.pathname : url.pathname.split("/").map(encode).join("/");
    const canonical = [method, pathname, queries, ...names.map((name) => `${name}:${all[name]}`), "", names.join(";"), hash(body)];
    const scope = [now.slice(0, 8), this.region, service, "aws4_request"];
    const hmac = (key, text) => createHmac("sha256", key).update(text).digest();
    const key = scope.reduce(hmac, `AWS4${secretAccessKey}`);
    const signature = hmac(key, ["AWS4-HMAC-SHA256", now, scope.join("/"), hash(canonical.join("\n"))].join("\n")).toString("hex");
    delete all.host;
    const credential = `${accessKeyId}/${scope.join("/")}`;
    return { ...all, authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(";")}, Signature=${signature}` };
  }
}

/** Text of the first element with a name, or undefined. */
export function element(xml, name) {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}

function failure(text, answer) {
  let told;
  try {
    told = JSON.parse(text);
  } catch {
    return new AwsError(element(text, "Code") ?? "Unknown", element(text, "Message") ?? text, answer.status);
  }
  const code = answer.headers.get("x-amzn-errortype") ?? told.__type ?? told.code ?? "Unknown";
  return new AwsError(code.split("#").at(-1).split(":")[0], told.message ?? told.Message ?? text, answer.status);
}

const hash = (data) => createHash("sha256").update(data).digest("hex");
const encode = (text) => encodeURIComponent(text).replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
