//! At the end: what is stored is what the model has, in every index and every count.

use lakewire_storage::database::Database;

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
    for read in scans.chain(counts) {
        match recorder.read(&read).await {
            Ok(found) => {
                if !model.agrees(&read, &found) {
                    let (ts, difference) = (database.latest().ts(), difference(&model.answer(&read), &found));
                    world.violation("final state", format_args!("{who} at {ts}: {read:?}{difference}"));
                }
            }
            Err(Failed::NoIndex) if matches!(read, Read::Range { index: Index::Fleeting, .. }) => {}
            Err(error) => world.violation("final state", format_args!("{who}: {read:?} fails: {error:?}")),
        }
    }
}
