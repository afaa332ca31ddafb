// Proxies in front of emulated AWS that inject faults: `tests/emulators/README.md` says what they can do.

import { control, startEmulator } from "./emulator.mjs";

/** One in front of DynamoDB and one in front of S3, with the same settings. */
export class Faults {
  #proxies;
  #stop;

  /** @param {Record<string, string>} env says where both are; `this.env` says where the proxies are */
  static async start(env) {
    const names = ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_S3"];
    const { endpoints, stop } = await startEmulator(["faults", ...names.map((name) => env[name])], names.length);
    const faults = new Faults();
    faults.#stop = stop;
    faults.#proxies = endpoints.map(([, url]) => url);
    faults.env = Object.fromEntries(names.map((name, i) => [name, faults.#proxies[i]]));
    return faults;
  }

  /** Changes what is given of `seed`, `latency`, `rates`, `plan`, `staleMs` and `capacity`. */
  async set(changes) {
    await this.#all("PUT", "/_faults", changes);
  }

  /** Ends all faults and latencies. */
  async clear() {
    await this.#all("DELETE", "/_faults");
  }

  /** How many planned faults of a service (`dynamodb`, `s3`) have not happened yet. */
  async stillPlanned(service) {
    const { plan } = await control("GET", `${this.env[`AWS_ENDPOINT_URL_${service.toUpperCase()}`]}/_faults`);
    return plan.filter((rule) => rule.service === undefined || rule.service === service).length;
  }

  /** What was asked since the start, or since `resetStats`: `operations` by `service.Operation`, `dynamodb` and `s3` in sum. */
  async stats() {
    const [table, bucket] = await this.#all("GET", "/_faults/stats");
    return { operations: { ...table.operations, ...bucket.operations }, dynamodb: table.dynamodb, s3: bucket.s3 };
  }

  async resetStats() {
    await this.#all("DELETE", "/_faults/stats");
  }

  async stop() {
    await this.#stop();
  }

  async #all(method, place, body) {
    return await Promise.all(this.#proxies.map((proxy) => control(method, `${proxy}${place}`, body)));
  }
}
