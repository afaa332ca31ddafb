//! Names of timelines and branches, and where their objects are.

use std::fmt;
use std::str::FromStr;

use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::env::Env;

/// One history of the database: one log and one chain of manifests. `main`, or 16 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimelineId(String);

/// What a user calls a timeline: letters, digits and `-`, at most 63, the first not `-`. `main` is the one that is always there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BranchName(String);

/// A name that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Of a timeline.
    #[error("`{0}` is not a timeline: it must be `main` or 16 lower-case hexadecimal digits")]
    Timeline(String),
    /// Of a branch.
    #[error("`{0}` is not a branch name: it must be 1 to 63 letters, digits and `-`, and not begin with `-`")]
    Branch(String),
}

const MAIN: &str = "main";
const LONGEST_BRANCH_NAME: usize = 63;

impl TimelineId {
    /// The first timeline of a store.
    pub fn main() -> Self {
        TimelineId(MAIN.to_owned())
    }

    /// A new one.
    pub fn random(env: &Env) -> Self {
        TimelineId(hex::encode(env.random_bytes::<8>()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where its manifests are.
    pub fn manifests(&self) -> Path {
        Path::from_iter(["timelines", self.as_str(), "manifest"])
    }

    /// Where the segments are that it wrote.
    pub fn segments(&self) -> Path {
        Path::from_iter(["segments", self.as_str()])
    }

    /// A path for a new segment.
    pub fn new_segment(&self, env: &Env) -> Path {
        let name = format!("{:016x}-{}.parquet", env.now_ns(), hex::encode(env.random_bytes::<8>()));
        self.segments().join(name)
    }

    /// Whether it wrote the segment at `path`.
    pub fn owns(&self, path: &str) -> bool {
        let mut parts = path.split('/');
        parts.next() == Some("segments") && parts.next() == Some(self.as_str())
    }
}

/// When the segment at `path` was begun, by the clock of who wrote it, in ns since the Unix epoch.
pub(super) fn segment_begun_ns(path: &str) -> Option<u64> {
    let name = path.rsplit('/').next()?.strip_suffix(".parquet")?;
    u64::from_str_radix(name.split_once('-')?.0, 16).ok()
}

impl BranchName {
    /// The branch that is always there.
    pub fn main() -> Self {
        BranchName(MAIN.to_owned())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TimelineId {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if text == MAIN || is_hex { Ok(TimelineId(text)) } else { Err(InvalidName::Timeline(text)) }
    }
}

impl TryFrom<String> for BranchName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        let valid = (1..=LONGEST_BRANCH_NAME).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !text.starts_with('-');
        if valid { Ok(BranchName(text)) } else { Err(InvalidName::Branch(text)) }
    }
}

macro_rules! text {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text!(TimelineId);
text!(BranchName);
