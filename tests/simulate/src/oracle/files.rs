//! What is in the store at the end: every segment that a manifest names, and nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use lakewire_storage::timeline::branch::{self, BranchContext};
use lakewire_storage::timeline::{SegmentsError, TimelineId};
use object_store::ObjectStore as _;
use object_store::path::Path;

use crate::cluster::Cluster;
use crate::host::Host;
use crate::node::{branch_context, segments};

/// Rounds of collection after which nothing superfluous may be left, and the time between them.
const ROUNDS: usize = 16;
const BETWEEN: Duration = Duration::from_secs(600);

/// Collects until nothing more can be, on a host of its own, and looks at what is left.
pub async fn verify_files(cluster: &Arc<Cluster>, host: &Arc<Host>) {
    let context = branch_context(cluster, host);
    let mut outcome = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..ROUNDS {
        match round(cluster, host, &context).await {
            Ok(found) => outcome = found,
            Err(error) => cluster.world.violation("files", format_args!("cannot collect: {error}")),
        }
        let (needed, present) = &outcome;
        for missing in needed.difference(present) {
            cluster.world.violation("files", format_args!("`{missing}` is in a manifest and not in the store"));
        }
        if outcome.0 == outcome.1 {
            return;
        }
        cluster.world.sleep(BETWEEN).await;
    }
    for superfluous in outcome.1.difference(&outcome.0) {
        cluster.world.violation("files", format_args!("`{superfluous}` is never collected"));
    }
}

type Paths = BTreeSet<String>;

/// The segments that manifests of live branches need, and those that are there.
async fn round(
    cluster: &Arc<Cluster>,
    host: &Arc<Host>,
    context: &BranchContext,
) -> Result<(Paths, Paths), Box<dyn std::error::Error + Send + Sync>> {
    let mut needed = Paths::new();
    for info in branch::list(context).await? {
        needed.extend(collect(cluster, host, info.timeline).await?);
    }
    let listed = cluster.bucket.list(&cluster.world, Some(&Path::from("segments")), Duration::ZERO);
    Ok((needed, listed.into_iter().map(|meta| meta.location.to_string()).collect()))
}

async fn collect(cluster: &Arc<Cluster>, host: &Arc<Host>, timeline: TimelineId) -> Result<Paths, SegmentsError> {
    let segments = segments(cluster, host, timeline).await?;
    segments.collect().await?;
    let manifest = segments.refresh().await?;
    let paths: Paths = manifest.segments().map(|segment| segment.path.clone()).collect();
    for path in &paths {
        if cluster.store(host).get_opts(&Path::from(path.as_str()), Default::default()).await.is_err() {
            cluster.world.violation("files", format_args!("`{path}` cannot be read"));
        }
    }
    Ok(paths)
}
