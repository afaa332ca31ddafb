// https://html.spec.whatwg.org/#structured-cloning without transfer.
(function (ops, load) {
  "use strict";
  function structuredClone(value, options) {
    if (arguments.length === 0) {
      throw new TypeError("structuredClone: 1 argument required, but only 0 present");
    }
    if (options?.transfer?.length > 0) {
      throw new TypeError("structuredClone: transferring objects is not supported");
    }
    const result = ops.clone(value);
    if (typeof result.error === "string") {
      const { DOMException } = load("events.js");
      throw new DOMException(result.error, "DataCloneError");
    }
    return result.value;
  }
  return { structuredClone };
});
