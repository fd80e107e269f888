//! The machine's device manager, systemd's own, and who sits at the machine.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::output_of;

/// The ordinary user as whom the program runs, Debian's `nobody`.
pub const SITTER: u32 = 65534;
/// The group of the rule for machines without a seat.
pub const GROUP: &str = "keywright";
/// systemd's own rules that would do the work of ours.
const RIVAL: &str = "70-uaccess.rules";
/// The rule that tells FIDO devices from others.
pub const JUDGE: &str = "60-fido-id.rules";

/// Our rule for seats.
pub const USUAL: &str = "70-keywright.rules";

const RULES: &str = "/etc/udev/rules.d";

/// A running udev with the project's rule for seats, and [`SITTER`] at the one seat.
#[derive(Debug)]
pub struct Seat;

impl Seat {
    pub fn take() -> Self {
        // What logind writes when somebody signs in at the console.
        fs::create_dir_all("/run/systemd/seats").unwrap();
        let seat = format!("IS_SEAT0=1\nCAN_MULTI_SESSION=1\nACTIVE=c1\nACTIVE_UID={SITTER}\nSESSIONS=c1\nUIDS={SITTER}\n");
        fs::write("/run/systemd/seats/seat0", seat).unwrap();
        fs::create_dir_all(RULES).unwrap();
        output_of("groupadd", &["--system", "--force", GROUP], "");
        mask(RIVAL);
        install(USUAL);
        output_of("/lib/systemd/systemd-udevd", &["--daemon", "--resolve-names=early"], "");
        Self
    }

    /// Other rules, until what is returned is dropped.
    pub fn with_rules<'a>(rules: &'a [&'a str], masked: &'a [&'a str]) -> Rules<'a> {
        let _ = fs::remove_file(Path::new(RULES).join(USUAL));
        change(rules, masked);
        Rules { rules, masked }
    }
}

/// Rules that hold for a while.
#[derive(Debug)]
pub struct Rules<'a> {
    rules: &'a [&'a str],
    masked: &'a [&'a str],
}

impl Drop for Rules<'_> {
    fn drop(&mut self) {
        for name in self.rules.iter().chain(self.masked) {
            let _ = fs::remove_file(Path::new(RULES).join(name));
        }
        change(&[USUAL], &[]);
    }
}

fn install(rule: &str) {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../udev").join(rule);
    fs::copy(ours, Path::new(RULES).join(rule)).unwrap();
}

/// An empty file of the same name is how an administrator switches a rule off.
fn mask(rule: &str) {
    fs::write(Path::new(RULES).join(rule), "").unwrap();
}

fn change(rules: &[&str], masked: &[&str]) {
    for rule in rules {
        install(rule);
    }
    for rule in masked {
        mask(rule);
    }
    output_of("udevadm", &["control", "--reload"], "");
}

/// Waits until udev has dealt with everything that happened.
pub fn settle() {
    output_of("udevadm", &["settle", "--timeout=20"], "");
}

/// A user without any other rights than those of `groups`.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    pub user: u32,
    pub groups: &'a [&'a str],
}

impl Person<'_> {
    /// A command as this person.
    pub fn command(self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={}", self.user), format!("--regid={}", self.user)]);
        if self.groups.is_empty() {
            command.arg("--clear-groups");
        } else {
            command.arg(format!("--groups={}", self.groups.iter().map(|name| group_id(name)).collect::<Vec<_>>().join(",")));
        }
        command.arg(program);
        command
    }

    /// Which of the devices this person may read and write.
    pub fn may_open<const N: usize>(self, nodes: [&Path; N]) -> [bool; N] {
        let script = r#"for node; do (: <>"$node") 2>/dev/null && echo yes || echo no; done"#;
        let output = self.command("sh").args(["-c", script, "sh"]).args(nodes).output().unwrap();
        let answers = String::from_utf8(output.stdout).unwrap();
        let answers: Vec<bool> = answers.lines().map(|line| line == "yes").collect();
        answers.try_into().unwrap()
    }
}

fn group_id(name: &str) -> String {
    output_of("getent", &["group", name], "").split(':').nth(2).unwrap().to_owned()
}
