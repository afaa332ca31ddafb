import { useMutation } from "convex/react";
import { type SyntheticEvent, useState } from "react";
import { api } from "../convex/_generated/api";
import { CATEGORIES, type Category } from "./categories";
import { errorText } from "./errorText";

export function NewNote({ onDone }: { onDone: () => void }) {
  const add = useMutation(api.notes.add);
  const [title, setTitle] = useState("");
  const [body, setBody] = useState("");
  const [category, setCategory] = useState<Category>("places");
  const [error, setError] = useState("");

  async function submit(event: SyntheticEvent) {
    event.preventDefault();
    try {
      await add({ title, body, category });
      onDone();
    } catch (failure) {
      setError(errorText(failure));
    }
  }

  return (
    <form className="new-note" onSubmit={submit}>
      <label>
        Title
        <input value={title} maxLength={120} autoFocus onChange={(event) => setTitle(event.target.value)} />
      </label>
      <label>
        Note
        <textarea value={body} rows={3} maxLength={4000} onChange={(event) => setBody(event.target.value)} />
      </label>
      <label>
        Kind of note
        <select value={category} onChange={(event) => setCategory(event.target.value as Category)}>
          {CATEGORIES.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <button type="submit" className="primary" disabled={title.trim() === ""}>
        Save
      </button>
      {error !== "" && <p role="alert">{error}</p>}
    </form>
  );
}
