// Vectors for texts, made here so that the example needs no network and no key.
//
// No model was trained for this. A text becomes the sum of a direction for each word, for the three-letter parts of each
// word, and for each *concept* of a short list that the word belongs to; a direction is a hash. So texts are near one
// another when they share words, spellings, or one of these concepts, and that is all it knows. For meaning, call the
// API of an embedding model in its place: it runs in an action, which may.

export const DIMENSIONS = 384;

const CONCEPTS = [
  "lake pond tarn reservoir water shore beach bay",
  "river stream brook creek rapids waterfall ford",
  "boat canoe kayak raft paddle oar sail ferry",
  "rain drizzle shower storm downpour wet umbrella thunder",
  "snow ice frost frozen freeze blizzard cold winter",
  "sun sunny heat hot warm summer drought",
  "wind gust breeze gale",
  "fog mist haze cloud",
  "bird heron owl swallow duck goose kingfisher feather",
  "fish trout pike perch salmon",
  "mountain hill peak ridge summit climb slope",
  "forest wood tree birch pine oak",
  "knife axe saw blade sharpen cut hatchet",
  "tent camp shelter hut sleep night tarp",
  "map compass route trail path way",
  "fire stove cook coffee kettle flame",
].map((words) => new Set(words.split(" ")));

/** What most texts have in common says nothing about one. */
const COMMON = new Set("the and for are was but not you all any can had her his its has have that this than then with from they".split(" "));

const [WORD, PART, CONCEPT] = [1, 0.35, 2];

/** A vector of length 1; of zeros for a text without words. */
export function embed(text: string): number[] {
  const vector = new Array<number>(DIMENSIONS).fill(0);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
    if (word.length < 3 || COMMON.has(word)) continue;
    add(vector, `word ${word}`, WORD);
    for (let i = 0; i + 3 <= word.length; i++) add(vector, `part ${word.slice(i, i + 3)}`, PART);
    CONCEPTS.forEach((words, n) => {
      if (words.has(word) || words.has(word.replace(/(es|s|ing|ed)$/, ""))) add(vector, `concept ${n}`, CONCEPT);
    });
  }
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((x) => x / length);
}

/** Adds four hashed places with hashed signs, so that two features seldom coincide. */
function add(vector: number[], feature: string, weight: number) {
  let hash = 2166136261;
  for (const char of feature) hash = Math.imul(hash ^ char.codePointAt(0)!, 16777619);
  for (let i = 0; i < 4; i++) {
    hash = Math.imul(hash ^ (hash >>> 15), 2246822507) + i;
    vector[(hash >>> 8) % DIMENSIONS] += hash & 1 ? weight : -weight;
  }
}
