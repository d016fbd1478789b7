//! What opens a bucket: from the environment, or from a file that only its owner may read. Never an argument, never shown.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use secnet_crypto::Zeroizing;
use secnet_vault::{S3KeySource, S3Keys};

use crate::failure::{Exit, Failure};
use crate::files;

const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";
const SECRET_KEY: &str = "AWS_SECRET_ACCESS_KEY";
const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
/// Longest file of credentials, in bytes.
const MAX_FILE_BYTES: u64 = 16 * 1024;
/// How long what the file said is good for. Temporary keys are replaced in it while a node runs.
const GOOD_FOR: Duration = Duration::from_secs(2);

/// Those in the file that is configured, else those in the environment.
pub(super) fn find(file: Option<&Path>) -> Result<Arc<dyn S3KeySource>, Failure> {
    match file {
        Some(file) => Ok(Arc::new(InFile {
            kept: Mutex::new((Instant::now(), Arc::new(read(file)?))),
            file: file.to_path_buf(),
        })),
        None => Ok(Arc::new(in_environment()?)),
    }
}

/// Keys in a file, which may hold others later.
struct InFile {
    file: PathBuf,
    /// What it held, and when it was read.
    kept: Mutex<(Instant, Arc<S3Keys>)>,
}

impl S3KeySource for InFile {
    fn current(&self) -> Result<Arc<S3Keys>, String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0.elapsed() > GOOD_FOR {
            kept.0 = Instant::now();
            match read(&self.file) {
                Ok(keys) => kept.1 = Arc::new(keys),
                // Somebody may be writing it.
                Err(failure) => {
                    let why = failure.causes.join(": ");
                    tracing::warn!(why, "{}; the keys before stay in use", failure.message);
                }
            }
        }
        Ok(Arc::clone(&kept.1))
    }
}

fn in_environment() -> Result<S3Keys, Failure> {
    let one = |name: &str| std::env::var(name).ok().filter(|value| is_plain(value));
    let secret_key = one(SECRET_KEY).map(Zeroizing::new);
    let both = one(ACCESS_KEY).zip(secret_key);
    let (access_key, secret_key) = both.ok_or_else(|| {
        let said = format!("`{ACCESS_KEY}` and `{SECRET_KEY}` are not both in the environment");
        failure(said, "set both, or name a file that has them as `vault.credentials`")
    })?;
    let session_token = match std::env::var(SESSION_TOKEN) {
        Ok(token) if is_plain(&token) => Some(Zeroizing::new(token)),
        Ok(token) if !token.is_empty() => {
            let said = format!("`{SESSION_TOKEN}` in the environment is no token");
            return Err(failure(said, "set it as it was given out, or not at all"));
        }
        Ok(_) | Err(_) => None,
    };
    Ok(S3Keys { access_key, secret_key, session_token })
}

fn read(file: &Path) -> Result<S3Keys, Failure> {
    files::require_private(file, files::NOBODY_ELSE, "600")?;
    let text = Zeroizing::new(files::read_text(file, MAX_FILE_BYTES)?);
    let (mut access_key, mut secret_key, mut session_token) = (None, None, None);
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        // As Amazon's own tools write such a file.
        if line.is_empty() || line.starts_with(['#', ';']) || line == "[default]" {
            continue;
        }
        // What stands there may be a secret: only the line is named.
        let wrong = || {
            let said = format!("line {number} of `{}` is not to be understood", file.display());
            failure(said, &wanted())
        };
        let (name, value) = line.split_once('=').ok_or_else(wrong)?;
        let (name, value) = (name.trim(), Zeroizing::new(value.trim().to_owned()));
        if !is_plain(&value) {
            return Err(wrong());
        }
        let before = match name.to_ascii_uppercase().as_str() {
            ACCESS_KEY => access_key.replace(value.to_string()).is_some(),
            SECRET_KEY => secret_key.replace(value).is_some(),
            SESSION_TOKEN => session_token.replace(value).is_some(),
            _ => return Err(wrong()),
        };
        if before {
            return Err(wrong());
        }
    }
    let Some((access_key, secret_key)) = access_key.zip(secret_key) else {
        return Err(failure(format!("`{}` does not have both keys", file.display()), &wanted()));
    };
    Ok(S3Keys { access_key, secret_key, session_token })
}

fn wanted() -> String {
    format!(
        "it has the lines `{ACCESS_KEY} = ...` and `{SECRET_KEY} = ...`, and of temporary keys `{SESSION_TOKEN} = ...`"
    )
}

fn is_plain(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic())
}

fn failure(said: String, hint: &str) -> Failure {
    Failure::new("no-credentials", said).hint(hint).exit(Exit::Usage)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn of(text: &str, mode: u32) -> Result<(String, String, Option<String>), Failure> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s3");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let found = find(Some(&file))?.current().unwrap();
        let token = found.session_token.as_ref().map(|token| token.to_string());
        Ok((found.access_key.clone(), found.secret_key.to_string(), token))
    }

    #[test]
    fn a_file_has_both_keys_in_either_form() {
        let both = ("AKIA".to_owned(), "c2Vj/cmV0+Cg==".to_owned(), None);
        for text in [
            "AWS_ACCESS_KEY_ID=AKIA\nAWS_SECRET_ACCESS_KEY=c2Vj/cmV0+Cg==\n",
            "# of the clinic\n[default]\naws_access_key_id = AKIA\naws_secret_access_key = c2Vj/cmV0+Cg==",
        ] {
            assert_eq!(of(text, 0o600).unwrap(), both, "{text}");
            assert_eq!(of(text, 0o640).unwrap_err().code, "permissions");
        }
        let text = "AWS_ACCESS_KEY_ID=A\naws_session_token = IQoJ+/=\nAWS_SECRET_ACCESS_KEY=B\n";
        let with_token = ("A".to_owned(), "B".to_owned(), Some("IQoJ+/=".to_owned()));
        assert_eq!(of(text, 0o600).unwrap(), with_token);
    }

    #[test]
    fn what_is_wrong_is_told_by_its_line_and_never_repeated() {
        for (text, told) in [
            ("AWS_ACCESS_KEY_ID=AKIA\nhidden\n", "line 2"),
            ("AWS_ACCESS_KEY_ID=AKIA\nSECRET=hidden\n", "line 2"),
            ("AWS_SECRET_ACCESS_KEY=hidden\nAWS_SECRET_ACCESS_KEY=hidden\n", "line 2"),
            ("AWS_SECRET_ACCESS_KEY=hid den\n", "line 1"),
            ("AWS_SESSION_TOKEN=\nAWS_SECRET_ACCESS_KEY=hidden\n", "line 1"),
            ("AWS_SESSION_TOKEN=hidden\nAWS_SESSION_TOKEN=hidden\n", "line 2"),
            ("AWS_SECRET_ACCESS_KEY=hidden\n", "both keys"),
            ("", "both keys"),
        ] {
            let failure = of(text, 0o600).unwrap_err();
            let said = format!("{failure:?}");
            assert!(failure.code == "no-credentials" && said.contains(told), "{said}");
            assert!(!said.contains("hid"), "{said}");
        }
    }
}
