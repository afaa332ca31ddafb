//! Cutting a text into words and into runs of letters that have no spaces between words.

use super::scripts::{is_alphanumeric, joins, unspaced};

/// A part of a text. What is between parts means nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Piece<'t> {
    /// Letters and digits, at least one. `lower` if all are ASCII and none is a capital.
    Word { text: &'t str, lower: bool },
    /// Letters of unspaced scripts, at least one.
    Run(&'t str),
}

/// The pieces of a text in their order.
pub(super) struct Pieces<'t> {
    text: &'t str,
    at: usize,
    /// Whether accents and the like are part of words; otherwise they end one.
    marks: bool,
}

impl<'t> Pieces<'t> {
    pub fn of(text: &'t str, marks: bool) -> Self {
        Pieces { text, at: 0, marks }
    }

    /// The character at a byte that begins one and is not ASCII.
    fn wide(&self, at: usize) -> Option<char> {
        self.text.get(at..)?.chars().next()
    }

    /// The end of the word that has a letter at `start..end`, and whether it is all lower-case ASCII.
    fn word(&self, end: usize, mut lower: bool) -> (usize, bool) {
        let bytes = self.text.as_bytes();
        let mut at = end;
        // Marks at the end are not part of it.
        let mut end = end;
        while let Some(&byte) = bytes.get(at) {
            match CLASSES[usize::from(byte)] {
                LOWER => at += 1,
                UPPER => {
                    lower = false;
                    at += 1;
                }
                WIDE => {
                    let Some(next) = self.wide(at) else { break };
                    if is_alphanumeric(next) && unspaced(next).is_none() {
                        lower = false;
                        at += next.len_utf8();
                    } else if self.marks && joins(next) {
                        lower = false;
                        at += next.len_utf8();
                        // An accent ends a word, a joiner does not.
                        if matches!(next, '\u{200c}' | '\u{200d}') {
                            continue;
                        }
                    } else {
                        break;
                    }
                }
                _ => break,
            }
            end = at;
        }
        (end, lower)
    }

    /// The end of the run that has a letter before `end`.
    fn run(&self, mut end: usize) -> usize {
        let rest = self.text.get(end..).unwrap_or_default();
        for letter in rest.chars() {
            if unspaced(letter).is_none() {
                break;
            }
            end += letter.len_utf8();
        }
        end
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        let bytes = self.text.as_bytes();
        loop {
            let start = self.at;
            let class = CLASSES[usize::from(*bytes.get(start)?)];
            let (end, lower) = match class {
                LOWER | UPPER => self.word(start + 1, class == LOWER),
                WIDE => {
                    let first = self.wide(start)?;
                    let after = start + first.len_utf8();
                    if !is_alphanumeric(first) {
                        self.at = after;
                        continue;
                    }
                    if unspaced(first).is_some() {
                        self.at = self.run(after);
                        return self.text.get(start..self.at).map(Piece::Run);
                    }
                    self.word(after, false)
                }
                _ => {
                    self.at = start + 1;
                    continue;
                }
            };
            self.at = end;
            return self.text.get(start..end).map(|text| Piece::Word { text, lower });
        }
    }
}

const SEPARATOR: u8 = 0;
/// Lower-case letters and digits.
const LOWER: u8 = 1;
const UPPER: u8 = 2;
const WIDE: u8 = 3;

/// What each first byte of a character is.
const CLASSES: [u8; 256] = {
    let mut classes = [SEPARATOR; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'0'..=b'9' => LOWER,
            b'A'..=b'Z' => UPPER,
            128.. => WIDE,
            _ => SEPARATOR,
        };
        byte += 1;
    }
    classes
};
