//! `report passkeys` from the outside.

use crate::place::Place;

const COMPAT: &str =
    "\"AaGuid\";\"CreatedDateTime\";\"DisplayName\";\"Id\";\"Model\";\"UserID\";\"UserPrincipalName\";\"UserDisplayName\"";

#[test]
fn every_passkey_is_a_row_and_the_columns_are_those_of_the_script() {
    let place = Place::new();
    let report = |more: &[&str]| {
        let run = place.run(&[&["--simulate", "--json", "report", "passkeys", "--out", "p.csv"], more].concat()).done();
        let text = std::fs::read_to_string(place.path().join("p.csv")).unwrap();
        assert!(!place.path().join("p.csv.part").exists());
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
    assert_eq!((&result["passkeys"], &result["unread"]), (&10.into(), &0.into()), "{result}");
    assert_eq!(result["models"][0]["passkeys"], 10);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 11);
    assert!(lines[0].starts_with(COMPAT) && lines[0].ends_with(";\"Advisories\""), "{}", lines[0]);
    assert!(lines[1].contains("\"tina@contoso.example\""), "{}", lines[1]);
    let (_, same) = report(&["--registered"]);
    assert_eq!(same.lines().count(), 11);
    let (_, narrow) = report(&["--compat", "export-fido2info"]);
    assert_eq!(narrow.lines().next(), Some(COMPAT));
    assert!(narrow.lines().all(|line| line.split("\";\"").count() == 8));
}
