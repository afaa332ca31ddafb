// The `Convex` global: what the npm package asks of its host.

import { currentRun } from "./run.mjs";

async function storeBlob({ blob, options }) {
  if (!(blob instanceof Blob)) throw new TypeError("storage.store: the argument must be a Blob");
  const sha256 = options?.sha256;
  const fields = {
    contentType: blob.type || null,
    sha256: sha256 === undefined ? null : String(sha256),
    length: blob.size,
  };
  return currentRun().store(fields, blob.stream());
}

async function getBlob({ storageId }) {
  const run = currentRun();
  const file = await run.ask("open", "storageGet", { storageId: String(storageId) });
  if (file === null) return null;
  const pieces = [];
  for (;;) {
    const piece = await run.ask("read", "storageGet", { file: file.file });
    if (piece === null) break;
    pieces.push(Buffer.from(piece, "base64"));
  }
  return new Blob(pieces, { type: file.contentType ?? "" });
}

const operations = { "storage/storeBlob": storeBlob, "storage/getBlob": getBlob };

export const convex = {
  syscall(op) {
    throw new Error(`Unknown operation \`${op}\`: it can not be used in actions`);
  },
  asyncSyscall(op, args) {
    return currentRun().ask("call", op, { op, args });
  },
  jsSyscall(op, args) {
    if (!Object.hasOwn(operations, op)) throw new Error(`Unknown operation \`${op}\``);
    return operations[op](args);
  },
};
