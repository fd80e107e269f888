//! How the commands that stand by themselves in the pages are run, one row each.

/// A command as a page shows it, and how it is run.
pub struct Row {
    pub shown: &'static str,
    pub how: How,
}

/// How.
pub enum How {
    /// On the training key and the training tenant.
    Run {
        /// What goes before it.
        before: &'static [&'static str],
        /// What is run, where the page has a word to be replaced.
        line: Option<&'static str>,
        exit: i32,
    },
    /// Another test runs it, since it takes more than this place has.
    Elsewhere {
        file: &'static str,
        /// What the test has in it.
        has: &'static str,
    },
}

/// Names of people in the pages, and who they are in the training tenant.
pub const NAMES: &[(&str, &str)] = &[("lee@contoso.example", "user00007@contoso.example")];

const fn run(shown: &'static str) -> Row {
    Row { shown, how: How::Run { before: &[], line: None, exit: 0 } }
}

const fn run_as(shown: &'static str, before: &'static [&'static str], line: &'static str) -> Row {
    Row { shown, how: How::Run { before, line: Some(line), exit: 0 } }
}

const fn after(shown: &'static str, before: &'static [&'static str]) -> Row {
    Row { shown, how: How::Run { before, line: None, exit: 0 } }
}

const fn elsewhere(shown: &'static str, file: &'static str, has: &'static str) -> Row {
    Row { shown, how: How::Elsewhere { file, has } }
}

const ENROLLED: &[&str] = &["keywright enroll adele@contoso.example"];
const TRAVELLING: &[&str] = &["keywright enroll adele@contoso.example --activate-later"];
const PLANNED: &[&str] = &["keywright batch run roster.csv --plan plan.json"];
/// The desk has a ledger of its own; both know one tenant.
const PREPARED: &[&str] = &[
    "recipient=$(keywright --json --ledger lab/ledger.db pins recipient | sed 's/.*\\(age1[0-9a-z]*\\).*/\\1/'); \
                             keywright --ledger desk/ledger.db enroll --prepare adele@contoso.example --recipient $recipient --out prepared.age",
];
const RESULTS: &[&str] = &[PREPARED[0], "keywright --ledger lab/ledger.db enroll --offline prepared.age --out results.age"];

/// One row a command.
pub const ROWS: &[Row] = &[
    run("keywright doctor"),
    run("keywright whoami"),
    run("keywright login"),
    run("keywright logout"),
    run("keywright keys list"),
    run("keywright keys info"),
    run("keywright keys info --json"),
    elsewhere("keywright keys harden", "tests/cli/hardening.rs", "\"harden\""),
    elsewhere("keywright profiles import FILE", "tests/cli/profiles.rs", "\"profiles\", \"import\""),
    elsewhere("keywright keys credentials list", "tests/cli/credentials.rs", "&[\"list\"]"),
    run("keywright enroll adele@contoso.example"),
    run_as(
        "keywright enroll USER --deny-advisory moderate",
        &[],
        "keywright enroll adele@contoso.example --deny-advisory moderate",
    ),
    run_as("keywright enroll USER", &[], "keywright enroll adele@contoso.example"),
    elsewhere("keywright --simulate=tenant enroll adele@contoso.example", "hw-tests/tests/nfc/main.rs", "\"enroll\""),
    run_as("keywright enroll USER --activate-later", &[], TRAVELLING[0]),
    run_as("keywright batch activate SERIAL…", TRAVELLING, "keywright batch activate 20260001"),
    run("keywright resume"),
    run("keywright resume --list"),
    run("keywright batch status"),
    run("keywright batch run roster.csv --plan plan.json"),
    after("keywright batch run --apply plan.json", PLANNED),
    run("keywright batch run roster.csv --import-only"),
    run_as("keywright batch run ROSTER", &[], "keywright batch run roster.csv"),
    after("keywright inventory list", ENROLLED),
    run_as("keywright inventory find TEXT", ENROLLED, "keywright inventory find adele"),
    after("keywright inventory reconcile", ENROLLED),
    run_as("keywright passkeys list USER", ENROLLED, "keywright passkeys list adele@contoso.example"),
    run("keywright report passkeys"),
    run("keywright report passkeys --out passkeys.csv"),
    run("keywright report passkeys --not-allowed --out not-allowed.csv"),
    elsewhere(
        "keywright report passkeys --without-passkey --group \"Key users\" --out missing.csv",
        "tests/process/reports.rs",
        "\"--without-passkey\", \"--group\", \"Key users\"",
    ),
    run("keywright policy show"),
    run("keywright policy check adele@contoso.example"),
    run_as("keywright policy check USER", &[], "keywright policy check adele@contoso.example"),
    run_as(
        "keywright policy check USER --aaguid GUID",
        &[],
        "keywright policy check adele@contoso.example --aaguid 2fc0579f-8113-47ea-b116-bb5a8db9202a",
    ),
    elsewhere("keywright enroll USER --prove-attestation", "tests/cli/metadata.rs", "--prove-attestation"),
    run("keywright metadata show"),
    run("keywright metadata show 'security key nfc'"),
    run("keywright metadata show 2fc0579f-8113-47ea-b116-bb5a8db9202a"),
    elsewhere("keywright metadata update", "tests/cli/metadata.rs", "\"metadata\", \"update\", \"--url\""),
    elsewhere("keywright metadata update --file blob.jwt", "tests/cli/metadata.rs", "\"metadata\", \"update\", \"--file\""),
    run_as("keywright tap issue USER", &[], "keywright tap issue adele@contoso.example"),
    run("keywright pins list"),
    elsewhere(
        "keywright pins open pin-000042.age --identity ~/.ssh/id_ed25519",
        "tests/process/hand_over.rs",
        "\"pins\", \"open\"",
    ),
    elsewhere("keywright --ledger postgres://desk1@db.contoso.example/keywright doctor", "hw-tests/postgres/program", "doctor"),
    elsewhere(
        "keywright simulator tenant --script tenant.toml > training.toml",
        "tests/cli/enrolling.rs",
        "\"simulator\", \"tenant\"",
    ),
    elsewhere("keywright --profile training.toml enroll bo@fabrikam.example", "tests/cli/enrolling.rs", "--profile"),
    run("keywright pins recipient"),
    run_as("keywright enroll --prepare …", &[], PREPARED[0]),
    run_as("keywright enroll --prepare ROSTER|USER… --recipient age1… --out prepared.age", &[], PREPARED[0]),
    run_as("keywright enroll --offline prepared.age --out results.age", PREPARED, RESULTS[1]),
    run_as("keywright enroll --submit results.age", RESULTS, "keywright --ledger desk/ledger.db enroll --submit results.age"),
    run("keywright --simulate --ledger lab/ledger.db pins recipient"),
    run_as(
        "keywright --simulate --ledger desk/ledger.db enroll --prepare adele@contoso.example --recipient age1… --out prepared.age",
        &[],
        PREPARED[0],
    ),
    after("keywright --simulate --ledger lab/ledger.db enroll --offline prepared.age --out results.age", PREPARED),
    after("keywright --simulate --ledger desk/ledger.db enroll --submit results.age", RESULTS),
];
