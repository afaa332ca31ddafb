//! Analyzing the Node modules of a push.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::PushError;
use super::evaluate::{MaterialModule, is_analyzed, runtime_module};
use crate::engine::Engine;
use crate::model::{AnalyzedModule, ModuleEnvironment, NodeDependency};
use crate::node::{NodeBundle, NodeError};
use crate::runtime::UdfKind;

/// How long loading all Node modules may take: external packages can be large.
const ANALYZE_TIME: Duration = Duration::from_secs(60);

/// What the Node modules among `sources` offer; installs the packages that they import.
pub(super) async fn analyze(
    engine: &Engine,
    sources: &BTreeMap<String, MaterialModule>,
    packages: &[NodeDependency],
    process_env: &BTreeMap<String, String>,
) -> Result<Vec<(String, AnalyzedModule)>, PushError> {
    let node: Vec<_> = sources.iter().filter(|(_, source)| source.environment == ModuleEnvironment::Node).collect();
    let entries: Vec<String> = node.iter().map(|(path, _)| (*path).clone()).filter(|path| is_analyzed(path)).collect();
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let bundle = NodeBundle::new(node.iter().map(|(path, source)| (path.as_str(), source.sha256.as_str())), packages);
    let texts = async { Ok(node.iter().map(|(path, source)| runtime_module(path, &source.text)).collect()) };
    let found = engine.node().analyze(&bundle, process_env, &entries, texts, ANALYZE_TIME).await.map_err(refused)?;
    let mut analyses = Vec::with_capacity(found.len());
    for module in found {
        let path = module.path.clone();
        if let Some(function) = module.functions.iter().find(|function| function.kind != UdfKind::Action) {
            let (name, kind) = (&function.name, function.kind.name());
            return Err(invalid(&format!(
                "`{name}` defined in `{path}` is a {kind}. Only actions can be defined in Node.js: move it to a file \
                 without \"use node\". See https://docs.convex.dev/functions/actions for more details."
            )));
        }
        let analysis = AnalyzedModule::from_runtime(module)
            .map_err(|reason| invalid(&format!("Failed to analyze {path}: {reason}")))?;
        analyses.push((path, analysis));
    }
    Ok(analyses)
}

fn invalid(reason: &str) -> PushError {
    let message = format!("Hit an error while pushing:\n{reason}");
    PushError::Evaluation { code: "InvalidModules".to_owned(), message }
}

fn refused(error: NodeError) -> PushError {
    let reason = error.to_string();
    match error {
        NodeError::Unavailable(_) | NodeError::Overloaded => PushError::NodeUnavailable { reason },
        NodeError::Packages(_) => PushError::ExternalPackages { reason },
        NodeError::Import(message) => invalid(&message),
        NodeError::Ended(_) | NodeError::Internal(_) => PushError::Internal { reason },
    }
}
