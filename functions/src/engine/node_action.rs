//! Actions of Node modules.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};

use super::Engine;
use super::action_host::FunctionActionHost;
use super::prepare::Prepared;
use crate::model::source::CONCURRENT_BLOBS;
use crate::model::{Definition, ModuleEnvironment, NodeDependency};
use crate::node::{NodeBundle, NodeCall};
use crate::runtime::{InvocationLimits, ModuleSource, Outcome};
use crate::udf::Call;

impl Prepared {
    /// Whether the function is in a Node module.
    pub(super) fn is_node(&self, call: &Call) -> bool {
        let component = self.model.component(&call.path.component);
        let module = component.and_then(|component| component.definition.modules.get(&*call.path.module));
        module.is_some_and(|module| module.environment == ModuleEnvironment::Node)
    }
}

impl Engine {
    pub(super) async fn run_in_node(&self, call: &Call, prepared: &Prepared, host: Arc<FunctionActionHost>) -> Outcome {
        host.runs_in_node();
        let definition = match prepared.model.component(&call.path.component) {
            Some(component) => component.definition.clone(),
            None => Arc::default(),
        };
        let packages: &[NodeDependency] =
            prepared.model.udf_config.as_ref().map_or(&[], |config| &config.node_dependencies);
        let bundle = NodeBundle::of(&definition, packages);
        let limits = self.db.limits();
        let request_id = call.request_id.to_string();
        let time = self.node.action_time(Duration::from_millis(limits.node_action_time_ms));
        let ticket = match self.node.remote() {
            Some(_) => self.ticket(call, host.execution_id(), time),
            None => String::new(),
        };
        let node_call = NodeCall {
            module: &call.path.module,
            export: &call.path.export,
            args: &call.args,
            request_id: &request_id,
            vars: prepared.process_env(call),
            limits: InvocationLimits::from(&**limits),
            time,
            ticket: &ticket,
        };
        self.node.run_action(&bundle, node_call, self.node_sources(&definition), host).await
    }

    /// The texts of the Node modules of a deployed definition.
    async fn node_sources(&self, definition: &Definition) -> Result<Vec<ModuleSource>, String> {
        let node = definition.modules.values().filter(|module| module.environment == ModuleEnvironment::Node);
        let sources: Vec<_> = node
            .map(|module| async move {
                let text = self.modules.get(module).await.map_err(|error| error.to_string())?;
                Ok(ModuleSource { path: module.path.clone(), source: text.source, source_map: text.source_map })
            })
            .collect();
        stream::iter(sources).buffered(CONCURRENT_BLOBS).try_collect().await
    }
}
