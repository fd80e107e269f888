//! Settings of another program become profiles.

use serde_json::json;

use crate::place::Place;

const FILE: &str = r#"
active_provider = "contoso"
[providers.contoso]
provider = "ENTRA"
client_id = "11111111-2222-3333-4444-555555555555"
tenant_id = "contoso.example"
[profiles.standard]
min_pin_length = 6
random_pin_length = 8
[profiles.vip]
require_always_uv = true
force_pin_change = false
"#;

fn place(text: &str) -> Place {
    let place = Place::new();
    std::fs::write(place.path().join("yubienroll.toml"), text).unwrap();
    place
}

#[test]
fn each_profile_is_written_and_told() {
    let place = place(FILE);
    let result = place.run(&["--json", "profiles", "import", "yubienroll.toml"]).done().last()["result"].clone();
    let profiles = result["profiles"].as_array().unwrap();
    assert_eq!(profiles.iter().map(|one| &one["profile"]).collect::<Vec<_>>(), [&json!("standard"), &json!("vip")]);
    let taken = profiles[0]["taken"].as_array().unwrap();
    assert!(
        taken.contains(&json!({"from": "profiles.standard.min_pin_length", "into": "hardening.min_pin_length = 6"})),
        "{result}"
    );
    assert!(profiles[1]["left"].as_array().unwrap().iter().any(|one| one["from"] == "profiles.vip.force_pin_change"), "{result}");
    let written = std::fs::read_to_string(place.path().join("config/keywright/profiles/vip.toml")).unwrap();
    assert!(written.contains("always_uv = true") && written.contains("sign_in = \"browser\""), "{written}");
    // It is one that counts: an enrolment on the training key by it is hardened.
    let enrolled = place.run(&["--simulate", "--json", "--profile", "vip", "enroll", "adele@contoso.example"]).done().last();
    assert_eq!(enrolled["result"]["hardening"][0]["setting"], "always-uv", "{enrolled}");
}

#[test]
fn nothing_is_overwritten_without_a_yes() {
    let place = place(FILE);
    place.run(&["profiles", "import", "yubienroll.toml", "--out", "here"]).done();
    let path = place.path().join("here/vip.toml");
    std::fs::write(&path, "mine").unwrap();
    place.run(&["--json", "profiles", "import", "yubienroll.toml", "--out", "here"]).failed("cli/consent-missing", 3);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    place.run(&["--yes", "profiles", "import", "yubienroll.toml", "--out", "here"]).done();
    assert!(std::fs::read_to_string(&path).unwrap().contains("always_uv"));
    assert_eq!(std::fs::read_dir(place.path().join("here")).unwrap().count(), 2, "nothing else is left there");
}

#[test]
fn a_file_that_cannot_be_meant_writes_nothing() {
    for text in
        ["", "[", "[profiles.\"../up\"]\n[providers.a]\nprovider = 'ENTRA'", &"#".repeat(300_000), &FILE.replace("ENTRA", "OKTA")]
    {
        let place = place(text);
        place.run(&["--json", "profiles", "import", "yubienroll.toml", "--out", "here"]).failed("cli/import", 2);
        assert!(!place.path().join("here").exists());
    }
    let place = place("");
    std::fs::write(place.path().join("yubienroll.toml"), b"\xff\xfe").unwrap();
    place.run(&["--json", "profiles", "import", "yubienroll.toml"]).failed("cli/import", 2);
    place.run(&["--json", "profiles", "import", "nowhere.toml"]).failed("cli/file", 1);
}
