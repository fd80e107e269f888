//! `report passkeys` from the outside.

use serde_json::{Value, json};

use crate::place::{Place, Run};

const COMPAT: &str =
    "\"AaGuid\";\"CreatedDateTime\";\"DisplayName\";\"Id\";\"Model\";\"UserID\";\"UserPrincipalName\";\"UserDisplayName\"";
const MORE: &str = ";\"AttestationLevel\";\"PasskeyType\";\"LastUsedDateTime\";\"SerialNumber\";\"Certification\";\"Advisories\";\"AllowedByPolicy\"";

fn report(place: &Place, more: &[&str]) -> Run {
    place.run(&[&["--simulate", "--json", "report", "passkeys"], more].concat())
}

#[test]
fn every_passkey_is_a_row_and_the_columns_are_those_of_the_script() {
    let place = Place::new();
    let report = |more: &[&str]| {
        let run = report(&place, &[&["--out", "p.csv"], more].concat()).done();
        let text = std::fs::read_to_string(place.path().join("p.csv")).unwrap();
        for left in ["p.csv.part", "p.csv.part.json"] {
            assert!(!place.path().join(left).exists(), "{left}");
        }
        (run.last()["result"].clone(), text)
    };
    // What an earlier run has left, for everybody to read.
    std::fs::write(place.path().join("p.csv.part"), "half").unwrap();
    let (result, text) = report(&[]);
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(place.path().join("p.csv")).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600, "its owner's alone");
    }
    assert_eq!((&result["passkeys"], &result["unread"], &result["users"]), (&10.into(), &0.into(), &5.into()), "{result}");
    assert_eq!(result["models"][0]["passkeys"], 10);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 11);
    assert_eq!(lines[0], format!("{COMPAT}{MORE}"));
    assert!(lines[1].contains("\"tina@contoso.example\"") && lines[1].ends_with(";\"yes\""), "{}", lines[1]);
    let (_, same) = report(&["--registered"]);
    assert_eq!(same.lines().count(), 11);
    let (_, narrow) = report(&["--compat", "export-fido2info"]);
    assert_eq!(narrow.lines().next(), Some(COMPAT));
    assert!(narrow.lines().all(|line| line.split("\";\"").count() == 8));
}

#[test]
fn a_report_can_be_json_or_markdown_and_go_to_standard_output() {
    let place = Place::new();
    let read = |name: &str| std::fs::read_to_string(place.path().join(name)).unwrap();
    report(&place, &["--out", "p.json"]).done();
    let rows: Vec<Value> = serde_json::from_str(&read("p.json")).unwrap();
    assert_eq!(rows.len(), 10);
    assert_eq!((&rows[0]["userPrincipalName"], &rows[0]["allowedByPolicy"]), (&json!("tina@contoso.example"), &json!(true)));
    assert!(rows[0]["passkey"]["id"].is_string() && rows[0]["serial"].is_null(), "{}", rows[0]);
    report(&place, &["--out", "p.md", "--user", "tina@contoso.example"]).done();
    let text = read("p.md");
    assert!(text.starts_with("| AaGuid | CreatedDateTime |") && text.contains("\n| Passkeys | AAGUID | Model |\n"), "{text}");
    assert_eq!(text.matches("| tina@contoso.example |").count(), 10, "{text}");
    // Nobody: still a list.
    report(&place, &["--out", "none.json", "--user", "adele@contoso.example"]).done();
    assert_eq!(serde_json::from_str::<Value>(&read("none.json")).unwrap(), json!([]));

    let shown = place.run(&["--simulate", "report", "passkeys", "--format", "csv"]).done();
    assert_eq!(shown.out.lines().count(), 11, "{}", shown.out);
    assert!(shown.out.starts_with(COMPAT) && shown.talk.contains("10 passkeys are above"), "{}{}", shown.out, shown.talk);
    let lines: Vec<Value> = report(&place, &[]).done().out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let pages: Vec<&Value> = lines.iter().filter(|line| line["result"]["passkeys"].is_array()).collect();
    assert_eq!((pages.len(), pages[0]["result"]["passkeys"].as_array().unwrap().len()), (1, 10));
    assert_eq!(lines.last().unwrap()["result"]["passkeys"], 10);
}
