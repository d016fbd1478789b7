//! A real node on a disk that really fills up: a small file system in memory, in a namespace of its own.

use std::path::PathBuf;
use std::process::Command;

use crate::serving::{Up, soon};
use crate::support::{Place, SECNET};

/// Bytes of the disk: room for the folder, the reserve, and what the node calls ample.
const DISK: u64 = 48 << 20;
/// Mounts the disk at `full`, copies the folder there, and becomes the node.
const ON_A_SMALL_DISK: &str =
    r#"mount -t tmpfs -o "size=$0,mode=700" tmpfs full && cp -a d full/d && exec "$@""#;

/// Whether the kernel lets us mount something that nobody else sees.
fn may_mount() -> bool {
    let args = ["--map-root-user", "--mount", "true"];
    Command::new("unshare").args(args).status().is_ok_and(|status| status.success())
}

#[test]
fn a_node_whose_disk_is_full_lets_rights_end_and_goes_on_when_there_is_room() {
    if !may_mount() {
        eprintln!("not tried: no namespace for a small disk can be made here");
        return;
    }
    let place = Place::demo();
    let dataset = place.dataset();
    let grant = place.grant(&dataset, "eve");
    std::fs::create_dir(place.path("full")).unwrap();
    let mut up = Command::new("unshare");
    up.current_dir(place.root()).args(["--map-root-user", "--mount", "sh", "-c", ON_A_SMALL_DISK]);
    up.args([&DISK.to_string(), SECNET, "--dir", "full/d", "--json", "up"]);
    let up = Up::by(up.args(["--listen", "127.0.0.1:0", "--set", "disk.reserve=4"]));
    let url = up.url();
    let filler = PathBuf::from(format!("/proc/{}/root", up.id()));
    let filler = filler.join(place.path("full/filler").strip_prefix("/").unwrap());
    let asks = |verb: &[&str]| place.run(&[verb, &["--url", &url, "--json"]].concat());
    let get = || asks(&["get", &dataset, "--as", "eve", "--purpose", "treatment"]);
    let to_eve = ["grant", &dataset, "--as", "ada", "--to", "eve", "--price", "0"];
    let grants = || asks(&[&to_eve[..], &["--purpose", "treatment"]].concat());
    let ready = || asks(&["ready"]).code == 0;

    get().ok();
    soon("readiness", ready);
    // Somebody else's file takes what there is.
    let endless = vec![0; usize::try_from(DISK).unwrap()];
    std::fs::write(&filler, endless).unwrap_err();
    soon("that the node knows", || !ready());
    for refused in [get(), grants()] {
        assert_eq!((refused.code, refused.error()["code"].as_str()), (6, Some("disk-full")));
    }
    asks(&["status"]).ok();
    asks(&["revoke", &grant, "--as", "ada"]).ok();

    // The room that somebody makes is taken without a restart, and what ended has ended.
    std::fs::remove_file(&filler).unwrap();
    soon("readiness again", ready);
    assert_eq!(get().code, 3);
    grants().ok();
    get().ok();
    assert_eq!(up.stop(), 0);
}
