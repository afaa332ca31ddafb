//! What a component offers to its parent: its public functions, as a tree by file path.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::error::PushError;
use crate::model::{AnalyzedModule, Visibility};
use crate::udf::ComponentPath;

/// A folder, a module or a function.
enum Node {
    Branch(BTreeMap<String, Node>),
    /// The function's path, `a/b.js:f`.
    Leaf(String),
}

/// `exports` of the definition of a component.
///
/// # Errors
/// `InvalidExport` where a function and a module of the same name meet.
pub fn of_definition(modules: &BTreeMap<&str, &AnalyzedModule>) -> Result<Json, PushError> {
    let tree = tree(modules).map_err(|name| PushError::Evaluation {
        code: "InvalidExport".to_owned(),
        message: format!("Hit an error while pushing:\n`{name}` is the name of a function and of a module"),
    })?;
    Ok(branch_json(&tree))
}

fn branch_json(branch: &BTreeMap<String, Node>) -> Json {
    let pairs = branch.iter().map(|(name, node)| {
        let node = match node {
            Node::Branch(children) => branch_json(children),
            Node::Leaf(path) => json!({"type": "leaf", "leaf": format!("_reference/function/{path}")}),
        };
        json!([name, node])
    });
    json!({"type": "branch", "branch": pairs.collect::<Vec<_>>()})
}

/// `exports` of a component in the tree of the app.
pub fn checked(modules: &BTreeMap<&str, &AnalyzedModule>, component: &ComponentPath) -> Json {
    fn children(branch: &BTreeMap<String, Node>, component: &ComponentPath) -> Map<String, Json> {
        let child = |(name, node): (&String, &Node)| {
            let node = match node {
                Node::Branch(nodes) => json!({"type": "branch", "children": children(nodes, component)}),
                Node::Leaf(path) => {
                    let path = json!({"component": component.as_str(), "udfPath": path});
                    json!({"type": "leaf", "resource": {"type": "function", "path": path}})
                }
            };
            (name.clone(), node)
        };
        branch.iter().map(child).collect()
    }
    Json::Object(tree(modules).map(|tree| children(&tree, component)).unwrap_or_default())
}

/// The tree of public functions; the error is a name that stands for two things.
fn tree(modules: &BTreeMap<&str, &AnalyzedModule>) -> Result<BTreeMap<String, Node>, String> {
    let mut root = BTreeMap::new();
    for (path, module) in modules {
        let public = |function: &&crate::model::AnalyzedFunction| function.visibility == Some(Visibility::Public);
        for function in module.functions.iter().filter(public) {
            let mut branch = &mut root;
            for segment in path.strip_suffix(".js").unwrap_or(path).split('/') {
                let node = branch.entry(segment.to_owned()).or_insert_with(|| Node::Branch(BTreeMap::new()));
                match node {
                    Node::Branch(children) => branch = children,
                    Node::Leaf(path) => return Err(path.clone()),
                }
            }
            let leaf = format!("{path}:{}", function.name);
            if branch.insert(function.name.clone(), Node::Leaf(leaf.clone())).is_some() {
                return Err(leaf);
            }
        }
    }
    Ok(root)
}
