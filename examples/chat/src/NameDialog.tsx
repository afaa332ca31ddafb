import { type SyntheticEvent, useEffect, useRef, useState } from "react";
import { Avatar } from "./Avatar";

type Props = { name: string; onChoose: (name: string) => void; onCancel: () => void };

export function NameDialog({ name, onChoose, onCancel }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [draft, setDraft] = useState(name);

  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
  }, []);

  function submit(event: SyntheticEvent) {
    event.preventDefault();
    if (draft.trim() !== "") onChoose(draft.trim());
  }

  return (
    <dialog ref={dialog} className="name-dialog" aria-labelledby="name-title" onClose={onCancel}>
      <form onSubmit={submit}>
        <Avatar name={draft || "?"} />
        <h2 id="name-title">What should we call you?</h2>
        <p>Others see this name beside your messages.</p>
        <label htmlFor="name">Your name</label>
        <input
          id="name"
          value={draft}
          maxLength={40}
          autoFocus
          autoComplete="nickname"
          placeholder="Ada Lovelace"
          onChange={(event) => setDraft(event.target.value)}
        />
        <div className="row end">
          {name !== "" && (
            <button type="button" onClick={onCancel}>
              Cancel
            </button>
          )}
          <button type="submit" className="primary" disabled={draft.trim() === ""}>
            {name === "" ? "Join the chat" : "Save"}
          </button>
        </div>
      </form>
    </dialog>
  );
}
