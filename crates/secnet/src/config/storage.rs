//! The settings of the vault, as the program uses them.

use std::net::IpAddr;
use std::path::PathBuf;

use reqwest::Url;

use super::{Config, Origin};
use crate::vault::{Bucket, Where};

impl Config {
    /// What only shows when all is read.
    pub(super) fn check_vault(&self, wrong: &mut Vec<String>) {
        let bucket = self.one("vault.bucket");
        if self.one("vault.place") == Some("s3") {
            if bucket.is_none() {
                wrong.push("`vault.place` is `s3` and `vault.bucket` is not set".into());
            }
        } else if bucket.is_some() && self.is_default("vault.place") {
            // Whoever names a bucket must not find everything in the folder instead.
            wrong.push(
                "`vault.bucket` is set and `vault.place` is not: say `s3`, or `folder`".into(),
            );
        }
        let endpoint = self.one("vault.endpoint").and_then(|endpoint| Url::parse(endpoint).ok());
        if let Some(endpoint) = endpoint.filter(|url| url.scheme() == "http" && !is_here(url))
            && self.one("vault.http") != Some("yes")
        {
            wrong.push(format!(
                "`vault.endpoint`: {endpoint} is another machine without TLS: take https, or say `vault.http = \"yes\"`"
            ));
        }
    }

    fn is_default(&self, key: &str) -> bool {
        self.entries().any(|(name, _, origin)| name == key && *origin == Origin::Default)
    }

    /// Where segments are.
    pub(super) fn vault(&self) -> Where {
        let one = |key| self.one(key).map(str::to_owned);
        let bucket = match self.one("vault.place") {
            Some("s3") => one("vault.bucket"),
            _ => None,
        };
        let Some(bucket) = bucket else { return Where::Folder };
        Where::S3(Box::new(Bucket {
            endpoint: self
                .one("vault.endpoint")
                .map(|endpoint| endpoint.trim_end_matches('/').to_owned()),
            bucket,
            region: one("vault.region").unwrap_or_default(),
            prefix: one("vault.prefix").unwrap_or_default(),
            credentials: one("vault.credentials").map(PathBuf::from),
            ca: one("vault.ca").map(PathBuf::from),
        }))
    }
}

/// Is it this machine, whatever names are given to others?
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::super::Sources;
    use super::*;

    fn load(given: &[(&str, &str)]) -> Result<Where, Vec<String>> {
        let flags = given.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let sources = Sources { flags: flags.collect(), ..Sources::default() };
        let config = Config::load(&sources).map_err(|failure| failure.causes)?;
        Ok(config.settings().unwrap().vault)
    }

    #[test]
    fn a_bucket_is_chosen_by_name_and_by_word() {
        assert_eq!(load(&[]), Ok(Where::Folder));
        let (place, bucket) = (("vault.place", "s3"), ("vault.bucket", "clinic"));
        let Ok(Where::S3(chosen)) = load(&[place, bucket]) else { panic!("no bucket") };
        assert_eq!(
            *chosen,
            Bucket {
                endpoint: None,
                bucket: "clinic".into(),
                region: "us-east-1".into(),
                prefix: "secnet".into(),
                credentials: None,
                ca: None,
            }
        );
        // A bucket alone would look as if it were used.
        let wrong = load(&[bucket]).unwrap_err();
        assert!(wrong[0].contains("say `s3`, or `folder`"), "{wrong:?}");
        assert_eq!(load(&[bucket, ("vault.place", "folder")]), Ok(Where::Folder));
        let wrong = load(&[place]).unwrap_err();
        assert!(wrong[0].contains("`vault.bucket` is not set"), "{wrong:?}");
    }

    #[test]
    fn without_tls_only_this_machine_is_called_unless_it_is_said() {
        let with = |endpoint, also: &[(&str, &str)]| {
            let base =
                [("vault.place", "s3"), ("vault.bucket", "clinic"), ("vault.endpoint", endpoint)];
            load(&[&base[..], also].concat())
        };
        for here in [
            "http://127.0.0.1:9000",
            "http://[::1]:9000/",
            "http://localhost",
            "https://s3.example",
        ] {
            let Ok(Where::S3(bucket)) = with(here, &[]) else { panic!("{here}") };
            assert_eq!(bucket.endpoint.as_deref(), Some(here.trim_end_matches('/')));
        }
        for there in [
            "http://s3.example",
            "http://10.0.0.1",
            "http://localhost.example",
            "http://127.0.0.1.example",
        ] {
            let wrong = with(there, &[]).unwrap_err();
            assert!(wrong[0].contains("without TLS"), "{wrong:?}");
            assert!(with(there, &[("vault.http", "yes")]).is_ok(), "{there}");
        }
    }

    #[test]
    fn what_is_no_bucket_or_prefix_or_endpoint_is_told() {
        for (key, bad) in [
            ("vault.place", "cloud"),
            ("vault.bucket", "ab"),
            ("vault.bucket", "Clinic"),
            ("vault.bucket", "a/b"),
            ("vault.bucket", "clinic-"),
            ("vault.region", "eu central"),
            ("vault.prefix", "/data"),
            ("vault.prefix", "data//one"),
            ("vault.prefix", "data/.."),
            ("vault.prefix", "a b"),
            ("vault.endpoint", "s3.example"),
            ("vault.endpoint", "ftp://s3.example"),
            ("vault.endpoint", "https://key:secret@s3.example"),
            ("vault.endpoint", "https://s3.example/bucket"),
            ("vault.endpoint", "https://s3.example?x=1"),
        ] {
            let wrong = load(&[(key, bad)]).unwrap_err();
            assert!(wrong[0].contains("is not"), "{key} {bad}: {wrong:?}");
        }
    }
}
