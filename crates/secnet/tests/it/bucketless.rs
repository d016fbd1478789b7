//! A program that was built without the driver for S3.

use crate::support::{Place, command, finish};

#[test]
fn it_opens_no_vault_in_a_bucket_and_says_which_feature_is_needed() {
    let place = Place::demo();
    let bucket = ["--set", "vault.place=s3", "--set", "vault.bucket=clinic"];
    for args in [
        &["--dir", "n", "init"][..],
        &["config", "check"],
        &["--dir", "r", "restore", "b", "--epochs", "e"],
    ] {
        std::fs::create_dir_all(place.path("b")).unwrap();
        std::fs::write(place.path("b/genesis.cbor"), "").unwrap();
        let mut command = command(place.root());
        command.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
        let run = finish(command.args(args).args(bucket).arg("--json"));
        assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("needs-feature")), "{run:?}");
        assert!(run.error()["hint"].as_str().unwrap().contains("--features s3"), "{run:?}");
    }
    assert!(!place.path("n").exists() && !place.path("r").exists());
    // The settings are known all the same, and what is wrong with them is told.
    finish(command(place.root()).args(["config", "show"]).args(bucket)).ok();
    let mut wrong = command(place.root());
    wrong.args(["config", "show", "--set", "vault.bucket=B", "--json"]);
    assert_eq!(finish(&mut wrong).error()["code"], "config");
    // A folder that has its segments in itself is refused with the bucket, not emptied.
    let run = place.run(&[&["status", "--json"], &bucket[..]].concat());
    assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("other-vault")), "{run:?}");
}
