//! What a `convex.config.js` exports: the definition of the app or of a component.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The export, with the fields that mean something to the server.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DefinitionExport {
    pub definition_type: DefinitionType,
    #[serde(default)]
    pub child_components: Vec<ChildComponent>,
    /// Path under which a child serves HTTP, and a reference to the child.
    #[serde(default)]
    pub http_mounts: BTreeMap<String, String>,
    /// Only apps: where their own routes are.
    #[serde(default)]
    pub http_prefix: Option<String>,
}

/// What is defined.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum DefinitionType {
    App,
    ChildComponent { name: String },
}

/// One `use` of a component.
#[derive(Clone, Debug, Deserialize)]
pub struct ChildComponent {
    /// Unique among the children of one parent.
    pub name: String,
    /// The path of the definition.
    pub path: String,
    /// What the child's variables are bound to.
    #[serde(default)]
    pub env: Option<Vec<(String, EnvSource)>>,
}

/// Where the value of a component's variable is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum EnvSource {
    /// A constant.
    Value { value: String },
    /// A variable of the parent; once resolved through all parents, of the deployment.
    EnvVar { name: String },
}

const CHILD_REFERENCE: &str = "_reference/childComponent/";

impl DefinitionExport {
    /// The child that serves HTTP under each path. References to anything else than a direct child are left out.
    pub fn mounted_children(&self) -> BTreeMap<String, String> {
        let child = |reference: &String| {
            let name = reference.strip_prefix(CHILD_REFERENCE)?;
            self.child_components.iter().find(|child| child.name == name).map(|child| child.name.clone())
        };
        self.http_mounts.iter().filter_map(|(path, of)| Some((path.clone(), child(of)?))).collect()
    }
}
