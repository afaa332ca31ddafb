import { useMutation } from "convex/react";
import { type SyntheticEvent, useId, useState } from "react";
import { api } from "../convex/_generated/api";
import type { Doc, Id } from "../convex/_generated/dataModel";
import { errorText } from "./errorText";

type Props = {
  channels: Doc<"channels">[] | undefined;
  current: Id<"channels"> | undefined;
  onOpen: (name: string) => void;
};

export function ChannelList({ channels, current, onOpen }: Props) {
  const [adding, setAdding] = useState(false);
  return (
    <nav className="channels" aria-label="Channels">
      <ul>
        {channels?.map(({ _id, name }) => (
          <li key={_id}>
            <a href={`#${encodeURIComponent(name)}`} aria-current={_id === current ? "page" : undefined}>
              {name}
            </a>
          </li>
        ))}
        <li>
          <button type="button" className="add-channel" aria-expanded={adding} onClick={() => setAdding(!adding)}>
            <span aria-hidden="true">+</span> New channel
          </button>
        </li>
      </ul>
      {adding && (
        <NewChannel
          onDone={(name) => {
            setAdding(false);
            if (name !== undefined) onOpen(name);
          }}
        />
      )}
    </nav>
  );
}

function NewChannel({ onDone }: { onDone: (name?: string) => void }) {
  const create = useMutation(api.channels.create);
  const [name, setName] = useState("");
  const [error, setError] = useState("");
  const inputId = useId();

  async function submit(event: SyntheticEvent) {
    event.preventDefault();
    try {
      await create({ name });
      onDone(name);
    } catch (failure) {
      setError(errorText(failure));
    }
  }

  return (
    <form className="new-channel" onSubmit={submit} onKeyDown={(event) => event.key === "Escape" && onDone()}>
      <label htmlFor={inputId}>Name of the channel</label>
      <div className="row">
        <input
          id={inputId}
          value={name}
          maxLength={24}
          autoFocus
          autoComplete="off"
          autoCapitalize="none"
          placeholder="lake-photos"
          onChange={(event) => setName(event.target.value.toLowerCase().replace(/[^a-z0-9-]+/g, "-"))}
        />
        <button type="submit" className="primary" disabled={name === ""}>
          Add
        </button>
      </div>
      {error !== "" && (
        <p role="alert" className="error">
          {error}
        </p>
      )}
    </form>
  );
}
