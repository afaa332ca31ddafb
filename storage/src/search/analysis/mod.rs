//! Turning texts, and what people search for in them, into terms.
//!
//! A term is what a text index knows of a word: its lower-case letters, or its stem. Two texts have a term in common if they
//! share a word. Which terms a text has depends on the [`Tokenizer`] alone, and is the same on every machine.
//!
//! The stemmers and the dictionary are pinned to exact versions: what they make of a word is in the indexes that were built.

mod grams;
mod language;
mod options;
mod scripts;
mod split;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use frostem::Stemmer;
use icu_normalizer::ComposingNormalizerBorrowed;
use icu_segmenter::{WordSegmenter, WordSegmenterBorrowed};

pub use language::Language;
pub use options::{TextOptions, TextOptionsError, Tokenizer};

use scripts::Unspaced;
use split::{Piece, Pieces};

/// Of what people search for, so many terms count; the others are ignored.
pub const MAX_QUERY_TERMS: usize = 16;
/// Words of more bytes are left out.
pub const MAX_WORD_BYTES: usize = 32;
/// Raised when any tokenizer makes other terms of some text than before: indexes that are there must be built again.
pub const VERSION: u32 = 1;

/// Makes terms of texts. Cheap to make and to copy.
#[derive(Clone, Copy)]
pub struct Analyzer {
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Pairs,
    Dictionary(WordSegmenterBorrowed<'static>),
    Stems(Stemmer),
}

/// One term of what is searched for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueryTerm {
    /// The term that documents are to have.
    pub term: String,
    /// Terms that begin so match as well, if less: the word may not be typed to its end yet. On the last term only.
    pub prefix: Option<String>,
}

impl Analyzer {
    /// The analyzer of an index with these options.
    pub fn of(options: &TextOptions) -> Analyzer {
        Analyzer::new(options.tokenizer)
    }

    /// The analyzer of a tokenizer.
    pub fn new(tokenizer: Tokenizer) -> Analyzer {
        let kind = match tokenizer {
            Tokenizer::Default => Kind::Pairs,
            // Not the neural model, whose floating point is slower and may depend on the machine.
            Tokenizer::Words => Kind::Dictionary(WordSegmenter::new_dictionary(Default::default())),
            Tokenizer::Language(language) => Kind::Stems(language.stemmer()),
        };
        Analyzer { kind }
    }

    /// The terms of a document's text, in the order of the text, each as often as it occurs.
    ///
    /// A stemmed word has two terms, its stem and itself, if these differ: the former is what searches ask for, the latter is
    /// found while a word is being typed.
    pub fn terms(&self, text: &str, out: &mut dyn FnMut(&str)) {
        let mut buffer = String::new();
        for piece in self.pieces(text) {
            match piece {
                Piece::Word { text, .. } if text.len() > MAX_WORD_BYTES => {}
                Piece::Word { text, lower } => {
                    let word = if lower { text } else { self.lower(text, &mut buffer) };
                    match &self.kind {
                        Kind::Stems(stemmer) => {
                            let stem = stem(stemmer, word);
                            out(&stem);
                            if stem != word {
                                out(word);
                            }
                        }
                        _ => out(word),
                    }
                }
                Piece::Run(run) => {
                    let run = composed(run);
                    match &self.kind {
                        Kind::Dictionary(segmenter) => words(segmenter, &run, &mut |word, is_word| match is_word {
                            true => out(word),
                            false => grams::terms(word, out),
                        }),
                        _ => grams::terms(&run, out),
                    }
                }
            }
        }
    }

    /// The terms that a search for `text` asks for: at most [`MAX_QUERY_TERMS`], none if the text has no letter or digit.
    /// A term may be there more than once.
    pub fn query(&self, text: &str) -> Vec<QueryTerm> {
        let mut terms: Vec<QueryTerm> = Vec::new();
        let mut prefix = None;
        let mut push = |term: &str, beginning: Option<&str>| {
            if terms.len() < MAX_QUERY_TERMS {
                prefix = beginning.map(str::to_owned);
                terms.push(QueryTerm { term: term.to_owned(), prefix: None });
                return true;
            }
            false
        };
        let mut buffer = String::new();
        for piece in self.pieces(text) {
            let more = match piece {
                Piece::Word { text, .. } if text.len() > MAX_WORD_BYTES => true,
                Piece::Word { text, lower } => {
                    let word = if lower { text } else { self.lower(text, &mut buffer) };
                    match &self.kind {
                        Kind::Stems(stemmer) => push(&stem(stemmer, word), Some(word)),
                        _ => push(word, Some(word)),
                    }
                }
                Piece::Run(run) => {
                    let run = composed(run);
                    let mut more = true;
                    let mut gram = |gram: &str, open: bool| more = push(gram, open.then_some(gram));
                    match &self.kind {
                        Kind::Dictionary(segmenter) => words(segmenter, &run, &mut |word, is_word| match is_word {
                            true => gram(word, true),
                            false => grams::query(word, &mut gram),
                        }),
                        _ => grams::query(&run, &mut gram),
                    }
                    more
                }
            };
            if !more {
                break;
            }
        }
        if let Some(last) = terms.last_mut() {
            last.prefix = prefix;
        }
        terms
    }

    fn pieces<'t>(&self, text: &'t str) -> Pieces<'t> {
        Pieces::of(text, !matches!(self.kind, Kind::Pairs))
    }

    /// A word in lower case, letter by letter.
    fn lower<'b>(&self, word: &str, buffer: &'b mut String) -> &'b str {
        buffer.clear();
        if word.is_ascii() {
            buffer.push_str(word);
            buffer.make_ascii_lowercase();
            return buffer;
        }
        // The default takes words as they are, which the documented tokenizer does.
        let word = if matches!(self.kind, Kind::Pairs) { Cow::Borrowed(word) } else { composed(word) };
        word.chars().for_each(|letter| scripts::push_lower(letter, buffer));
        buffer
    }
}

/// The stem of a word in lower case; the word if nothing would be left.
fn stem<'w>(stemmer: &Stemmer, word: &'w str) -> Cow<'w, str> {
    let stem = stemmer.stem(word);
    if stem.is_empty() { Cow::Borrowed(word) } else { stem }
}

/// A text in Unicode's composed normal form (NFC), so that it does not matter how accents and syllables were typed.
fn composed(text: &str) -> Cow<'_, str> {
    match scripts::may_compose(text) {
        true => ComposingNormalizerBorrowed::new_nfc().normalize(text),
        false => Cow::Borrowed(text),
    }
}

/// Cuts a run into words of the dictionary and, with `false`, what it has no words for: Korean.
fn words(segmenter: &WordSegmenterBorrowed<'static>, run: &str, out: &mut dyn FnMut(&str, bool)) {
    let mut start = 0;
    for end in segmenter.segment_str(run).skip(1) {
        let Some(word) = run.get(start..end) else { continue };
        start = end;
        let korean = word.chars().any(|letter| scripts::unspaced(letter) == Some(Unspaced::Hangul));
        out(word, !korean && word.len() <= 3 * MAX_WORD_BYTES);
    }
}
