//! `_system/cli/*` apart from tables.

use lakewire_storage::transaction::Transaction;
use lakewire_storage::value::Value;

use super::args::Args;
use super::component::target;
use super::frontend::object;
use super::{SystemContext, SystemError};
use crate::model::app::{effective_origins, read_modules};
use crate::model::{ModuleModel, Visibility, deployment, env_vars};

/// `modules:apiSpec`: every function and HTTP route of the component.
pub(super) async fn api_spec(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let definition = target(context, &mut args, tx).await?.definition;
    args.none()?;
    let mut spec = Vec::new();
    for module in read_modules(tx, &definition).await?.values() {
        spec.extend(functions(module));
        spec.extend(routes(module));
    }
    Ok(Value::Array(spec))
}

fn functions(module: &ModuleModel) -> impl Iterator<Item = Value> {
    module.analysis.functions.iter().map(|function| {
        let validator = |validator: &Option<lakewire_storage::schema::Validator>| {
            let json = validator.as_ref().map_or_else(|| serde_json::json!({"type": "any"}), |it| it.to_json_value());
            // Validators hold encoded values, which decode to what they stand for.
            Value::from_json_value(&json).unwrap_or(Value::Null)
        };
        let visibility = match function.visibility {
            Some(Visibility::Internal) => "internal",
            Some(Visibility::Public) | None => "public",
        };
        object([
            ("identifier", Value::from(format!("{}:{}", module.path, function.name))),
            ("functionType", function.kind.as_str().into()),
            ("visibility", object([("kind", visibility.into())])),
            ("args", validator(&function.args)),
            ("returns", validator(&function.returns)),
        ])
    })
}

fn routes(module: &ModuleModel) -> impl Iterator<Item = Value> {
    module.analysis.http_routes.iter().flatten().map(|route| {
        object([
            ("functionType", "HttpAction".into()),
            ("method", route.route.method.as_str().into()),
            ("path", route.route.path.as_str().into()),
        ])
    })
}

/// `queryEnvironmentVariables:default` and `listEnvironmentVariables:default`: the rows by name.
pub(super) async fn list_env_vars(args: Args, tx: &mut Transaction) -> Result<Value, SystemError> {
    args.none()?;
    let rows = env_vars::rows(tx).await?;
    let value = |row: crate::model::rows::Row<env_vars::EnvVar>| {
        object([
            ("_id", Value::from(row.id.to_string())),
            ("_creationTime", row.creation_time.into()),
            ("name", row.value.name.into()),
            ("value", row.value.value.into()),
        ])
    };
    Ok(Value::Array(rows.into_iter().map(value).collect()))
}

/// `queryEnvironmentVariables:get`: one variable, built-in ones included.
pub(super) async fn get_env_var(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let name = args.string("name")?;
    args.none()?;
    let origins = effective_origins(&deployment::read(tx).await?, context.configured);
    let found = crate::model::app::process_env(&origins, &env_vars::read(tx).await?).remove(&name);
    Ok(found.map_or(Value::Null, |value| object([("name", name.into()), ("value", value.into())])))
}
