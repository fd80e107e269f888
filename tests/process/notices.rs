//! The message to the user, asked for in a profile.

use serde_json::{Value, json};

use crate::station::{Station, results};
use crate::support::world::ADELE;

/// A station whose profile asks for a message from this template, which lies beside it.
fn station(template: &str, sender: &str) -> Station {
    let station = Station::new();
    std::fs::write(station.path("notice.txt"), template).unwrap();
    let profile = std::fs::read_to_string(station.path("profile.toml")).unwrap();
    std::fs::write(station.path("profile.toml"), format!("{profile}notice_template = \"notice.txt\"\n{sender}")).unwrap();
    station
}

/// The template that the documentation shows.
fn documented() -> String {
    let page = include_str!("../../docs/command-line.md");
    let block =
        page.lines().skip_while(|line| !line.starts_with("    Subject:")).take_while(|line| !line.starts_with("Those six"));
    block.map(|line| format!("{}\n", line.trim_start())).collect()
}

#[test]
fn a_template_beside_the_profile_is_filled_and_sent() {
    let station = station(&documented(), "notice_sender = \"admin@contoso.example\"\n");
    let run = station.enroll(&["--json", "-vvv"]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let last: Value = serde_json::from_slice(run.stdout.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap()).unwrap();
    let result = &results(&run.stdout)[0]["result"];
    assert_eq!((&last["result"], &result["notice"]), (result, &json!("accepted")), "the result is the last line");
    let mails = station.tenant.mails();
    assert_eq!((mails.len(), mails[0].to.as_slice()), (1, &[ADELE.to_owned()][..]));
    assert!(mails[0].text.starts_with("Adele Vance, a ") && mails[0].text.contains("20260001"), "{}", mails[0].text);
    assert!(!mails[0].text.contains(result["temporaryPin"].as_str().unwrap()));
}

#[test]
fn what_cannot_be_sent_is_found_before_anything_begins() {
    let desk = "notice_sender = \"admin@contoso.example\"\n";
    for (template, sender, code, word) in [
        ("Subject: a\n\nYour PIN: {temporary_pin}\n", desk, "cli/notice-template", "a PIN is never put in a message"),
        ("Subject: a\n\n{colour}\n", desk, "cli/notice-template", "{colour}"),
        ("Hello\n", desk, "cli/notice-template", "Subject"),
        (&documented(), "", "cli/setting", "notice_sender"),
        (&documented(), "notice_sender = 7\n", "cli/setting", "notice_sender"),
    ] {
        let station = station(template, sender);
        let (exit, line) = station.json(&["enroll", ADELE]);
        let error = &line["error"];
        assert_eq!((exit, &error["code"]), (2, &json!(code)), "{line}");
        assert!(error["message"].as_str().unwrap().contains(word), "{line}");
        assert!(station.tenant.log().is_empty() && !station.path("ledger.db").exists(), "{code}: nothing was begun");
    }
    let station = station("", "");
    std::fs::remove_file(station.path("notice.txt")).unwrap();
    assert_eq!(station.json(&["enroll", ADELE]).1["error"]["code"], "cli/setting");
}
