//! `lakewire branch` and `lakewire restore`.

use std::time::Duration;

use lakewire_storage::env::Env;
use lakewire_storage::log::{OpenLogError, Timestamp};
use lakewire_storage::timeline::BranchName;
use lakewire_storage::timeline::branch::{self, BranchError, BranchInfo};

use crate::args::{Moment, StorageArgs, rfc3339};
use crate::failure::Failure;
use crate::storage::open::Deployment;

/// Makes a branch: a copy of `from`, or of the branch that the options name.
pub async fn create(
    name: BranchName,
    from: Option<BranchName>,
    at: Option<Moment>,
    storage: StorageArgs,
    env: Env,
) -> Result<(), Failure> {
    let deployment = Deployment::named(&storage, "branch create", &env).await?;
    let from = from.unwrap_or(storage.branch);
    let at = at.map(|at| at.timestamp(env.now_ns()));
    let made = branch::create(&deployment.context, &name, &from, at).await?;
    let ts = made.parent.as_ref().map_or(0, |parent| parent.ts);
    println!("branch `{name}` is a copy of `{from}` with {}", commits(ts));
    Ok(())
}

/// Prints all branches, one a line.
pub async fn list(storage: StorageArgs, env: Env) -> Result<(), Failure> {
    let deployment = Deployment::named(&storage, "branch list", &env).await?;
    println!("{}", table(&branch::list(&deployment.context).await?));
    Ok(())
}

/// Deletes a branch.
pub async fn delete(name: BranchName, storage: StorageArgs, env: Env) -> Result<(), Failure> {
    let deployment = Deployment::named(&storage, "branch delete", &env).await?;
    branch::delete(&deployment.context, &name).await.map_err(explain)?;
    deployment.remove_open_data(&name).await?;
    println!("branch `{name}` is deleted");
    Ok(())
}

/// Puts the branch that the options name back to a moment.
pub async fn restore(at: Moment, storage: StorageArgs, env: Env) -> Result<(), Failure> {
    let deployment = Deployment::named(&storage, "restore", &env).await?;
    let at = at.timestamp(env.now_ns());
    let restored = branch::restore(&deployment.context, &storage.branch, at).await.map_err(explain)?;
    println!("branch `{}` is back, with {}; start its servers", storage.branch, commits(restored.ts));
    Ok(())
}

fn commits(ts: Timestamp) -> String {
    if ts == 0 { "no commits".to_owned() } else { format!("its commits up to {} ({ts})", rfc3339(ts)) }
}

/// Says what to do where a log has one writer at a time, and a server is it.
fn explain(error: BranchError) -> Failure {
    match error {
        BranchError::OpenLog { branch, error: OpenLogError::Locked { .. } } => Failure::Served { branch },
        error => error.into(),
    }
}

/// Branches in columns.
pub fn table(branches: &[BranchInfo]) -> String {
    let head = ["branch", "created", "from", "at", "bytes", "shared bytes"].map(str::to_owned);
    let rows = branches.iter().map(|branch| {
        let seconds = |ns: u64| rfc3339(ns - ns % Duration::from_secs(1).as_nanos() as u64).replace(".000000000", "");
        let (from, at) = match &branch.parent {
            // Its branch may be gone, or on another timeline since.
            Some(parent) => {
                let at = if parent.ts == 0 { "-".to_owned() } else { rfc3339(parent.ts) };
                (branch.parent_branch.as_ref().map_or("-".to_owned(), ToString::to_string), at)
            }
            None => ("-".to_owned(), "-".to_owned()),
        };
        let created = seconds(branch.created_ns);
        [branch.name.to_string(), created, from, at, branch.bytes.to_string(), branch.foreign_bytes.to_string()]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let line = |row: &[String; 6]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
