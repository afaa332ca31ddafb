// Runs in every context, so it stays small: whatever most functions never touch is in the other
// files of this folder, which are evaluated when one of their globals is first read.
(function (global, ops) {
  "use strict";
  const define = (target, name, value) =>
    Object.defineProperty(target, name, { value, writable: true, configurable: true });

  const NativeDate = Date;
  const { construct } = Reflect;
  const { now, env } = ops;
  function LakewireDate(...args) {
    if (!new.target) return new NativeDate(now()).toString();
    return construct(NativeDate, args.length === 0 ? [now()] : args, new.target);
  }
  Object.defineProperties(LakewireDate, {
    name: { value: "Date", configurable: true },
    length: { value: 7, configurable: true },
    prototype: { value: NativeDate.prototype, writable: false },
    now: { value: now, writable: true, configurable: true },
    parse: { value: NativeDate.parse, writable: true, configurable: true },
    UTC: { value: NativeDate.UTC, writable: true, configurable: true },
  });
  define(NativeDate.prototype, "constructor", LakewireDate);
  define(global, "Date", LakewireDate);

  // Without an argument, these read the clock of the machine.
  const { DateTimeFormat } = Intl;
  const native = Object.getOwnPropertyDescriptors(DateTimeFormat.prototype);
  const nativeFormat = native.format.get;
  const nativeParts = native.formatToParts.value;
  const { call } = Function.prototype;
  const invoke = call.bind(call);
  Object.defineProperty(DateTimeFormat.prototype, "format", {
    configurable: true,
    get() {
      const format = invoke(nativeFormat, this);
      return (date) => format(date === undefined ? now() : date);
    },
  });
  define(DateTimeFormat.prototype, "formatToParts", function formatToParts(date) {
    return invoke(nativeParts, this, date === undefined ? now() : date);
  });

  // V8 does not know how much memory these take.
  const { weigh } = ops;
  const heavy = ["Collator", "DateTimeFormat", "DisplayNames", "DurationFormat", "ListFormat", "NumberFormat", "PluralRules",
    "RelativeTimeFormat", "Segmenter"];
  for (const name of heavy) {
    const Native = Intl[name];
    const Weighed = function (locales, options) {
      const made = new.target ? construct(Native, [locales, options], new.target) : Native(locales, options);
      weigh(made);
      return made;
    };
    Object.defineProperties(Weighed, {
      name: { value: name, configurable: true },
      length: { value: Native.length, configurable: true },
      prototype: { value: Native.prototype, writable: false },
      supportedLocalesOf: { value: Native.supportedLocalesOf, writable: true, configurable: true },
    });
    define(Native.prototype, "constructor", Weighed);
    define(Intl, name, Weighed);
  }

  const environment = new Proxy({}, {
    get: (_, name) => (typeof name === "string" ? env(name) : undefined),
  });
  define(global, "process", { env: environment });
  define(global, "self", global);
});
