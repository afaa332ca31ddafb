use proptest::prelude::*;
use serde_json::json;

use super::{Analyzer, Language, MAX_QUERY_TERMS, MAX_WORD_BYTES, QueryTerm, TextOptions, TextOptionsError, Tokenizer};
use crate::value::Value;

fn tokenizer(name: &str) -> Tokenizer {
    Tokenizer::from_name(name).expect(name)
}

fn terms(tokenizer_name: &str, text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    Analyzer::new(tokenizer(tokenizer_name)).terms(text, &mut |term| terms.push(term.to_owned()));
    terms
}

/// The terms of a query, and the prefix of the last.
fn query(tokenizer_name: &str, text: &str) -> (Vec<String>, Option<String>) {
    let terms = Analyzer::new(tokenizer(tokenizer_name)).query(text);
    let prefix = terms.last().and_then(|last| last.prefix.clone());
    (terms.into_iter().map(|term| term.term).collect(), prefix)
}

/// Whether a document has a term that a search for `text` asks for.
fn finds(tokenizer_name: &str, text: &str, document: &str) -> bool {
    let terms = terms(tokenizer_name, document);
    Analyzer::new(tokenizer(tokenizer_name)).query(text).iter().any(|QueryTerm { term, prefix }| {
        terms.iter().any(|of| of == term || prefix.as_ref().is_some_and(|prefix| of.starts_with(prefix)))
    })
}

/// What the default is documented to do for texts of scripts with spaces.
fn documented(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty() && word.len() <= 32);
    words.map(|word| word.chars().flat_map(char::to_lowercase).collect()).collect()
}

#[test]
fn the_default_is_words_in_lower_case() {
    for (text, expected) in [
        ("", vec![]),
        (" .,;- ", vec![]),
        ("Hello, World! x2", vec!["hello", "world", "x2"]),
        ("it's a_b e-mail 3.14", vec!["it", "s", "a", "b", "e", "mail", "3", "14"]),
        ("Stra\u{df}e \u{c4}RGER \u{130}stanbul", vec!["stra\u{df}e", "\u{e4}rger", "i\u{307}stanbul"]),
        ("\u{395}\u{39b}\u{39b}\u{391}\u{3a3}", vec!["\u{3b5}\u{3bb}\u{3bb}\u{3b1}\u{3c3}"]),
        ("running runs", vec!["running", "runs"]),
        ("\u{201c}quoted\u{201d}\u{2014}and", vec!["quoted", "and"]),
    ] {
        assert_eq!(terms("default", text), expected, "{text}");
    }
    let word = "x".repeat(MAX_WORD_BYTES);
    assert_eq!(terms("default", &format!("{word} {word}x y")), [word.as_str(), "y"]);
    // Bytes, not letters.
    assert_eq!(terms("default", &"\u{e4}".repeat(16)).len(), 1);
    assert_eq!(terms("default", &"\u{e4}".repeat(17)).len(), 0);
}

#[test]
fn scripts_without_spaces_are_pairs_of_letters() {
    // "Japanese" in Japanese: every letter can be a word.
    assert_eq!(
        terms("default", "\u{65e5}\u{672c}\u{8a9e}"),
        ["\u{65e5}\u{672c}", "\u{65e5}", "\u{672c}\u{8a9e}", "\u{672c}", "\u{8a9e}"]
    );
    assert_eq!(terms("default", "\u{732b}"), ["\u{732b}"]);
    // Kana: pairs and the last one.
    assert_eq!(terms("default", "\u{30cd}\u{30b3}\u{30fc}"), ["\u{30cd}\u{30b3}", "\u{30b3}\u{30fc}", "\u{30fc}"]);
    // Latin letters and digits are words of their own, and so is what follows them.
    assert_eq!(
        terms("default", "iPhone15\u{624b}\u{673a}64GB"),
        ["iphone15", "\u{624b}\u{673a}", "\u{624b}", "\u{673a}", "64gb"]
    );
    // Thai: marks stay on their letters, also tones, which are no letters.
    assert_eq!(terms("default", "\u{0e19}\u{0e49}\u{0e33}"), ["\u{0e19}\u{0e49}\u{0e33}", "\u{0e33}"]);
    // A syllable of Hangul in parts is one in whole.
    assert_eq!(terms("default", "\u{1112}\u{1161}\u{11ab}"), ["\u{d55c}"]);
}

#[test]
fn typing_finds_pairs_letter_by_letter() {
    let text = "\u{79c1}\u{306f}\u{65e5}\u{672c}\u{8a9e}\u{3092}\u{8a71}\u{3059}";
    for typed in ["\u{65e5}", "\u{672c}", "\u{8a9e}", "\u{306f}", "\u{3059}", "\u{65e5}\u{672c}", "\u{672c}\u{8a9e}"] {
        assert!(finds("default", typed, text), "{typed}");
    }
    assert!(!finds("default", "\u{732b}", text));
    assert!(!finds("default", "\u{672c}\u{65e5}", text));
    assert_eq!(query("default", "\u{65e5}\u{672c}"), (vec!["\u{65e5}\u{672c}".to_owned()], None));
    assert_eq!(query("default", "\u{65e5}"), (vec!["\u{65e5}".to_owned()], None));
    // A letter of Thai whose vowel is not typed yet.
    let (text, typed) = ("\u{0e40}\u{0e1b}\u{0e47}\u{0e19}", "\u{0e40}\u{0e1b}");
    assert!(finds("default", typed, text));
    assert!(finds("default", "\u{0e1b}", text));
    assert!(finds("default", "\u{0e19}", text));
}

#[test]
fn words_are_those_of_a_dictionary() {
    // "I eat rice" in Thai; "hello world" in Japanese.
    assert_eq!(
        terms("words", "\u{0e09}\u{0e31}\u{0e19}\u{0e01}\u{0e34}\u{0e19}\u{0e02}\u{0e49}\u{0e32}\u{0e27}"),
        ["\u{0e09}\u{0e31}\u{0e19}", "\u{0e01}\u{0e34}\u{0e19}", "\u{0e02}\u{0e49}\u{0e32}\u{0e27}"]
    );
    assert_eq!(
        terms("words", "\u{3053}\u{3093}\u{306b}\u{3061}\u{306f}\u{4e16}\u{754c} Hello"),
        ["\u{3053}\u{3093}\u{306b}\u{3061}\u{306f}", "\u{4e16}\u{754c}", "hello"]
    );
    // "We love Beijing" in Chinese.
    assert_eq!(
        terms("words", "\u{6211}\u{4eec}\u{7231}\u{5317}\u{4eac}"),
        ["\u{6211}\u{4eec}", "\u{7231}", "\u{5317}\u{4eac}"]
    );
    assert_eq!(query("words", "\u{4e16}").1.as_deref(), Some("\u{4e16}"));
    // There is no dictionary of Korean: "to school".
    assert!(finds("words", "\u{d559}\u{ad50}", "\u{d559}\u{ad50}\u{c5d0} \u{ac04}\u{b2e4}"));
}

#[test]
fn languages_have_stems() {
    // The word itself is there as well, so that typing on finds it.
    assert_eq!(terms("english", "Running runs"), ["run", "running", "run", "runs"]);
    assert_eq!(terms("english", "cat"), ["cat"]);
    assert_eq!(
        query("english", "Running Shoes"),
        (vec!["run".to_owned(), "shoe".to_owned()], Some("shoes".to_owned()))
    );
    for typed in ["c", "conn", "connect", "connecti", "connection", "connections", "connected", "CONNECTING"] {
        assert!(finds("english", typed, "Their connections."), "{typed}");
    }
    assert!(!finds("english", "connectivex", "Their connections."));
    assert!(finds("german", "H\u{e4}user", "Hauses"));
    assert!(finds("french", "l'avion", "des avions"));
    assert!(finds(
        "russian",
        "\u{441}\u{43e}\u{431}\u{430}\u{43a}\u{430}",
        "\u{421}\u{43e}\u{431}\u{430}\u{43a}\u{443}"
    ));
    // An accent as a character of its own.
    assert!(finds("french", "cafe\u{301}", "Caf\u{e9}s"));
    assert_eq!(terms("french", "cafe\u{301}"), terms("french", "caf\u{e9}"));
    // What joins consonants of Hindi is part of a word; for the documented default it is not.
    assert_eq!(terms("hindi", "\u{0939}\u{093f}\u{0928}\u{094d}\u{0926}\u{0940}").len(), 2);
    // Letters without spaces are pairs in every language.
    assert_eq!(terms("english", "\u{65e5}\u{672c}"), terms("default", "\u{65e5}\u{672c}"));
}

#[test]
fn queries_have_sixteen_terms() {
    assert_eq!(query("default", ""), (vec![], None));
    assert_eq!(query("default", " ... "), (vec![], None));
    assert_eq!(query("default", "Hello wor"), (vec!["hello".to_owned(), "wor".to_owned()], Some("wor".to_owned())));
    let words: Vec<String> = (0..20).map(|i| format!("w{i}")).collect();
    assert_eq!(query("default", &words.join(" ")), (words[..16].to_vec(), Some("w15".to_owned())));
    let (pairs, _) = query("default", &"\u{65e5}\u{672c}".repeat(20));
    assert_eq!(pairs.len(), MAX_QUERY_TERMS);
    assert_eq!(query("default", &format!("hello {}", "x".repeat(40))).1.as_deref(), Some("hello"));
    let terms = Analyzer::new(Tokenizer::Default).query("a b c");
    assert_eq!(terms.iter().filter(|term| term.prefix.is_some()).count(), 1);
}

#[test]
fn no_stem_changes_with_a_version_of_the_stemmers() {
    // Terms are in the indexes that were built: when this fails, `VERSION` must be raised.
    let words = [
        ("arabic", "\u{627}\u{644}\u{643}\u{62a}\u{627}\u{628}", "\u{643}\u{62a}\u{627}\u{628}"),
        ("danish", "husene", "hus"),
        ("dutch", "lopende", "loop"),
        ("english", "generalizations", "general"),
        ("finnish", "taloissa", "talo"),
        ("french", "continuellement", "continuel"),
        ("german", "aufeinanderfolgenden", "aufeinanderfolg"),
        ("greek", "\u{3c3}\u{3ba}\u{3cd}\u{3bb}\u{3bf}\u{3c5}\u{3c2}", "\u{3c3}\u{3ba}\u{3c5}\u{3bb}"),
        ("hungarian", "h\u{e1}zakban", "h\u{e1}z"),
        ("italian", "abbandonata", "abbandon"),
        ("norwegian", "havnedistriktene", "havnedistrikt"),
        ("portuguese", "qualidades", "qualidad"),
        ("romanian", "abandonarea", "abandon"),
        ("russian", "\u{432}\u{430}\u{436}\u{43d}\u{435}\u{439}\u{448}\u{438}\u{439}", "\u{432}\u{430}\u{436}\u{43d}"),
        ("spanish", "chicharrones", "chicharron"),
        ("swedish", "jaktkarlarne", "jaktkarl"),
        ("turkish", "kitaplar\u{131}m\u{131}z", "kitap"),
    ];
    for (language, word, stem) in words {
        let expected: Vec<_> = if word == stem { vec![word] } else { vec![stem, word] };
        assert_eq!(terms(language, word), expected, "{language}");
    }
}

#[test]
fn every_common_letter_is_as_in_unicode() {
    for letter in ('\u{80}'..='\u{33ff}').chain('\u{ac00}'..='\u{ffff}') {
        assert_eq!(super::scripts::is_alphanumeric(letter), letter.is_alphanumeric(), "{letter:?}");
        let mut lower = String::new();
        super::scripts::push_lower(letter, &mut lower);
        assert!(lower.chars().eq(letter.to_lowercase()), "{letter:?}");
    }
}

#[test]
fn options_have_a_json_form() {
    let json = json!({ "tokenizer": "german", "typos": 1, "fields": ["title", "a.b"] });
    let options = TextOptions::from_json(&json).expect("options");
    assert_eq!((options.tokenizer.name(), options.typos, options.more_fields.len()), ("german", 1, 2));
    assert_eq!(options.to_json(), json);
    assert_eq!(TextOptions::from_json(&json!({})), Ok(TextOptions::default()));
    assert_eq!(TextOptions::from_json(&json!({ "typos": 2.0 })).map(|options| options.typos), Ok(2));
    for (json, text) in [
        (json!(null), "`lakewire` must be an object"),
        (json!({ "tokenizer": "klingon" }), "there is no tokenizer `klingon`; there are `default`, `words`"),
        (json!({ "tokenizer": "English" }), "there is no tokenizer `English`"),
        (json!({ "tokenizer": 1 }), "`tokenizer` must be a string"),
        (json!({ "typos": 3 }), "`typos` must be 0, 1 or 2"),
        (json!({ "typos": "1" }), "`typos` must be 0, 1 or 2"),
        (json!({ "typos": 0.5 }), "`typos` must be 0, 1 or 2"),
        (json!({ "fields": "title" }), "`fields` must be an array"),
        (json!({ "fields": [1] }), "`fields` must be an array"),
        (json!({ "fields": [""] }), "invalid field path ``"),
        (json!({ "fields": vec!["a"; 17] }), "`fields` has 17 fields"),
        (json!({ "tokeniser": "default" }), "there is no option `tokeniser`"),
    ] {
        let error: TextOptionsError = TextOptions::from_json(&json).expect_err(text);
        assert!(error.to_string().starts_with(text), "{error}");
    }
}

#[test]
fn several_fields_are_indexed_together() {
    let options = TextOptions::from_json(&json!({ "fields": ["title", "meta.note"] })).expect("options");
    let texts = |document: serde_json::Value| -> Vec<String> {
        let document = Value::from_json_value(&document).expect("a value");
        options.texts(&"body".parse().expect("a path"), &document).map(str::to_owned).collect()
    };
    assert_eq!(texts(json!({ "title": "a", "body": "b", "meta": { "note": "c" }, "other": "d" })), ["b", "a", "c"]);
    assert_eq!(texts(json!({ "title": "a", "body": 1, "meta": null })), ["a"]);
    assert!(texts(json!({ "body": ["b"] })).is_empty());
}

#[test]
fn every_language_has_a_name() {
    let languages: Vec<_> = Language::all().collect();
    assert_eq!(languages.len(), 35);
    for language in languages {
        assert_eq!(Language::from_name(language.name()), Some(language));
        assert_eq!(Tokenizer::from_name(language.name()), Some(Tokenizer::Language(language)));
    }
    assert_eq!(Language::from_name("porter"), None);
}

/// Texts of many scripts, with what separates and joins letters.
fn any_text() -> impl Strategy<Value = String> {
    let parts = prop_oneof![
        "[a-zA-Z0-9' ._-]{0,12}",
        "\\PC{0,6}",
        "[\u{e0}-\u{24f}\u{391}-\u{44f}\u{300}-\u{36f}]{0,8}",
        "[\u{e01}-\u{e4e}\u{e81}-\u{ecf}\u{1000}-\u{109d}\u{1780}-\u{17dd}]{0,8}",
        "[\u{3041}-\u{30ff}\u{4e00}-\u{4e80}\u{ac00}-\u{ac80}\u{1100}-\u{11ff}\u{ff61}-\u{ff9f}]{0,8}",
        "[\u{900}-\u{97f}\u{b80}-\u{bff}\u{600}-\u{6ff}\u{200b}-\u{200d}]{0,8}",
    ];
    prop::collection::vec(parts, 0..6).prop_map(|parts| parts.concat())
}

fn any_tokenizer() -> impl Strategy<Value = Tokenizer> {
    let languages: Vec<_> = Language::all().map(Tokenizer::Language).collect();
    prop_oneof![Just(Tokenizer::Default), Just(Tokenizer::Words), prop::sample::select(languages)]
}

proptest! {
    #[test]
    fn the_default_is_as_documented_where_words_have_spaces(text in "(\\PC|[a-zA-Z \u{e0}-\u{24f}\u{300}-\u{36f}])*") {
        let spaced: String = text.chars().filter(|c| super::scripts::unspaced(*c).is_none()).collect();
        prop_assert_eq!(terms("default", &spaced), documented(&spaced));
    }

    #[test]
    fn letters_are_those_of_unicode(letter in any::<char>()) {
        prop_assert_eq!(super::scripts::is_alphanumeric(letter), letter.is_alphanumeric());
    }

    #[test]
    fn every_text_has_sound_terms(text in any_text(), tokenizer in any_tokenizer()) {
        let analyzer = Analyzer::new(tokenizer);
        let mut terms = Vec::new();
        analyzer.terms(&text, &mut |term| terms.push(term.to_owned()));
        prop_assert!(terms.iter().all(|term| !term.is_empty()));
        let mut again = Vec::new();
        analyzer.terms(&text, &mut |term| again.push(term.to_owned()));
        prop_assert_eq!(&terms, &again);
        // What separates words on both sides changes nothing.
        let mut apart = Vec::new();
        analyzer.terms(&format!(". {text} \n"), &mut |term| apart.push(term.to_owned()));
        prop_assert_eq!(&terms, &apart);
    }

    /// Whoever searches for a text as it is finds it by every term.
    #[test]
    fn a_text_has_the_terms_of_itself(text in any_text(), tokenizer in any_tokenizer()) {
        let analyzer = Analyzer::new(tokenizer);
        let mut terms = Vec::new();
        analyzer.terms(&text, &mut |term| terms.push(term.to_owned()));
        let query = analyzer.query(&text);
        prop_assert!(query.len() <= MAX_QUERY_TERMS);
        prop_assert_eq!(query.is_empty(), terms.is_empty());
        for QueryTerm { term, prefix } in &query {
            prop_assert!(terms.contains(term), "{} not in {:?}", term, terms);
            if let Some(prefix) = prefix {
                prop_assert!(terms.iter().any(|term| term.starts_with(prefix)), "{}* not in {:?}", prefix, terms);
            }
        }
        let (last, others) = query.split_last().map_or((None, &query[..]), |(last, others)| (Some(last), others));
        prop_assert!(others.iter().all(|term| term.prefix.is_none()));
        prop_assert!(last.is_none_or(|last| last.prefix.as_ref().is_none_or(|prefix| !prefix.is_empty())));
    }

    /// As one types a word, it is found at every letter.
    #[test]
    fn words_are_found_while_they_are_typed(
        before in "[a-z ]{0,8}",
        word in "([a-zA-Z]{1,12}|[\u{df}-\u{f6}\u{430}-\u{44f}]{1,8}|[\u{e01}-\u{e30}\u{3041}-\u{3096}\u{4e00}-\u{4e80}\u{ac00}-\u{ac80}]{1,6})",
        end in any::<prop::sample::Index>(),
        language in any_tokenizer(),
    ) {
        // A dictionary may see other words in half a word.
        let language = if language == Tokenizer::Words { Tokenizer::Default } else { language };
        let length = end.index(word.chars().count()) + 1;
        let typed: String = word.chars().take(length).collect();
        let document = format!("{before} {word} and more");
        prop_assert!(finds(language.name(), &typed, &document), "{} in {}", typed, document);
    }
}
