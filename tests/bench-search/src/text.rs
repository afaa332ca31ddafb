//! Full-text search.

use std::path::Path;

use lakewire_storage::catalog::Fields;
use lakewire_storage::query::{Operator, Query, SearchFilter, Source};
use lakewire_storage::value::Value;

use crate::load;
use crate::place::{Place, ROOT, TABLE, text_index};
use crate::searches::{self, RESULTS, Search};
use crate::texts::TextQuery;
use crate::{Outcome, files};

impl Search for TextQuery {
    fn kind(&self) -> &str {
        &self.kind
    }
}

pub async fn run(corpus: &Path, directory: &Path, documents: u64, asked: usize, cache: usize) -> Outcome<()> {
    let mut queries = files::text_queries(corpus)?;
    queries.truncate(asked);
    let texts = || Ok(files::texts(corpus)?.take(documents as usize));
    load::run("text", directory, cache, text_index()?, texts, document).await?;

    let place = Place::open(directory, cache).await?;
    // Ties and fractions of lengths differ, so this is no measure of quality.
    let others = files::results(corpus, "tantivy.ivecs")?.map(|others| ("shared_with_tantivy_at_10", others));
    searches::run("text", &place, &queries, others, async |place, query| search(place, &query.text).await).await?;
    let word = |n: u64| format!("justnow{n}");
    searches::fresh(
        "text",
        async |n| load::insert(&place.database, &[document(documents + n, format!("a note of {}", word(n)))]).await,
        async |n| Ok(search(&place, &word(n)).await? == [(documents + n) as u32]),
    )
    .await?;
    place.database.close().await?;
    Ok(())
}

fn document(n: u64, body: String) -> Fields {
    [("body", Value::from(body)), ("n", Value::Float64(n as f64))]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

/// Numbers of the documents that match best, with reading them.
async fn search(place: &Place, text: &str) -> Outcome<Vec<u32>> {
    let filters = vec![SearchFilter::Search { field: "body".parse()?, text: text.to_owned() }];
    let source = Source::Search { table: TABLE.to_owned(), index: "search".to_owned(), filters };
    let query = Query { source, operators: vec![Operator::Limit(RESULTS as _)] };
    let mut transaction = place.database.begin(place.database.latest(), "bench");
    let mut stream = transaction.open_query(ROOT, &query)?;
    let mut found = Vec::new();
    while let Some(document) = transaction.next(&mut stream).await? {
        let Some(Value::Float64(n)) = document.value()?.field("n").cloned() else { return Err("no number".into()) };
        found.push(n as u32);
    }
    Ok(found)
}
