//! What is publicly known against a key is told, and refused where that was asked for, before anything on it changes.

use crate::place::{Place, Run};

const ADELE: &str = "adele@contoso.example";

fn run(place: &Place, model: &str, words: &[&str]) -> Run {
    let mut command = place.command(&[&["--simulate", "--json"], words].concat());
    Run::of(&command.env("KEYWRIGHT_TRAINING_MODEL", model).output().unwrap())
}

#[test]
fn an_old_key_is_told_of_and_a_new_one_is_not() {
    // Firmware 5.1.2, and 5.7.4 of the same family.
    for (model, ids) in [("ctap-2-0", &["TRAINING-1"][..]), ("standard", &[])] {
        let place = Place::new();
        let info = run(&place, model, &["keys", "info"]).done().last();
        let told = info["result"]["advisories"].as_array().unwrap();
        assert_eq!(told.iter().map(|one| one["id"].as_str().unwrap()).collect::<Vec<_>>(), ids, "{info}");
        let line = run(&place, model, &["policy", "check", ADELE]).done().last();
        let check = line["result"]["checks"].as_array().unwrap().iter().find(|check| check["check"] == "key/advisories").unwrap();
        assert_eq!(check["verdict"], if ids.is_empty() { "pass" } else { "warn" }, "{line}");
    }
}

#[test]
fn a_key_that_an_advisory_concerns_is_refused_where_that_was_asked_for() {
    for (deny, refused) in [(None, false), (Some("critical"), false), (Some("high"), true), (Some("low"), true)] {
        let place = Place::new();
        let words = ["enroll", ADELE, "--allow-unforced-pin"];
        let words = deny.map_or(words.to_vec(), |deny| [&words[..], &["--deny-advisory", deny]].concat());
        let enrolled = run(&place, "ctap-2-0", &words);
        if refused {
            enrolled.failed("policy/advisory", 4);
            assert!(enrolled.out.contains("TRAINING-1"), "{}", enrolled.out);
            let list = run(&place, "ctap-2-0", &["keys", "list", "--ask"]).done().last();
            assert_eq!(list["result"]["keys"][0]["pinSet"], false, "it was not changed");
        } else {
            let out = &enrolled.done().out;
            assert!(out.contains(r#""event":"found""#) && out.contains("TRAINING-1"), "it is warned of: {out}");
        }
    }
    // The same by the variable and by the profile; the variable goes before the profile.
    for (variable, profile, refused) in [
        (Some("high"), "", true),
        (Some("critical"), "", false),
        (None, "deny_advisory = \"high\"\n", true),
        (Some("critical"), "deny_advisory = \"high\"\n", false),
    ] {
        let place = Place::new();
        std::fs::write(place.path().join("p.toml"), profile).unwrap();
        let words = ["--simulate", "--json", "--profile", "p.toml", "enroll", ADELE, "--allow-unforced-pin"];
        let mut command = place.command(&words);
        command.env("KEYWRIGHT_TRAINING_MODEL", "ctap-2-0");
        if let Some(severity) = variable {
            command.env("KEYWRIGHT_DENY_ADVISORY", severity);
        }
        let run = Run::of(&command.output().unwrap());
        if refused { run.failed("policy/advisory", 4) } else { drop(run.done()) }
    }
    let place = Place::new();
    run(&place, "standard", &["enroll", ADELE, "--deny-advisory", "low"]).done();
    run(&place, "standard", &["enroll", ADELE, "--deny-advisory", "grave"]).failed("cli/usage", 2);
}
