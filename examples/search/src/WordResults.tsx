import { useQuery } from "convex/react";
import { useRef } from "react";
import { api } from "../convex/_generated/api";
import type { Category } from "./categories";
import { NoteList } from "./NoteList";

/** Notes that contain the words, live: whatever anybody adds or removes is here at once. */
export function WordResults({ text, category }: { text: string; category: Category | undefined }) {
  const notes = useQuery(api.notes.search, { text, category });
  // While the next result is on its way, the one before is better than none.
  const last = useRef(notes);
  if (notes !== undefined) last.current = notes;
  return <NoteList notes={last.current} text={text} isStale={notes === undefined} />;
}
