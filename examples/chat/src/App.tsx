import { useMutation, useQuery } from "convex/react";
import { useEffect, useState } from "react";
import { api } from "../convex/_generated/api";
import { Avatar } from "./Avatar";
import { ChannelList } from "./ChannelList";
import { ConnectionBanner } from "./ConnectionBanner";
import { Conversation } from "./Conversation";
import { NameDialog } from "./NameDialog";
import { useHash } from "./useHash";

const NAME_KEY = "lakewire-chat-name";

export function App() {
  const [name, setName] = useState(() => localStorage.getItem(NAME_KEY) ?? "");
  const [choosingName, setChoosingName] = useState(name === "");
  const [channelName, setChannelName] = useHash("general");
  const channels = useQuery(api.channels.list);
  const createFirst = useMutation(api.channels.createFirst);

  const isEmpty = channels?.length === 0;
  useEffect(() => {
    if (isEmpty) void createFirst();
  }, [isEmpty, createFirst]);

  const channel = channels?.find(({ name }) => name === channelName) ?? channels?.[0];

  function chooseName(chosen: string) {
    localStorage.setItem(NAME_KEY, chosen);
    setName(chosen);
    setChoosingName(false);
  }

  return (
    <div className="app">
      <aside className="sidebar">
        <h1 className="brand">
          <img src="/icon.svg" alt="" width="28" height="28" />
          Lakewire chat
        </h1>
        <ChannelList channels={channels} current={channel?._id} onOpen={setChannelName} />
        <button type="button" className="me" onClick={() => setChoosingName(true)}>
          <Avatar name={name || "?"} />
          <span className="me-name">{name || "Choose a name"}</span>
          <span className="me-hint">Change</span>
        </button>
      </aside>
      <main className="main">
        <ConnectionBanner />
        {channel === undefined ? (
          <p className="notice" role="status">
            Loading channels&hellip;
          </p>
        ) : (
          <Conversation key={channel._id} channel={channel} author={name} onNeedName={() => setChoosingName(true)} />
        )}
      </main>
      {choosingName && <NameDialog name={name} onChoose={chooseName} onCancel={() => setChoosingName(false)} />}
    </div>
  );
}
