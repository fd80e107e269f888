//! `--non-interactive`: whatever would be asked ends with 3 and is named, also where somebody sits at a terminal.

use crate::place::{Place, Run};

const ADELE: &str = "adele@contoso.example";

const MODEL: (&str, &str) = ("KEYWRIGHT_TRAINING_MODEL", "no-forced-change");

/// What would be asked: command line, code of the error, and the question.
const ASKED: &[(&[&str], &str, &str)] = &[
    (&["keys", "pin", "change"], "cli/pin-missing", "Current PIN?"),
    (&["keys", "pin", "force-change"], "cli/pin-missing", "Current PIN?"),
    (&["keys", "credentials", "list"], "cli/pin-missing", "Current PIN?"),
    (&["keys", "reset"], "consent/erase", "Wipe it?"),
    (&["enroll", ADELE], "consent/erase", "Wipe it?"),
];

/// A used key.
fn prepared() -> Place {
    let place = Place::new();
    place.fed(&["--simulate", "keys", "pin", "set", "--pin-stdin"], "48213930\n").done();
    place
}

#[test]
fn what_would_be_asked_ends_with_3_and_is_named() {
    let place = prepared();
    for (words, code, question) in ASKED {
        for flag in ["--json", "--non-interactive"] {
            let run = place.run(&[&["--simulate", flag], *words].concat());
            run.failed(code, 3);
            let named = if flag == "--json" { run.last()["error"]["question"].to_string() } else { run.talk.clone() };
            assert!(named.contains(question), "{words:?}: {named}");
        }
    }
    let fresh = Place::new();
    let run =
        fresh.command(&["--simulate", "--json", "keys", "pin", "set"]).env("KEYWRIGHT_NON_INTERACTIVE", "1").output().unwrap();
    let run = Run::of(&run);
    run.failed("cli/pin-missing", 3);
    assert_eq!(run.last()["error"]["question"], "New PIN?");
    let tina = ["--simulate=tenant", "--json", "passkeys", "list", "tina@contoso.example"];
    let list = fresh.run(&tina).done().last();
    let but = format!("--all-but={}", list["result"]["passkeys"][0]["id"].as_str().unwrap());
    let run = fresh.run(&["--simulate=tenant", "--json", "passkeys", "remove", "tina@contoso.example", &but]);
    run.failed("cli/consent-missing", 3);
    assert!(run.last()["error"]["question"].as_str().unwrap().contains("will be removed from the tenant for good"));
    let unforced =
        Place::new().command(&["--simulate", "--json", "--yes", "enroll", ADELE]).env(MODEL.0, MODEL.1).output().unwrap();
    let run = Run::of(&unforced);
    run.failed("consent/unforced-pin", 3);
    assert!(run.last()["error"]["question"].as_str().unwrap().contains("cannot force a PIN change"));
    let several = fresh.command(&["--simulate", "keys", "info"]).env("KEYWRIGHT_TRAINING_KEYS", "2").output().unwrap();
    Run::of(&several).failed("key/several", 3);
}

#[test]
fn what_is_agreed_to_beforehand_is_not_asked() {
    let place = prepared();
    place.run(&["--simulate", "--non-interactive", "--yes", "keys", "reset"]).done();
    let run = place.run(&["--simulate", "--non-interactive", "--yes", "enroll", ADELE]).done();
    assert!(run.out.contains("temporary PIN:"), "whoever reads it has it: {}", run.out);
    let error = place.run(&["--simulate", "--json", "--non-interactive", "enroll", "nobody@contoso.example"]);
    error.failed("tenant/user-unknown", 4);
    assert!(error.last()["error"].get("question").is_none(), "nothing was asked");
}

#[cfg(target_os = "linux")]
#[test]
fn nor_is_anything_asked_at_a_terminal() {
    use crate::terminal::Session;

    let place = prepared();
    for (words, code, question) in ASKED {
        let arguments = format!("--simulate --non-interactive {}", words.join(" "));
        let Some(session) = Session::start(&place, &arguments, "0") else {
            return assert!(std::env::var_os("CI").is_none(), "script (util-linux) is missing");
        };
        let seen = session.ends(3);
        assert!(seen.contains(&format!("[{code}]")) && seen.contains(question) && !seen.contains("[y/N]"), "{words:?}: {seen}");
    }
}
