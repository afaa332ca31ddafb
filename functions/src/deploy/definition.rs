//! The evaluated `convex.config.js` of the app or of a component: its form, and what it declares about environment
//! variables.

use std::collections::BTreeMap;

use lakewire_storage::schema::Validator;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::error::PushError;
use crate::model::definition::DefinitionExport;

/// What `defineApp()` without anything evaluates to.
pub fn empty() -> Json {
    json!({"definitionType": {"type": "app"}, "childComponents": [], "httpMounts": {},
           "exports": {"type": "branch", "branch": []}})
}

/// Checks an evaluated app definition and gives it in the form of `analysis[""].definition`.
///
/// # Errors
/// `InvalidDefinition` for another shape, `InvalidEnvVarDeclaration`.
pub fn normalize(definition: Json) -> Result<Json, PushError> {
    normalize_as(definition, "", "app", "`defineApp()`")
}

/// Checks the evaluated definition of a component and gives it in the form of `analysis[path].definition`.
///
/// # Errors
/// As [`normalize`].
pub fn normalize_component(definition: Json, path: &str) -> Result<Json, PushError> {
    normalize_as(definition, path, "childComponent", "`defineComponent(name)`")
}

fn normalize_as(mut definition: Json, path: &str, kind: &str, made_by: &str) -> Result<Json, PushError> {
    let invalid = |reason: &str| PushError::Evaluation {
        code: "InvalidDefinition".to_owned(),
        message: match path {
            "" => format!("`convex.config.js` is not a valid app definition: {reason}"),
            _ => format!("`{path}/convex.config.js` is not a valid definition of a component: {reason}"),
        },
    };
    let object = definition.as_object_mut().ok_or_else(|| invalid("it does not export an object"))?;
    if object.get("definitionType").and_then(|of| of.get("type")) != Some(&json!(kind)) {
        return Err(invalid(&format!("it must export {made_by}")));
    }
    object.insert("path".to_owned(), json!(path));
    for (field, default) in [
        ("childComponents", json!([])),
        ("httpMounts", json!({})),
        ("exports", json!({"type": "branch", "branch": []})),
    ] {
        object.entry(field).or_insert(default);
    }
    EnvDeclarations::of(&definition)?;
    serde_json::from_value::<DefinitionExport>(definition.clone()).map_err(|error| invalid(&error.to_string()))?;
    Ok(definition)
}

#[derive(Deserialize)]
struct Declaration {
    value: String,
    #[serde(default)]
    optional: bool,
}

/// A declared environment variable.
#[derive(Clone, Debug)]
pub struct EnvDeclaration {
    pub validator: Validator,
    pub optional: bool,
}

impl EnvDeclaration {
    /// Whether the variable may have this value.
    pub fn accepts(&self, value: &str) -> bool {
        accepts(&self.validator.to_json_value(), value)
    }
}

/// The environment variables that the app or a component declares.
#[derive(Clone, Debug, Default)]
pub struct EnvDeclarations {
    declared: BTreeMap<String, EnvDeclaration>,
}

impl EnvDeclarations {
    /// Those of an evaluated definition.
    ///
    /// # Errors
    /// `InvalidEnvVarDeclaration` for a validator other than a string, string literals or unions thereof.
    pub fn of(definition: &Json) -> Result<EnvDeclarations, PushError> {
        let list = match definition.get("envVars") {
            None | Some(Json::Null) => return Ok(EnvDeclarations::default()),
            Some(list) => list,
        };
        let list: Vec<(String, Declaration)> =
            serde_json::from_value(list.clone()).map_err(|error| invalid_declaration("envVars", &error.to_string()))?;
        let mut declared = BTreeMap::new();
        for (name, declaration) in list {
            let json: Json = serde_json::from_str(&declaration.value)
                .map_err(|error| invalid_declaration(&name, &error.to_string()))?;
            if !is_stringly(&json) {
                return Err(invalid_declaration(
                    &name,
                    "only strings, string literals and unions of these are allowed",
                ));
            }
            let validator =
                Validator::from_json_value(&json).map_err(|error| invalid_declaration(&name, &error.to_string()))?;
            declared.insert(name, EnvDeclaration { validator, optional: declaration.optional });
        }
        Ok(EnvDeclarations { declared })
    }

    /// The required variables that `env` lacks.
    pub fn missing(&self, env: &BTreeMap<String, String>) -> Vec<String> {
        self.required().filter(|name| !env.contains_key(*name)).map(str::to_owned).collect()
    }

    /// The declaration of a variable.
    pub fn get(&self, name: &str) -> Option<&EnvDeclaration> {
        self.declared.get(name)
    }

    /// The names of all variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.declared.keys().map(String::as_str)
    }

    /// The names of those that must have a value.
    pub fn required(&self) -> impl Iterator<Item = &str> {
        self.declared.iter().filter(|(_, declaration)| !declaration.optional).map(|(name, _)| name.as_str())
    }

    /// Checks that every declared variable that is set has a value its validator accepts.
    ///
    /// # Errors
    /// [`PushError::EnvironmentVariableMismatch`] for the first that does not.
    pub fn check_values(&self, env: &BTreeMap<String, String>) -> Result<(), PushError> {
        for (name, declaration) in &self.declared {
            let Some(value) = env.get(name) else { continue };
            if !declaration.accepts(value) {
                return Err(PushError::EnvironmentVariableMismatch {
                    name: name.clone(),
                    reason: format!("the value does not match {}", declaration.validator),
                });
            }
        }
        Ok(())
    }
}

fn invalid_declaration(name: &str, reason: &str) -> PushError {
    PushError::Evaluation {
        code: "InvalidEnvVarDeclaration".to_owned(),
        message: format!("environment variable `{name}` has an invalid declaration in convex.config.ts: {reason}"),
    }
}

/// A string, a string literal, or a union of these.
fn is_stringly(validator: &Json) -> bool {
    match validator.get("type").and_then(Json::as_str) {
        Some("string") => true,
        Some("literal") => validator.get("value").is_some_and(Json::is_string),
        Some("union") => {
            validator.get("value").and_then(Json::as_array).is_some_and(|members| members.iter().all(is_stringly))
        }
        _ => false,
    }
}

fn accepts(validator: &Json, value: &str) -> bool {
    match validator.get("type").and_then(Json::as_str) {
        Some("string") => true,
        Some("literal") => validator.get("value").and_then(Json::as_str) == Some(value),
        Some("union") => {
            validator.get("value").and_then(Json::as_array).is_some_and(|all| all.iter().any(|one| accepts(one, value)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::{EnvDeclarations, empty, normalize};

    #[test]
    fn declarations() {
        let mut definition = empty();
        definition["envVars"] = json!([
            ["KEY", {"type": "value", "value": "{\"type\":\"string\"}"}],
            ["MODE", {"type": "value", "optional": true,
                      "value": "{\"type\":\"union\",\"value\":[{\"type\":\"literal\",\"value\":\"a\"},{\"type\":\"literal\",\"value\":\"b\"}]}"}],
        ]);
        let definition = normalize(definition).expect("valid");
        assert_eq!(definition["path"], "");
        let declared = EnvDeclarations::of(&definition).expect("valid");
        let env = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(declared.missing(&env(&[])), ["KEY"]);
        assert!(declared.missing(&env(&[("KEY", "")])).is_empty());
        assert!(declared.check_values(&env(&[("KEY", "x"), ("MODE", "b")])).is_ok());
        assert!(declared.check_values(&env(&[("KEY", "x"), ("MODE", "c")])).is_err());
    }

    #[test]
    fn refused() {
        let mut numeric = empty();
        numeric["envVars"] = json!([["N", {"type": "value", "value": "{\"type\":\"number\"}"}]]);
        assert_eq!(normalize(numeric).expect_err("number").code(), "InvalidEnvVarDeclaration");
        assert_eq!(normalize(json!(3)).expect_err("not an object").code(), "InvalidDefinition");
        assert_eq!(
            normalize(json!({"definitionType": {"type": "childComponent"}})).expect_err("component").code(),
            "InvalidDefinition"
        );
    }
}
