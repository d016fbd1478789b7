//! Segments on S3-compatible storage.

use std::fmt;

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
    /// How often a call is made again that was not answered, or answered with `try again`.
    pub retries: usize,
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
    /// Segments in an S3 bucket. S3 acknowledges a write when it is durable. Nothing is called yet.
    ///
    /// # Errors
    /// [`OpenVaultError::Store`]; [`OpenVaultError::NoDriver`] without the feature `s3`.
    pub fn s3(settings: &S3Settings) -> Result<Self, OpenVaultError> {
        driver::open(settings)
    }
}

#[cfg(not(feature = "s3"))]
mod driver {
    use super::{OpenVaultError, S3Settings, SegmentVault};

    pub(super) const fn open(_: &S3Settings) -> Result<SegmentVault, OpenVaultError> {
        Err(OpenVaultError::NoDriver)
    }
}

#[cfg(feature = "s3")]
mod driver {
    use std::{sync::Arc, time::Duration};

    use object_store::{
        BackoffConfig, ClientOptions, RetryConfig, aws::AmazonS3Builder, prefix::PrefixStore,
    };

    use super::{OpenVaultError, S3Settings, SegmentVault};

    /// A server that does not answer is told of after about this long: people wait, and ask again.
    const PATIENCE: Duration = Duration::from_secs(30);
    const FIRST_PAUSE: Duration = Duration::from_millis(100);
    const LONGEST_PAUSE: Duration = Duration::from_secs(4);

    pub(super) fn open(settings: &S3Settings) -> Result<SegmentVault, OpenVaultError> {
        // The TLS library wants one provider for the process. Whoever installed one before keeps it.
        drop(rustls::crypto::ring::default_provider().install_default());
        let pauses = BackoffConfig {
            init_backoff: FIRST_PAUSE,
            max_backoff: LONGEST_PAUSE,
            ..BackoffConfig::default()
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&settings.bucket)
            .with_region(&settings.region)
            .with_access_key_id(&settings.access_key)
            .with_secret_access_key(&settings.secret_key)
            .with_retry(RetryConfig {
                backoff: pauses,
                max_retries: settings.retries,
                retry_timeout: PATIENCE,
            })
            .with_client_options(ClientOptions::new().with_allow_http(settings.allow_http));
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint).with_virtual_hosted_style_request(false);
        }
        let store = builder.build()?;
        let store = PrefixStore::new(store, settings.prefix.as_str());
        Ok(SegmentVault::on(Arc::new(store)))
    }
}
