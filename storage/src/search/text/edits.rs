//! How many edits terms are away from a word.

/// Counts edits (a letter more, less, or another, or two neighbours swapped: the "optimal string alignment" distance) between a
/// word and terms. Terms that come in order share the work on what they have in common.
pub(super) struct Edits {
    word: Vec<char>,
    most: u8,
    /// The letters of the last term, as far as it was looked at.
    letters: Vec<char>,
    /// Row `n`: the distances of the first `n` letters from the first 0, 1, .. letters of the word.
    rows: Vec<Vec<u8>>,
}

impl Edits {
    /// More edits than `most` are of no interest. A word has at most 200 letters of interest.
    pub fn new(word: &str, most: u8) -> Self {
        let word: Vec<char> = word.chars().take(200).collect();
        let first = (0..=word.len() as u8).collect();
        Edits { word, most, letters: Vec::new(), rows: vec![first] }
    }

    /// The distance of a term, if it is not more than wanted.
    pub fn distance(&mut self, term: &str) -> Option<u8> {
        let mut depth = 0;
        for letter in term.chars() {
            if depth == self.word.len() + usize::from(self.most) {
                return None;
            }
            if self.letters.get(depth) != Some(&letter) {
                self.letters.truncate(depth);
                self.rows.truncate(depth + 1);
                self.letters.push(letter);
                self.add_row();
            }
            depth += 1;
            if self.rows[depth].iter().min() > Some(&self.most) {
                return None;
            }
        }
        Some(self.rows[depth][self.word.len()]).filter(|distance| *distance <= self.most)
    }

    fn add_row(&mut self) {
        let depth = self.letters.len();
        let above = &self.rows[depth - 1];
        let mut row = Vec::with_capacity(above.len());
        row.push(depth as u8);
        for at in 1..above.len() {
            let substitute = above[at - 1] + u8::from(self.word[at - 1] != self.letters[depth - 1]);
            let mut least = substitute.min(above[at] + 1).min(row[at - 1] + 1);
            if depth > 1
                && at > 1
                && self.word[at - 1] == self.letters[depth - 2]
                && self.word[at - 2] == self.letters[depth - 1]
            {
                least = least.min(self.rows[depth - 2][at - 2] + 1);
            }
            row.push(least);
        }
        self.rows.push(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        let mut edits = Edits::new("kitten", 2);
        let distances = [
            ("kit", None),
            ("kitt", Some(2)),
            ("kitte", Some(1)),
            ("kitten", Some(0)),
            ("kittens", Some(1)),
            ("kittenses", None),
            ("kitetn", Some(1)),
            ("kutten", Some(1)),
            ("itten", Some(1)),
            ("sitting", None),
            ("sittin", Some(2)),
            ("", None),
            ("kit\u{e4}en", Some(1)),
        ];
        for (term, distance) in distances {
            assert_eq!(edits.distance(term), distance, "{term}");
        }
        let sorted = ["kitetn", "kitt", "kitte", "kitten", "kitty", "kxxxxx", "kxxxxy"];
        let in_order: Vec<_> = sorted.iter().map(|term| edits.distance(term)).collect();
        let afresh: Vec<_> = sorted.iter().map(|term| Edits::new("kitten", 2).distance(term)).collect();
        assert_eq!(in_order, afresh);
    }
}
