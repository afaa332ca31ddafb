//! Writing a corpus: how fast, until it is where it stays, and how much it takes there.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use lakewire_storage::catalog::{Fields, IndexConfig};
use lakewire_storage::commit::CommitError;
use lakewire_storage::database::Database;
use serde_json::json;

use crate::Outcome;
use crate::place::{Place, ROOT, TABLE};
use crate::stats::{peak_resident_mb, report, resident_mb, round};

/// Documents inserted by one transaction.
const BATCH: usize = 100;
const WRITERS: usize = 32;
/// Documents of the database without the index, that says what the documents alone take.
const WITHOUT_INDEX: u64 = 100_000;

/// A document's fields, of a number and what the corpus has for it.
pub type Make<T> = fn(u64, T) -> Fields;

/// Loads a corpus into a database with this index, closes it, and reports. `corpus` begins from the first document each time
/// it is called.
pub async fn run<T, I>(
    kind: &str,
    directory: &Path,
    cache: usize,
    index: IndexConfig,
    corpus: impl Fn() -> Outcome<I>,
    make: Make<T>,
) -> Outcome<()>
where
    T: Send + 'static,
    I: Iterator<Item = Outcome<T>> + Send + 'static,
{
    let alone = {
        let temporary = tempfile::tempdir_in(directory.parent().unwrap_or(directory))?;
        let place = Place::open(temporary.path(), cache).await?;
        let loaded = load(&place.database, Box::new(corpus()?.take(WITHOUT_INDEX as usize)), make).await?;
        settle(&place).await?;
        let bytes = place.stored_bytes() as f64 / loaded as f64;
        place.database.close().await?;
        bytes
    };
    let place = Place::open(directory, cache).await?;
    place.index("search", index).await?;
    let started = Instant::now();
    let documents = load(&place.database, Box::new(corpus()?), make).await?;
    let inserting = started.elapsed().as_secs_f64();
    settle(&place).await?;
    let settled = started.elapsed().as_secs_f64();
    let stored = place.stored_bytes() as f64 / documents as f64;
    report(&json!({
        "name": format!("{kind}: indexing"), "documents": documents, "documents_per_second": round(documents as f64 / inserting),
        "inserting_s": round(inserting), "until_compacted_s": round(settled),
        "documents_per_second_until_compacted": round(documents as f64 / settled),
        "bytes_per_document": round(stored), "bytes_per_document_without_index": round(alone),
        "bytes_of_index_per_document": round(stored - alone),
        "written_bytes_per_document": round(place.traffic.bytes_written() as f64 / documents as f64),
        "runs": place.segments.manifest().runs.len(), "resident_mb": resident_mb(), "peak_resident_mb": peak_resident_mb(),
    }));
    place.database.close().await?;
    Ok(())
}

/// Until everything is in segments, and those are merged.
async fn settle(place: &Place) -> Outcome<()> {
    place.database.checkpoint().await?;
    place.segments.compact_all().await?;
    Ok(())
}

type Corpus<T> = Box<dyn Iterator<Item = Outcome<T>> + Send>;

/// Inserts all documents, by many writers, each some at a time; gives how many.
async fn load<T: Send + 'static>(database: &Arc<Database>, corpus: Corpus<T>, make: Make<T>) -> Outcome<u64> {
    let corpus = Arc::new(Mutex::new(corpus.enumerate()));
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let (database, corpus) = (database.clone(), corpus.clone());
        writers.push(tokio::spawn(async move {
            let mut written = 0;
            loop {
                let batch: Vec<(usize, Outcome<T>)> = {
                    let mut corpus = corpus.lock().unwrap_or_else(PoisonError::into_inner);
                    corpus.by_ref().take(BATCH).collect()
                };
                if batch.is_empty() {
                    return Outcome::Ok(written);
                }
                written += batch.len() as u64;
                let documents =
                    batch.into_iter().map(|(n, item)| Ok(make(n as u64, item?))).collect::<Outcome<Vec<_>>>()?;
                insert(&database, &documents).await?;
            }
        }));
    }
    let mut written = 0;
    for writer in writers {
        written += writer.await??;
    }
    Ok(written)
}

/// Inserts some documents in one transaction.
pub async fn insert(database: &Database, documents: &[Fields]) -> Outcome<()> {
    loop {
        let mut transaction = database.begin(database.head(), "notes:import");
        for document in documents {
            transaction.insert(ROOT, TABLE, document.clone()).await?;
        }
        match database.commit(transaction).await {
            Ok(_) => return Ok(()),
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
