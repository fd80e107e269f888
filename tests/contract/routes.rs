//! What the training tenant serves, found by asking, and that its code names nothing that the description does not have.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::document::{Document, Operation};
use crate::drive::{GROUP, TINA, send, token};
use crate::support::tenant::Desk;

/// Segments of paths that are not Graph's.
const OWN: &[&str] = &["v1.0", "beta", "training", "passkeys", "assertion"];
/// Files that speak for the sign-in host, which has a description of its own.
const SIGN_IN: &[&str] = &["oauth2", "v2.0", "token", "devicecode", "authorize", "metadata", "identity"];

/// The operations that the tenant knows: asked one by one, they are not answered as an address that nobody knows is.
pub fn served(document: &Document) -> BTreeSet<String> {
    let known = document.operations.iter().filter(|operation| is_served(operation));
    known.map(|operation| operation.name.clone()).collect()
}

fn is_served(operation: &Operation) -> bool {
    let desk = Desk::new(crate::drive::ruled());
    let passkey = desk.tenant.passkeys(TINA)[0].method_id();
    let segments = operation.template.iter().map(|segment| match segment.as_str() {
        "{user-id}" => TINA.to_owned(),
        "{method-id}" => passkey.clone(),
        "{group-id}" => GROUP.to_owned(),
        other => other.replace("{challengeTimeoutInMinutes}", "5"),
    });
    let path = segments.collect::<Vec<_>>().join("/");
    assert!(!path.contains('{'), "a new variable in {path}");
    let token = token(&desk.tenant);
    let body = if operation.method == "GET" { "" } else { "{}" };
    let mut answers = operation.versions.iter().map(|version| {
        let (status, answer) = send(&desk.tenant, &operation.method, &format!("/{version}/{path}"), &token, body);
        (status, answer["error"]["code"].as_str().unwrap_or_default().to_owned())
    });
    answers.any(|(status, code)| status != 405 && !(status == 404 && code == "resourceNotFound"))
}

#[test]
fn the_tenant_names_no_path_that_is_not_described() {
    let document = Document::read();
    let described: BTreeSet<String> =
        document.operations.iter().flat_map(|one| one.template.iter().map(|part| part.to_lowercase())).collect();
    let mut unknown = BTreeSet::new();
    let mut seen = 0;
    for path in files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/simulator/tenant"))) {
        let text = std::fs::read_to_string(path).unwrap();
        for line in text.lines().map(str::trim).filter(|line| is_route(line)) {
            let pattern = line.split("=>").next().unwrap_or_default().split(" if ").next().unwrap_or_default();
            let pattern = pattern.rsplit_once('[').map_or(pattern, |(_, segments)| segments);
            for name in pattern.split('"').skip(1).step_by(2) {
                seen += 1;
                if !described.contains(&name.to_lowercase()) && !OWN.contains(&name) && !SIGN_IN.contains(&name) {
                    unknown.insert(name.to_owned());
                }
            }
        }
    }
    assert!(seen > 10, "no routes found in the sources");
    assert!(unknown.is_empty(), "the tenant serves what nothing describes: {unknown:?}");
}

/// The files below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// A pattern of path segments in the tables of routes.
fn is_route(line: &str) -> bool {
    let method = ["(\"GET\", [", "(\"POST\", [", "(\"PATCH\", [", "(\"PUT\", [", "(\"DELETE\", [", "(_, ["];
    line.starts_with("[\"") || method.iter().any(|start| line.starts_with(start))
}
