//! `report passkeys` where not everything can be read, and what it leaves out.

use std::process::Child;
use std::time::Duration;

use keywright::clock::{Clock as _, SystemClock};
use keywright::simulator::key::Model;
use keywright::simulator::tenant::{Act, Fault, KeyRestrictions, Limits, Script, Target, TrainingGroup, TrainingUser};
use serde_json::{Value, json};

use crate::station::Station;
use crate::support::world::ADELE;

/// The model of passkeys that a training tenant has from the start.
const STOCK: &str = "2fc0579f-8113-47ea-b116-bb5a8db9202a";
const KEY_USERS: &str = "00000000-0000-4000-9000-000000000001";

fn refused(path: &str) -> Fault {
    Fault::always("GET", path, Act::status(403))
}

/// The principal names in a CSV, in order.
fn owners(text: &str) -> Vec<&str> {
    text.lines().skip(1).filter_map(|line| line.split("\";\"").nth(6)).filter_map(|upn| upn.split('@').next()).collect()
}

/// So many users, all but every `n`th without a passkey.
fn crowd(count: u32, every: u32, page_size: usize) -> Script {
    let user = |number: u32| TrainingUser {
        passkeys: u8::from(number.is_multiple_of(every)),
        ..TrainingUser::numbered(number, "contoso.example")
    };
    Script { users: (1..=count).map(user).collect(), page_size, ..Script::default() }
}

#[test]
fn who_cannot_be_read_is_named_and_what_fails_leaves_the_last_report_alone() {
    let mut script = Script::default();
    for user in &mut script.users {
        match user.upn.split('@').next() {
            Some("tina") => user.display_name = "=HYPERLINK(\"https://evil.example\")".into(),
            Some("diego") => user.passkeys = 2,
            _ => {}
        }
    }
    let diego = script.users.iter().find(|user| user.passkeys == 2).unwrap().clone();
    let station = Station::of(script);
    let file = station.path("p.csv");
    let words = ["report", "passkeys", "--out", file.to_str().unwrap()];
    let (exit, line) = station.json(&words);
    assert_eq!((exit, &line["result"]["passkeys"], &line["result"]["unread"]), (0, &json!(12), &json!(0)), "{line}");

    station.tenant.add_fault(refused(&format!("*/users/{}/*", diego.id)));
    let (exit, line) = station.json(&words);
    assert_eq!((exit, &line["result"]["passkeys"], &line["result"]["unread"]), (7, &json!(10), &json!(1)), "{line}");
    assert_eq!(line["result"]["unreadUsers"], json!([diego.upn]));
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.matches(";\"'=HYPERLINK(\"\"https://evil.example\"\")\"").count(), 10, "{text}");
    assert!(!text.contains(";\"=") && !text.contains(&diego.upn), "{text}");

    for (path, code) in [("*/fido2Methods", "tenant/forbidden"), ("*/users", "tenant/users-hidden")] {
        station.tenant.add_fault(refused(path));
        let (exit, line) = station.json(&words);
        assert_eq!((exit, &line["error"]["code"]), (4, &json!(code)), "{line}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "the last report is as it was");
        assert!(!station.path("p.csv.part").exists(), "and nothing half is left");
    }
}

#[test]
fn what_was_interrupted_goes_on_and_leaves_nobody_out() {
    let station = Station::of(crowd(9, 2, 2));
    let (whole, file) = (station.path("whole.csv"), station.path("p.csv"));
    station.json(&["report", "passkeys", "--out", whole.to_str().unwrap()]);
    let whole = std::fs::read_to_string(whole).unwrap();
    assert_eq!(owners(&whole), ["user00002", "user00004", "user00006", "user00008"]);
    let words = ["report", "passkeys", "--out", file.to_str().unwrap()];
    let lists = |station: &Station| station.tenant.calls("GET", "/v1.0/users");
    let third = |act: &Act| Fault { call: 3, times: 0, ..Fault::once("GET", "/v1.0/users", act.clone()) };
    // What the first run meets at the third page, what the next one meets there, and the pages that it asks for.
    for (act, code, again, pages) in [
        (Act::throttled(Some(3600)), "tenant/throttled", None, 3),
        (Act::Garbage, "tenant/malformed", None, 3),
        // The bookmark's page is gone: from the beginning.
        (Act::throttled(Some(3600)), "tenant/throttled", Some(Act::status(400)), 1 + 5),
        (Act::Garbage, "tenant/malformed", Some(Act::status(404)), 1 + 5),
    ] {
        station.tenant.add_fault(third(&act));
        let (exit, line) = station.json(&words);
        assert_eq!((exit, &line["error"]["code"]), (6, &json!(code)), "{line}");
        assert!(!file.exists());
        station.tenant.clear_faults();
        if let Some(again) = again {
            station.tenant.add_fault(Fault::once("GET", "/v1.0/users", again));
        }
        let before = lists(&station);
        let (exit, line) = station.json(&words);
        assert_eq!((exit, &line["result"]["users"]), (0, &json!(9)), "{act:?}: {line}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), whole, "{act:?}");
        assert_eq!(lists(&station) - before, pages, "{act:?}");
        station.tenant.clear_faults();
        std::fs::remove_file(&file).unwrap();
    }
    // Another question begins anew.
    station.tenant.add_fault(third(&Act::Garbage));
    station.json(&words);
    station.tenant.clear_faults();
    let before = lists(&station);
    assert_eq!(station.json(&[&words[..], &["--only-one"]].concat()).0, 0);
    assert_eq!(lists(&station) - before, 5);
}

#[test]
fn filters_leave_what_was_asked_for() {
    let user = |number: u32, passkeys: u8, group: &str| TrainingUser {
        passkeys,
        groups: vec![group.to_owned()],
        ..TrainingUser::numbered(number, "contoso.example")
    };
    let groups = vec![TrainingGroup { id: KEY_USERS.into(), display_name: "Key users".into(), devices: 1 }];
    let mut script = Script { groups, ..Script::default() };
    script.users.truncate(1);
    script.users.extend([user(1, 0, KEY_USERS), user(2, 1, KEY_USERS), user(3, 2, "elsewhere")]);
    let station = Station::of(script);
    assert!(station.enroll(&[]).status.success());
    let file = station.path("p.csv");
    let report = |words: &[&str]| {
        let words = [&["report", "passkeys", "--out", file.to_str().unwrap()], words].concat();
        let (exit, line) = station.json(&words);
        assert_eq!(exit, 0, "{line}");
        (std::fs::read_to_string(&file).unwrap(), line)
    };
    let (adele, one, two) = ("adele", "user00002", "user00003");
    let ours = Model::STANDARD.aaguid.to_string();
    for (words, expected) in [
        (vec![], vec![adele, one, two, two]),
        (vec!["--aaguid", STOCK], vec![one, two, two]),
        (vec!["--aaguid", STOCK, "--aaguid", &ours], vec![adele, one, two, two]),
        (vec!["--model", "yubikey 5"], vec![one, two, two]),
        (vec!["--only-one"], vec![adele, one]),
        (vec!["--only-one", "--aaguid", STOCK], vec![one]),
        (vec!["--group", "Key users"], vec![one]),
        (vec!["--group", KEY_USERS, "--user", ADELE, "--user", ADELE], vec![adele, one]),
        (vec!["--user", ADELE], vec![adele]),
        (vec!["--without-passkey"], vec!["user00001"]),
        (vec!["--without-passkey", "--group", "Key users"], vec!["user00001"]),
        (vec!["--without-passkey", "--user", ADELE], vec![]),
        (vec!["--advisory", "any"], vec![adele, one, two, two]),
        (vec!["--advisory", "ysa-2024-03"], vec![one, two, two]),
        (vec!["--advisory", "YSA-2025-02"], vec![]),
        (vec!["--not-allowed"], vec![]),
        (vec!["--registered"], vec![adele, one, two, two]),
    ] {
        assert_eq!(owners(&report(&words).0), expected, "{words:?}");
    }
    let (text, _) = report(&["--user", ADELE]);
    assert!(text.contains(";\"20260001\";"), "the serial number of the ledger: {text}");

    // A block list, then a group that is left out, then nobody.
    let model = STOCK.parse().unwrap();
    station.tenant.change(|script| {
        script.policy.passkey_profiles[0].key_restrictions =
            KeyRestrictions { is_enforced: true, enforcement_type: "block".into(), aa_guids: vec![model] };
    });
    assert_eq!(owners(&report(&["--not-allowed"]).0), [one, two, two]);
    station.tenant.change(|script| {
        script.policy.passkey_profiles[0].key_restrictions = KeyRestrictions::default();
        script.policy.exclude_targets = vec![Target { id: KEY_USERS.into(), ..Target::default() }];
    });
    assert_eq!(owners(&report(&["--not-allowed"]).0), [one]);
    station.tenant.change(|script| script.policy.state = "disabled".into());
    assert_eq!(owners(&report(&["--not-allowed"]).0), [adele, one, two, two]);
}

#[test]
fn what_may_not_be_read_is_left_open_or_done_without() {
    let station = Station::of(crowd(3, 1, 100));
    let file = station.path("p.csv");
    let words = ["report", "passkeys", "--out", file.to_str().unwrap()];
    let withhold = |name: &str| station.tenant.change(|script| script.application.withheld = vec![name.to_owned()]);
    withhold("Policy.Read.AuthenticationMethod");
    assert_eq!(station.json(&words).0, 0);
    assert_eq!(std::fs::read_to_string(&file).unwrap().matches(";\"unknown\"").count(), 3);
    let (exit, line) = station.json(&[&words[..], &["--not-allowed"]].concat());
    assert_eq!((exit, &line["error"]["code"]), (4, &json!("tenant/policy-hidden")), "{line}");
    withhold("AuditLog.Read.All");
    let run = station.command(&[&["--json"], &words[..], &["--registered"]].concat()).output().unwrap();
    let out = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success() && out.contains("everybody is asked about"), "{out}");
    assert_eq!(owners(&std::fs::read_to_string(&file).unwrap()).len(), 3);
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let surveyed = lines.iter().find(|line| line["event"] == "surveyed").unwrap();
    assert_eq!((&surveyed["users"], &surveyed["of"], &surveyed["left"]), (&json!(3), &json!(3), &json!(0)), "{surveyed}");
}

#[test]
fn one_sign_in_is_enough_however_many_clients_read() {
    let station = Station::of(crowd(5, 1, 2));
    let file = station.path("p.csv");
    let words = ["report", "passkeys", "--out", file.to_str().unwrap()];
    for (more, withheld) in [(&[][..], &[][..]), (&["--registered"], &[]), (&["--registered"], &["AuditLog.Read.All"])] {
        station.tenant.change(|script| script.application.withheld = withheld.iter().map(ToString::to_string).collect());
        let before = station.tenant.calls("POST", "*/token");
        assert_eq!(station.json(&[&words[..], more].concat()).0, 0, "{more:?} {withheld:?}");
        assert_eq!(owners(&std::fs::read_to_string(&file).unwrap()).len(), 5);
        assert_eq!(station.tenant.calls("POST", "*/token") - before, 1, "{more:?} {withheld:?}");
    }
}

/// The most memory that a process had so far, in kilobytes; `None` once it has ended.
#[cfg(target_os = "linux")]
fn peak(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[test]
#[cfg(target_os = "linux")]
#[expect(clippy::print_stdout, reason = "how much memory it took")]
fn twenty_thousand_users_fit_in_60_megabytes() {
    let mut peaks = Vec::new();
    for count in [2_000, 20_000] {
        // The documented limits, so much faster that nobody waits.
        let limits = Limits { directory: 8_000_000, reports: 5_000, ..Limits::default() };
        let station = Station::of(Script { throttle: Some(limits), ..crowd(count, 2, 999) });
        let file = station.path("p.csv");
        let mut child = station.command(&["report", "passkeys", "--out", file.to_str().unwrap()]).spawn().unwrap();
        let mut most = 0;
        while child.try_wait().unwrap().is_none() {
            most = most.max(peak(&child).unwrap_or(0));
            SystemClock::new().sleep(Duration::from_millis(2));
        }
        let run = child.wait_with_output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let rows = std::fs::read_to_string(&file).unwrap().lines().count() - 1;
        assert_eq!(u32::try_from(rows).unwrap(), count / 2);
        println!("{count} users: {most} kB");
        assert!(most < 60_000, "{most} kB");
        peaks.push(most);
    }
    assert!(peaks[1] < peaks[0] * 3 / 2, "it does not grow with the tenant: {peaks:?}");
}
