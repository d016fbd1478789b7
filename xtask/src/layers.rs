//! The direction of dependencies between our crates (ARCHITECTURE.md). A crate may depend only on crates of lower
//! layers; leaves never on each other. A pure crate links nothing that reaches outside, however indirectly.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Crate, layer. A leaf's layer is shared by all leaves.
const LAYERS: &[(&str, u8)] = &[
    ("secnet-crypto", 0),
    ("secnet-types", 1),
    ("secnet-fhir", 2),
    ("secnet-ledger", 2),
    ("secnet-policy", 2),
    ("secnet-guard", 2),
    ("secnet-learn", 2),
    ("secnet-lock", 2),
    ("secnet-app", 3),
    ("secnet-node", 4),
    ("secnet-vault", 4),
    ("secnet-gateway", 4),
    // A second way to order over the node's chain and store, in a crate of its own because of what its engine costs to build.
    ("secnet-bft", 5),
    ("secnet-vault-s3-tests", 5),
    ("secnet-sim", 5),
    ("secnet", 6),
    ("xtask", 6),
];
const LAST_PURE_LAYER: u8 = 2;

/// Pure crates must not link these, not even through others.
const NOT_IN_PURE: &[&str] =
    &["async-std", "hyper", "mio", "object_store", "redb", "reqwest", "smol", "socket2", "tokio"];
/// Pure crates must not name these themselves: randomness and time are parameters.
const NOT_NAMED_IN_PURE: &[&str] = &["chrono", "getrandom", "jiff", "rand", "rayon", "time"];

pub(crate) fn check() -> Result<Vec<String>, String> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .map_err(|error| format!("`cargo metadata` does not run: {error}"))?;
    if !output.status.success() {
        return Err(format!("`cargo metadata` fails: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let metadata = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("`cargo metadata` prints no JSON: {error}"))?;
    Ok(judge(&Graph::of(&metadata)?))
}

pub(crate) fn is_pure(name: &str) -> bool {
    layer(name).is_some_and(|layer| layer <= LAST_PURE_LAYER)
}

fn layer(name: &str) -> Option<u8> {
    LAYERS.iter().find(|(crate_, _)| *crate_ == name).map(|(_, layer)| *layer)
}

fn judge(graph: &Graph) -> Vec<String> {
    let mut problems = Vec::new();
    for id in &graph.ours {
        let name = graph.name(id);
        let Some(own) = layer(name) else {
            problems.push(format!("`{name}` has no layer; add it to xtask/src/layers.rs"));
            continue;
        };
        for other in graph.links(id).map(|other| graph.name(other)) {
            if other.starts_with("secnet") && layer(other).is_none_or(|layer| layer >= own) {
                problems.push(format!("`{name}` must not depend on `{other}`"));
            }
            if is_pure(name) && NOT_NAMED_IN_PURE.contains(&other) {
                problems.push(format!("`{name}` is pure and must not name `{other}`"));
            }
        }
        if is_pure(name) {
            problems.extend(graph.ways(id).into_iter().filter_map(|way| {
                let last = way.last()?;
                let banned = NOT_IN_PURE.contains(last);
                banned
                    .then(|| format!("`{name}` is pure and must not link `{}`", way.join("` -> `")))
            }));
        }
    }
    problems
}

/// Who links whom, without what only tests need.
struct Graph {
    names: BTreeMap<String, String>,
    links: BTreeMap<String, Vec<String>>,
    ours: Vec<String>,
}

impl Graph {
    fn of(metadata: &Value) -> Result<Self, String> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let packages = list(&metadata["packages"]);
        let names = packages.iter().map(|p| (text(&p["id"]), text(&p["name"]))).collect();
        let mut links = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            let linked = list(&node["deps"]).into_iter().filter(|dependency| {
                list(&dependency["dep_kinds"])
                    .iter()
                    .any(|kind| kind["kind"].as_str() != Some("dev"))
            });
            links.insert(
                text(&node["id"]),
                linked.map(|dependency| text(&dependency["pkg"])).collect(),
            );
        }
        let ours: Vec<String> = list(&metadata["workspace_members"]).iter().map(text).collect();
        if ours.is_empty() || links.is_empty() {
            return Err("`cargo metadata` lists no crates".into());
        }
        Ok(Self { names, links, ours })
    }

    fn name(&self, id: &str) -> &str {
        self.names.get(id).map_or("", String::as_str)
    }

    fn links(&self, id: &str) -> impl Iterator<Item = &String> {
        self.links.get(id).into_iter().flatten()
    }

    /// A way by names to everything that is reached from here.
    fn ways(&self, from: &str) -> Vec<Vec<&str>> {
        let (mut seen, mut ways) = (BTreeSet::from([from]), Vec::new());
        let mut waiting = vec![(from, Vec::new())];
        while let Some((id, way)) = waiting.pop() {
            for next in self.links(id) {
                if seen.insert(next) {
                    let way: Vec<&str> = way.iter().copied().chain([self.name(next)]).collect();
                    ways.push(way.clone());
                    waiting.push((next, way));
                }
            }
        }
        ways
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Links by name; those marked `dev` are of tests only.
    fn judged(links: &[(&str, &str, Option<&str>)]) -> Vec<String> {
        let names: BTreeSet<&str> = links.iter().flat_map(|(a, b, _)| [*a, *b]).collect();
        let ours: Vec<&&str> = names.iter().filter(|name| layer(name).is_some()).collect();
        let packages: Vec<Value> =
            names.iter().map(|name| json!({ "id": name, "name": name })).collect();
        let nodes: Vec<Value> = names
            .iter()
            .map(|name| {
                let deps = links.iter().filter(|(from, ..)| from == name);
                let deps: Vec<Value> = deps
                    .map(|(_, to, kind)| json!({ "pkg": to, "dep_kinds": [{ "kind": kind }] }))
                    .collect();
                json!({ "id": name, "deps": deps })
            })
            .collect();
        let metadata = json!({
            "packages": packages, "resolve": { "nodes": nodes }, "workspace_members": ours,
        });
        judge(&Graph::of(&metadata).unwrap())
    }

    #[test]
    fn downwards_is_fine_and_sideways_or_upwards_is_not() {
        assert_eq!(judged(&[("secnet-ledger", "secnet-types", None)]), [""; 0]);
        assert_eq!(judged(&[("secnet-ledger", "secnet-lock", None)]).len(), 1);
        assert_eq!(judged(&[("secnet-node", "secnet-vault", None)]).len(), 1);
        assert_eq!(judged(&[("secnet-types", "secnet-app", None)]).len(), 1);
        assert_eq!(judged(&[("secnet-app", "secnet-node", Some("dev"))]), [""; 0]);
    }

    #[test]
    fn what_a_pure_crate_links_through_others_counts() {
        let through = [("secnet-policy", "harmless", None), ("harmless", "tokio", None)];
        let problems = judged(&through);
        assert_eq!(problems, ["`secnet-policy` is pure and must not link `harmless` -> `tokio`"]);
        let ours = [("secnet-lock", "secnet-types", None), ("secnet-types", "redb", Some("build"))];
        assert_eq!(judged(&ours).len(), 2, "both link it");
        let tests = [("secnet-policy", "harmless", Some("dev")), ("harmless", "tokio", None)];
        assert_eq!(judged(&tests), [""; 0]);
        assert_eq!(judged(&[("secnet-app", "tokio", None)]), [""; 0]);
    }

    #[test]
    fn a_pure_crate_takes_no_randomness_by_itself() {
        assert_eq!(judged(&[("secnet-guard", "rand", None)]).len(), 1);
        let through = [("secnet-guard", "cipher", None), ("cipher", "rand", None)];
        assert_eq!(judged(&through), [""; 0]);
    }

    #[test]
    fn an_empty_answer_of_cargo_is_no_good_news() {
        assert!(Graph::of(&json!({})).is_err());
        assert!(Graph::of(&json!({ "workspace_members": ["secnet"], "packages": [] })).is_err());
    }
}
