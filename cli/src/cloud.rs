//! The other parts of a deployment in AWS, as a process of it reaches them.

use std::sync::Arc;

use lakewire_functions::node::{LambdaNode, RemoteNode};
use lakewire_functions::remote::Spill;
use lakewire_storage::aws::rest::AwsRest;
use lakewire_storage::aws::{Presigner, s3_presigner};
use lakewire_storage::env::Env;
use object_store::ObjectStore;

use crate::args::{CloudArgs, IdentityArgs, InstanceSecret};
use crate::failure::Failure;
use crate::storage::location::StoreLocation;
use crate::storage::open::Storage;

/// What a process of a deployment in AWS has besides store and log.
#[derive(Clone)]
pub struct Cloud {
    /// Signs requests to services; none where nothing of the deployment is in AWS.
    pub rest: Option<AwsRest>,
    /// Signs URLs of objects; none if the store is no bucket.
    pub presigner: Option<Presigner>,
    store: Arc<dyn ObjectStore>,
    env: Env,
}

impl Cloud {
    /// What there is around `storage`.
    ///
    /// # Errors
    /// If there are no credentials, or no TLS.
    pub fn around(storage: &Storage, env: &Env) -> Result<Self, Failure> {
        let (store, env) = (storage.store.clone(), env.clone());
        let Some(config) = &storage.aws else { return Ok(Self { rest: None, presigner: None, store, env }) };
        let rest = AwsRest::new(config, env.clone()).map_err(|error| Failure::Server(error.to_string()))?;
        let presigner = match &storage.place.store {
            StoreLocation::S3 { bucket, prefix } => {
                let signs = s3_presigner(config, &env, bucket, prefix);
                let place = storage.place.store.to_string();
                Some(signs.map_err(|error| Failure::Storage { place, reason: error.to_string() })?)
            }
            _ => None,
        };
        Ok(Self { rest: Some(rest), presigner, store, env })
    }

    /// Fetches the instance secret, if `args` say from where.
    ///
    /// # Errors
    /// If it may not be read.
    pub async fn identify(&self, args: &CloudArgs, identity: &mut IdentityArgs) -> Result<(), Failure> {
        if let (Some(arn), Some(rest)) = (&args.secret_arn, &self.rest) {
            let secret = rest.secret(arn).await.map_err(|error| Failure::Server(error.to_string()))?;
            identity.instance_secret = InstanceSecret(Some(secret));
        }
        Ok(())
    }

    /// The function that Node actions run in, if there is one; it calls back to `origin`.
    pub fn node(&self, args: &CloudArgs, origin: &str) -> Option<RemoteNode> {
        let (function, rest, signer) = (args.node_function.clone()?, self.rest.clone()?, self.presigner.clone()?);
        Some(RemoteNode {
            function: Arc::new(LambdaNode { rest, function }),
            signer: Arc::new(signer),
            store: self.store.clone(),
            callback: origin.trim_end_matches('/').to_owned(),
        })
    }

    /// Takes events that are too large.
    pub fn spill(&self) -> Spill {
        Spill { store: self.store.clone(), env: self.env.clone() }
    }
}
