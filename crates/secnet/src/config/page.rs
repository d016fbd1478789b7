//! docs/reference/configuration.md, from the table that reads the configuration.

use super::table::{Form, SETTINGS};

const HEAD: &str = "\
# Configuration

Written by `secnet reference configuration > docs/reference/configuration.md`; a test compares.

`secnet up` is configured by, the first that has a value wins, and every verb that opens the data folder learns there where its
vault is:

1. flags: `--listen` of `up`, and `--set KEY=VALUE` for every setting;
2. the environment: `SECNET_` and the key in capitals, with `_` for `.`, such as `SECNET_LIMITS_CALLS`; lists with commas;
3. the project's file: `secnet.toml` in the folder the program is started in, or the one named with `--config` or `SECNET_CONFIG`;
4. the user's file: `secnet/secnet.toml` in `$XDG_CONFIG_HOME`, else in `~/.config`;
5. defaults.

Everything is read and checked before a port is bound. A setting that there is not, also as a variable, and a value that does not
fit are errors, with file and line. `secnet config show` says what holds and where it comes from; `secnet config check` says only
whether it holds together. Paths in a file are meant from that file's folder. Secrets are no settings: the passphrase comes by
`--passphrase-file`, which can name a descriptor, and what opens a bucket by variables or a file of its own.

```toml
authorities = [\"node.example\"]
listen = \"0.0.0.0:443\"

[tls]
certificate = \"fullchain.pem\"
key = \"key.pem\"

[backup]
folder = \"/mnt/backup/clinic\"

[vault]
place = \"s3\"
endpoint = \"https://s3.example.org\"
bucket = \"clinic\"
credentials = \"s3.credentials\"

[network]
listen = \"10.0.0.1:8430\"
peers = [\"snid1...@10.0.0.2:8430\", \"snid1...@10.0.0.3:8430\", \"snid1...@10.0.0.4:8430\"]
```

| key | value | default | what |
|---|---|---|---|
";

/// The page.
pub(crate) fn page() -> String {
    let mut page = HEAD.to_owned();
    for setting in SETTINGS {
        let wanted = match setting.form {
            Form::Authorities | Form::Peers | Form::Urls | Form::Members | Form::Blocks => {
                format!("a list: {}", setting.form.wanted())
            }
            form => form.wanted(),
        };
        let default = match setting.default {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        page.push_str(&format!(
            "| `{}` | {wanted} | {default} | {} |\n",
            setting.key, setting.what
        ));
    }
    page.trim_end().to_owned()
}
