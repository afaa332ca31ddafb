//! The files of the function's package.

/// What the package of the Node function has in it: names and texts. Its handler is `index.handler`, and its runtime that
/// of Node.js itself.
pub const LAMBDA_FILES: &[(&str, &str)] = &[
    ("index.mjs", include_str!("lambda/index.mjs")),
    ("archive.mjs", include_str!("lambda/archive.mjs")),
    ("callback.mjs", include_str!("lambda/callback.mjs")),
    ("child.mjs", include_str!("lambda/child.mjs")),
    ("fetched.mjs", include_str!("lambda/fetched.mjs")),
    ("files.mjs", include_str!("lambda/files.mjs")),
    ("http.mjs", include_str!("lambda/http.mjs")),
    ("packages.mjs", include_str!("lambda/packages.mjs")),
    ("run.mjs", include_str!("lambda/run.mjs")),
    ("executor/executor.mjs", include_str!("js/executor.mjs")),
    ("executor/analyze.mjs", include_str!("js/analyze.mjs")),
    ("executor/console.mjs", include_str!("js/console.mjs")),
    ("executor/convex.mjs", include_str!("js/convex.mjs")),
    ("executor/errors.mjs", include_str!("js/errors.mjs")),
    ("executor/run.mjs", include_str!("js/run.mjs")),
    ("executor/inspect.js", include_str!("../runtime/prelude/inspect.js")),
];
