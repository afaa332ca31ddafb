//! Languages whose words are reduced to their stems.

use std::fmt;

use frostem::{Algorithm, Stemmer};

/// A language that the Snowball project has a stemmer of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Language(Algorithm);

impl Language {
    /// The language of an English name in lower case, `german` for instance.
    pub fn from_name(name: &str) -> Option<Language> {
        Language::all().find(|language| language.name() == name)
    }

    /// The English name in lower case.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Every language, in the order of their names.
    pub fn all() -> impl Iterator<Item = Language> {
        Algorithm::all().iter().copied().map(Language)
    }

    pub(super) fn stemmer(self) -> Stemmer {
        Stemmer::new(self.0)
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
