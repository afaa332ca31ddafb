import { Fragment } from "react";

/** Marks the words of a text that the search was for: whole words, and what begins like the last one. */
export function Highlighted({ text, query }: { text: string; query: string }) {
  const wanted: string[] = query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const last = wanted.at(-1);
  const isMatch = (part: string) => {
    const word = part.toLowerCase();
    return wanted.includes(word) || (last !== undefined && word.startsWith(last));
  };
  return text
    .split(/([\p{L}\p{N}]+)/u)
    .map((part, i) => (i % 2 === 1 && isMatch(part) ? <mark key={i}>{part}</mark> : <Fragment key={i}>{part}</Fragment>));
}
