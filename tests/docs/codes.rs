//! Error codes and variables that the pages name.

use crate::pages::{Code, all, root};

#[test]
fn every_error_code_that_is_named_exists() {
    let catalogue = std::fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let layers: Vec<&str> = catalogue
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|row| row.split_once('/'))
        .map(|(layer, _)| layer)
        .collect();
    // Names of checks have the form of codes.
    let checks = ["policy/", "user/", "methods/", "key/", "tenant/"];
    let page_of_checks = std::fs::read_to_string(root().join("docs/command-line.md")).unwrap();
    for page in all() {
        for line in page.lines().iter().filter(|line| line.code == Code::No) {
            for word in line.text.split('`').skip(1).step_by(2) {
                let Some((layer, name)) = word.split_once('/') else { continue };
                let form = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
                if !form || !layers.contains(&layer) {
                    continue;
                }
                let known = catalogue.contains(&format!("| `{word}` |"))
                    || (checks.iter().any(|check| word.starts_with(check)) && page_of_checks.contains(&format!("`{word}`")));
                assert!(known, "{}:{}: {word}", page.name(), line.number);
            }
        }
    }
}

/// Variables that are named are those of a flag, or written down in the page of settings.
#[test]
fn every_variable_that_is_named_is_described() {
    let settings = std::fs::read_to_string(root().join("docs/command-line.md")).unwrap();
    // Of the tests and benchmarks, described where they are.
    let others = [
        "KEYWRIGHT_SKIP_",
        "KEYWRIGHT_BENCH_",
        "KEYWRIGHT_TEST_",
        "KEYWRIGHT_BIN",
        "KEYWRIGHT_RIG_",
        "KEYWRIGHT_VM",
        "KEYWRIGHT_BLESS",
        "KEYWRIGHT_OPTIMISED",
    ];
    for page in all() {
        for line in page.lines() {
            for word in line.text.split(|c: char| !(c.is_ascii_uppercase() || c == '_')) {
                let named = word.starts_with("KEYWRIGHT_") && word.len() > "KEYWRIGHT_".len();
                let known = settings.contains(&format!("`{word}`")) || others.iter().any(|other| word.starts_with(other));
                assert!(!named || known, "{}:{}: {word}", page.name(), line.number);
            }
        }
    }
}
