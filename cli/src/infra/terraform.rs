//! The stack by Terraform. The module is the root: what it is told is in a file of variables beside it, so that a plain
//! `terraform plan` there plans the same.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::InfraError;
use super::files;
use super::outputs::Outputs;
use super::programs::{Program, Programs};
use super::stack::{Packages, Stack};

const TERRAFORM: Program = Program {
    name: "terraform",
    advice: "install it (https://developer.hashicorp.com/terraform/install), or use --tool cdk",
};
const VARIABLES: &str = "lakewire.auto.tfvars.json";
const NO_QUESTIONS: &str = "-input=false";
const YES: &str = "-auto-approve";
/// Kinds of resources that data is made of; settings of theirs have kinds that begin like them.
const TABLE: &str = "aws_dynamodb_table";
const BUCKET: &str = "aws_s3_bucket";
const SECRET: &str = "aws_secretsmanager_secret";

/// Terraform in the folder of a stack.
pub struct Terraform<'a> {
    programs: &'a Programs,
    folder: PathBuf,
}

/// What becomes of data when the stack goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// It is protected, and stays: table, bucket, secret and their settings.
    Kept(Vec<Kept>),
    /// Nobody protects it.
    Goes,
    /// It is not in the state; an earlier `down` may have left it.
    Absent,
}

/// A resource that is left when the stack goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its name in Terraform.
    pub address: String,
    /// What AWS calls it: what `terraform import` takes.
    pub id: String,
}

impl<'a> Terraform<'a> {
    /// For the stack whose folder is `folder`.
    pub fn new(programs: &'a Programs, folder: &Path) -> Self {
        Self { programs, folder: folder.join("terraform") }
    }

    /// Writes what the module is told, and gets the providers.
    pub fn prepare(&self, stack: &Stack, packages: &Packages) -> Result<(), InfraError> {
        let mut variables = json!({
            "name": stack.name,
            "architecture": stack.arch,
            "package": packages.lambda,
            "node_package": packages.node,
        });
        if let Some(relay) = stack.relay {
            variables["relay"] = json!(relay);
        }
        if let Some(image) = &stack.relay_image {
            variables["relay_image"] = json!(image);
        }
        files::put(&self.folder.join(VARIABLES), &format!("{variables:#}\n"))?;
        self.run(&["init", NO_QUESTIONS])
    }

    pub fn plan(&self) -> Result<(), InfraError> {
        self.run(&["plan", NO_QUESTIONS])
    }

    /// Makes or changes the stack; asks before, unless `yes`.
    pub fn apply(&self, yes: bool) -> Result<(), InfraError> {
        if yes { self.run(&["apply", NO_QUESTIONS, YES]) } else { self.run(&["apply"]) }
    }

    pub fn outputs(&self) -> Result<Outputs, InfraError> {
        let text = self.programs.read(TERRAFORM, &["output", "-json"], &self.folder)?;
        Outputs::of_terraform(&text).unwrap_or_else(|| Err(self.unreadable("output -json")))
    }

    /// What happens to data; whether it is protected, the table says.
    pub fn data(&self) -> Result<Data, InfraError> {
        let text = self.programs.read(TERRAFORM, &["show", "-json"], &self.folder)?;
        let state: State = serde_json::from_slice(&text).map_err(|_| self.unreadable("show -json"))?;
        let mut resources = Vec::new();
        if let Some(values) = state.values {
            values.root_module.collect(&mut resources);
        }
        resources.retain(|resource| resource.mode == "managed");
        let Some(table) = resources.iter().find(|resource| resource.kind == TABLE) else { return Ok(Data::Absent) };
        if table.values["deletion_protection_enabled"] != json!(true) {
            return Ok(Data::Goes);
        }
        // Not the bucket of the packages, which goes with all that is in it.
        let is_data_bucket =
            |resource: &Resource| resource.kind == BUCKET && resource.values["force_destroy"] != json!(true);
        let buckets: Vec<Value> =
            resources.iter().filter(|resource| is_data_bucket(resource)).map(Resource::bucket).collect();
        let is_data = |resource: &Resource| match &resource.kind {
            kind if kind.starts_with(BUCKET) => buckets.contains(&resource.bucket()),
            kind => kind.starts_with(TABLE) || kind.starts_with(SECRET),
        };
        let kept = |resource: Resource| {
            let id = resource.values["id"].as_str().unwrap_or_default().to_owned();
            Kept { address: resource.address, id }
        };
        Ok(Data::Kept(resources.into_iter().filter(is_data).map(kept).collect()))
    }

    /// Removes the stack; Terraform forgets what is kept.
    pub fn destroy(&self, data: &Data) -> Result<(), InfraError> {
        if let Data::Kept(kept) = data {
            let mut arguments = vec!["state", "rm"];
            arguments.extend(kept.iter().map(|kept| kept.address.as_str()));
            self.run(&arguments)?;
        }
        self.run(&["destroy", NO_QUESTIONS, YES])
    }

    fn run(&self, arguments: &[&str]) -> Result<(), InfraError> {
        self.programs.run(TERRAFORM, arguments, &self.folder)
    }

    fn unreadable(&self, command: &str) -> InfraError {
        InfraError::Unreadable {
            path: self.folder.clone(),
            reason: format!("`terraform {command}` printed something else"),
        }
    }
}

/// What `terraform show -json` prints, as far as it matters.
#[derive(Deserialize)]
struct State {
    values: Option<Values>,
}

#[derive(Deserialize)]
struct Values {
    root_module: Module,
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    resources: Vec<Resource>,
    #[serde(default)]
    child_modules: Vec<Module>,
}

#[derive(Deserialize)]
struct Resource {
    address: String,
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    values: Value,
}

impl Resource {
    /// The bucket that this is, or is a setting of.
    fn bucket(&self) -> Value {
        self.values["bucket"].clone()
    }
}

impl Module {
    fn collect(self, resources: &mut Vec<Resource>) {
        resources.extend(self.resources);
        for child in self.child_modules {
            child.collect(resources);
        }
    }
}
