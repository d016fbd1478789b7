//! What opens a bucket: from the environment, or from a file that only its owner may read. Never an argument, never shown.

use std::path::Path;

use secnet_crypto::Zeroizing;

use crate::failure::{Exit, Failure};
use crate::files;

const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";
const SECRET_KEY: &str = "AWS_SECRET_ACCESS_KEY";
/// Longest file of credentials, in bytes.
const MAX_FILE_BYTES: u64 = 4096;

/// Not `Debug`: it holds a secret.
pub(super) struct Credentials {
    pub(super) access_key: String,
    pub(super) secret_key: Zeroizing<String>,
}

/// Those in the file that is configured, else those in the environment.
pub(super) fn find(file: Option<&Path>) -> Result<Credentials, Failure> {
    match file {
        Some(file) => read(file),
        None => in_environment(),
    }
}

fn in_environment() -> Result<Credentials, Failure> {
    let one = |name: &str| std::env::var(name).ok().filter(|value| is_plain(value));
    let secret_key = one(SECRET_KEY).map(Zeroizing::new);
    one(ACCESS_KEY).zip(secret_key).map(made).ok_or_else(|| {
        let said = format!("`{ACCESS_KEY}` and `{SECRET_KEY}` are not both in the environment");
        failure(said, "set both, or name a file that has them as `vault.credentials`")
    })
}

fn read(file: &Path) -> Result<Credentials, Failure> {
    files::require_private(file, files::NOBODY_ELSE, "600")?;
    let text = files::read_text(file, MAX_FILE_BYTES)?;
    let (mut access_key, mut secret_key) = (None, None);
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
            _ => return Err(wrong()),
        };
        if before {
            return Err(wrong());
        }
    }
    access_key
        .zip(secret_key)
        .map(made)
        .ok_or_else(|| failure(format!("`{}` does not have both keys", file.display()), &wanted()))
}

fn made((access_key, secret_key): (String, Zeroizing<String>)) -> Credentials {
    Credentials { access_key, secret_key }
}

fn wanted() -> String {
    format!("it has two lines: `{ACCESS_KEY} = ...` and `{SECRET_KEY} = ...`")
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

    fn of(text: &str, mode: u32) -> Result<(String, String), Failure> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s3");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        find(Some(&file)).map(|found| (found.access_key, found.secret_key.to_string()))
    }

    #[test]
    fn a_file_has_both_keys_in_either_form() {
        let both = ("AKIA".to_owned(), "c2Vj/cmV0+Cg==".to_owned());
        for text in [
            "AWS_ACCESS_KEY_ID=AKIA\nAWS_SECRET_ACCESS_KEY=c2Vj/cmV0+Cg==\n",
            "# of the clinic\n[default]\naws_access_key_id = AKIA\naws_secret_access_key = c2Vj/cmV0+Cg==",
        ] {
            assert_eq!(of(text, 0o600).unwrap(), both, "{text}");
            assert_eq!(of(text, 0o640).unwrap_err().code, "permissions");
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_its_line_and_never_repeated() {
        for (text, told) in [
            ("AWS_ACCESS_KEY_ID=AKIA\nhidden\n", "line 2"),
            ("AWS_ACCESS_KEY_ID=AKIA\nSECRET=hidden\n", "line 2"),
            ("AWS_SECRET_ACCESS_KEY=hidden\nAWS_SECRET_ACCESS_KEY=hidden\n", "line 2"),
            ("AWS_SECRET_ACCESS_KEY=hid den\n", "line 1"),
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
