//! The component definitions of a push.

use std::collections::{BTreeMap, BTreeSet};

use lakewire_storage::limits::MAX_MODULES;

use super::{ComponentDefinition, PushedModule, ValidDefinition, check_version};
use crate::deploy::error::PushError;
use crate::model::ModuleEnvironment;
use crate::model::module_path::canonical_module_path;

/// Checks the definitions and puts each after those it depends on. `roots` are the dependencies of the app.
pub(super) fn validate(
    definitions: Vec<ComponentDefinition>,
    roots: &[String],
) -> Result<Vec<ValidDefinition>, PushError> {
    let mut by_path = BTreeMap::new();
    for definition in definitions {
        let definition = check(definition)?;
        if definition.path.is_empty() || by_path.contains_key(&definition.path) {
            let reason = format!("the definition `{}` is given twice", definition.path);
            return Err(PushError::InvalidConfig { reason });
        }
        by_path.insert(definition.path.clone(), definition);
    }
    let known = |path: &String, user: &str| match by_path.contains_key(path) {
        true => Ok(()),
        false => Err(PushError::InvalidConfig { reason: format!("{user} depends on the unknown definition `{path}`") }),
    };
    roots.iter().try_for_each(|path| known(path, "the app"))?;
    for definition in by_path.values() {
        definition.dependencies.iter().try_for_each(|path| known(path, &format!("`{}`", definition.path)))?;
    }
    in_order(by_path)
}

/// Takes those first whose dependencies have been taken.
fn in_order(mut left: BTreeMap<String, ValidDefinition>) -> Result<Vec<ValidDefinition>, PushError> {
    let mut ordered = Vec::with_capacity(left.len());
    let mut taken = BTreeSet::new();
    while !left.is_empty() {
        let ready =
            |(_, definition): &(&String, &ValidDefinition)| definition.dependencies.iter().all(|of| taken.contains(of));
        let Some(path) = left.iter().find(ready).map(|(path, _)| path.clone()) else {
            return Err(PushError::CyclicImport { paths: left.into_keys().collect() });
        };
        ordered.extend(left.remove(&path));
        taken.insert(path);
    }
    Ok(ordered)
}

fn check(definition: ComponentDefinition) -> Result<ValidDefinition, PushError> {
    let ComponentDefinition { definition_path: path, definition, dependencies, schema, functions, udf_server_version } =
        definition;
    check_version(&udf_server_version)?;
    let mut modules = BTreeMap::<String, PushedModule>::new();
    for module in functions {
        let canonical = canonical_module_path(&module.path)?;
        if module.environment == ModuleEnvironment::Node {
            return Err(PushError::NodeInComponent { path, module: canonical });
        }
        if modules.contains_key(&canonical) {
            return Err(PushError::InvalidConfig {
                reason: format!("module `{canonical}` of `{path}` is given twice"),
            });
        }
        modules.insert(canonical, module);
    }
    let count = modules.keys().filter(|path| !path.starts_with("_deps/")).count();
    if count > MAX_MODULES {
        return Err(PushError::TooManyModules { modules: count });
    }
    Ok(ValidDefinition { path, definition, dependencies, schema, functions: modules, udf_server_version })
}
