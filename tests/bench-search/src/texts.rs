//! Short texts, and what is searched for in them. The nth text is always the same.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::words::{COMMON, RARE, Vocabulary, WORDS};

/// Subjects that texts are about.
const TOPICS: u64 = 3_000;
/// Words that belong to a subject.
const TOPIC_WORDS: usize = 400;
/// How often a word is one of the text's subject, and how often one that the text already has.
const OF_TOPIC: f64 = 0.25;
const AGAIN: f64 = 0.08;

/// The nth text: 20 to 60 words about one subject.
pub fn text(vocabulary: &Vocabulary, n: u64) -> String {
    let mut random = ChaCha8Rng::seed_from_u64(n);
    let topic = random.random_range(0..TOPICS);
    let mut ranks: Vec<usize> = Vec::new();
    for _ in 0..random.random_range(20..=60) {
        let kind: f64 = random.random();
        ranks.push(if kind < AGAIN && !ranks.is_empty() {
            ranks[random.random_range(0..ranks.len())]
        } else if kind < AGAIN + OF_TOPIC {
            of_topic(topic, &mut random)
        } else {
            vocabulary.draw(&mut random)
        });
    }
    let words: Vec<&str> = ranks.into_iter().map(|rank| vocabulary.words[rank].as_str()).collect();
    words.join(" ")
}

/// A word of a subject: a few of them often, most seldom, scattered over all but the most frequent ranks.
fn of_topic(topic: u64, random: &mut ChaCha8Rng) -> usize {
    let word = (random.random::<f64>().powi(3) * TOPIC_WORDS as f64) as u64;
    let scattered = (topic * TOPIC_WORDS as u64 + word).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
    // Two in three from the ranks that people know.
    let range = if scattered.is_multiple_of(3) { WORDS } else { RARE };
    COMMON + (scattered as usize) % (range - COMMON)
}

/// A search, and of which kind it is.
pub struct TextQuery {
    pub kind: String,
    pub text: String,
}

/// `count` searches of 1 to 3 words of mixed frequency; the last word of two in five is cut short, as while it is typed.
/// Of those of several words, half have words that are in a text together.
pub fn queries(vocabulary: &Vocabulary, documents: u64, count: usize) -> Vec<TextQuery> {
    let mut random = ChaCha8Rng::seed_from_u64(0x7465_7874);
    (0..count)
        .map(|n| {
            let length = 1 + n % 3;
            let together = random.random_bool(0.5);
            let source = text(vocabulary, random.random_range(0..documents.max(1)));
            let there: Vec<&str> = source.split(' ').collect();
            let mut words: Vec<String> = (0..length)
                .map(|_| {
                    if together {
                        return there[random.random_range(0..there.len())].to_owned();
                    }
                    let rank = match random.random_range(0..10) {
                        0..2 => random.random_range(0..COMMON),
                        2..8 => random.random_range(COMMON..RARE),
                        _ => random.random_range(RARE..WORDS),
                    };
                    vocabulary.words[rank].clone()
                })
                .collect();
            let is_cut = random.random_bool(0.4);
            if is_cut && let Some(last) = words.last_mut() {
                let kept = random.random_range(2..=4).min(last.len());
                last.truncate(kept);
            }
            let words_text = if length == 1 { "1 word" } else { &format!("{length} words") };
            TextQuery { kind: format!("{words_text}{}", if is_cut { ", cut" } else { "" }), text: words.join(" ") }
        })
        .collect()
}
