// Renders the arguments of `console` methods. The output is that of the npm package
// `object-inspect` with `{ indent: 2, maxStringLength: 32768 }`: its tests are our fixture.
(function () {
  "use strict";
  const MAX_DEPTH = 5;
  const MAX_STRING = 32768;
  const INDENT = "  ";
  const { prototype: objectPrototype } = Object;
  const hasOwn = Object.hasOwn;
  const getter = (type, name) => Object.getOwnPropertyDescriptor(type.prototype, name).get;
  const mapSize = getter(Map, "size");
  const setSize = getter(Set, "size");
  const tagOf = (value) => objectPrototype.toString.call(value);
  const ESCAPES = { 8: "b", 9: "t", 10: "n", 12: "f", 13: "r" };

  // True if `method` accepts `value` as its receiver: tells built-in types from look-alikes.
  const accepts = (method, value, ...args) => {
    try {
      method.call(value, ...args);
      return true;
    } catch {
      return false;
    }
  };
  const tagged = (value, tag) => tagOf(value) === `[object ${tag}]` &&
    !(Symbol.toStringTag in value && typeof value === "object");

  function quote(text) {
    if (text.length > MAX_STRING) {
      const rest = text.length - MAX_STRING;
      return `${quote(text.slice(0, MAX_STRING))}... ${rest} more character${rest > 1 ? "s" : ""}`;
    }
    const escaped = text.replace(/(['\\])/g, "\\$1").replace(/[\x00-\x1f]/g, (c) => {
      const code = c.charCodeAt(0);
      if (ESCAPES[code]) return "\\" + ESCAPES[code];
      return "\\x" + (code < 16 ? "0" : "") + code.toString(16).toUpperCase();
    });
    return `'${escaped}'`;
  }

  function joinIndented(parts, depth) {
    if (parts.length === 0) return "";
    const line = "\n" + INDENT.repeat(depth + 1);
    return line + parts.join("," + line) + "\n" + INDENT.repeat(depth);
  }

  // `flat` is for keys of maps, which object-inspect renders without indentation.
  function inspect(value, depth, seen, flat) {
    switch (typeof value) {
      case "undefined": return "undefined";
      case "boolean": return String(value);
      case "string": return quote(value);
      case "number": return Object.is(value, -0) ? "-0" : String(value);
      case "bigint": return `${value}n`;
      case "symbol": return Symbol.prototype.toString.call(value);
    }
    if (value === null) return "null";
    const isArray = Array.isArray(value);
    if (depth >= MAX_DEPTH && typeof value === "object") return isArray ? "[Array]" : "[Object]";
    if (seen.includes(value)) return "[Circular]";

    const inside = [...seen, value];
    const nested = (child, childFlat) => inspect(child, depth + 1, inside, flat || childFlat);
    const entries = () => properties(value, isArray, nested);
    const join = (parts) => flat ? parts.join(", ") : joinIndented(parts, depth);

    if (typeof value === "function") {
      const own = entries();
      const name = functionName(value);
      const head = `[Function${name ? `: ${name}` : " (anonymous)"}]`;
      return own.length > 0 ? `${head} { ${own.join(", ")} }` : head;
    }
    if (isArray) {
      if (value.length === 0) return "[]";
      const parts = entries();
      if (!flat && parts.some((part) => part.includes("\n"))) return `[${join(parts)}]`;
      return `[ ${parts.join(", ")} ]`;
    }
    if (tagged(value, "Error")) {
      const parts = entries();
      if (hasOwn(value, "cause") && !objectPrototype.propertyIsEnumerable.call(value, "cause")) {
        parts.unshift("[cause]: " + nested(value.cause));
      }
      return parts.length === 0 ? `[${value}]` : `{ [${value}] ${parts.join(", ")} }`;
    }
    if (typeof value.inspect === "function") return String(value.inspect());
    if (accepts(mapSize, value)) {
      const parts = [];
      Map.prototype.forEach.call(value, (item, key) =>
        parts.push(`${nested(key, true)} => ${nested(item)}`));
      return `Map (${mapSize.call(value)}) {${join(parts)}}`;
    }
    if (accepts(setSize, value)) {
      const parts = [];
      Set.prototype.forEach.call(value, (item) => parts.push(nested(item)));
      return `Set (${setSize.call(value)}) {${join(parts)}}`;
    }
    if (accepts(WeakMap.prototype.has, value, {})) return "WeakMap { ? }";
    if (accepts(WeakSet.prototype.has, value, {})) return "WeakSet { ? }";
    if (tagged(value, "Number")) return `Object(${nested(Number(value))})`;
    if (accepts(BigInt.prototype.valueOf, value)) {
      return `Object(${nested(BigInt.prototype.valueOf.call(value))})`;
    }
    if (tagged(value, "Boolean")) return `Object(${Boolean.prototype.valueOf.call(value)})`;
    if (tagged(value, "String")) return `Object(${nested(String(value))})`;
    if (accepts(Symbol.prototype.valueOf, value)) {
      return `Object(${Symbol.prototype.toString.call(value)})`;
    }
    if (value === globalThis) return "{ [object globalThis] }";
    if (!tagged(value, "Date") && !tagged(value, "RegExp")) return plainObject(value, entries, join, flat);
    return String(value);
  }

  function plainObject(value, entries, join, flat) {
    const parts = entries();
    const prototype = Object.getPrototypeOf(value);
    const isPlain = prototype === objectPrototype;
    const protoTag = prototype === null ? "null prototype" : "";
    const toStringTag = !isPlain && Symbol.toStringTag in value
      ? tagOf(value).slice(8, -1)
      : protoTag ? "Object" : "";
    const constructor = isPlain || typeof value.constructor !== "function"
      ? ""
      : value.constructor.name ? `${value.constructor.name} ` : "";
    const labels = [toStringTag, protoTag].filter((label) => label);
    const tag = constructor + (toStringTag || protoTag ? `[${labels.join(": ")}] ` : "");
    if (parts.length === 0) return `${tag}{}`;
    return flat ? `${tag}{ ${parts.join(", ")} }` : `${tag}{${join(parts)}}`;
  }

  function functionName(value) {
    if (value.name) return value.name;
    const match = /^function\s*([\w$]+)/.exec(Function.prototype.toString.call(value));
    return match ? match[1] : null;
  }

  function properties(value, isArray, nested) {
    const parts = [];
    if (isArray) {
      for (let i = 0; i < value.length; i++) {
        parts.push(hasOwn(value, i) ? nested(value[i]) : "");
      }
    }
    for (const key in value) {
      if (!hasOwn(value, key)) continue;
      if (isArray && String(Number(key)) === key && key < value.length) continue;
      const name = /[^\w$]/.test(key) ? quote(key) : key;
      parts.push(`${name}: ${nested(value[key])}`);
    }
    for (const symbol of Object.getOwnPropertySymbols(value)) {
      if (objectPrototype.propertyIsEnumerable.call(value, symbol)) {
        parts.push(`[${Symbol.prototype.toString.call(symbol)}]: ${nested(value[symbol])}`);
      }
    }
    return parts;
  }

  return { inspect: (value) => inspect(value, 0, [], false) };
});
