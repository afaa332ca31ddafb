// Prepares the built-ins for being made immutable. Called with a function that ends the call in a context used again, and
// the globals that are made when they are read and have state.
(function (trip, stateful) {
  "use strict";
  const { defineProperty, freeze, getOwnPropertyDescriptor } = Object;
  // An assignment to an object that inherits an immutable property throws, even though it would not change that:
  // `error.name = ...` above all. A setter makes it what it is elsewhere, a new property of the object.
  const overridable = (owner, name) => {
    const found = getOwnPropertyDescriptor(owner, name);
    if (found === undefined || !("value" in found) || !found.configurable) return;
    const { value, enumerable } = found;
    defineProperty(owner, name, {
      configurable: true,
      enumerable,
      get() {
        return value;
      },
      set(given) {
        if (this === owner) throw new TypeError(`Cannot assign to read only property '${name}' of object`);
        defineProperty(this, name, { value: given, writable: true, enumerable: true, configurable: true });
      },
    });
  };
  for (const type of [Error, AggregateError, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]) {
    overridable(type.prototype, "name");
    overridable(type.prototype, "message");
  }
  for (const name of ["toLocaleString", "toString", "valueOf"]) overridable(Object.prototype, name);

  for (const name of stateful) {
    // Redefining it would make it.
    delete globalThis[name];
    defineProperty(globalThis, name, { configurable: true, get: trip });
  }

  // State of the engine that is no property: the last match of any regular expression, and what one matches.
  const last = ["input", "$_", "lastMatch", "$&", "lastParen", "$+", "leftContext", "$`", "rightContext", "$'"];
  for (let n = 1; n <= 9; n++) last.push(`$${n}`);
  for (const name of last) defineProperty(RegExp, name, { configurable: true, get: trip, set: trip });
  defineProperty(RegExp.prototype, "compile", { value: trip });
  // Has no prototype, so it is not found with the others.
  freeze(Array.prototype[Symbol.unscopables]);
});
