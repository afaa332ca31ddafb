import { useCallback, useSyncExternalStore } from "react";

function subscribe(onChange: () => void) {
  window.addEventListener("hashchange", onChange);
  return () => window.removeEventListener("hashchange", onChange);
}

/** The part of the address after `#`, so that a channel can be linked to and the back button works. */
export function useHash(fallback: string): [string, (value: string) => void] {
  const hash = useSyncExternalStore(subscribe, () => decodeURIComponent(window.location.hash.slice(1)));
  const setHash = useCallback((value: string) => {
    window.location.hash = encodeURIComponent(value);
  }, []);
  return [hash || fallback, setHash];
}
