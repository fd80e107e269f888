//! The catalogue of errors, `docs/errors.md`, is made of the tables in the code; this keeps the two equal.
//! `KEYWRIGHT_BLESS=1 cargo test --test errors_doc` writes it anew.

#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use keywright::advice::Advice;
use keywright::{batch, cli, ctap, enroll, handover, identity, ledger, metadata, simulator, webauthn};

/// Every table, under the heading that it has in the catalogue.
fn tables() -> Vec<(&'static str, &'static [Advice])> {
    vec![
        ("The command line", cli::ALL),
        ("The key and its link", ctap::transport::ALL),
        ("What the key's answers mean", ctap::error::ALL),
        ("Status bytes of CTAP", ctap::status::ALL),
        ("The enrolment", enroll::ALL),
        ("The passkey that the key made", webauthn::ALL),
        ("Metadata of models", metadata::ALL),
        ("The tenant", identity::ALL),
        ("The ledger", ledger::ALL),
        ("Temporary PINs and the safe", handover::pin::ALL),
        ("Hand-over", handover::ALL),
        ("Files between stations", handover::parcel::ALL),
        ("Batches", batch::ALL),
        ("Rosters", batch::roster::ALL),
        ("Rows of rosters", batch::roster::ROWS),
        ("The training key", simulator::key::ALL),
    ]
}

fn rows() -> impl Iterator<Item = &'static Advice> {
    tables().into_iter().flat_map(|(_, rows)| rows)
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn catalogue() -> String {
    let mut text = String::from(
        "# Error codes\n\n\
         Every error is shown as a sentence with its code in brackets, and after a blank line one next step (`hint:`). With\n\
         `--json` it is one object: `{\"v\":1,\"error\":{\"code\":…,\"message\":…,\"next\":…}}`; `detail` is there when the tenant or the\n\
         system said more. Codes are stable; sentences may improve. *Exit* is what the process returns if nothing better\n\
         could be done.\n",
    );
    for (heading, rows) in tables() {
        write!(text, "\n## {heading}\n\n| code | what happened | next step | exit |\n| --- | --- | --- | --- |\n").unwrap();
        for row in rows {
            let cell = |words: &str| words.replace('|', "\\|");
            writeln!(text, "| `{}` | {} | {} | {} |", row.code, cell(row.sentence), cell(row.next), row.exit.code()).unwrap();
        }
    }
    text
}

#[test]
fn the_catalogue_is_what_the_code_says() {
    let path = root().join("docs/errors.md");
    let made = catalogue();
    if std::env::var_os("KEYWRIGHT_BLESS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == made, "docs/errors.md is not what the code says: run with KEYWRIGHT_BLESS=1 and commit it");
}

#[test]
fn every_table_is_in_the_catalogue() {
    let mut found = 0;
    let mut open = vec![root().join("src")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|end| end == "rs") {
            found += tables_in(&path);
        }
    }
    // The table of status bytes has a form of its own.
    assert_eq!(found.saturating_add(1), tables().len(), "a table of errors is missing in this test");
}

fn tables_in(path: &Path) -> usize {
    std::fs::read_to_string(path).unwrap().lines().filter(|line| line.starts_with("advice! {")).count()
}

#[test]
fn codes_are_unique_and_well_formed() {
    let mut seen = BTreeSet::new();
    for row in rows() {
        assert!(seen.insert(row.code), "{} stands twice", row.code);
        let (layer, name) = row.code.split_once('/').unwrap_or_else(|| panic!("{} has no layer", row.code));
        for part in [layer, name] {
            let kebab = part
                .split('-')
                .all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
            assert!(kebab, "{} is not kebab-case", row.code);
        }
    }
}

#[test]
fn sentences_are_sentences() {
    for row in rows() {
        for text in [row.sentence, row.next] {
            assert!(text.ends_with('.'), "{}: no full stop: {text}", row.code);
            assert!(text.starts_with(|c: char| c.is_uppercase() || c == '`'), "{}: no capital: {text}", row.code);
            assert!(!text.contains("  ") && text.len() <= 220, "{}: {text}", row.code);
        }
        assert_ne!(row.exit.code(), 0, "{} cannot end well", row.code);
    }
}
