//! Random corpora, spread at random.

use proptest::prelude::*;

use super::oracle::{count_documents, expected};
use super::{Part, Text, found, part};
use crate::search::part::tests::Parts;
use crate::search::postings::tests::numbers;
use crate::search::text::{QueryTerm, TextQuery};
use crate::segment::tests::block_on;

/// Words that share prefixes and are few edits apart.
const WORDS: [&str; 40] = [
    "a",
    "ab",
    "abc",
    "abcd",
    "abcde",
    "abdce",
    "abcdf",
    "abcdef",
    "abcdefghi",
    "abcdefgih",
    "abcdefxyi",
    "b",
    "ba",
    "bb",
    "bc",
    "bd",
    "be",
    "bf",
    "bg",
    "bh",
    "bi",
    "bj",
    "bk",
    "bl",
    "bm",
    "bn",
    "bo",
    "bp",
    "bq",
    "br",
    "bs",
    "bt",
    "12345",
    "12346",
    "c",
    "word",
    "words",
    "wordy",
    "\u{e4}pfel",
    "\u{e4}pfell",
];

/// Common words are common.
fn word() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => 0..WORDS.len(), 1 => 0..3_usize, 1 => 11..20_usize].prop_map(|at| WORDS[at])
}

fn words() -> impl Strategy<Value = (Vec<&'static str>, Vec<u8>)> {
    let length = prop_oneof![10 => 0..12_usize, 1 => 30..90_usize];
    let words = length.prop_flat_map(|length| proptest::collection::vec(word(), length));
    (words, proptest::sample::subsequence(vec![1_u8, 2, 3], 0..=3))
}

fn queries() -> impl Strategy<Value = TextQuery> {
    let misspelled =
        prop_oneof!["abcdg", "abxdefghi", "bacdefghi", "acbdefgxi", "12347", "wrods", "zzzzz", "\u{e4}pfle"];
    let term = prop_oneof![6 => word().prop_map(str::to_owned), 1 => misspelled];
    let query_term = (term, prop_oneof![3 => Just(None), 1 => (1..4_usize).prop_map(Some)]);
    let query_term = query_term.prop_map(|(term, prefix)| {
        let prefix = prefix.map(|letters| term.chars().take(letters).collect());
        QueryTerm { term, prefix }
    });
    let limit = prop_oneof![1..8_usize, Just(1024), 0..40_usize];
    let filters = proptest::sample::subsequence(vec![1_u8, 2, 3, 4], 0..=2);
    let filters = prop_oneof![2 => Just(Vec::new()), 1 => filters];
    (proptest::collection::vec(query_term, 1..5), filters, 0..3_u8, limit).prop_map(|(terms, filters, typos, limit)| {
        TextQuery { terms, filters: filters.into_iter().map(|filter| vec![0, filter]).collect(), typos, limit }
    })
}

/// Spreads texts over three parts (0 to 2) and the tail (3); what is dead is added to parts besides.
async fn spread(texts: &[Text], places: &[u8], dead: &[(u8, Text)]) -> (Vec<Part>, Vec<Text>) {
    let store = Parts::new();
    let mut parts = Vec::new();
    for number in 0..3 {
        let here =
            texts.iter().zip(places).filter(|(_, place)| **place == number).map(|(text, _)| (text.clone(), false));
        let dead = dead.iter().filter(|(place, _)| *place == number).map(|(_, text)| (text.clone(), true));
        let mut all: Vec<_> = here.chain(dead).collect();
        all.sort_by_key(|(text, _)| text.key);
        if !all.is_empty() {
            parts.push(part(&store, &number.to_string(), all).await);
        }
    }
    let tail = texts.iter().zip(places).filter(|(_, place)| **place == 3).map(|(text, _)| text.clone());
    (parts, tail.collect())
}

/// Lists of many blocks and chunks, of which most are passed over.
#[test]
fn results_of_long_lists_are_those_of_the_oracle() {
    let mut number = numbers(11);
    let vocabulary: Vec<String> = (0..300).map(|rank| format!("{}{rank}", char::from(b'a' + rank as u8 % 7))).collect();
    let mut random_text = |key| {
        // Frequent words are few; some stretches of documents are about something.
        let length = if number(40) == 0 { 200 } else { 1 + number(25) };
        let mut words = Vec::new();
        for _ in 0..length {
            let most = 1 + number(300);
            let rank = if key / 2_000 % 3 == 1 && number(5) == 0 { 200 } else { number(most) };
            words.push(vocabulary[rank as usize].as_str());
        }
        let filters = [1, if number(10) == 0 { 2 } else { 3 }, if number(500) == 0 { 4 } else { 5 }];
        (Text::new(key, &words, &filters), number(8))
    };
    let (mut texts, mut places, mut dead) = (Vec::new(), Vec::new(), Vec::new());
    for key in 0..14_000 {
        match random_text(key) {
            (text, 0) => dead.push((0, text)),
            (text, place) => {
                texts.push(text);
                places.push([0, 0, 0, 0, 1, 2, 3, 0][place as usize]);
            }
        }
    }
    let all: Vec<_> = texts.iter().collect();
    let counts = count_documents(&all);
    block_on(async {
        let spreads = [spread(&texts, &places, &dead).await, spread(&texts, &vec![0; texts.len()], &[]).await];
        for case in 0..100 {
            let term = |rank: u32| QueryTerm { term: vocabulary[rank as usize].clone(), prefix: None };
            let words = 1 + number(5);
            let mut terms = Vec::new();
            for _ in 0..words {
                let most = 1 + number(300);
                terms.push(term(number(most)));
            }
            if number(5) == 0 {
                terms[0].prefix = Some(terms[0].term[..1 + number(2) as usize].to_owned());
            }
            let filters = [vec![], vec![], vec![2], vec![4], vec![1, 2]][number(5) as usize].clone();
            let filters = filters.into_iter().map(|filter: u8| vec![0, filter]).collect();
            let query = TextQuery { terms, filters, typos: 0, limit: [1, 10, 100, 1024][number(4) as usize] };
            let expected = expected(&query, &all, &counts);
            for (parts, tail) in &spreads {
                let results = found(&query, parts, tail).await.expect("found");
                assert!(results == expected, "case {case}: {query:?}");
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn results_are_those_of_the_oracle_however_documents_are_spread(
        live in proptest::collection::vec((words(), any::<u32>()), 1..400),
        dead in proptest::collection::vec((0..3_u8, words(), any::<u32>()), 0..200),
        places in proptest::collection::vec((0..4_u8, 0..4_u8), 400),
        queries in proptest::collection::vec(queries(), 12),
    ) {
        let mut keys = std::collections::BTreeSet::new();
        let mut texts = Vec::new();
        for ((words, filters), key) in &live {
            if keys.insert(*key) {
                texts.push(Text::new(*key, words, filters));
            }
        }
        let mut dead_texts = Vec::new();
        for (place, (words, filters), key) in &dead {
            if keys.insert(*key) {
                dead_texts.push((*place, Text::new(*key, words, filters)));
            }
        }
        block_on(async {
            let all: Vec<_> = texts.iter().collect();
            let counts = count_documents(&all);
            let (first, second): (Vec<_>, Vec<_>) = places.into_iter().unzip();
            let (parts, tail) = spread(&texts, &first, &dead_texts).await;
            let (other_parts, other_tail) = spread(&texts, &second, &[]).await;
            for query in &queries {
                let expected = expected(query, &all, &counts);
                let results = found(query, &parts, &tail).await.expect("found");
                prop_assert_eq!(&results, &expected, "{:?}", query);
                let results = found(query, &other_parts, &other_tail).await.expect("found");
                prop_assert_eq!(&results, &expected, "otherwise spread: {:?}", query);
            }
            Ok(())
        })?;
    }
}
