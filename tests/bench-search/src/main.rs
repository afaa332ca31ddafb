//! Measures full-text and vector search with the latencies of a cloud: `make bench-search`. One line of JSON a result.
//!
//! Without `--measure`, writes the corpora that every engine reads; with it, measures Lakewire on them. Between the two, the
//! scripts in Python measure others, and leave the true neighbours of the vectors beside the corpora.

#![allow(clippy::disallowed_methods, reason = "measures the real world")]

mod files;
#[path = "../../bench-storage/src/latency.rs"]
mod latency;
mod load;
mod place;
mod searches;
#[path = "../../bench-storage/src/stats.rs"]
mod stats;
mod text;
mod texts;
#[path = "../../bench-storage/src/timer.rs"]
mod timer;
mod vector;
mod vectors;
mod words;

use std::path::PathBuf;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Parser)]
struct Options {
    /// Where the corpora are, or go.
    corpus: PathBuf,
    /// Measure, instead of writing the corpora.
    #[arg(long)]
    measure: bool,
    /// Only one kind of search: text, vector.
    #[arg(long)]
    only: Option<String>,
    /// Short documents.
    #[arg(long, default_value_t = 1_000_000)]
    documents: u64,
    /// Vectors of 384 numbers.
    #[arg(long, default_value_t = 1_000_000)]
    vectors: u64,
    /// How many of the searches are made.
    #[arg(long, default_value_t = 1_000)]
    queries: usize,
    /// Where the databases go; a temporary directory by default.
    #[arg(long)]
    data: Option<PathBuf>,
    /// MB of the cache of segments.
    #[arg(long, default_value_t = 256)]
    cache: usize,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let options = Options::parse();
    let asked = |kind: &str| options.only.as_deref().is_none_or(|only| only == kind);
    let count = |kind: &str, count: u64| if asked(kind) { count } else { 0 };
    let (documents, vectors) = (count("text", options.documents), count("vector", options.vectors));
    if !options.measure {
        return files::write(&options.corpus, documents, vectors);
    }
    let temporary = tempfile::tempdir()?;
    let data = options.data.as_deref().unwrap_or(temporary.path());
    if documents > 0 {
        text::run(&options.corpus, &data.join("text"), documents, options.queries, options.cache << 20).await?;
    }
    if vectors > 0 {
        vector::run(&options.corpus, &data.join("vector"), vectors, options.queries, options.cache << 20).await?;
    }
    Ok(())
}
