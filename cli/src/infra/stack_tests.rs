use std::path::Path;

use super::Stack;
use crate::args::{InfraOptions, InfraTool, RelayMode};
use crate::package::Arch;

/// Options that say nothing but the folder.
fn options(dir: &Path) -> InfraOptions {
    InfraOptions { dir: dir.to_owned(), stack_name: None, relay: None, relay_image: None, arch: None, tool: None }
}

#[test]
fn what_was_said_once_needs_not_be_said_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = InfraOptions {
        stack_name: Some("chat".to_owned()),
        relay: Some(RelayMode::Fargate),
        relay_image: Some("registry/lakewire:1".to_owned()),
        tool: Some(InfraTool::Cdk),
        arch: Some(Arch::Arm64),
        ..options(folder.path())
    };
    let stack = Stack::of(&first).expect("a stack");
    stack.remember(folder.path()).expect("a written file");
    assert_eq!(Stack::known(folder.path()).expect("a read file").as_ref(), Some(&stack));
    assert_eq!(Stack::of(&options(folder.path())).expect("a stack"), stack);

    let other = InfraOptions { relay: Some(RelayMode::None), ..options(folder.path()) };
    let stack = Stack::of(&other).expect("a stack");
    assert_eq!((stack.relay, stack.relay_image), (Some(RelayMode::None), None));
}

#[test]
fn a_stack_of_nothing_said_is_lakewire_for_this_processor() {
    let folder = tempfile::tempdir().expect("a folder");
    let stack = Stack::of(&options(folder.path())).expect("a stack");
    assert_eq!((stack.name.as_str(), stack.arch, stack.relay), ("lakewire", Arch::RUNNING, None));
    assert_eq!(Stack::known(folder.path()).expect("no file"), None);
}

#[test]
fn another_stack_wants_another_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    Stack::of(&options(folder.path())).expect("a stack").remember(folder.path()).expect("a written file");
    let error = Stack::of(&InfraOptions { stack_name: Some("chat".to_owned()), ..options(folder.path()) });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("has the stack `lakewire`, not `chat`"), "{error}");
    let error = Stack::of(&InfraOptions { tool: Some(InfraTool::Cdk), ..options(folder.path()) });
    assert!(error.unwrap_err().to_string().contains("was made with Terraform, not the CDK"));
    std::fs::write(folder.path().join("lakewire-stack.json"), "{}").expect("a written file");
    let error = Stack::of(&options(folder.path())).unwrap_err().to_string();
    assert!(error.contains("lakewire-stack.json` is not what `lakewire infra` wrote: missing field"), "{error}");
}

#[test]
fn a_relay_on_fargate_wants_an_image() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = Stack::of(&InfraOptions { relay: Some(RelayMode::Fargate), ..options(folder.path()) });
    assert!(error.unwrap_err().to_string().contains("--relay-image"));
}

#[test]
fn names_are_those_that_aws_takes_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let stack = |name: &str| Stack::of(&InfraOptions { stack_name: Some(name.to_owned()), ..options(folder.path()) });
    for name in ["ab", "chat-2", "a23456789012345678901234"] {
        stack(name).expect("a name");
    }
    for name in ["", "a", "2a", "a-", "A1", "a_b", "a2345678901234567890123456"] {
        assert!(stack(name).unwrap_err().to_string().starts_with(&format!("`{name}` is no name")), "{name}");
    }
}
