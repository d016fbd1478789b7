//! Segments on S3-compatible storage.

use std::{fmt, sync::Arc};

use object_store::{ClientOptions, aws::AmazonS3Builder, prefix::PrefixStore};

use crate::{OpenVaultError, SegmentVault};

/// Where and how. Never printed with its secret.
#[derive(Clone)]
pub struct S3Settings {
    /// The bucket.
    pub bucket: String,
    /// What every object's name starts with; may be empty.
    pub prefix: String,
    /// The region, such as `eu-central-1`.
    pub region: String,
    /// Another endpoint than Amazon's, such as `https://s3.example.org`.
    pub endpoint: Option<String>,
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: String,
    /// Allow an endpoint without TLS: for a server on this machine. What is stored is ciphertext either way.
    pub allow_http: bool,
}

impl fmt::Debug for S3Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Settings")
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl SegmentVault {
    /// Segments in an S3 bucket. S3 acknowledges a write when it is durable.
    ///
    /// # Errors
    /// [`OpenVaultError::Store`].
    pub fn s3(settings: &S3Settings) -> Result<Self, OpenVaultError> {
        // The TLS library wants one provider for the process. Whoever installed one before keeps it.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&settings.bucket)
            .with_region(&settings.region)
            .with_access_key_id(&settings.access_key)
            .with_secret_access_key(&settings.secret_key)
            .with_client_options(ClientOptions::new().with_allow_http(settings.allow_http));
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint).with_virtual_hosted_style_request(false);
        }
        let store = builder.build()?;
        Ok(Self::on(Arc::new(PrefixStore::new(store, settings.prefix.as_str()))))
    }
}
