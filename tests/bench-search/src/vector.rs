//! Vector search.

use std::path::Path;

use lakewire_storage::catalog::Fields;
use lakewire_storage::id::DocumentId;
use lakewire_storage::search::VectorQuery;
use lakewire_storage::transaction::TableKind;
use lakewire_storage::value::Value;

use crate::place::{Place, ROOT, TABLE, vector_index};
use crate::searches::{self, RESULTS, Search};
use crate::{Outcome, files, load};

/// A vector that is searched for.
struct Nearest(Vec<f32>);

impl Search for Nearest {
    fn kind(&self) -> &str {
        "nearest"
    }
}

pub async fn run(corpus: &Path, directory: &Path, vectors: u64, asked: usize, cache: usize) -> Outcome<()> {
    let queries = files::vectors(&corpus.join(files::VECTOR_QUERIES))?;
    let queries = queries.take(asked).map(|query| query.map(Nearest)).collect::<Outcome<Vec<_>>>()?;
    let all = || Ok(files::vectors(&corpus.join(files::VECTORS))?.take(vectors as usize));
    load::run("vector", directory, cache, vector_index()?, all, document).await?;

    let place = Place::open(directory, cache).await?;
    let truth = files::results(corpus, "truth.ivecs")?.map(|truth| ("recall_at_10", truth));
    searches::run("vector", &place, &queries, truth, async |place, query| numbers(place, &query.0).await).await?;
    // Only where they are, as an action gets it.
    searches::run("vector without the documents", &place, &queries, None, async |place, query| {
        Ok(nearest(place, &query.0, RESULTS).await?.into_iter().map(|_| 0).collect())
    })
    .await?;
    // Nothing else is near a vector of which only one number is not zero.
    let alone = |n: u64| (0..crate::vectors::DIMENSIONS as u64).map(|at| f32::from(at == n)).collect::<Vec<_>>();
    searches::fresh(
        "vector",
        async |n| load::insert(&place.database, &[document(vectors + n, alone(n))]).await,
        async |n| Ok(numbers(&place, &alone(n)).await?.first() == Some(&((vectors + n) as u32))),
    )
    .await?;
    place.database.close().await?;
    Ok(())
}

fn document(n: u64, vector: Vec<f32>) -> Fields {
    // As JSON has them: the shortest decimal number that is the float.
    let numbers = vector.iter().map(|x| Value::Float64(x.to_string().parse().unwrap_or(f64::from(*x))));
    [("vector", Value::Array(numbers.collect())), ("n", Value::Float64(n as f64))]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

/// The documents nearest to a vector, best first.
async fn nearest(place: &Place, vector: &[f32], limit: usize) -> Outcome<Vec<DocumentId>> {
    let (table, index) = (TABLE.to_owned(), "search".to_owned());
    let query = VectorQuery { table, index, vector: vector.to_vec(), limit, filter: None };
    let hits = place.database.latest().vector_search(ROOT, &query).await?;
    Ok(hits.into_iter().map(|hit| hit.id).collect())
}

/// Numbers of the documents nearest to a vector, best first, with reading them.
async fn numbers(place: &Place, vector: &[f32]) -> Outcome<Vec<u32>> {
    let mut transaction = place.database.begin(place.database.latest(), "bench");
    let mut found = Vec::new();
    for id in nearest(place, vector, RESULTS).await? {
        let document = transaction.get(ROOT, id, TableKind::User).await?.ok_or("a document is missing")?;
        let Some(Value::Float64(n)) = document.value()?.field("n").cloned() else { return Err("no number".into()) };
        found.push(n as u32);
    }
    Ok(found)
}
