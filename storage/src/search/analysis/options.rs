//! What an app can say about a text index beyond its fields.

use serde_json::{Value as Json, json};

use super::Language;
use crate::value::{FieldPath, Value};

/// How a text index makes terms of texts and compares them. The default is what an index has that says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextOptions {
    /// What the words of a text are.
    pub tokenizer: Tokenizer,
    /// By how many letters a word may differ from one that is searched for: 0, 1 or 2.
    pub typos: u8,
    /// Fields whose texts are searched together with that of the search field.
    pub more_fields: Vec<FieldPath>,
}

/// What the words of a text are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tokenizer {
    /// Letters and digits between other characters, in lower case; pairs of letters in scripts without spaces.
    #[default]
    Default,
    /// Like the default, but Chinese, Japanese, Thai, Lao, Khmer and Burmese are cut into the words of a dictionary.
    Words,
    /// Like the default, with the words of one language reduced to their stems.
    Language(Language),
}

/// Options that are none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextOptionsError {
    /// Not an object, or a member has the wrong type.
    #[error("`{0}` must be {1}")]
    Malformed(&'static str, &'static str),
    /// A member that does not exist.
    #[error("there is no option `{0}`; there are `tokenizer`, `typos` and `fields`")]
    UnknownOption(String),
    /// A tokenizer that does not exist.
    #[error("there is no tokenizer `{0}`; there are {known}", known = known_tokenizers())]
    UnknownTokenizer(String),
    /// More fields than an index can have.
    #[error("`fields` has {0} fields: the maximum is {maximum}", maximum = crate::limits::MAX_INDEX_FIELDS)]
    TooManyFields(usize),
    /// A path that is none.
    #[error(transparent)]
    Field(#[from] crate::value::FieldPathError),
}

impl TextOptions {
    /// Whether these are the options of an index that says nothing.
    pub fn is_default(&self) -> bool {
        *self == TextOptions::default()
    }

    /// Reads `{"tokenizer": "german", "typos": 1, "fields": ["title"]}`, where each member may be missing.
    ///
    /// # Errors
    /// A name that is not known, or a value of the wrong type.
    pub fn from_json(json: &Json) -> Result<TextOptions, TextOptionsError> {
        use TextOptionsError::Malformed;
        let members = json.as_object().ok_or(Malformed("lakewire", "an object"))?;
        let mut options = TextOptions::default();
        for (name, value) in members {
            match name.as_str() {
                "tokenizer" => {
                    let tokenizer = value.as_str().ok_or(Malformed("tokenizer", "a string"))?;
                    options.tokenizer = Tokenizer::from_name(tokenizer)
                        .ok_or_else(|| TextOptionsError::UnknownTokenizer(tokenizer.to_owned()))?;
                }
                "typos" => {
                    // JavaScript does not tell `1` from `1.0`.
                    let typos = [0, 1, 2].into_iter().find(|typos| value.as_f64() == Some(f64::from(*typos)));
                    options.typos = typos.ok_or(Malformed("typos", "0, 1 or 2"))?;
                }
                "fields" => {
                    let expected = Malformed("fields", "an array of field names");
                    let fields = value.as_array().ok_or_else(|| expected.clone())?;
                    for field in fields {
                        options.more_fields.push(field.as_str().ok_or_else(|| expected.clone())?.parse()?);
                    }
                    if fields.len() > crate::limits::MAX_INDEX_FIELDS {
                        return Err(TextOptionsError::TooManyFields(fields.len()));
                    }
                }
                _ => return Err(TextOptionsError::UnknownOption(name.clone())),
            }
        }
        Ok(options)
    }

    /// The texts of a document that are indexed together: of the search field first, then of the further fields, as far as they
    /// are strings. A document without any is not in the index.
    pub fn texts<'v>(&'v self, search_field: &'v FieldPath, document: &'v Value) -> impl Iterator<Item = &'v str> {
        let fields = std::iter::once(search_field).chain(&self.more_fields);
        fields.filter_map(|field| field.get(document)?.as_str())
    }

    /// The JSON that [`TextOptions::from_json`] reads.
    pub fn to_json(&self) -> Json {
        json!({ "tokenizer": self.tokenizer.name(), "typos": self.typos, "fields": self.more_fields })
    }
}

impl Tokenizer {
    /// The tokenizer of a name: `default`, `words`, or a language in lower case.
    pub fn from_name(name: &str) -> Option<Tokenizer> {
        match name {
            "default" => Some(Tokenizer::Default),
            "words" => Some(Tokenizer::Words),
            _ => Language::from_name(name).map(Tokenizer::Language),
        }
    }

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Tokenizer::Default => "default",
            Tokenizer::Words => "words",
            Tokenizer::Language(language) => language.name(),
        }
    }
}

fn known_tokenizers() -> String {
    let languages: Vec<_> = Language::all().map(Language::name).collect();
    format!("`default`, `words`, and the languages {}", languages.join(", "))
}
