// The clock of https://w3c.github.io/hr-time, which the host decides on, and the marks and measures
// of https://w3c.github.io/user-timing.
(function (ops, load) {
  "use strict";
  const construct = Symbol("construct");
  const tag = (type) => Object.defineProperty(type.prototype, Symbol.toStringTag, { value: type.name, configurable: true });
  const fail = (name) => {
    const { DOMException } = load("events.js");
    throw new DOMException(`There is no mark named '${name}'`, "SyntaxError");
  };

  class PerformanceEntry {
    #entry;
    constructor(key, entry) {
      if (key !== construct) throw new TypeError("Illegal constructor");
      this.#entry = entry;
    }
    get name() { return this.#entry.name; }
    get entryType() { return this.#entry.entryType; }
    get startTime() { return this.#entry.startTime; }
    get duration() { return this.#entry.duration; }
    toJSON() {
      const { name, entryType, startTime, duration } = this.#entry;
      return { name, entryType, startTime, duration };
    }
  }
  tag(PerformanceEntry);

  const detailOf = (options) => (options?.detail === undefined ? null : load("clone.js").structuredClone(options.detail));
  class PerformanceMark extends PerformanceEntry {
    #detail;
    constructor(name, options = {}) {
      const startTime = options?.startTime === undefined ? ops.performanceNow() : Number(options.startTime);
      if (!(startTime >= 0)) throw new TypeError("PerformanceMark: the startTime must not be negative");
      super(construct, { name: String(name), entryType: "mark", startTime, duration: 0 });
      this.#detail = detailOf(options);
    }
    get detail() { return this.#detail; }
    toJSON() { return { ...super.toJSON(), detail: this.#detail }; }
  }
  tag(PerformanceMark);

  class PerformanceMeasure extends PerformanceEntry {
    #detail;
    constructor(key, name, startTime, duration, detail) {
      super(key, { name, entryType: "measure", startTime, duration });
      this.#detail = detail;
    }
    get detail() { return this.#detail; }
    toJSON() { return { ...super.toJSON(), detail: this.#detail }; }
  }
  tag(PerformanceMeasure);

  let entries = [];
  const add = (entry) => {
    const at = entries.findLastIndex((other) => other.startTime <= entry.startTime);
    entries.splice(at + 1, 0, entry);
    return entry;
  };
  const timeOf = (mark) => {
    if (typeof mark === "number") return mark;
    const found = entries.findLast((entry) => entry.entryType === "mark" && entry.name === String(mark));
    return found === undefined ? fail(mark) : found.startTime;
  };
  const clear = (type, name) => {
    entries = entries.filter((entry) => entry.entryType !== type || (name !== undefined && entry.name !== String(name)));
  };

  class Performance {
    constructor(key) {
      if (key !== construct) throw new TypeError("Illegal constructor");
    }
    now() { return ops.performanceNow(); }
    get timeOrigin() { return ops.timeOrigin(); }
    mark(name, options) { return add(new PerformanceMark(name, options)); }
    measure(name, from, to) {
      const options = typeof from === "object" && from !== null ? from : { start: from, end: to };
      const { duration } = options;
      let [start, end] = [options.start, options.end].map((mark) => (mark === undefined ? undefined : timeOf(mark)));
      end ??= start !== undefined && duration !== undefined ? start + Number(duration) : ops.performanceNow();
      start ??= duration !== undefined ? end - Number(duration) : 0;
      return add(new PerformanceMeasure(construct, String(name), start, end - start, detailOf(options)));
    }
    clearMarks(name) { clear("mark", name); }
    clearMeasures(name) { clear("measure", name); }
    getEntries() { return [...entries]; }
    getEntriesByType(type) { return entries.filter((entry) => entry.entryType === String(type)); }
    getEntriesByName(name, type) {
      return entries.filter((entry) => entry.name === String(name) && (type === undefined || entry.entryType === String(type)));
    }
    toJSON() { return { timeOrigin: this.timeOrigin }; }
  }
  tag(Performance);
  return { Performance, PerformanceEntry, PerformanceMark, PerformanceMeasure, performance: new Performance(construct) };
});
