import { useConvexConnectionState } from "convex/react";

/** Tells that the connection was lost; shows nothing while all is well. */
export function ConnectionBanner() {
  const { isWebSocketConnected, hasEverConnected, inflightMutations } = useConvexConnectionState();
  const lost = hasEverConnected && !isWebSocketConnected;
  return (
    <div className="banner" role="status" data-visible={lost}>
      {lost && (
        <>
          Reconnecting&hellip;
          {inflightMutations > 0 && ` ${inflightMutations} message${inflightMutations === 1 ? "" : "s"} waiting to be sent.`}
        </>
      )}
    </div>
  );
}
