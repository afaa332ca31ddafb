import type { Doc } from "../convex/_generated/dataModel";
import { Composer } from "./Composer";
import { MessageList } from "./MessageList";
import { TypingLine } from "./TypingLine";

type Props = { channel: Doc<"channels">; author: string; onNeedName: () => void };

export function Conversation({ channel, author, onNeedName }: Props) {
  return (
    <>
      <header className="channel-header">
        <h2>{channel.name}</h2>
        <p>{channel.topic}</p>
      </header>
      <MessageList channel={channel} author={author} />
      <footer className="foot">
        <TypingLine channel={channel._id} />
        <Composer channel={channel} author={author} onNeedName={onNeedName} />
      </footer>
    </>
  );
}
