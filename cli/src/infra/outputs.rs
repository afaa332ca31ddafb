//! What a stack says of itself, whichever tool made it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::InfraError;

#[cfg(test)]
#[path = "outputs_tests.rs"]
mod tests;

/// A stack that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outputs {
    /// The deployment's name.
    pub name: String,
    /// URL of the deployment.
    pub url: String,
    /// URL of its HTTP actions.
    pub site_url: String,
    /// The secret that admin keys are made from.
    pub secret_arn: String,
    pub bucket: String,
    pub table: String,
}

impl Outputs {
    /// From what `terraform output -json` prints: an object of `{"value": ..}` by name.
    pub fn of_terraform(text: &[u8]) -> Option<Result<Self, InfraError>> {
        let all: BTreeMap<String, Value> = serde_json::from_slice(text).ok()?;
        let value = |name: &str| all.get(name)?.get("value")?.as_str().map(str::to_owned);
        Some(Self::of(value, ["deployment_name", "api_url", "site_url", "secret_arn", "bucket_name", "table_name"]))
    }

    /// From the file of `cdk deploy --outputs-file`: an object by stack of texts by name.
    pub fn of_cdk(text: &[u8], stack: &str) -> Option<Result<Self, InfraError>> {
        let all: BTreeMap<String, BTreeMap<String, Value>> = serde_json::from_slice(text).ok()?;
        let value = |name: &str| all.get(stack)?.get(name)?.as_str().map(str::to_owned);
        Some(Self::of(value, ["DeploymentName", "ApiUrl", "SiteUrl", "SecretArn", "BucketName", "TableName"]))
    }

    fn of(value: impl Fn(&str) -> Option<String>, names: [&'static str; 6]) -> Result<Self, InfraError> {
        let get = |name: &'static str| value(name).ok_or(InfraError::NoOutput { name });
        let [name, url, site_url, secret_arn, bucket, table] = names;
        Ok(Self {
            name: get(name)?,
            url: get(url)?,
            site_url: get(site_url)?,
            secret_arn: get(secret_arn)?,
            bucket: get(bucket)?,
            table: get(table)?,
        })
    }
}
