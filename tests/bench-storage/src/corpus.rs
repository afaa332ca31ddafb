//! Documents of about 500 bytes, as an app of messages would have them. The nth is always the same.

use std::sync::LazyLock;

use lakewire_storage::catalog::{Fields, Namespace};
use lakewire_storage::database::Database;
use lakewire_storage::query::Query;
use lakewire_storage::value::Value;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::Outcome;

pub const TABLE: &str = "messages";
const CHANNELS: u64 = 20_000;
const TEXT: &str = "the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which \
     one you were all her she there would their we him been has when who will no more if out so up said what its about than into \
     them can only other time new some could these two may first then do any like my now over such our man me even most made after \
     also well must before back through years much where your way down should because long each just state people those too mister \
     good how world still own see work men day get here between life being under never house general another same night school \
     part right water place small found every number course early point group system program money order paper city second hand";

/// Split once: making documents is part of what a load takes.
static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| TEXT.split_whitespace().collect());

/// The nth document without system fields.
pub fn document(n: u64) -> Fields {
    let mut random = ChaCha8Rng::seed_from_u64(n);
    let words = &*WORDS;
    let length = random.random_range(50..75);
    let body: Vec<&str> = (0..length)
        .map(|_| {
            // Rank by a power law, as in natural language.
            let rank = (random.random::<f64>().powi(3) * words.len() as f64) as usize;
            words[rank.min(words.len() - 1)]
        })
        .collect();
    let author = random.next_u64() % 1_000_000;
    [
        ("channel", Value::from(channel(random.next_u64()))),
        ("author", Value::from(format!("user-{author:06}"))),
        ("number", Value::Float64(n as f64)),
        ("likes", Value::Float64((random.next_u64() % 50) as f64)),
        ("edited", Value::Boolean(random.next_u64().is_multiple_of(10))),
        ("body", Value::from(body.join(" "))),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

/// A channel's name.
pub fn channel(random: u64) -> String {
    format!("channel-{:05}", random % CHANNELS)
}

/// Makes the table with its two secondary indexes, `by_channel` and `by_author`, enabled.
pub async fn create_table(database: &Database) -> Outcome<()> {
    for (name, fields) in [("by_channel", &["channel", "number"][..]), ("by_author", &["author"])] {
        crate::index(database, TABLE, name, fields).await?;
    }
    Ok(())
}

/// The first documents of a channel, from the one with a number on.
pub fn range(channel: &str, limit: usize) -> Outcome<Query> {
    Ok(Query::from_json(&format!(
        r#"{{"source":{{"type":"IndexRange","indexName":"{TABLE}.by_channel","order":"asc",
            "range":[{{"type":"Eq","fieldPath":"channel","value":"{channel}"}}]}},"operators":[{{"limit":{limit}}}]}}"#
    ))?)
}

/// Where the benchmark's tables are.
pub const ROOT: Namespace = Namespace::ROOT;
