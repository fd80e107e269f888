//! The face of a terminal, on a terminal that `script` (util-linux) provides.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use crate::place::Place;

/// A run on a terminal.
pub(crate) struct Session {
    child: Child,
    keyboard: ChildStdin,
    screen: ChildStdout,
    seen: String,
    tty: PathBuf,
}

impl Session {
    pub(crate) fn start(place: &Place, arguments: &str, touch: &str) -> Option<Self> {
        let command = format!("tty > tty; exec {} {arguments}", env!("CARGO_BIN_EXE_keywright"));
        let mut terminal = std::process::Command::new("script");
        terminal.args(["-qefc", &command, "/dev/null"]).envs(place.command(&[]).get_envs().filter_map(|(k, v)| Some((k, v?))));
        terminal.env("TERM", "xterm").env("KEYWRIGHT_TRAINING_TOUCH", touch).current_dir(place.path());
        let mut child = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let (keyboard, screen) = (child.stdin.take()?, child.stdout.take()?);
        Some(Self { child, keyboard, screen, seen: String::new(), tty: place.path().join("tty") })
    }

    /// Reads until something is on the screen.
    fn sees(&mut self, text: &str) {
        let mut piece = [0; 1024];
        while !self.seen.contains(text) {
            let count = self.screen.read(&mut piece).unwrap();
            assert!(count > 0, "{text} is not in {}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
    }

    /// Types after a text has appeared and the program listens: what is typed before that, the terminal itself shows.
    fn types(&mut self, after: &str, keys: &str) {
        self.sees(after);
        let name = std::fs::read_to_string(&self.tty).unwrap();
        let listens = || {
            let settings = std::process::Command::new("stty").args(["-F", name.trim(), "-a"]).output().unwrap();
            String::from_utf8_lossy(&settings.stdout).contains("-icanon")
        };
        assert!((0..5000).any(|_| listens()), "nobody listens after {}", self.seen);
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    pub(crate) fn ends(mut self, exit: i32) -> String {
        let mut rest = Vec::new();
        self.screen.read_to_end(&mut rest).unwrap();
        self.seen.push_str(&String::from_utf8_lossy(&rest));
        assert_eq!(self.child.wait().unwrap().code(), Some(exit), "{}", self.seen);
        self.seen
    }
}

#[test]
fn a_person_is_asked_and_led() {
    let place = Place::new();
    let Some(mut session) = Session::start(&place, "--simulate keys pin set", "0") else {
        return assert!(std::env::var_os("CI").is_none(), "script (util-linux) is missing");
    };
    session.types("New PIN: ", "48213930\r");
    session.types("New PIN again: ", "4821393\u{7f}30\r");
    let seen = session.ends(0);
    assert!(seen.contains("the PIN is set") && !seen.contains("4821"), "{seen}");

    let mut session = Session::start(&place, "--simulate keys reset", "0").unwrap();
    session.types("Wipe it? [y/N] ", "what\r");
    session.types("Please type y or n.", "n\r");
    assert!(session.ends(3).contains("[consent/erase]"));

    let mut session = Session::start(&place, "--simulate keys reset", "1500").unwrap();
    session.types("Wipe it? [y/N] ", "y\r");
    session.sees("Take the key out.");
    session.sees("Put the same key back in");
    session.sees("Touch the key now.");
    session.sees("(9 s)");
    assert!(session.ends(0).contains("is wiped"));

    let mut session = Session::start(&place, "--simulate keys pin set", "0").unwrap();
    session.types("New PIN: ", "48\u{3}");
    assert!(session.ends(130).contains("[cli/interrupted]"));
}

#[test]
fn what_goes_and_what_stays_is_asked_by_name() {
    let place = Place::new();
    let ids = || -> Vec<String> {
        let list = place.run(&["--simulate=tenant", "--json", "passkeys", "list", "tina@contoso.example"]).done().last();
        list["result"]["passkeys"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = ids();
    let Some(mut session) =
        Session::start(&place, &format!("--simulate=tenant passkeys remove tina@contoso.example --all-but={}", all[3]), "0")
    else {
        return assert!(std::env::var_os("CI").is_none(), "script (util-linux) is missing");
    };
    session.types("Go on? [y/N] ", "n\r");
    let seen = session.ends(3);
    assert!(seen.contains("Key 0 (") && seen.contains("These stay: Key 3 (") && seen.contains("[cli/declined]"), "{seen}");
    assert_eq!(ids().len(), 10);
    place
        .run(&["--simulate=tenant", "--yes", "passkeys", "remove", "tina@contoso.example", &format!("--all-but={}", all[3])])
        .done();
    let mut session =
        Session::start(&place, &format!("--simulate=tenant passkeys remove tina@contoso.example -- {}", all[3]), "0").unwrap();
    session.types("Go on? [y/N] ", "y\r");
    let seen = session.ends(0);
    assert!(seen.contains("These stay: none: these are the last ones"), "{seen}");
    assert!(ids().is_empty());
}
