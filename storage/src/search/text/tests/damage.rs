//! Searches of damaged parts fail, and do not panic.

use super::{Part, Text, found, part};
use crate::catalog::IndexId;
use crate::search::part::Kind;
use crate::search::part::tests::Parts;
use crate::search::postings::tests::numbers;
use crate::search::text::{QueryTerm, TextQuery};
use crate::segment::tests::block_on;

const WORDS: [&str; 6] = ["any", "many", "most", "some", "few", "one"];

#[test]
fn searches_of_damaged_parts_do_not_panic() {
    let mut number = numbers(3);
    let texts: Vec<_> = (0..12_000)
        .map(|key| {
            let mut words = Vec::new();
            for _ in 0..=number(6) {
                let most = 1 + number(6);
                words.push(WORDS[number(most) as usize]);
            }
            (Text::new(key, &words, &[number(3) as u8]), number(50) == 0)
        })
        .collect();
    let query = |text: &str, filters: &[u8], limit| TextQuery {
        terms: text.split(' ').map(|word| QueryTerm { term: word.into(), prefix: Some(word[..1].into()) }).collect(),
        filters: filters.iter().map(|filter| vec![0, *filter]).collect(),
        typos: 2,
        limit,
    };
    let queries = [
        query("any", &[], 10),
        query("some most few one", &[1], 1_024),
        query("many manx", &[], 3),
        query("oneee", &[2], 5),
    ];
    block_on(async {
        let store = Parts::new();
        let good = part(&store, "good", texts.clone()).await;
        let mut rows = Vec::new();
        for kind in [Kind::Norms, Kind::Terms, Kind::Postings] {
            rows.extend(good.reader.range(kind, &[], None).await.expect("read").into_iter().map(|row| (kind, row)));
        }
        let mut errors = 0;
        for case in 0..80 {
            let mut writer = store.writer(&format!("damaged{case}"));
            writer.start_part(IndexId(1));
            let at = number(rows.len() as u32) as usize;
            for (row, (kind, (key, value))) in rows.iter().enumerate() {
                let mut value = value.to_vec();
                if row == at {
                    match number(6) {
                        0 => continue,
                        1 => value.truncate(number(value.len() as u32) as usize),
                        2 => value.push(1),
                        _ => {
                            let most = [8, 200, value.len()][number(3) as usize].min(value.len());
                            value[number(most as u32) as usize] ^= 1 << number(8);
                        }
                    }
                }
                writer.push(*kind, key, value).await.expect("written");
            }
            let reader = store.finish(writer, IndexId(1)).await;
            let damaged = [Part { reader, texts: texts.clone(), dead: good.dead.clone() }];
            for query in &queries {
                errors += u32::from(found(query, &damaged, &[]).await.is_err());
            }
        }
        assert!(errors > 50, "{errors}");
    });
}
