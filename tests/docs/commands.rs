//! Every command that a page shows is run: lines of `console` blocks one after the other, page by page, as a person would; all
//! others as [`ROWS`] says.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::pages::{Code, Page, all};
use crate::rows::{How, NAMES, ROWS};

const KEYWRIGHT: &str = "keywright ";

/// The commands of `console` blocks.
fn session(page: &Page) -> Vec<String> {
    let console = page.lines().into_iter().filter(|line| line.code == Code::Fenced("console"));
    console.filter_map(|line| line.text.strip_prefix("$ ").map(str::to_owned)).collect()
}

/// The commands of other blocks, without what is said of them on the same line.
fn shown(page: &Page) -> Vec<String> {
    let indented = page.lines().into_iter().filter(|line| line.code == Code::Indented);
    let commands = indented.filter_map(|line| {
        let text = line.text.trim_start();
        // Two places and their two machines: the machine's name goes before.
        let begin = text.strip_prefix("lab ").or_else(|| text.strip_prefix("desk ")).map_or(text, str::trim_start);
        let command = begin.starts_with(KEYWRIGHT) && !begin.contains('─');
        command.then(|| begin.split("  ").next().unwrap_or_default().trim_end().to_owned())
    });
    commands.collect()
}

/// A place in which a page's commands run: a training key and a training tenant that remember, and the files that pages name.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for directory in ["home", "tmp", "bin", "desk", "lab"] {
            std::fs::create_dir(place.path().join(directory)).unwrap();
        }
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_keywright"), place.path().join("bin/keywright")).unwrap();
        let roster = |from: u32| {
            let rows: String = (from..from + 2).map(|number| format!("user{number:05}@contoso.example,REQ-{number}\n")).collect();
            format!("user,ticket\n{rows}")
        };
        for (name, text) in [("roster.csv", roster(1)), ("others.csv", roster(3)), ("tenant.toml", TENANT.into())] {
            std::fs::write(place.path().join(name), text).unwrap();
        }
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs lines of a shell until one fails, and gives the exit code and everything that was written.
    fn run(&self, lines: &str) -> (Option<i32>, String) {
        let mut command = Command::new("bash");
        command.args(["-ec", lines]).current_dir(self.path()).env_clear().stdin(Stdio::null());
        let at = |name: &str| self.path().join(name);
        command.env("PATH", format!("{}:/usr/bin:/bin", at("bin").display()));
        command.env("HOME", at("home")).env("TMPDIR", at("tmp"));
        command.env("KEYWRIGHT_TRAINING_USERS", "8").env("KEYWRIGHT_TRAINING_KEYS", "1").env("KEYWRIGHT_TRAINING_PACE", "1");
        // A page that says where the training key remembers shows how it is without that, too.
        if !lines.contains("KEYWRIGHT_TRAINING_KEY=") {
            command.env("KEYWRIGHT_TRAINING_KEY", at("key.json")).env("KEYWRIGHT_TRAINING_TENANT", at("tenant.json"));
            command.env("KEYWRIGHT_SIMULATE", "all").env("KEYWRIGHT_LEDGER", at("ledger.db"));
        }
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    }
}

/// A tenant for `simulator tenant`.
const TENANT: &str =
    "tenant = \"fabrikam.example\"\n[[users]]\nid = \"00000000-0000-4000-8000-000000000001\"\nupn = \"bo@fabrikam.example\"\n";

/// Names of people that the training tenant does not know.
fn named(line: &str) -> String {
    NAMES.iter().fold(line.to_owned(), |line, (shown, known)| line.replace(shown, known))
}

#[test]
fn sessions_run_from_the_first_line_to_the_last() {
    let pages = all();
    let sessions: Vec<(&str, Vec<String>)> = pages.iter().map(|page| (page.name(), session(page))).collect();
    assert!(sessions.iter().filter(|(_, lines)| !lines.is_empty()).count() >= 3);
    for (page, lines) in sessions {
        let (exit, said) = Place::new().run(&named(&format!("set -v\n{}", lines.join("\n"))));
        assert_eq!(exit, Some(0), "{page}\n{said}");
    }
}

#[test]
fn every_other_command_has_a_row_and_does_what_it_says() {
    for page in all() {
        for line in shown(&page) {
            let row = ROWS.iter().find(|row| row.shown == line);
            let row = row.unwrap_or_else(|| panic!("{}: no row says how this is run: {line}", page.name()));
            match &row.how {
                How::Run { before, line, exit } => {
                    let place = Place::new();
                    for line in *before {
                        let (exit, said) = place.run(line);
                        assert_eq!(exit, Some(0), "{}: {line}\n{said}", row.shown);
                    }
                    let (told, said) = place.run(&named(line.unwrap_or(row.shown)));
                    assert_eq!(told, Some(*exit), "{}: {}\n{said}", page.name(), row.shown);
                }
                How::Elsewhere { file, has } => {
                    let text = std::fs::read_to_string(crate::pages::root().join(file)).unwrap();
                    assert!(text.contains(has), "{}: {file} does not run it", row.shown);
                }
            }
        }
    }
}

#[test]
fn no_row_is_left_over() {
    let shown: Vec<String> = all().iter().flat_map(shown).collect();
    for row in ROWS {
        assert!(shown.iter().any(|line| line == row.shown), "{}", row.shown);
    }
}
