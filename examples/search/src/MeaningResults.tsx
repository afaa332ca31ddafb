import { useAction, useQuery } from "convex/react";
import { useEffect, useState } from "react";
import { api } from "../convex/_generated/api";
import type { Id } from "../convex/_generated/dataModel";
import type { Category } from "./categories";
import { errorText } from "./errorText";
import { NoteList } from "./NoteList";

/** Searching by vectors is an action: it is asked for when somebody stops typing, not with every letter. */
const PAUSE_MS = 250;

/** The notes nearest to what was typed. Which ones is as of the search; what they say is live. */
export function MeaningResults({ text, category }: { text: string; category: Category | undefined }) {
  const nearest = useAction(api.meaning.nearest);
  const [found, setFound] = useState<{ _id: Id<"notes">; _score: number }[]>();
  const [error, setError] = useState("");

  useEffect(() => {
    let isCurrent = true;
    const timer = setTimeout(async () => {
      try {
        const results = await nearest({ text, category });
        if (isCurrent) setFound(results);
        if (isCurrent) setError("");
      } catch (failure) {
        if (isCurrent) setError(errorText(failure));
      }
    }, PAUSE_MS);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [nearest, text, category]);

  const notes = useQuery(api.notes.byIds, found === undefined ? "skip" : { ids: found.map(({ _id }) => _id) });
  const scores = new Map(found?.map(({ _id, _score }) => [_id, _score]));
  if (error !== "") return <p role="alert">{error}</p>;
  return <NoteList notes={notes} text="" isStale={notes === undefined} scores={scores} />;
}
