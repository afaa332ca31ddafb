import { useMutation } from "convex/react";
import { useEffect, useMemo } from "react";
import { api } from "../convex/_generated/api";
import type { Id } from "../convex/_generated/dataModel";
import { SESSION } from "./session";

/** How often a page repeats that its user is writing. */
const REPEAT_MS = 2_500;
/** After this long without a key pressed, the user is not writing any more. */
const IDLE_MS = 4_000;

/** Tells the others in a channel whether this page's user is writing. */
export function useAnnounceTyping(channel: Id<"channels">, author: string) {
  const start = useMutation(api.typing.start);
  const stop = useMutation(api.typing.stop);

  const announce = useMemo(() => {
    let announcedAt: number | null = null;
    let idleTimer: ReturnType<typeof setTimeout> | undefined;

    // A lost announcement is not worth telling the user about: the next one comes soon.
    const ignore = () => {};

    function announce(typing: boolean) {
      clearTimeout(idleTimer);
      if (!typing || author === "") {
        if (announcedAt !== null) stop({ session: SESSION }).catch(ignore);
        announcedAt = null;
        return;
      }
      idleTimer = setTimeout(() => announce(false), IDLE_MS);
      if (announcedAt !== null && Date.now() - announcedAt < REPEAT_MS) return;
      announcedAt = Date.now();
      start({ channel, session: SESSION, author }).catch(ignore);
    }

    /** After a message was sent, which ends the announcement by itself. */
    announce.sent = () => {
      clearTimeout(idleTimer);
      announcedAt = null;
    };
    return announce;
  }, [channel, author, start, stop]);

  useEffect(() => {
    const leave = () => announce(false);
    window.addEventListener("pagehide", leave);
    return () => {
      window.removeEventListener("pagehide", leave);
      leave();
    };
  }, [announce]);

  return announce;
}
