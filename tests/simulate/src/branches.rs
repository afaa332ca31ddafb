//! Branches that come and go while everything else goes on.

use std::sync::Arc;
use std::time::Duration;

use lakewire_storage::timeline::BranchName;
use lakewire_storage::timeline::branch::{self, BranchError};

use crate::cluster::Cluster;
use crate::host::Host;
use crate::node::branch_context;

/// Makes, restores and deletes branches, until the cluster is over.
pub async fn reign(cluster: Arc<Cluster>) {
    let world = cluster.world.clone();
    let mut made: Vec<BranchName> = Vec::new();
    let (mut left, mut lives) = (cluster.plan.branches, 0);
    while !cluster.is_over() {
        world.sleep(Duration::from_millis(world.dice.below(1000..60_000))).await;
        lives += 1;
        let host = Host::start(&world, format!("brancher.{lives}"), 0);
        let (done, outcome) = tokio::sync::oneshot::channel();
        let (shared, life) = (cluster.clone(), host.clone());
        let job = match world.dice.below(0..4) {
            _ if left > 0 && (made.is_empty() || world.dice.chance(0.6)) => {
                left -= 1;
                let name = BranchName::try_from(format!("branch-{left}")).expect("letters, digits and a dash");
                let from = made.get(world.dice.index(made.len() + 1)).cloned().unwrap_or_else(BranchName::main);
                Job::Create(name, from)
            }
            _ if made.is_empty() => continue,
            0 => Job::Delete(world.dice.pick(&made).clone()),
            1 | 2 => Job::Restore(world.dice.pick(&made).clone()),
            _ => continue,
        };
        let doing = job.clone();
        host.spawn(async move {
            let _gone = done.send(carry_out(&shared, &life, &doing).await);
        });
        // A host that dies in the middle of it sends nothing.
        let patience = Duration::from_secs(300);
        let outcome = tokio::time::timeout(patience, outcome).await;
        host.kill();
        let succeeded = matches!(outcome, Ok(Ok(Ok(()))));
        match outcome {
            Ok(Ok(Err(error))) => world.event(format_args!("{} {job:?}: {error}", host.name)),
            Ok(Ok(Ok(()))) => world.event(format_args!("{} {job:?}: done", host.name)),
            _ => world.event(format_args!("{} {job:?}: died", host.name)),
        }
        match job {
            // It may be there even if nobody said so: nodes find out.
            Job::Create(name, _) => {
                if succeeded || world.dice.chance(0.5) {
                    cluster.add(&format!("of-{name}"), &name);
                    made.push(name);
                }
            }
            Job::Delete(name) if succeeded => {
                cluster.retire(&name);
                made.retain(|other| *other != name);
            }
            Job::Delete(_) | Job::Restore(_) => {}
        }
    }
}

#[derive(Clone, Debug)]
enum Job {
    Create(BranchName, BranchName),
    Delete(BranchName),
    Restore(BranchName),
}

async fn carry_out(cluster: &Arc<Cluster>, host: &Arc<Host>, job: &Job) -> Result<(), BranchError> {
    let context = branch_context(cluster, host);
    let dice = &cluster.world.dice;
    let now = context.env.now_ns();
    let back = dice.below(0..600_000_000_000) >> dice.below(0..20);
    let at = now.saturating_sub(back).max(cluster.book.newest_acknowledged("setup"));
    match job {
        Job::Create(name, from) => {
            let at = dice.chance(0.7).then_some(at);
            branch::create(&context, name, from, at).await.map(drop)
        }
        Job::Delete(name) => branch::delete(&context, name).await,
        Job::Restore(name) => branch::restore(&context, name, at).await.map(drop),
    }
}
