//! Segments on S3-compatible storage.

use std::fmt;
use std::sync::Arc;

use secnet_crypto::Zeroizing;

use crate::{OpenVaultError, SegmentVault};

/// What opens a bucket. Never printed.
#[derive(Clone)]
pub struct S3Keys {
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: Zeroizing<String>,
    /// Of temporary keys, the token that goes with them.
    pub session_token: Option<Zeroizing<String>>,
}

/// Where the keys come from. They are asked for before each call, because temporary ones are replaced while a vault is open.
pub trait S3KeySource: Send + Sync {
    /// The keys of this moment.
    ///
    /// # Errors
    /// Why there are none, without any secret.
    fn current(&self) -> Result<Arc<S3Keys>, String>;
}

/// The same at every moment.
impl S3KeySource for S3Keys {
    fn current(&self) -> Result<Arc<S3Keys>, String> {
        Ok(Arc::new(self.clone()))
    }
}

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
    /// What opens it.
    pub keys: Arc<dyn S3KeySource>,
    /// Certificates, PEM, that are trusted for the server besides those that the system trusts.
    pub ca: Option<Vec<u8>>,
    /// Allow an endpoint without TLS: for a server on this machine. What is stored is ciphertext either way.
    pub allow_http: bool,
    /// How often a call is made again that was not answered, or answered with `try again`.
    pub retries: usize,
}

impl fmt::Debug for S3Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("S3Keys(..)")
    }
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
    /// [`OpenVaultError::Store`]; [`OpenVaultError::NoCertificate`]; [`OpenVaultError::NoDriver`] without the feature `s3`.
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
    use std::fmt;
    use std::{sync::Arc, time::Duration};

    use async_trait::async_trait;
    use object_store::aws::{AmazonS3Builder, AwsCredential};
    use object_store::client::{Certificate, CredentialProvider};
    use object_store::{BackoffConfig, ClientOptions, RetryConfig, prefix::PrefixStore};

    use super::{OpenVaultError, S3KeySource, S3Settings, SegmentVault};

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
        let mut client = ClientOptions::new().with_allow_http(settings.allow_http);
        if let Some(pem) = &settings.ca {
            let certificates = Certificate::from_pem_bundle(pem)?;
            if certificates.is_empty() {
                return Err(OpenVaultError::NoCertificate);
            }
            client = certificates.into_iter().fold(client, ClientOptions::with_root_certificate);
        }
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&settings.bucket)
            .with_region(&settings.region)
            .with_credentials(Arc::new(Keys(Arc::clone(&settings.keys))))
            .with_retry(RetryConfig {
                backoff: pauses,
                max_retries: settings.retries,
                retry_timeout: PATIENCE,
            })
            .with_client_options(client);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint).with_virtual_hosted_style_request(false);
        }
        let store = builder.build()?;
        let store = PrefixStore::new(store, settings.prefix.as_str());
        Ok(SegmentVault::on(Arc::new(store)))
    }

    /// Asked by the driver before each call.
    struct Keys(Arc<dyn S3KeySource>);

    impl fmt::Debug for Keys {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Keys(..)")
        }
    }

    #[async_trait]
    impl CredentialProvider for Keys {
        type Credential = AwsCredential;

        async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
            let keys = self
                .0
                .current()
                .map_err(|why| object_store::Error::Generic { store: "S3", source: why.into() })?;
            Ok(Arc::new(AwsCredential {
                key_id: keys.access_key.clone(),
                secret_key: keys.secret_key.to_string(),
                token: keys.session_token.as_ref().map(|token| token.to_string()),
            }))
        }
    }
}
