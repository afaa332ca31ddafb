import { useMutation } from "convex/react";
import type { FunctionReturnType } from "convex/server";
import { api } from "../convex/_generated/api";
import type { Id } from "../convex/_generated/dataModel";
import { Highlighted } from "./Highlighted";

type Note = FunctionReturnType<typeof api.notes.search>[number];
type Props = { notes: Note[] | undefined; text: string; isStale: boolean; scores?: Map<Id<"notes">, number> };

export function NoteList({ notes, text, isStale, scores }: Props) {
  const remove = useMutation(api.notes.remove);
  if (notes === undefined) return <p className="notice">Searching&hellip;</p>;
  return (
    <>
      <p className="notice" role="status">
        {notes.length === 0 ? "Nothing found." : `${notes.length} ${notes.length === 1 ? "note" : "notes"}`}
      </p>
      <ol className="notes" aria-label="Notes" aria-busy={isStale}>
        {notes.map(({ _id, title, body, category }) => (
          <li key={_id}>
            <h2>
              <Highlighted text={title} query={text} />
            </h2>
            <p>
              <Highlighted text={body} query={text} />
            </p>
            <p className="meta">
              <span className="category">{category}</span>
              {scores?.has(_id) && <span title="Cosine of the angle to what you typed">{scores.get(_id)!.toFixed(2)}</span>}
              <button type="button" aria-label={`Remove ${title}`} onClick={() => void remove({ id: _id })}>
                Remove
              </button>
            </p>
          </li>
        ))}
      </ol>
    </>
  );
}
