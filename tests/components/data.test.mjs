// Official components that keep data: places (in WebAssembly) and documents that several edit.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { useComponents } from "./app.mjs";

describe("official components with data", { concurrency: false }, () => {
  const context = useComponents();
  const { query, mutation } = context;

  test("geospatial: rectangles, filters and neighbours agree with arithmetic", { timeout: 60_000 }, async () => {
    const places = [];
    for (let n = 0; n < 40; n++) {
      const at = { latitude: 40 + (n % 8) * 0.5, longitude: -70 - Math.floor(n / 8) * 0.5 };
      places.push({ key: `p${n}`, at, kind: n % 2 ? "odd" : "even", sort: n });
    }
    for (let from = 0; from < 40; from += 10) await mutation("places:put", { places: places.slice(from, from + 10) });
    const box = { west: -71.2, south: 40.9, east: -69.8, north: 42.1 };
    const inside = places.filter(({ at }) =>
      at.longitude > box.west && at.longitude < box.east && at.latitude > box.south && at.latitude < box.north);
    assert.ok(inside.length > 5);
    assert.deepEqual(await query("places:within", box), inside.map(({ key }) => key));
    const odd = inside.filter(({ kind }) => kind === "odd").map(({ key }) => key);
    assert.deepEqual(await query("places:within", { ...box, kind: "odd" }), odd);
    const here = { latitude: 41.1, longitude: -70.9 };
    const away = ({ at }) => Math.hypot(at.latitude - here.latitude, (at.longitude - here.longitude) * Math.cos((41 * Math.PI) / 180));
    const nearest = [...places].sort((a, b) => away(a) - away(b)).slice(0, 3).map(({ key }) => key);
    assert.deepEqual(await query("places:nearest", { at: here, limit: 3 }), nearest);
    await mutation("places:remove", { key: nearest[0] });
    assert.ok(!(await query("places:nearest", { at: here, limit: 3 })).includes(nearest[0]));
  });

  test("prosemirror-sync: two who write at once end with one order of steps", async () => {
    const id = "page";
    await mutation("pages:submitSnapshot", { id, version: 1, content: JSON.stringify({ type: "doc", content: [] }) });
    const step = (who, n) => JSON.stringify({ stepType: "replace", from: 0, to: 0, slice: { content: [{ type: "text", text: `${who}${n}` }] } });
    /** Sends a step, and again after having taken over those of others, as the editor does. */
    const writer = async (clientId) => {
      let version = 1;
      for (let n = 0; n < 10; ) {
        const answer = await mutation("pages:submitSteps", { id, version, clientId, steps: [step(clientId, n)] });
        if (answer.status === "synced") {
          version += 1;
          n += 1;
        } else {
          version += answer.steps.length;
        }
      }
    };
    await Promise.all([writer("a"), writer("b")]);
    assert.equal(await query("pages:latestVersion", { id }), 21);
    const { steps, clientIds } = await query("pages:getSteps", { id, version: 1 });
    assert.equal(steps.length, 20);
    for (const who of ["a", "b"]) {
      const own = steps.filter((_, at) => clientIds[at] === who).map((text) => JSON.parse(text).slice.content[0].text);
      assert.deepEqual(own, Array.from({ length: 10 }, (_, n) => `${who}${n}`));
    }
  });
});
