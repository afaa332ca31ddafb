//! Which component serves an HTTP request: routing over `http.js` and mounts. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Component, HttpRoute};
use crate::udf::ComponentPath;

/// The module whose router is given a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpDestination {
    /// The component whose `http.js` it is.
    pub component: ComponentPath,
    /// The path as that component sees it: without the prefixes it is mounted under, with a slash at the start.
    pub path: String,
    /// Path or `prefix*` of the route that the router will find there, if there is one.
    pub route: Option<String>,
}

/// Where a request for `path` goes, which begins with a slash; `None` if nobody serves it. A component whose router has no
/// such route is given the request all the same if nobody else is: it answers that there is nothing.
///
/// An exact route of a component's own goes before everything else, then the longest prefix, be it of a route or a mount.
pub fn http_destination(
    components: &BTreeMap<ComponentPath, Arc<Component>>,
    method: &str,
    path: &str,
) -> Option<HttpDestination> {
    // The router looks up `HEAD` as `GET`.
    let method = if method == "HEAD" { "GET" } else { method };
    let mut component = components.get(&ComponentPath::root())?;
    let mut path = path.to_owned();
    loop {
        let own = own_path(component, &path);
        let routes = routes(component);
        let here = |path: &str, route: Option<&str>| HttpDestination {
            component: component.path.clone(),
            path: path.to_owned(),
            route: route.map(str::to_owned),
        };
        let fits = |route: &&HttpRoute| route.method == method;
        let (mut longest, mut pattern) = (None, None);
        if let (Some(own), Some(routes)) = (&own, &routes) {
            if routes.iter().copied().filter(fits).any(|route| !route.path.ends_with('*') && route.path == *own) {
                return Some(here(own, Some(own)));
            }
            let prefixes = routes.iter().copied().filter(fits).map(|route| route.path.as_str());
            let prefixes = prefixes.filter(|path| path.strip_suffix('*').is_some_and(|prefix| own.starts_with(prefix)));
            pattern = prefixes.max_by_key(|pattern| pattern.len());
            // Mounts are compared with the whole path, so are prefixes: by what comes before them, too.
            let before = path.len() - own.len();
            longest = pattern.map(|pattern| before + pattern.len() - 1);
        }
        let mounts = component.definition.mounts.iter().filter(|(mount, _)| path.starts_with(mount.as_str()));
        let mount = mounts.max_by_key(|(mount, _)| mount.len());
        match mount.filter(|(mount, _)| longest.is_none_or(|longest| mount.len() >= longest)) {
            Some((mount, child)) => {
                // The slash at the end of the mount is the first of what is left.
                path = path[mount.len() - 1..].to_owned();
                component = components.get(&component.path.child(child).ok()?).filter(|child| child.mounted)?;
            }
            None => return own.filter(|_| routes.is_some()).map(|own| here(&own, pattern)),
        }
    }
}

/// The routes of a component's `http.js`, if it has one.
fn routes(component: &Component) -> Option<Vec<&HttpRoute>> {
    let module = component.definition.modules.get("http.js")?;
    Some(module.analysis.http_routes.as_ref()?.iter().map(|found| &found.route).collect())
}

/// The path as a component's own router sees it: an app may have chosen a prefix for its routes.
fn own_path(component: &Component, path: &str) -> Option<String> {
    let Some(prefix) = component.definition.http_prefix.as_deref().filter(|_| component.path.is_root()) else {
        return Some(path.to_owned());
    };
    let prefix = prefix.trim_end_matches('/');
    let rest = path.strip_prefix(prefix)?;
    if rest.is_empty() { Some("/".to_owned()) } else { rest.starts_with('/').then(|| rest.to_owned()) }
}

#[cfg(test)]
#[path = "http_routes_tests.rs"]
mod tests;
