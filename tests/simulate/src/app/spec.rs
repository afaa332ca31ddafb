//! Reads and changes as data, so that clients can send them and the model can follow them.

use serde::{Deserialize, Serialize};

/// The tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Table {
    /// Money that is moved around and never made: `name`, `balance`.
    Accounts,
    /// Things that come and go and change their place in indexes: `group`, `n`, `m`, sometimes `pad`.
    Items,
    /// One list of tokens a key: `key`, `tokens`.
    Lists,
}

impl Table {
    /// Every table.
    pub const ALL: [Table; 3] = [Table::Accounts, Table::Items, Table::Lists];

    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Table::Accounts => "accounts",
            Table::Items => "items",
            Table::Lists => "lists",
        }
    }
}

/// The indexes, beyond `by_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Index {
    /// Of every table.
    CreationTime(Table),
    /// Of accounts, by `name`.
    Name,
    /// Of accounts, by `balance`.
    Balance,
    /// Of items, by `group`, `n`.
    Group,
    /// Of items, by `m`, which only some have. Comes and goes while the database is in use.
    Fleeting,
    /// Of lists, by `key`.
    Key,
    /// Of items, the words of `text`; filtered by `group`. Cannot be read as a range.
    Words,
    /// The same, another one. Comes and goes like [`Index::Fleeting`].
    FleetingWords,
    /// Of items, near to the vector `at`; filtered by `group`. Cannot be read as a range.
    Near,
}

impl Index {
    /// Those that are searched, there from the beginning.
    pub const SEARCHED: [Index; 2] = [Index::Words, Index::Near];

    /// Those that are there from the beginning.
    pub const LASTING: [Index; 4] = [Index::Name, Index::Balance, Index::Group, Index::Key];

    /// Its table.
    pub fn table(self) -> Table {
        match self {
            Index::CreationTime(table) => table,
            Index::Name | Index::Balance => Table::Accounts,
            Index::Group | Index::Fleeting | Index::Words | Index::FleetingWords | Index::Near => Table::Items,
            Index::Key => Table::Lists,
        }
    }

    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Index::CreationTime(_) => "by_creation_time",
            Index::Name => "by_name",
            Index::Balance => "by_balance",
            Index::Group => "by_group",
            Index::Fleeting => "by_m",
            Index::Key => "by_key",
            Index::Words => "by_words",
            Index::FleetingWords => "by_other_words",
            Index::Near => "by_near",
        }
    }

    /// Its fields, before creation time and id.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Index::CreationTime(_) => &[],
            Index::Name => &["name"],
            Index::Balance => &["balance"],
            Index::Group => &["group", "n"],
            Index::Fleeting => &["m"],
            Index::Key => &["key"],
            Index::Words | Index::FleetingWords => &["text"],
            Index::Near => &["at"],
        }
    }
}

/// The words of an item's text: few, so that many have some in common, and as many as begin alike as a search completes.
pub fn words(n: f64) -> String {
    let n = n as u64;
    format!("ant{} bee{} ant{} {}", n % 5, n / 5 % 4, n % 3, if n.is_multiple_of(7) { "comma, comma" } else { "" })
}

/// The vector of an item.
pub fn place(n: f64) -> [f64; 3] {
    [n % 7.0 - 3.0, n % 5.0 - 2.0, 1.0 + n % 3.0]
}

/// A query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Read {
    /// The document with an id.
    Get {
        /// Its table.
        table: Table,
        /// The text of the id.
        id: String,
    },
    /// Documents in the order of an index.
    Range {
        /// Which index.
        index: Index,
        /// Its first fields are these.
        equal: Vec<f64>,
        /// The field after those is at least this.
        from: Option<f64>,
        /// The field after those is less than this.
        to: Option<f64>,
        /// The last first.
        descending: bool,
        /// No more than this many.
        limit: Option<u64>,
        /// Read in pages of this size.
        page: Option<usize>,
    },
    /// Items by the words of their text, in any order: how well each matches depends on all others, which is no read.
    Search {
        /// Which index.
        index: Index,
        /// The words, the last of which may be only begun.
        words: String,
        /// The field `group`.
        group: Option<f64>,
    },
    /// How many documents a table has.
    Count {
        /// Which table.
        table: Table,
    },
}

impl Read {
    /// Whether it may be of an index that is not there.
    pub fn is_fleeting(&self) -> bool {
        let index = match self {
            Read::Range { index, .. } | Read::Search { index, .. } => index,
            Read::Get { .. } | Read::Count { .. } => return false,
        };
        matches!(index, Index::Fleeting | Index::FleetingWords)
    }
}

/// A mutation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// Moves money between two accounts.
    Transfer {
        /// Name of the one.
        from: f64,
        /// Name of the other.
        to: f64,
        /// How much.
        amount: f64,
    },
    /// Adds an item.
    Insert {
        /// The field `group`.
        group: f64,
        /// The field `n`.
        n: f64,
        /// The field `m`.
        m: Option<f64>,
        /// The length of the field `pad`.
        pad: usize,
    },
    /// Changes the first or last item of a group.
    Patch {
        /// Which group.
        group: f64,
        /// The last, not the first.
        last: bool,
        /// The group it goes to.
        to: f64,
        /// The new `n`.
        n: f64,
        /// The new `m`.
        m: Option<f64>,
    },
    /// Deletes the first or last item of a group, if the group has more than a few.
    Delete {
        /// Which group.
        group: f64,
        /// The last, not the first.
        last: bool,
    },
    /// Appends a token to a list, which is made if it is not there.
    Append {
        /// Which list.
        key: f64,
        /// The token, unique.
        token: String,
    },
    /// Moves some items that a search finds to a group.
    Gather {
        /// What is searched for.
        words: String,
        /// The group.
        to: f64,
    },
    /// Reads a whole group and adds one to every `n` of it.
    Shift {
        /// Which group.
        group: f64,
    },
}
