/** Names this page among all that are open, so that a page can leave out its own "is typing" row. */
export const SESSION = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;

/** Ids of messages that were sent and not yet confirmed start with this. */
const PENDING_PREFIX = "pending-";

export function pendingId(): string {
  return `${PENDING_PREFIX}${Date.now()}-${Math.random().toString(36).slice(2)}`;
}

export function isPending(id: string): boolean {
  return id.startsWith(PENDING_PREFIX);
}
