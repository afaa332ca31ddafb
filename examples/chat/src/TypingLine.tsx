import { useQuery } from "convex/react";
import { useEffect, useRef, useState } from "react";
import { api } from "../convex/_generated/api";
import type { Id } from "../convex/_generated/dataModel";
import { SESSION } from "./session";

/** A row that was not renewed for this long belongs to a page that vanished. */
const FRESH_MS = 6_000;

export function TypingLine({ channel }: { channel: Id<"channels"> }) {
  const names = useTypers(channel);
  return (
    <p className="typing" role="status" data-visible={names.length > 0}>
      {names.length > 0 && (
        <>
          <span className="dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          {describe(names)}
        </>
      )}
    </p>
  );
}

/** The names of the others who are writing now. Freshness is judged by this page's clock alone: clocks differ. */
function useTypers(channel: Id<"channels">): string[] {
  const rows = useQuery(api.typing.list, { channel });
  const seen = useRef(new Map<string, { since: number; at: number }>());
  const [, setTick] = useState(0);

  const others = (rows ?? []).filter(({ session }) => session !== SESSION);
  useEffect(() => {
    if (others.length === 0) return;
    const timer = setInterval(() => setTick((tick) => tick + 1), 1_000);
    return () => clearInterval(timer);
  }, [others.length]);

  const now = Date.now();
  const fresh = others.filter(({ session, since }) => {
    const last = seen.current.get(session);
    if (last?.since === since) return now - last.at < FRESH_MS;
    seen.current.set(session, { since, at: now });
    return true;
  });
  return [...new Set(fresh.map(({ author }) => author))].sort();
}

function describe(names: string[]) {
  if (names.length === 1) return `${names[0]} is typing`;
  if (names.length === 2) return `${names[0]} and ${names[1]} are typing`;
  return `${names.length} people are typing`;
}
