//! `_system/frontend/*` apart from tables: what dashboards ask for.

use std::collections::BTreeMap;

use lakewire_storage::catalog::{IndexConfig, IndexInfo, IndexState, SystemTable};
use lakewire_storage::transaction::Transaction;
use lakewire_storage::value::Value;

use super::args::Args;
use super::component::{ROOT_COMPONENT_ID, Target, here, target};
use super::{SystemContext, SystemError};
use crate::crons;
use crate::model::app::{effective_origins, read_modules};
use crate::model::component::{self, ComponentState};
use crate::model::rows::record_read;
use crate::model::{ModuleModel, RunState, Visibility, auth, deployment, udf_config};

/// An object value.
pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

pub(super) async fn cloud_url(
    context: &SystemContext<'_>,
    args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    args.none()?;
    Ok(effective_origins(&deployment::read(tx).await?, context.configured).cloud.into())
}

pub(super) async fn site_url(
    context: &SystemContext<'_>,
    args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    args.none()?;
    Ok(effective_origins(&deployment::read(tx).await?, context.configured).site.into())
}

pub(super) async fn backend_state(args: Args, tx: &mut Transaction) -> Result<Value, SystemError> {
    args.none()?;
    let user = match deployment::read(tx).await?.state {
        RunState::Running => "none",
        RunState::Paused => "paused",
    };
    Ok(object([("system", "none".into()), ("usage_limit", "none".into()), ("user", user.into())]))
}

pub(super) async fn deployment_state(args: Args, tx: &mut Transaction) -> Result<Value, SystemError> {
    args.none()?;
    Ok(object([("state", deployment::read(tx).await?.state.as_str().into())]))
}

/// `components:list`: the app itself, once something was pushed, and its components, those included that are not mounted any
/// more.
pub(super) async fn components(args: Args, tx: &mut Transaction) -> Result<Value, SystemError> {
    args.none()?;
    if udf_config::read(tx).await?.is_none() {
        return Ok(Value::Array(Vec::new()));
    }
    let describe = |id: String, name: Value, path: &str, state: &str, prefix: Option<&str>| {
        object([
            ("id", id.into()),
            ("name", name),
            ("path", path.into()),
            ("args", object([])),
            ("state", state.into()),
            ("httpPrefix", prefix.map_or(Value::Null, Value::from)),
        ])
    };
    let mut all = vec![describe(ROOT_COMPONENT_ID.to_owned(), Value::Null, "", "active", None)];
    let mut rows = component::read(tx).await?;
    rows.sort_by(|a, b| a.value.path.cmp(&b.value.path));
    for row in rows {
        let state = match row.value.state {
            ComponentState::Pending | ComponentState::Deleting => continue,
            ComponentState::Active => "active",
            ComponentState::Unmounted => "unmounted",
        };
        let path = &row.value.path;
        let name = path.rsplit('/').next().unwrap_or(path);
        all.push(describe(row.id.to_string(), name.into(), path, state, row.value.http_prefix.as_deref()));
    }
    Ok(Value::Array(all))
}

/// `getVersion`: version of the npm package of the last push.
pub(super) async fn version(args: Args, tx: &mut Transaction) -> Result<Value, SystemError> {
    args.none()?;
    Ok(udf_config::read(tx).await?.map_or(Value::Null, |config| config.server_version.into()))
}

/// `node:version`: the version of Node that the app asks for, `nodejs22.x`; null if it does not say.
pub(super) async fn node_version(args: Args, tx: &mut Transaction) -> Result<Value, SystemError> {
    args.none()?;
    let version = udf_config::read(tx).await?.and_then(|config| config.node_version);
    Ok(version.map_or(Value::Null, |version| format!("nodejs{version}.x").into()))
}

pub(super) async fn auth_providers(args: Args, tx: &mut Transaction) -> Result<Value, SystemError> {
    args.none()?;
    let providers = auth::read(tx).await?;
    let value = |provider: &auth::AuthProvider| {
        let json = serde_json::to_value(provider).unwrap_or_default();
        Value::from_json_value(&json).unwrap_or(Value::Null)
    };
    Ok(Value::Array(providers.iter().map(value).collect()))
}

/// `getSchemas:default`: the JSON text of the schema in force, and of one that is being validated.
pub(super) async fn schemas(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = target(context, &mut args, tx).await?.namespace;
    args.none()?;
    let schemas = crate::deploy::schema_texts(tx, namespace)?;
    let fields = [("active", schemas.active), ("inProgress", schemas.pending)];
    let present = fields.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::from(text?))));
    Ok(Value::Object(present.collect()))
}

/// `getSchemas:schemaValidationProgress`.
pub(super) async fn schema_validation_progress(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = target(context, &mut args, tx).await?.namespace;
    args.none()?;
    let Some(progress) = crate::deploy::validation_progress(tx, namespace).await? else { return Ok(Value::Null) };
    Ok(object([("numDocsValidated", (progress.done as f64).into()), ("totalDocs", (progress.total as f64).into())]))
}

/// `indexes`: the indexes of a table. Null where the reference says undefined, which JSON has not.
pub(super) async fn indexes(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let table = args.optional_string("tableName")?;
    let namespace = match args.optional_string("tableNamespace")? {
        Some(id) => Target::by_id(tx, &id).await?.namespace,
        None => here(context, tx).await?.namespace,
    };
    args.none()?;
    record_read(tx, SystemTable::Tables)?;
    record_read(tx, SystemTable::Indexes)?;
    let Some(table) = table.and_then(|name| tx.catalog().table(namespace, &name).cloned()) else {
        return Ok(Value::Null);
    };
    Ok(Value::Array(table.indexes.iter().map(|index| describe_index(index)).collect()))
}

fn describe_index(index: &IndexInfo) -> Value {
    let texts = |paths: &[_]| {
        Value::Array(paths.iter().map(|path: &lakewire_storage::value::FieldPath| path.to_string().into()).collect())
    };
    let fields = match &index.config {
        IndexConfig::Database { fields } => texts(fields),
        IndexConfig::Search { search_field, filter_fields, .. } => {
            object([("searchField", search_field.to_string().into()), ("filterFields", texts(filter_fields))])
        }
        IndexConfig::Vector { vector_field, dimensions, filter_fields } => object([
            ("vectorField", vector_field.to_string().into()),
            ("filterFields", texts(filter_fields)),
            ("dimensions", f64::from(*dimensions).into()),
        ]),
    };
    let state = match index.state {
        IndexState::Backfilling => "backfilling",
        IndexState::Backfilled => "backfilled",
        IndexState::Enabled => "done",
    };
    object([
        ("name", index.name.as_str().into()),
        ("staged", index.staged.into()),
        ("fields", fields),
        ("backfill", object([("state", state.into())])),
    ])
}

/// `modules:argsValidator`: JSON text of a function's argument validator.
pub(super) async fn args_validator(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let definition = target(context, &mut args, tx).await?.definition;
    let function = args.string("function")?;
    args.none()?;
    let Ok(path) = crate::udf::FunctionPath::parse(&function) else { return Ok(Value::Null) };
    let modules = read_modules(tx, &definition).await?;
    let found = modules.get(&*path.module).and_then(|module| module.function(&path.export));
    let validator = found.and_then(|function| function.args.as_ref());
    Ok(validator.map_or(Value::Null, |validator| validator.to_json_value().to_string().into()))
}

/// `modules:list`: pairs of path and description.
pub(super) async fn modules(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let definition = target(context, &mut args, tx).await?.definition;
    args.none()?;
    describe_modules(&definition, tx).await
}

/// `modules:listForAllComponents`: the same of the app, whose id is null, and of every component that is mounted.
pub(super) async fn modules_for_all_components(args: Args, tx: &mut Transaction) -> Result<Value, SystemError> {
    args.none()?;
    let mut all = vec![Value::Array(vec![Value::Null, describe_modules("", tx).await?])];
    for row in component::read(tx).await? {
        if row.value.state == ComponentState::Active {
            let modules = describe_modules(&row.value.definition, tx).await?;
            all.push(Value::Array(vec![row.id.to_string().into(), modules]));
        }
    }
    Ok(Value::Array(all))
}

async fn describe_modules(definition: &str, tx: &mut Transaction) -> Result<Value, SystemError> {
    let modules = read_modules(tx, definition).await?;
    let callable = modules.values().filter(|module| !module.is_dependency());
    let pair =
        |module: &std::sync::Arc<ModuleModel>| Value::Array(vec![module.path.as_str().into(), describe_module(module)]);
    Ok(Value::Array(callable.map(pair).collect()))
}

fn describe_module(module: &ModuleModel) -> Value {
    let visibility = |visibility: Option<Visibility>| match visibility {
        Some(Visibility::Internal) => object([("kind", "internal".into())]),
        Some(Visibility::Public) | None => object([("kind", "public".into())]),
    };
    let described = |name: String, kind: &str, visible: Value, line: Option<u32>| {
        let mut fields = BTreeMap::from([
            ("name".to_owned(), Value::from(name)),
            ("udfType".to_owned(), kind.into()),
            ("visibility".to_owned(), visible),
        ]);
        if let Some(line) = line {
            fields.insert("lineno".to_owned(), f64::from(line).into());
        }
        Value::Object(fields)
    };
    let functions = module.analysis.functions.iter().map(|function| {
        let line = function.pos.as_ref().map(|at| at.start_lineno);
        described(function.name.clone(), function.kind.as_str(), visibility(function.visibility), line)
    });
    let routes = module.analysis.http_routes.iter().flatten().map(|found| {
        let name = format!("{} {}", found.route.method, found.route.path);
        described(name, "HttpAction", visibility(None), found.pos.as_ref().map(|at| at.start_lineno))
    });
    let mut fields = BTreeMap::from([
        ("functions".to_owned(), Value::Array(functions.chain(routes).collect())),
        ("sourcePackageId".to_owned(), module.sha256.as_str().into()),
    ]);
    // What cannot be read was not deployed.
    if let Some(Ok(specs)) = module.analysis.cron_specs.as_ref().map(crons::parse) {
        let pair = |spec: crons::CronSpec| {
            let described = super::jobs::spec(&spec.udf_path, &spec.args, &spec.schedule);
            Value::Array(vec![spec.name.into(), described])
        };
        fields.insert("cronSpecs".to_owned(), Value::Array(specs.into_iter().map(pair).collect()));
    }
    Value::Object(fields)
}
