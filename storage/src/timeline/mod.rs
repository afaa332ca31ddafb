//! Timelines: manifests, the registry, and the jobs that keep a timeline's files.
//!
//! Everything that is decided is decided by one compare-and-swap, of a manifest or of the registry ([`Chain`](crate::chain::Chain)).
//! Whatever happens before it only makes objects that nobody refers to; whatever comes after it can be done by anybody, later.
//!
//! - **Flush**: write segments; publish a manifest with them in front. Dies before: the segments are left behind, the log still has
//!   the rows. Races with a flush: the newest manifest says who was first; the other is superseded, or adds rows that are there
//!   twice, and equal. Races with a compaction: the loser of the swap takes the newest manifest as its base and tries again.
//! - **Compaction**: merge some runs into new segments; publish a manifest with the result in their place. Dies before: as above.
//!   Races with a flush: its run is in front of the inputs. Races with a compaction of other runs: neither sees the other's. Of the
//!   same runs: the loser finds its inputs gone and throws its result away. What it drops, no snapshot from the published horizon on
//!   can see; tombstones only go with the oldest run, so nothing older comes back to light (merged runs are always neighbours).
//! - **Collection**: publish a manifest that condemns segments out of use; see that no timeline needs them; delete them; publish that
//!   they are gone. Dies anywhere: the next one goes on, deleting twice is harmless. Races with a publisher that has one of them as
//!   its *new* segment, begun long ago: one of the two swaps comes first; after the condemnation it is not published
//!   (`may_publish`), after the publication it is not condemned. Races with readers: they see segments for `grace` after they left
//!   the manifest, and look for newer ones more often than that.
//! - **Branch creation**: register the timeline; read the parent's manifest and log; publish the first manifest; make it live. Dies
//!   on the way: its place in the registry stops all collections until it counts as dead after an hour. Races with collection:
//!   either the registry changed while references were gathered, and nothing is deleted; or it was registered, and they wait for its
//!   manifest; or the references were gathered before it read its parent's manifest, which then has nothing that was condemned.
//!   Races with trimming of the parent's log: its newest manifest has what was trimmed; begin again there.
//! - **Branch deletion**: one swap of the registry; then the log is sealed. Races with the creation of a child: the child is
//!   registered in time to keep the files, or finds no parent.
//! - **Restore**: as creation, up to a live timeline that says which branch it is for; then seal the old log; then point the branch
//!   to it. The seal decides: dies before it, and nothing happened (the timeline is given up by the next restore); dies after it, and
//!   whoever opens the branch next ([`branch::resolve`]) does the rest. Of two restores, the one whose seal is there wins.
//! - **A job that stalls for hours** and then goes on: its swap fails, since others were published since; where their objects are
//!   gone already, the chain's `first` tells.

pub mod branch;
mod collect;
mod compact;
mod document;
mod error;
mod flush;
mod id;
mod lineage;
mod manifest;
mod options;
mod output;
mod registry;
mod segments;
#[cfg(test)]
pub(crate) mod tests;
mod transfer;
#[cfg(test)]
mod unsteady_store;

pub use collect::Collected;
pub use compact::{Plan, plan};
pub use error::{DocumentError, SegmentsError};
pub use flush::{FlushOutcome, Flushed};
pub use id::{BranchName, InvalidName, TimelineId};
pub use lineage::Lineage;
pub use manifest::{MANIFEST_FORMAT, Manifest, Parent, Run, RunFile};
pub use options::SegmentsOptions;
pub use registry::{BranchEntry, REGISTRY_FORMAT, Registry, TimelineEntry, TimelineState};
pub use segments::{Segments, Written};
pub use transfer::Transfer;
#[cfg(test)]
pub(crate) use unsteady_store::{Faults, UnsteadyStore};
