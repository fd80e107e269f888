//! The map of the layers (CONTRIBUTING.md), enforced on the sources as they are written: who may use whom, who may
//! print, which crate lives where, and how long a file may be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]
#![allow(clippy::arithmetic_side_effects, reason = "a test that counts lines and braces")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// Places and their levels; the longest matching path counts. A place may use what is below its own level.
const PLACES: &[(&str, u8)] = &[
    ("advice", 0),
    ("clock", 0),
    ("secret", 0),
    ("aaguid", 0),
    ("auth_data", 0),
    ("cbor", 0),
    ("ctap", 1),
    ("webauthn", 1),
    ("metadata", 1),
    ("identity", 2),
    ("ledger", 2),
    ("ui", 2),
    ("handover::pin", 2),
    ("enroll", 3),
    ("identity::entra", 4),
    ("ledger::sqlite", 4),
    ("ledger::postgres", 4),
    ("ledger::place", 4),
    ("ui::terminal", 4),
    ("ui::plain", 4),
    ("ui::json", 4),
    ("handover", 4),
    ("report", 4),
    ("simulator", 4),
    ("batch", 5),
    ("cli", 6),
    ("main", 6),
];

/// Uses within one level that the table would forbid: the first two write down and tell what identity defines, the
/// third is plain text with colours, the last opens whichever store a ledger is in.
const GRANTS: &[(&str, &str)] = &[
    ("ledger", "identity"),
    ("ui", "identity"),
    ("ui::terminal", "ui::plain"),
    ("ledger::place", "ledger::sqlite"),
    ("ledger::place", "ledger::postgres"),
];

/// Crates that have one home, so that what stands above never sees them.
const HOMES: &[(&str, &[&str])] = &[
    ("indicatif", &["ui::terminal"]),
    ("clap", &["cli", "main"]),
    ("reqwest", &["identity::entra", "metadata"]),
    ("rusqlite", &["ledger::sqlite"]),
    ("tokio_postgres_rustls", &["ledger::postgres"]),
    ("hidapi", &["ctap"]),
    ("pcsc", &["ctap"]),
    ("opensk", &["simulator"]),
    ("krilla", &["handover"]),
    ("minijinja", &["handover"]),
    ("skrifa", &["handover"]),
    ("age", &["handover"]),
    ("opensk_rand", &["simulator"]),
];

const LONGEST_FILE: usize = 450;
const PRINTING_MACROS: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];

#[test]
fn sources_keep_to_the_layers() {
    let mut broken = String::new();
    let files = sources();
    let names = reexports(&files);
    let test_files: BTreeSet<String> = files.iter().flat_map(|file| Scan::of(file).test_modules).collect();
    // With all that is below them.
    let of_tests = |file: &Source| (1..=file.module.len()).any(|length| test_files.contains(&file.module[..length].join("::")));
    for file in files.iter().filter(|file| !of_tests(file)) {
        for breach in breaches(file, &names) {
            writeln!(broken, "{breach}").unwrap();
        }
    }
    assert!(broken.is_empty(), "\n{broken}");
}

#[test]
fn no_source_file_is_too_long() {
    let long: Vec<_> = sources().into_iter().filter(|file| file.text.lines().count() > LONGEST_FILE).map(|f| f.path).collect();
    assert!(long.is_empty(), "more than {LONGEST_FILE} lines, find the missing idea: {long:?}");
}

/// Snippets that break a rule, and ones that come close but do not: the test of the test.
#[test]
fn breaches_are_seen() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("src/secret.rs", "use crate::clock::Clock;", &[]),
        ("src/secret.rs", "use crate::ctap::Link;", &["src/secret.rs:1: secret (level 0) may not use ctap (level 1)"]),
        ("src/webauthn/mod.rs", "use crate::aaguid::Aaguid;", &[]),
        (
            "src/webauthn/options.rs",
            "//! use crate::enroll;\n/* use crate::ui; /* nested */ */\nuse crate::{advice, ctap::Link};",
            &["src/webauthn/options.rs:3: webauthn (level 1) may not use ctap (level 1)"],
        ),
        ("src/ctap/hid/mod.rs", "use crate::ctap::Link; use super::Transport; use super::super::clock;", &[]),
        ("src/ctap/mod.rs", "use super::identity::User;", &["src/ctap/mod.rs:1: ctap (level 1) may not use identity (level 2)"]),
        (
            "src/ctap/hid/mod.rs",
            "fn f() { let x = 'a'; let y: &'static str = \"crate::ui::Ui\"; super::super::ui::Ui; }",
            &["src/ctap/hid/mod.rs:1: ctap (level 1) may not use ui (level 2)"],
        ),
        ("src/ledger/mod.rs", "use crate::identity::Registration;", &[]),
        (
            "src/ledger/mod.rs",
            "use crate::identity::entra::Entra;",
            &["src/ledger/mod.rs:1: ledger (level 2) may not use identity::entra (level 4)"],
        ),
        ("src/identity/mod.rs", "mod entra;\npub use entra::Entra;", &[]),
        (
            "src/identity/mod.rs",
            "mod entra;\nuse entra::Entra;\npub use self::entra::*;",
            &[
                "src/identity/mod.rs:2: identity (level 2) may not use identity::entra (level 4)",
                "src/identity/mod.rs:3: identity (level 2) may not use identity::entra (level 4)",
            ],
        ),
        (
            "src/enroll/flow.rs",
            "use crate::ui::{Event, JsonLines};",
            &["src/enroll/flow.rs:1: enroll (level 3) may not use ui::json (level 4)"],
        ),
        ("src/identity/entra/http.rs", "use super::super::IdentityProvider; use super::Profile;", &[]),
        (
            "src/enroll/flow.rs",
            "use crate::{\n    ui::{Event, Ui},\n    ledger::{\n        Ledger,\n        sqlite::SqliteLedger,\n    },\n};",
            &["src/enroll/flow.rs:5: enroll (level 3) may not use ledger::sqlite (level 4)"],
        ),
        ("src/enroll/flow.rs", "use crate::handover::pin::Safe; use crate::enroll::plan::Plan;", &[]),
        (
            "src/enroll/flow.rs",
            "use crate::handover::AgeSafe;",
            &["src/enroll/flow.rs:1: enroll (level 3) may not use handover (level 4)"],
        ),
        (
            "src/enroll/flow.rs",
            "use crate::handover::{self, pin::Safe};",
            &["src/enroll/flow.rs:1: enroll (level 3) may not use handover (level 4)"],
        ),
        (
            "src/enroll/flow.rs",
            "#[cfg(test)]\nmod tests { use crate::simulator::TrainingKey; }\n#[cfg(test)]\nuse crate::cli;",
            &[],
        ),
        (
            "src/enroll/flow.rs",
            "#[cfg(not(test))]\nuse crate::cli;",
            &["src/enroll/flow.rs:2: enroll (level 3) may not use cli (level 6)"],
        ),
        (
            "src/simulator/tenant.rs",
            "use crate::identity::entra::Profile;",
            &["src/simulator/tenant.rs:1: simulator (level 4) may not use identity::entra (level 4)"],
        ),
        ("src/cli/mod.rs", "use crate::enroll::*; use crate::simulator::tenant;", &[]),
        ("src/wizard.rs", "", &["src/wizard.rs:1: wizard has no place in the table of tests/layers.rs"]),
        (
            "src/cli/mod.rs",
            "use crate::wizard::Wand;",
            &["src/cli/mod.rs:1: wizard has no place in the table of tests/layers.rs"],
        ),
        (
            "src/enroll/flow.rs",
            "use indicatif::ProgressBar;",
            &["src/enroll/flow.rs:1: the crate indicatif may only be used in ui::terminal"],
        ),
        ("src/enroll/flow.rs", "let reqwest = 1; let x = reqwest + 1;", &[]),
        ("src/enroll/flow.rs", "println!(\"x\");", &["src/enroll/flow.rs:1: only ui prints"]),
        ("src/ctap/mod.rs", "let out = std::io::stdout();", &["src/ctap/mod.rs:1: only ui prints"]),
        ("src/ui/plain.rs", "use std::io::stderr; fn f() { stderr().lock(); }", &[]),
        (
            "src/ui/plain.rs",
            "r#\"println!() \" crate::cli::x \"#; b\"crate::cli::x\"; '\"'; crate::cli::x",
            &["src/ui/plain.rs:1: ui::plain (level 4) may not use cli (level 6)"],
        ),
    ];
    let names = reexports(&[Source::new("src/ui/mod.rs", "mod json;\npub use json::{JsonLines, VERSION};".into())]);
    for (path, text, expected) in cases {
        let found = breaches(&Source::new(path, (*text).into()), &names);
        assert_eq!(&found, expected, "{path}: {text}");
    }
}

struct Source {
    path: String,
    module: Vec<String>,
    text: String,
}

impl Source {
    fn new(path: &str, text: String) -> Self {
        let inner = path.strip_prefix("src/").unwrap().strip_suffix(".rs").unwrap();
        let mut module: Vec<String> = inner.split('/').map(Into::into).collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
            module.pop();
        }
        Self { path: path.into(), module, text }
    }
}

fn sources() -> Vec<Source> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<Source>) {
        let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(root, &path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name: Vec<_> = path.strip_prefix(root).unwrap().iter().map(|part| part.to_str().unwrap()).collect();
                found.push(Source::new(&name.join("/"), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    walk(root, &root.join("src"), &mut found);
    assert!(found.len() > 10, "the sources were not found");
    found
}

/// The place of a path in the table: the longest entry that it starts with.
fn place(path: &[String]) -> Option<(&'static str, u8)> {
    let spelled = path.join("::");
    PLACES
        .iter()
        .filter(|(name, _)| spelled == *name || spelled.strip_prefix(name).is_some_and(|rest| rest.starts_with("::")))
        .max_by_key(|(name, _)| name.len())
        .copied()
}

/// Names that a module passes on from its submodules, so that each is judged by where it comes from.
fn reexports(files: &[Source]) -> BTreeMap<Vec<String>, Vec<String>> {
    let mut names = BTreeMap::new();
    for file in files {
        for path in Scan::of(file).reexports {
            let name = [&file.module[..], &path[path.len() - 1..]].concat();
            names.insert(name, path);
        }
    }
    names
}

fn may_use(here: (&str, u8), there: (&str, u8)) -> bool {
    let free_within_level = matches!(here.1, 0 | 6);
    here.0 == there.0 || there.1 < here.1 || (there.1 == here.1 && free_within_level) || GRANTS.contains(&(here.0, there.0))
}

fn breaches(file: &Source, names: &BTreeMap<Vec<String>, Vec<String>>) -> Vec<String> {
    let path = &file.path;
    if file.module.is_empty() {
        return Vec::new(); // lib.rs declares the modules and uses none
    }
    let Some(here) = place(&file.module) else {
        return vec![format!("{path}:1: {} has no place in the table of tests/layers.rs", file.module.join("::"))];
    };
    let scan = Scan::of(file);
    let mut found = BTreeSet::new();
    for (line, used) in &scan.uses {
        let origin = (1..=used.len()).find_map(|length| names.get(&used[..length])).unwrap_or(used);
        match place(origin) {
            Some(there) if may_use(here, there) => {}
            Some(there) => {
                found.insert((*line, format!("{} (level {}) may not use {} (level {})", here.0, here.1, there.0, there.1)));
            }
            None if used.len() < 2 => {} // an item of lib.rs, or `super::*` in an inline module at the top
            None => {
                found.insert((*line, format!("{} has no place in the table of tests/layers.rs", used[0])));
            }
        }
    }
    for (line, name) in &scan.crates {
        let homes = HOMES.iter().find(|(home, _)| home == name).map_or(&[][..], |(_, homes)| homes);
        if !homes.iter().any(|home| here.0 == *home || here.0.starts_with(&format!("{home}::"))) {
            found.insert((*line, format!("the crate {name} may only be used in {}", homes.join(", "))));
        }
    }
    if !here.0.starts_with("ui") {
        found.extend(scan.prints.iter().map(|line| (*line, "only ui prints".into())));
    }
    found.into_iter().map(|(line, what)| format!("{path}:{line}: {what}")).collect()
}

/// What one file mentions, tests left out.
#[derive(Default)]
struct Scan {
    /// Paths within this crate, from its root, with their lines.
    uses: Vec<(usize, Vec<String>)>,
    /// What `pub use` passes on from submodules, item by item.
    reexports: Vec<Vec<String>>,
    /// Crates of [`HOMES`].
    crates: Vec<(usize, &'static str)>,
    /// Lines that print.
    prints: Vec<usize>,
    /// Modules that exist only in tests and have a file of their own.
    test_modules: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Token {
    line: usize,
    text: String,
}

impl Scan {
    fn of(file: &Source) -> Self {
        let mut scan = Self::default();
        let tokens = scan.without_tests(&tokens(&file.text), &file.module);
        let word = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
        let before = |at: usize| at.checked_sub(1).map_or("", word);
        let children: BTreeSet<&str> =
            (0..tokens.len()).filter(|at| word(*at) == "mod" && word(at + 2) == ";").map(|at| word(at + 1)).collect();
        let mut inline: Vec<(String, usize)> = Vec::new();
        let mut depth = 0;
        for (at, token) in tokens.iter().enumerate() {
            match token.text.as_str() {
                "{" => {
                    depth += 1;
                    if at >= 2 && word(at - 2) == "mod" {
                        inline.push((word(at - 1).into(), depth));
                    }
                }
                "}" => {
                    inline.retain(|(_, opened)| *opened != depth);
                    depth -= 1;
                }
                name if word(at + 1) == "!" && PRINTING_MACROS.contains(&name) => scan.prints.push(token.line),
                "stdout" | "stderr" if word(at + 1) == "(" && before(at) != "." => scan.prints.push(token.line),
                _ if word(at + 1) != "::" || before(at) == "::" => {}
                name => {
                    let mut base: Vec<String> = file.module.clone();
                    base.extend(inline.iter().map(|(name, _)| name.clone()));
                    match name {
                        "crate" => base.clear(),
                        "self" => {}
                        "super" => drop(base.pop()),
                        child if children.contains(child) && inline.is_empty() => base.push(child.into()),
                        other => {
                            scan.crates
                                .extend(HOMES.iter().filter(|(home, _)| *home == other).map(|(home, _)| (token.line, *home)));
                            continue;
                        }
                    }
                    let passes_on = before(at) == "use" && matches!(word(at.saturating_sub(2)), "pub" | ")");
                    let mut found = Vec::new();
                    paths(&tokens, at + 2, base, &mut found);
                    for (line, path) in found {
                        let of_child = path.len() > file.module.len() + 1 && path.starts_with(&file.module);
                        if passes_on && of_child && inline.is_empty() {
                            scan.reexports.push(path);
                        } else {
                            scan.uses.push((line, path));
                        }
                    }
                }
            }
        }
        scan
    }

    /// Drops every item under `#[cfg(test)]`.
    fn without_tests(&mut self, tokens: &[Token], module: &[String]) -> Vec<Token> {
        let word = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
        let mut kept = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            let end = if word(at) == "#" && word(at + 1) == "[" { closing(tokens, at + 1) } else { at };
            let attribute: Vec<&str> = (at..=end).map(word).collect();
            if attribute.get(2) == Some(&"cfg") && attribute.contains(&"test") && !attribute.contains(&"not") {
                let mut item = end + 1;
                while item < tokens.len() && !matches!(word(item), "{" | ";") {
                    item = if matches!(word(item), "(" | "[") { closing(tokens, item) + 1 } else { item + 1 };
                }
                if word(item) == ";" && word(item.saturating_sub(2)) == "mod" {
                    self.test_modules.push([module, &[word(item - 1).into()]].concat().join("::"));
                }
                at = if word(item) == "{" { closing(tokens, item) + 1 } else { item + 1 };
            } else {
                kept.extend(tokens[at..=end.min(tokens.len() - 1)].iter().cloned());
                at = end + 1;
            }
        }
        kept
    }
}

/// Where the bracket that opens at `open` closes.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

/// Collects the paths of a use tree (or of an inline path) that goes on at `at`; returns where it ends.
fn paths(tokens: &[Token], mut at: usize, mut base: Vec<String>, found: &mut Vec<(usize, Vec<String>)>) -> usize {
    let word = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let line = tokens.get(at).map_or(0, |token| token.line);
    loop {
        match word(at) {
            "{" => {
                let end = closing(tokens, at);
                at += 1;
                while at < end {
                    at = paths(tokens, at, base.clone(), found).max(at + 1);
                    while at < end && word(at) != "," {
                        at += 1; // `as Name`
                    }
                    at += 1;
                }
                return end + 1;
            }
            "super" => drop(base.pop()),
            "self" | "*" => {}
            name if name.starts_with(|first: char| first.is_alphanumeric() || first == '_') => base.push(name.into()),
            _ => break,
        }
        at += 1;
        if word(at) != "::" {
            break;
        }
        at += 1;
    }
    found.push((line, base));
    at
}

/// Words, `::` and single signs; comments, literals and lifetimes are gone.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let get = |at: usize| chars.get(at).copied().unwrap_or('\0');
    let run = |from: usize, fits: fn(char) -> bool| (from..chars.len()).find(|at| !fits(chars[*at])).unwrap_or(chars.len());
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let start = at;
        match get(at) {
            '/' if get(at + 1) == '/' => at = run(at, |sign| sign != '\n'),
            '/' if get(at + 1) == '*' => at = after_block_comment(&chars, at),
            '"' => at = after_string(&chars, at),
            'r' | 'b' | 'c' if raw_hashes(&chars, at).is_some() => {
                let (from, hashes) = raw_hashes(&chars, at).unwrap();
                let end: String = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
                let rest: String = chars[from..].iter().collect();
                at = from + rest.find(&end).map_or(rest.chars().count(), |bytes| rest[..bytes].chars().count()) + end.len();
            }
            '\'' if get(at + 1) == '\\' => at = (at + 3..chars.len()).find(|next| get(*next) == '\'').unwrap_or(at) + 1,
            '\'' if get(at + 2) == '\'' => at += 3,
            '\'' => at = run(at + 1, is_word),
            ':' if get(at + 1) == ':' => {
                found.push(Token { line, text: "::".into() });
                at += 2;
            }
            sign if is_word(sign) => {
                at = run(at, is_word);
                found.push(Token { line, text: chars[start..at].iter().collect() });
            }
            sign => {
                if !sign.is_whitespace() {
                    found.push(Token { line, text: sign.into() });
                }
                at += 1;
            }
        }
        line += chars[start..at.min(chars.len())].iter().filter(|sign| **sign == '\n').count();
    }
    found
}

fn is_word(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

fn after_block_comment(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at < chars.len() {
        match chars[at..].iter().take(2).collect::<String>().as_str() {
            "/*" => (depth, at) = (depth + 1, at + 2),
            "*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn after_string(chars: &[char], mut at: usize) -> usize {
    at += 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// For `r"`, `br##"` and their kin at a word's beginning: where the text begins and how many hashes close it.
fn raw_hashes(chars: &[char], at: usize) -> Option<(usize, usize)> {
    let letters = chars[at..].iter().take_while(|sign| matches!(sign, 'r' | 'b' | 'c')).count();
    let prefix: String = chars[at..at + letters].iter().collect();
    let hashes = chars[at + letters..].iter().take_while(|sign| **sign == '#').count();
    let quote = at + letters + hashes;
    (matches!(prefix.as_str(), "r" | "br" | "cr") && chars.get(quote) == Some(&'"')).then_some((quote + 1, hashes))
}
