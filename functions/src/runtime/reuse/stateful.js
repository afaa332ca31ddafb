// The prototypes of built-in classes whose instances have state that no property shows.
(() => {
  "use strict";
  const { Exception, Global, Instance, Memory, Module, Table } = WebAssembly;
  const classes = [...Object.getOwnPropertyNames(Intl).map((name) => Intl[name]), Exception, Global, Instance, Memory,
    Module, Table, DisposableStack, AsyncDisposableStack, TextDecoder, URL, URLSearchParams];
  const iterators = [[].values(), ""[Symbol.iterator](), "".matchAll(/a/g), [].values().map((x) => x),
    Iterator.from({ next() {} }), new Intl.Segmenter().segment(""), new Intl.Segmenter().segment("")[Symbol.iterator]()];
  const { entries, keys, values } = URLSearchParams.prototype;
  return [...[...classes, entries, keys, values].map((type) => type?.prototype), ...iterators.map(Object.getPrototypeOf)]
    .filter((prototype) => typeof prototype === "object" && prototype !== null);
})()
