// Tells what the official client makes of values: reads JSON lines of arrays of encoded values from stdin, and writes for
// each {json, sizes, order}: the values encoded again, their sizes, and the sign of compareValues for each pair.
import { createInterface } from "node:readline";
import { compareValues, convexToJson, getConvexSize, jsonToConvex } from "convex/values";

for await (const line of createInterface({ input: process.stdin })) {
  const values = JSON.parse(line).map(jsonToConvex);
  const reply = {
    json: values.map((value) => JSON.stringify(convexToJson(value))),
    sizes: values.map(getConvexSize),
    order: values.map((a) => values.map((b) => Math.sign(compareValues(a, b)))),
  };
  console.log(JSON.stringify(reply));
}
