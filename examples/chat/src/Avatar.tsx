/** A round mark with a person's initials, in a colour that follows from the name. */
export function Avatar({ name }: { name: string }) {
  return (
    <span className="avatar" style={{ "--hue": hueOf(name) } as React.CSSProperties} aria-hidden="true">
      {initialsOf(name)}
    </span>
  );
}

function initialsOf(name: string) {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0]];
  return letters.map((word) => [...word][0]?.toUpperCase() ?? "").join("");
}

function hueOf(name: string) {
  let hash = 7;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)!) % 997;
  return (hash * 137) % 360;
}
