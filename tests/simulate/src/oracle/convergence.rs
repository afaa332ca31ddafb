//! At the end: what is stored is what the model has, in every index and every count.

use lakewire_storage::catalog::Namespace;
use lakewire_storage::database::Database;
use lakewire_storage::search::{VectorHit, VectorQuery};
use serde_json::json;

use crate::app::{Failed, Index, Read, Recorder, Table};
use crate::model::{Model, difference};
use crate::world::World;

/// Holds everything in a database against the model.
pub async fn verify_database(world: &World, database: &Database, who: &str, model: &Model) {
    let mut recorder = Recorder::new(database.begin(database.latest(), "sim:verify"));
    let lasting = Index::LASTING.into_iter().chain([Index::Fleeting]);
    let by_time = Table::ALL.into_iter().map(Index::CreationTime);
    let whole = |index, descending| Read::Range {
        index,
        equal: Vec::new(),
        from: None,
        to: None,
        descending,
        limit: None,
        page: None,
    };
    let scans = lasting.chain(by_time).flat_map(|index| [whole(index, false), whole(index, true)]);
    let counts = Table::ALL.into_iter().map(|table| Read::Count { table });
    let search = |index, words: &str, group| Read::Search { index, words: words.to_owned(), group };
    let searches = [Index::Words, Index::FleetingWords].into_iter().flat_map(|index| {
        [search(index, "ant", None), search(index, "bee1 comma", None), search(index, "ant2 b", Some(1.0))]
    });
    verify_near(world, database, who, model).await;
    for read in scans.chain(counts).chain(searches) {
        match recorder.read(&read).await {
            Ok(found) => {
                if !model.agrees(&read, &found) {
                    let (ts, difference) = (database.latest().ts(), difference(&model.answer(&read), &found));
                    world.violation("final state", format_args!("{who} at {ts}: {read:?}{difference}"));
                }
            }
            Err(Failed::NoIndex) if read.is_fleeting() => {}
            Err(error) => world.violation("final state", format_args!("{who}: {read:?} fails: {error:?}")),
        }
    }
}

/// The nearest items are those of the model: there are so few that none can be missed.
async fn verify_near(world: &World, database: &Database, who: &str, model: &Model) {
    let (to, most) = ([1.0, -0.5, 2.0], 256);
    let query = json!({"query": {"indexName": "items.by_near", "vector": to, "limit": most}});
    let found = match VectorQuery::from_json(&query.to_string()) {
        Ok(query) => database.latest().vector_search(Namespace::ROOT, &query).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let near = model.near(to);
    match found {
        Ok(found) => {
            let is_right =
                |hit: &VectorHit| near.get(&hit.id.to_string()).is_some_and(|near| (near - hit.score).abs() < 1e-6);
            if found.len() != near.len().min(most) || !found.iter().all(is_right) {
                world.violation("final state", format_args!("{who}: nearest are {found:?}, and should be {near:?}"));
            }
        }
        Err(error) => world.violation("final state", format_args!("{who}: a vector search fails: {error}")),
    }
}
