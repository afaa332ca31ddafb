// Document ids taken apart and put together, for ids that no server gives out.

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** The bytes of an id: the number of its table as a varint, 16 bytes, a checksum of two. */
export function decodeId(text) {
  const bits = [...text].map((digit) => ALPHABET.indexOf(digit).toString(2).padStart(5, "0")).join("");
  return Array.from({ length: Math.floor(bits.length / 8) }, (_, i) => parseInt(bits.slice(8 * i, 8 * i + 8), 2));
}

/** The id with another table number, of two bytes as a varint. */
export function withTable(text, table) {
  const body = decodeId(text).slice(0, -2);
  body.splice(0, 2, 0x80 | (table & 0x7f), table >> 7);
  let [low, high] = [0, 0];
  for (const byte of body) {
    low = (low + byte) % 256;
    high = (high + low) % 256;
  }
  const bits = [...body, low, high].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const digits = bits.match(/.{1,5}/g).map((five) => ALPHABET[parseInt(five.padEnd(5, "0"), 2)]);
  return digits.join("");
}
