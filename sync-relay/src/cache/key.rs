//! What makes two queries the same.

use std::sync::Arc;

use lakewire_functions::auth::Identity;
use lakewire_functions::udf::FunctionPath;
use lakewire_storage::value::Value;

/// A query as one kind of caller asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Query {
    /// The function.
    pub(crate) path: FunctionPath,
    /// JSON text of the array of arguments, in normal form if it can be decoded.
    pub(crate) args: Arc<str>,
    /// The journal that is given to it.
    pub(crate) journal: Option<Arc<str>>,
    /// What the caller may call: the result depends on it even if the function never asks who calls.
    pub(crate) rights: Rights,
}

/// Which functions are open to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Rights {
    /// Public functions.
    Public,
    /// Internal ones, and those of components and of the server, too.
    Admin,
}

/// Who may be given the result of a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// Everybody with the rights in the query: the function did not ask who calls.
    Everybody,
    /// This caller only: the function asked.
    Only(Identity),
}

/// The key of a cache entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct QueryKey {
    pub(crate) query: Query,
    pub(crate) scope: Scope,
}

impl Query {
    /// The query `path(args)` as asked for by `identity`.
    pub(crate) fn new(path: FunctionPath, args: &Arc<str>, journal: Option<Arc<str>>, identity: &Identity) -> Self {
        Self { path, args: normalised(args), journal, rights: Rights::of(identity) }
    }
}

impl Rights {
    /// The rights of `identity`.
    pub(crate) fn of(identity: &Identity) -> Self {
        if identity.is_admin() { Self::Admin } else { Self::Public }
    }
}

/// `args` in the one text that equal values have. Text that cannot be decoded stays as it is: running the query will say what is
/// wrong with it.
fn normalised(args: &Arc<str>) -> Arc<str> {
    match Value::from_json(args).map(|value| value.to_json()) {
        Ok(text) if text != **args => text.into(),
        _ => Arc::clone(args),
    }
}

#[cfg(test)]
mod tests {
    use lakewire_functions::auth::Identity;
    use lakewire_functions::udf::FunctionPath;

    use super::Query;

    fn query(args: &str) -> Query {
        let path = FunctionPath::parse("a:b").unwrap();
        Query::new(path, &args.into(), None, &Identity::Anonymous)
    }

    #[test]
    fn the_order_of_keys_and_white_space_make_no_difference() {
        assert_eq!(query(r#"[{"a":{"x":1,"b":2},"c":[]}]"#), query(r#"[ {"c":[], "a":{"b":2,"x":1}} ]"#));
        assert_ne!(query(r#"[{"a":1}]"#), query(r#"[{"a":2}]"#));
        assert_ne!(query(r#"[{"a":[1,2]}]"#), query(r#"[{"a":[2,1]}]"#));
    }

    #[test]
    fn the_way_a_number_is_written_makes_no_difference() {
        assert_eq!(query(r#"[{"a":2.0,"b":1e0,"c":0.1}]"#), query(r#"[{"a":2,"b":1,"c":1e-1}]"#));
        assert_ne!(query(r#"[{"a":2}]"#), query(r#"[{"a":{"$integer":"AgAAAAAAAAA="}}]"#));
    }

    #[test]
    fn undecodable_arguments_are_left_for_the_engine() {
        assert_eq!(&*query(r#"[{"s":"\ud800"}]"#).args, r#"[{"s":"\ud800"}]"#);
    }
}
