import { insertAtTop, useMutation } from "convex/react";
import { type KeyboardEvent, type SyntheticEvent, useState } from "react";
import { api } from "../convex/_generated/api";
import type { Doc, Id } from "../convex/_generated/dataModel";
import { errorText } from "./errorText";
import { pendingId, SESSION } from "./session";
import { useAnnounceTyping } from "./useAnnounceTyping";

type Props = { channel: Doc<"channels">; author: string; onNeedName: () => void };

export function Composer({ channel, author, onNeedName }: Props) {
  const [draft, setDraft] = useState("");
  const [error, setError] = useState("");
  const announceTyping = useAnnounceTyping(channel._id, author);

  const send = useMutation(api.messages.send).withOptimisticUpdate((localStore, { channel, author, body }) => {
    insertAtTop({
      paginatedQuery: api.messages.list,
      argsToMatch: { channel },
      localQueryStore: localStore,
      item: { _id: pendingId() as Id<"messages">, _creationTime: Date.now(), channel, author, body },
    });
  });

  function change(text: string) {
    setDraft(text);
    setError("");
    announceTyping(text.trim() !== "");
  }

  async function submit(event?: SyntheticEvent) {
    event?.preventDefault();
    const body = draft.trim();
    if (body === "") return;
    if (author === "") return onNeedName();
    setDraft("");
    setError("");
    announceTyping.sent();
    try {
      await send({ channel: channel._id, author, body, session: SESSION });
    } catch (failure) {
      setError(errorText(failure));
      setDraft((current) => current || body);
    }
  }

  function keyDown(event: KeyboardEvent) {
    const sends = event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing;
    if (!sends) return;
    event.preventDefault();
    void submit();
  }

  return (
    <form className="composer" onSubmit={submit}>
      <label htmlFor="draft" className="visually-hidden">
        Message to {channel.name}
      </label>
      <textarea
        id="draft"
        rows={1}
        maxLength={2000}
        value={draft}
        enterKeyHint="send"
        placeholder={`Message #${channel.name}`}
        onChange={(event) => change(event.target.value)}
        onKeyDown={keyDown}
        onBlur={() => announceTyping(false)}
      />
      <button type="submit" className="send" aria-label="Send" disabled={draft.trim() === ""}>
        <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
          <path d="M4 12 20 4l-5 16-3.5-6.5z" fill="currentColor" />
        </svg>
      </button>
      {error !== "" && (
        <p role="alert" className="error">
          {error}
        </p>
      )}
    </form>
  );
}
