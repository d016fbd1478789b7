//! What is read from where, and what is wrong with it.

use super::*;

fn pairs(given: &[(&str, &str)]) -> Vec<(String, String)> {
    given.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn flags_win_over_environment_over_project_over_user_over_defaults() {
    let place = tempfile::tempdir().unwrap();
    let (user, project) = (place.path().join("user.toml"), place.path().join("secnet.toml"));
    std::fs::write(&user, "[limits]\ncalls = 1\nrate = 1\nburst = 1\nconnections = 1\n").unwrap();
    std::fs::write(&project, "[limits]\ncalls = 2\nrate = 2\nburst = 2\n[tls]\nkey = \"k.pem\"\ncertificate = \"c.pem\"\n").unwrap();
    let sources = Sources {
        flags: pairs(&[("limits.calls", "4")]),
        environment: pairs(&[
            ("SECNET_LIMITS_CALLS", "3"),
            ("SECNET_LIMITS_RATE", "3"),
            ("SECNET_DIR", "x"),
        ]),
        named: None,
        project: Some(project.clone()),
        user: Some(user.clone()),
    };
    let config = Config::load(&sources).unwrap();
    let of = |key: &str| {
        let (values, origin) = &config.0[key];
        (values.join(","), origin.to_string())
    };
    assert_eq!(of("limits.calls"), ("4".into(), "flag".into()));
    assert_eq!(of("limits.rate"), ("3".into(), "SECNET_LIMITS_RATE".into()));
    assert_eq!(of("limits.burst"), ("2".into(), format!("{}:4", project.display())));
    assert_eq!(of("limits.connections"), ("1".into(), format!("{}:5", user.display())));
    assert_eq!(of("log.format"), ("text".into(), "default".into()));
    let settings = config.settings().unwrap();
    assert_eq!(settings.limits.calls, 4);
    // Paths are meant from the file that names them.
    assert_eq!(settings.tls.unwrap().1, place.path().join("k.pem"));
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let sources = Sources {
        flags: pairs(&[("listen", "0.0.0.0:1"), ("tls.key", "k"), ("nothing", "1")]),
        environment: pairs(&[("SECNET_LISTN", "x"), ("SECNET_LOG_LEVEL", "loud")]),
        ..Sources::default()
    };
    let failure = Config::load(&sources).unwrap_err();
    assert_eq!((&*failure.code, failure.exit, failure.causes.len()), ("config", Exit::Usage, 5));
    let missing = Sources { named: Some("not-there.toml".into()), ..Sources::default() };
    assert_eq!(Config::load(&missing).unwrap_err().code, "io");
}

#[test]
fn a_door_is_told_by_an_address_that_says_only_where_it_is() {
    let set = |url: &str| {
        let flags = pairs(&[("door_url", url)]);
        Config::load(&Sources { flags, ..Sources::default() })
    };
    let url = "https://clinic.example:8420";
    let told = set(url).unwrap().settings().unwrap().door_url.unwrap();
    assert_eq!(told.to_string(), url);
    for bad in [
        "http://clinic.example",
        "https://clinic.example/",
        "https://a@clinic.example",
        "clinic.example",
    ] {
        assert!(set(bad).unwrap_err().causes[0].contains("address of a door"), "{bad}");
    }
}

#[test]
fn proxies_are_addresses_or_blocks_and_never_everybody() {
    let set = |blocks: &str, header: &str| {
        let flags = pairs(&[("proxies.trusted", blocks), ("proxies.header", header)]);
        Config::load(&Sources { flags, ..Sources::default() })
    };
    let settings = set("10.0.0.0/8,::1,::ffff:192.0.2.1", "forwarded").unwrap().settings().unwrap();
    let blocks: Vec<String> = settings.proxies.trusted.iter().map(ToString::to_string).collect();
    assert_eq!(blocks, ["10.0.0.0/8", "::1/128", "192.0.2.1/32"]);
    assert_eq!(settings.proxies.header, secnet_gateway::ForwardedBy::Forwarded);
    for wrong in ["0.0.0.0/0", "::/0", "10.0.0.1/8", "10.0.0.0/33", "localhost", "10.0.0.1:80"] {
        assert_eq!(set(wrong, "forwarded").unwrap_err().causes.len(), 1, "{wrong}");
    }
    assert!(set("10.0.0.1", "x-real-ip").is_err());
    let none = Config::load(&Sources::default()).unwrap().settings().unwrap();
    assert!(none.proxies.trusted.is_empty(), "nobody is believed unasked");
}

#[test]
fn two_listeners_do_not_share_an_address() {
    let told = |listen: &str, metrics: &str| {
        let flags =
            pairs(&[("listen", listen), ("metrics.listen", metrics), ("authorities", "a:1")]);
        let loaded = Config::load(&Sources { flags, ..Sources::default() });
        loaded.err().map(|failure| failure.causes.join("; "))
    };
    for (listen, metrics) in [
        ("127.0.0.1:8420", "127.0.0.1:8420"),
        ("0.0.0.0:8420", "127.0.0.1:8420"),
        ("127.0.0.1:8420", "[::]:8420"),
    ] {
        assert!(told(listen, metrics).unwrap().contains("each needs its own"), "{metrics}");
    }
    for metrics in ["127.0.0.1:9420", "127.0.0.2:8420"] {
        assert_eq!(told("127.0.0.1:8420", metrics), None);
    }
    assert_eq!(told("127.0.0.1:0", "127.0.0.1:0"), None);
}

#[test]
fn a_validator_is_told_where_the_others_are() {
    let id = MemberId([7; 32]);
    let peers = format!("{id}@127.0.0.1:2, {id}@[::1]:3");
    let sources = Sources {
        flags: pairs(&[("network.listen", "127.0.0.1:1"), ("network.peers", &peers)]),
        ..Sources::default()
    };
    let network = Config::load(&sources).unwrap().settings().unwrap().network.unwrap();
    assert!(network.votes);
    assert_eq!(
        network.peers,
        [2, 3].map(|port| {
            let ip = if port == 2 { "127.0.0.1" } else { "::1" };
            (id, SocketAddr::new(ip.parse().unwrap(), port))
        })
    );
    let wrong = |key: &str, value: &str| {
        let flags = pairs(&[(key, value)]);
        Config::load(&Sources { flags, ..Sources::default() }).unwrap_err().causes.join("; ")
    };
    assert!(wrong("network.peers", &peers).contains("`network.listen` is not"));
    for bad in ["127.0.0.1:2", "snid1x@127.0.0.1:2", &format!("{id}@nowhere")] {
        assert!(wrong("network.peers", bad).contains("is not a validator with its"), "{bad}");
    }
}

#[test]
fn the_defaults_are_good_and_are_the_gateways() {
    let settings = Config::load(&Sources::default()).unwrap().settings().unwrap();
    let (limits, own) = (settings.limits, Limits::default());
    assert_eq!(
        (limits.connections, limits.calls, limits.rate_per_second, limits.burst),
        (own.connections, own.calls, own.rate_per_second, own.burst)
    );
}
