import { ConvexError } from "convex/values";

/** What to tell a person about a failed call: the server's own words where it chose them. */
export function errorText(failure: unknown): string {
  if (failure instanceof ConvexError && typeof failure.data === "string") return failure.data;
  return "That did not work. Please try again.";
}
