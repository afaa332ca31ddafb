// A folder as one stream of bytes, compressed: for each entry a line of JSON, then the bytes of the file. Made by the function
// for itself: its runtime brings no `tar`.

import { createReadStream, createWriteStream } from "node:fs";
import { lstat, mkdir, readdir, readlink, symlink } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { once } from "node:events";
import { createGunzip, createGzip } from "node:zlib";

async function* entries(root, below = "") {
  for (const name of (await readdir(path.join(root, below))).sort()) {
    const at = path.join(below, name);
    const found = await lstat(path.join(root, at));
    if (found.isDirectory()) yield* entries(root, at);
    else if (found.isSymbolicLink()) yield { path: at, link: await readlink(path.join(root, at)) };
    else if (found.isFile()) yield { path: at, mode: found.mode & 0o777, size: found.size };
  }
}

async function* bytes(root) {
  for await (const entry of entries(root)) {
    yield Buffer.from(JSON.stringify(entry) + "\n");
    if (entry.size > 0) yield* createReadStream(path.join(root, entry.path), { end: entry.size - 1 });
  }
}

/** A stream with all that is in a folder. */
export function pack(root) {
  return Readable.from(bytes(root), { objectMode: false }).pipe(createGzip({ level: 6 }));
}

/** Makes what was packed in an empty folder. */
export async function unpack(stream, root) {
  const gunzip = createGunzip();
  stream.on("error", (error) => gunzip.destroy(error));
  let rest = Buffer.alloc(0);
  const pieces = stream.pipe(gunzip)[Symbol.asyncIterator]();
  const more = async () => {
    const { done, value } = await pieces.next();
    if (!done) rest = rest.length === 0 ? value : Buffer.concat([rest, value]);
    return !done;
  };
  for (;;) {
    let end;
    while ((end = rest.indexOf(10)) < 0) {
      if (await more()) continue;
      if (rest.length > 0) throw new Error("the archive is cut off");
      return;
    }
    const entry = JSON.parse(rest.subarray(0, end).toString());
    rest = rest.subarray(end + 1);
    const place = path.join(root, entry.path);
    if (path.relative(root, place).startsWith("..")) throw new Error(`the archive leads to \`${entry.path}\``);
    await mkdir(path.dirname(place), { recursive: true });
    if (entry.link !== undefined) {
      await symlink(entry.link, place);
      continue;
    }
    const file = createWriteStream(place, { mode: entry.mode });
    for (let left = entry.size; left > 0; ) {
      if (rest.length === 0 && !(await more())) throw new Error("the archive is cut off");
      const piece = rest.subarray(0, left);
      rest = rest.subarray(piece.length);
      left -= piece.length;
      if (!file.write(piece)) await once(file, "drain");
    }
    file.end();
    await once(file, "close");
  }
}
