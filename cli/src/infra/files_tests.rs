use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{FILES, Kept, write};

fn text(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).expect("a file")
}

const ONE: [(&str, &str); 2] = [("terraform/main.tf", "one"), ("terraform/lib/old.tf", "old")];
const TWO: [(&str, &str); 2] = [("terraform/main.tf", "two"), ("terraform/new.tf", "new")];

#[test]
fn a_new_version_takes_the_place_of_what_nobody_changed() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("stack");
    assert_eq!(write(&folder, &ONE).expect("files"), []);
    assert_eq!(fs::metadata(&folder).expect("a folder").permissions().mode() & 0o777, 0o700);
    assert_eq!(text(&folder, "terraform/main.tf"), "one");
    assert!(text(&folder, ".gitignore").contains("*.tfstate\n"));

    assert_eq!(write(&folder, &TWO).expect("files"), []);
    assert_eq!(text(&folder, "terraform/main.tf"), "two");
    assert_eq!(text(&folder, "terraform/new.tf"), "new");
    assert!(!folder.join("terraform/lib/old.tf").exists());
}

#[test]
fn what_somebody_changed_stays_and_is_told() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("stack");
    write(&folder, &ONE).expect("files");
    let (main, old) = (folder.join("terraform/main.tf"), folder.join("terraform/lib/old.tf"));
    fs::write(&main, "mine").expect("a written file");
    fs::write(&old, "mine").expect("a written file");
    // Nothing is new, so there is nothing to tell.
    assert_eq!(write(&folder, &ONE).expect("files"), []);

    let beside = folder.join("terraform/main.tf.lakewire-new");
    let told = [Kept::Changed { path: main.clone(), beside: beside.clone() }, Kept::Gone { path: old }];
    assert_eq!(write(&folder, &TWO).expect("files"), told);
    assert!(told[0].to_string().contains("main.tf`, which you changed; this version's is `"));
    assert_eq!(text(&folder, "terraform/main.tf"), "mine");
    assert_eq!(text(&folder, "terraform/main.tf.lakewire-new"), "two");

    // Until it was taken over, or put aside.
    assert_eq!(write(&folder, &TWO).expect("files"), told[..1]);
    fs::rename(&beside, &main).expect("a renamed file");
    assert_eq!(write(&folder, &TWO).expect("files"), []);
    assert_eq!(text(&folder, "terraform/main.tf"), "two");
}

#[test]
fn a_file_that_was_there_before_is_not_ours() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(".gitignore"), "mine").expect("a written file");
    assert_eq!(write(folder.path(), &ONE).expect("files").len(), 1);
    assert_eq!(text(folder.path(), ".gitignore"), "mine");
}

#[test]
fn the_binary_has_the_files_of_both_tools_and_nothing_that_tools_made() {
    for name in ["terraform/README.md", "cdk/README.md"] {
        assert!(FILES.iter().any(|(path, text)| *path == name && !text.is_empty()), "{name}");
    }
    for (path, _) in FILES {
        assert!(!path.contains("node_modules") && !path.contains(".tfstate"), "{path}");
    }
}
