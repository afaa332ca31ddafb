//! The tree of components of a push: what is mounted where, with which variables. Pure.

use std::collections::{BTreeMap, BTreeSet};

use lakewire_storage::names::check_identifier;
use serde_json::{Map, Value as Json, json};

use super::definition::EnvDeclarations;
use super::error::PushError;
use super::exports;
use crate::model::definition::{ChildComponent, DefinitionExport, EnvSource};
use crate::model::{AnalyzedModule, HttpRoute};
use crate::udf::ComponentPath;

/// A definition as far as the tree depends on it.
pub struct TreeDefinition<'a> {
    pub export: DefinitionExport,
    pub env: EnvDeclarations,
    /// Analyses by module path.
    pub modules: BTreeMap<&'a str, &'a AnalyzedModule>,
}

impl TreeDefinition<'_> {
    /// The routes of its own `http.js`; `None` if it has none.
    fn routes(&self) -> Option<impl Iterator<Item = &HttpRoute>> {
        let module = self.modules.get("http.js")?;
        Some(module.http_routes.as_ref()?.iter().map(|found| &found.route))
    }
}

/// A component of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    pub path: ComponentPath,
    /// Path of its definition.
    pub definition: String,
    /// Where its HTTP actions are served; `None` if nobody mounts it. Of the app: the prefix that it chose.
    pub http_prefix: Option<String>,
    /// What its variables are bound to: constants, and variables of the deployment.
    pub env: BTreeMap<String, EnvSource>,
    pub children: Vec<Instance>,
}

/// Builds the tree of an app. `strict` demands that required variables are bound.
///
/// # Errors
/// `TypecheckError` for the first thing that does not fit together.
pub fn instantiate(definitions: &BTreeMap<String, TreeDefinition<'_>>, strict: bool) -> Result<Instance, PushError> {
    let builder = Builder { definitions, strict };
    let root = builder.definition(&ComponentPath::root(), "")?;
    // The app sees all variables of the deployment under their own names, its declarations only describe them.
    let env = root.env.names().map(|name| (name.to_owned(), EnvSource::EnvVar { name: name.to_owned() })).collect();
    builder.instance(ComponentPath::root(), "", root.export.http_prefix.clone(), env, &mut Vec::new())
}

struct Builder<'a> {
    definitions: &'a BTreeMap<String, TreeDefinition<'a>>,
    strict: bool,
}

fn fail(component: &ComponentPath, reason: impl std::fmt::Display) -> PushError {
    let of = if component.is_root() { "the app".to_owned() } else { format!("component `{component}`") };
    PushError::Typecheck { message: format!("in the definition of {of}: {reason}") }
}

impl<'a> Builder<'a> {
    fn definition(&self, user: &ComponentPath, path: &str) -> Result<&'a TreeDefinition<'a>, PushError> {
        self.definitions.get(path).ok_or_else(|| fail(user, format_args!("there is no definition `{path}`")))
    }

    /// `above` are the definitions of the components that this one is within.
    fn instance(
        &self,
        path: ComponentPath,
        definition_path: &str,
        http_prefix: Option<String>,
        env: BTreeMap<String, EnvSource>,
        above: &mut Vec<String>,
    ) -> Result<Instance, PushError> {
        let definition = self.definition(&path, definition_path)?;
        if above.iter().any(|other| other == definition_path) {
            return Err(fail(&path, format_args!("the definition `{definition_path}` uses itself")));
        }
        above.push(definition_path.to_owned());
        self.check_mounts(&path, definition)?;
        let mounts = definition.export.mounted_children();
        let mut names = BTreeSet::new();
        let mut children = Vec::with_capacity(definition.export.child_components.len());
        for child in &definition.export.child_components {
            let name = &child.name;
            check_identifier(name)
                .map_err(|error| fail(&path, format_args!("invalid name of a component: {error}")))?;
            let child_path = path.child(name).map_err(|error| fail(&path, error))?;
            if !names.insert(name) {
                return Err(fail(
                    &path,
                    format_args!("two components have the name `{name}`; give one another `name`"),
                ));
            }
            let env = self.bind(&path, definition, &env, child)?;
            let mount = mounts.iter().find(|(_, mounted)| *mounted == name).map(|(mount, _)| mount.as_str());
            let prefix = match (mount, path.is_root(), &http_prefix) {
                (Some(mount), true, _) => Some(mount.to_owned()),
                (Some(mount), false, Some(above)) => Some(format!("{}{mount}", above.trim_end_matches('/'))),
                _ => None,
            };
            children.push(self.instance(child_path, &child.path, prefix, env, above)?);
        }
        above.pop();
        Ok(Instance { path, definition: definition_path.to_owned(), http_prefix, env, children })
    }

    /// The variables of a child, bound to constants and variables of the deployment.
    fn bind(
        &self,
        parent_path: &ComponentPath,
        parent: &TreeDefinition<'_>,
        parent_env: &BTreeMap<String, EnvSource>,
        child: &ChildComponent,
    ) -> Result<BTreeMap<String, EnvSource>, PushError> {
        let fail = |reason: String| fail(parent_path, format_args!("component `{}`: {reason}", child.name));
        let declared = &self.definition(parent_path, &child.path)?.env;
        let mut bound = BTreeMap::new();
        for (name, source) in child.env.iter().flatten() {
            let wanted = declared.get(name).ok_or_else(|| {
                fail(format!("it is given the environment variable `{name}`, which it does not declare"))
            })?;
            let source = match source {
                EnvSource::Value { value } => {
                    if !wanted.accepts(value) {
                        let validator = &wanted.validator;
                        return Err(fail(format!("the value of `{name}`, `{value}`, does not match {validator}")));
                    }
                    Some(source.clone())
                }
                EnvSource::EnvVar { name: outer } => {
                    let given = parent.env.get(outer).ok_or_else(|| {
                        fail(format!("`{name}` is bound to the environment variable `{outer}`, which is not declared"))
                    })?;
                    if given.optional && !wanted.optional {
                        return Err(fail(format!(
                            "`{name}` is required, but `{outer}`, to which it is bound, is optional"
                        )));
                    }
                    if !given.validator.is_subset_of(&wanted.validator) {
                        let (given, wanted) = (&given.validator, &wanted.validator);
                        return Err(fail(format!(
                            "`{name}` is {wanted}, but `{outer}`, to which it is bound, is {given}"
                        )));
                    }
                    // A variable that the parent has and nobody bound has no value.
                    parent_env.get(outer).cloned()
                }
            };
            if bound.insert(name.clone(), source).is_some() {
                return Err(fail(format!("the environment variable `{name}` is given twice")));
            }
        }
        if self.strict
            && let Some(name) = declared.required().find(|name| !bound.contains_key(*name))
        {
            return Err(fail(format!("the environment variable `{name}` is required, but is not given in `app.use`")));
        }
        Ok(bound.into_iter().filter_map(|(name, source)| Some((name, source?))).collect())
    }

    fn check_mounts(&self, path: &ComponentPath, definition: &TreeDefinition<'_>) -> Result<(), PushError> {
        let children = definition.export.mounted_children();
        for (mount, reference) in &definition.export.http_mounts {
            let fail = |reason: String| fail(path, format_args!("HTTP mount `{mount}`: {reason}"));
            if !(mount.starts_with('/') && mount.ends_with('/')) {
                return Err(fail("the path must begin and end with a slash".to_owned()));
            }
            let child =
                children.get(mount).ok_or_else(|| fail(format!("`{reference}` is not a component used here")))?;
            let used = definition.export.child_components.iter().find(|used| used.name == *child);
            let target = used.map(|used| used.path.as_str()).unwrap_or_default();
            if !self.has_routes(path, target)? {
                return Err(fail(format!("component `{child}` has no HTTP routes")));
            }
            let prefixes = definition.routes().into_iter().flatten().filter_map(|route| route.path.strip_suffix('*'));
            for prefix in prefixes {
                if prefix.starts_with(mount.as_str()) || mount.starts_with(prefix) {
                    return Err(fail(format!("it overlaps the route `{prefix}*` of http.ts")));
                }
            }
        }
        Ok(())
    }

    /// Whether a definition serves anything over HTTP, itself or through its children.
    fn has_routes(&self, user: &ComponentPath, path: &str) -> Result<bool, PushError> {
        let definition = self.definition(user, path)?;
        let own = definition.routes().is_some_and(|mut routes| routes.next().is_some());
        Ok(own || !definition.export.http_mounts.is_empty())
    }
}

impl Instance {
    /// The instance and all those within it, parents first.
    pub fn all(&self) -> Vec<&Instance> {
        let mut all = vec![self];
        for child in &self.children {
            all.extend(child.all());
        }
        all
    }

    /// The instance in the form of `app` of the push response.
    pub fn to_json(&self, definitions: &BTreeMap<String, TreeDefinition<'_>>) -> Json {
        let definition = definitions.get(&self.definition);
        let name = |path: &ComponentPath| path.as_str().rsplit('/').next().unwrap_or_default().to_owned();
        let children: Map<String, Json> =
            self.children.iter().map(|child| (name(&child.path), child.to_json(definitions))).collect();
        let routes = definition.and_then(|definition| Some(definition.routes()?.collect::<Vec<_>>()));
        let mounts: Vec<&String> = definition.map(|of| of.export.http_mounts.keys().collect()).unwrap_or_default();
        let exports = match definition {
            Some(definition) if !self.path.is_root() => exports::checked(&definition.modules, &self.path),
            _ => json!({}),
        };
        let mut json = json!({
            "definitionPath": self.definition,
            "componentPath": self.path.as_str(),
            "args": {},
            "env": self.env,
            "childComponents": children,
            "httpRoutes": {"httpModuleRoutes": routes, "mounts": mounts},
            "exports": exports,
        });
        if let Some(prefix) = &self.http_prefix {
            json["httpPrefix"] = prefix.as_str().into();
        }
        json
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
