import { usePaginatedQuery } from "convex/react";
import { Fragment, useMemo } from "react";
import { api } from "../convex/_generated/api";
import type { Doc } from "../convex/_generated/dataModel";
import { Avatar } from "./Avatar";
import { isPending } from "./session";

const PAGE_SIZE = 30;
const GROUP_GAP_MS = 5 * 60_000;

const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const timeFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

export function MessageList({ channel, author }: { channel: Doc<"channels">; author: string }) {
  const { results, status, loadMore } = usePaginatedQuery(
    api.messages.list,
    { channel: channel._id },
    { initialNumItems: PAGE_SIZE },
  );
  const messages = useMemo(() => results.toReversed(), [results]);

  // The scroller is a reversed column with one child: it starts at the newest message, stays there as messages arrive,
  // and does not jump when older ones are put in above.
  return (
    <div className="scroller" tabIndex={0} role="region" aria-label={`Messages in ${channel.name}`}>
      <div className="messages" role="log" aria-label="Messages">
        <div className="older">
          {status === "CanLoadMore" && (
            <button type="button" onClick={() => loadMore(PAGE_SIZE)}>
              Load older messages
            </button>
          )}
          {(status === "LoadingMore" || status === "LoadingFirstPage") && <span role="status">Loading&hellip;</span>}
          {status === "Exhausted" && (
            <p>
              {messages.length === 0 ? "No messages yet. Be the first." : `This is the start of ${channel.name}.`}
            </p>
          )}
        </div>
        <ol>
          {messages.map((message, i) => (
            <Fragment key={message._id}>
              {startsDay(message, messages[i - 1]) && (
                <li className="day">
                  <span>{dayFormat.format(message._creationTime)}</span>
                </li>
              )}
              <Message message={message} isMine={message.author === author} startsGroup={startsGroup(message, messages[i - 1])} />
            </Fragment>
          ))}
        </ol>
      </div>
    </div>
  );
}

function Message({ message, isMine, startsGroup }: { message: Doc<"messages">; isMine: boolean; startsGroup: boolean }) {
  const { _id, _creationTime, author, body } = message;
  const classes = ["message", isMine && "mine", startsGroup && "first", isPending(_id) && "pending"];
  return (
    <li className={classes.filter(Boolean).join(" ")}>
      {startsGroup && (
        <>
          <Avatar name={author} />
          <p className="meta">
            <span className="author">{author}</span>
            <time dateTime={new Date(_creationTime).toISOString()}>{timeFormat.format(_creationTime)}</time>
          </p>
        </>
      )}
      <p className="body">{body}</p>
      {isPending(_id) && <span className="visually-hidden">Sending</span>}
    </li>
  );
}

function startsDay(message: Doc<"messages">, previous: Doc<"messages"> | undefined) {
  if (previous === undefined) return true;
  return new Date(message._creationTime).toDateString() !== new Date(previous._creationTime).toDateString();
}

function startsGroup(message: Doc<"messages">, previous: Doc<"messages"> | undefined) {
  if (previous === undefined || previous.author !== message.author) return true;
  return message._creationTime - previous._creationTime > GROUP_GAP_MS || startsDay(message, previous);
}
