// An issuer of tokens, as OpenID Connect has it: discovery, keys that can be changed, and down when a test wants it to be.

import { generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:http";

const PAIRS = {
  RS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: () => generateKeyPairSync("ed25519"),
};

const encode = (object) => Buffer.from(JSON.stringify(object)).toString("base64url");

/** Starts an issuer with one key of each algorithm. */
export async function startIssuer() {
  const issuer = new Issuer();
  await issuer.listen(0);
  issuer.rotate();
  return issuer;
}

class Issuer {
  #server;
  #port;
  #generation = 0;
  /** Requests for keys. */
  asked = 0;
  /** A status that everything is answered with. */
  failing = null;

  async listen(port) {
    this.#server = createServer((request, response) => this.#answer(request, response));
    await new Promise((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    this.#port = this.#server.address().port;
    this.url = `http://127.0.0.1:${this.#port}`;
  }

  /** New keys instead of the old ones. */
  rotate() {
    this.#generation++;
    const make = ([alg, pair]) => [alg, { ...pair(), kid: `${alg}-${this.#generation}` }];
    this.keys = Object.fromEntries(Object.entries(PAIRS).map(make));
  }

  get jwks() {
    const jwk = ([alg, { publicKey, kid }]) => ({ ...publicKey.export({ format: "jwk" }), alg, kid, use: "sig" });
    return { keys: Object.entries(this.keys).map(jwk) };
  }

  /**
   * A token; claims that are undefined are left out.
   *
   * @param {object} claims
   * @param {{alg?: string, kid?: string, seconds?: number}} [options]
   */
  token(claims = {}, { alg = "RS256", kid = this.keys[alg].kid, seconds = 3600 } = {}) {
    const now = Math.floor(Date.now() / 1000);
    const all = { iss: this.url, sub: "uma", aud: "app", iat: now, exp: now + seconds, ...claims };
    const signed = `${encode({ alg, kid, typ: "JWT" })}.${encode(all)}`;
    const key = { key: this.keys[alg].privateKey, dsaEncoding: "ieee-p1363" };
    return `${signed}.${sign(alg === "EdDSA" ? null : "sha256", Buffer.from(signed), key).toString("base64url")}`;
  }

  #answer(request, response) {
    const documents = {
      "/.well-known/openid-configuration": () => ({ issuer: this.url, jwks_uri: `${this.url}/keys` }),
      "/keys": () => (this.asked++, this.jwks),
    };
    const document = documents[request.url];
    if (this.failing !== null || document === undefined) return response.writeHead(this.failing ?? 404).end();
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(document()));
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
