//! The evaluated `convex.config.js` of the app: what it declares about environment variables.

use std::collections::BTreeMap;

use lakewire_storage::schema::Validator;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::error::PushError;

/// What `defineApp()` without anything evaluates to.
pub fn empty() -> Json {
    json!({"definitionType": {"type": "app"}, "childComponents": [], "httpMounts": {},
           "exports": {"type": "branch", "branch": []}})
}

/// Checks an evaluated app definition and gives it in the form of `analysis[""].definition`.
///
/// # Errors
/// `InvalidDefinition` for another shape, `InvalidEnvVarDeclaration`, and child components, which are refused.
pub fn normalize(mut definition: Json) -> Result<Json, PushError> {
    let invalid = |reason: &str| PushError::Evaluation {
        code: "InvalidDefinition".to_owned(),
        message: format!("`convex.config.js` is not a valid app definition: {reason}"),
    };
    let object = definition.as_object_mut().ok_or_else(|| invalid("it does not export an object"))?;
    if object.get("definitionType").and_then(|of| of.get("type")) != Some(&json!("app")) {
        return Err(invalid("it must export `defineApp()`"));
    }
    let child = object.get("childComponents").and_then(|of| of.get(0));
    if let Some(child) = child {
        let path = child.get("path").and_then(Json::as_str).unwrap_or_default();
        return Err(PushError::ComponentsUnavailable { path: path.to_owned() });
    }
    object.insert("path".to_owned(), json!(""));
    for (field, default) in [
        ("childComponents", json!([])),
        ("httpMounts", json!({})),
        ("exports", json!({"type": "branch", "branch": []})),
    ] {
        object.entry(field).or_insert(default);
    }
    EnvDeclarations::of(&definition)?;
    Ok(definition)
}

#[derive(Deserialize)]
struct Declaration {
    value: String,
    #[serde(default)]
    optional: bool,
}

/// The environment variables the app declares.
#[derive(Clone, Debug, Default)]
pub struct EnvDeclarations {
    declared: BTreeMap<String, (Validator, bool)>,
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
            declared.insert(name, (validator, declaration.optional));
        }
        Ok(EnvDeclarations { declared })
    }

    /// The required variables that `env` lacks.
    pub fn missing(&self, env: &BTreeMap<String, String>) -> Vec<String> {
        let lacking = |(name, (_, optional)): &(&String, &(Validator, bool))| !optional && !env.contains_key(*name);
        self.declared.iter().filter(lacking).map(|(name, _)| name.clone()).collect()
    }

    /// Checks that every declared variable that is set has a value its validator accepts.
    ///
    /// # Errors
    /// [`PushError::EnvironmentVariableMismatch`] for the first that does not.
    pub fn check_values(&self, env: &BTreeMap<String, String>) -> Result<(), PushError> {
        for (name, (validator, _)) in &self.declared {
            let Some(value) = env.get(name) else { continue };
            if !accepts(&validator.to_json_value(), value) {
                return Err(PushError::EnvironmentVariableMismatch {
                    name: name.clone(),
                    reason: format!("the value does not match {validator}"),
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
        let mut parent = empty();
        parent["childComponents"] = json!([{"name": "wl", "path": "comp/waitlist"}]);
        assert_eq!(normalize(parent).expect_err("component").code(), "ComponentsNotSupported");
        assert_eq!(normalize(json!(3)).expect_err("not an object").code(), "InvalidDefinition");
        assert_eq!(
            normalize(json!({"definitionType": {"type": "childComponent"}})).expect_err("component").code(),
            "InvalidDefinition"
        );
    }
}
