use std::path::PathBuf;

use clap::Parser;

use super::{IdentityPlace, LogPlace, Place};
use crate::args::StorageArgs;
use crate::storage::location::StoreLocation;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    storage: StorageArgs,
}

/// What a command line means, printed; or why it means nothing.
fn resolve(line: &str) -> Result<String, String> {
    let options = Options::try_parse_from(std::iter::once("serve").chain(line.split_whitespace()));
    let args = options.map_err(|error| error.to_string())?.storage;
    let place = Place::resolve(&args).map_err(|error| error.to_string())?;
    let identity = match place.identity {
        IdentityPlace::Directory(_) => "instance.json",
        IdentityPlace::Store => "deployment.json",
    };
    Ok(format!("{}, {}, {identity}", place.store, place.log))
}

#[test]
fn combinations_that_mean_something() {
    for (line, place) in [
        ("--data d", "file://d/store, the log in d/log, instance.json"),
        ("--data d --store file://d/./store", "file://d/./store, the log in d/log, instance.json"),
        ("--data d --store file://other", "file://other, the log in d/log, deployment.json"),
        ("--data d --log object-store", "file://d/store, the log in the store, deployment.json"),
        ("--store s3://bucket/p --log object-store", "s3://bucket/p, the log in the store, deployment.json"),
        ("--store s3://bucket/p --log dynamodb --table t", "s3://bucket/p, the log in the table t, deployment.json"),
        ("--store memory://", "memory://, the log in memory, deployment.json"),
        ("--store memory:// --log object-store", "memory://, the log in the store, deployment.json"),
    ] {
        assert_eq!(resolve(line).as_deref(), Ok(place), "{line}");
    }
}

#[test]
fn combinations_that_do_not_name_what_is_wrong() {
    for (line, named) in [
        ("", "--data DIR"),
        ("--store s3://bucket", "`--log dynamodb` or `--log object-store`"),
        ("--log object-store", "--store"),
        ("--log dynamodb --store s3://bucket", "--table NAME"),
        ("--data d --table t", "`--table t`"),
        ("--data d --store memory:// --log local", "`--log local`"),
        ("--store memory:// --log dynamodb --table t", "`--log dynamodb`"),
        ("--store memory:// --branch b", "`--branch b`"),
        ("--data d --branch a_b", "a_b"),
        ("--data d --store gs://bucket", "`gs://bucket`"),
        ("--data d --log paper", "paper"),
    ] {
        let error = resolve(line).expect_err(line);
        assert!(error.contains(named), "{line}: {error}");
    }
}

#[test]
fn a_directory_is_what_data_alone_means() {
    let args = StorageArgs { data: Some(PathBuf::from("d")), ..StorageArgs::on_main() };
    assert_eq!(Place::resolve(&args), Ok(Place::directory(&PathBuf::from("d"))));
    assert_eq!(Place::directory(&PathBuf::from("d")).log, LogPlace::Local(PathBuf::from("d/log")));
    assert!(!matches!(Place::resolve(&args).map(|place| place.store), Ok(StoreLocation::Memory)));
}
