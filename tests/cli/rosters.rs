//! Rosters with the built program: every fault at once, plans that are applied or do not fit any more, groups, several keys.

use serde_json::Value;

use crate::enrolling::Served;
use crate::place::{Place, Run};

const ADELE: &str = "adele@contoso.example";
const TINA: &str = "tina@contoso.example";
const GUEST: &str = "grady_fabrikam.example#EXT#@contoso.example";
const LEDGER: &str = "l/ledger.db";

fn simulated(place: &Place, arguments: &[&str]) -> Run {
    place.run(&[&["--simulate", "--json", "--ledger", LEDGER], arguments].concat())
}

fn roster(place: &Place, text: &str) {
    std::fs::write(place.path().join("roster.csv"), text).unwrap();
}

fn faults(run: &Run) -> Vec<(u64, String)> {
    let last = run.last();
    let faults = last["result"]["faults"].as_array().unwrap_or_else(|| panic!("{}{}", run.out, run.talk));
    let of = |fault: &Value| (fault["row"].as_u64().unwrap(), fault["code"].as_str().unwrap().to_owned());
    faults.iter().map(of).collect()
}

fn pairs(list: &[(u64, &str)]) -> Vec<(u64, String)> {
    list.iter().map(|(row, code)| (*row, (*code).to_owned())).collect()
}

#[test]
fn every_fault_of_a_roster_is_told_at_once() {
    let place = Place::new();
    let serial = simulated(&place, &["enroll", TINA]).done().last()["result"]["serial"].as_str().unwrap().to_owned();
    std::fs::create_dir_all(place.path().join("config/keywright/profiles")).unwrap();
    for (name, tenant) in [("desk", "contoso.example"), ("other", "fabrikam.example")] {
        let path = place.path().join(format!("config/keywright/profiles/{name}.toml"));
        std::fs::write(path, format!("tenant = \"{tenant}\"\n")).unwrap();
    }
    let text = format!(
        "UPN;Serial Number;PIN Length;DisplayName;Profile;Colour\n{ADELE};1001;8;Desk 4;desk;red\n{ADELE};;;;;\n{GUEST};;;;;\n\
         diego@contoso.example;1001;;;;\nnobody@contoso.example;;;;;\n{TINA};{serial};;;other;\nadmin@contoso.example;;3;;../desk;\n\
         87d349ed-44d7-43e1-9a83-5f2406dee501;;;;none;\n"
    );
    roster(&place, &text);
    let expected = pairs(&[
        (3, "roster/same-user"),
        (4, "roster/user-guest"),
        (5, "roster/same-serial"),
        (6, "tenant/user-unknown"),
        (7, "roster/serial-given"),
        (7, "roster/profile"),
        (8, "roster/pin-length"),
        (9, "roster/profile"),
        (9, "roster/same-user"),
    ]);
    for end in [&["--plan", "plan.json"][..], &["--import-only"]] {
        let run = simulated(&place, &[&["batch", "run", "roster.csv"], end].concat());
        assert_eq!((run.exit, faults(&run)), (2, expected.clone()), "{}", run.out);
        let last = run.last();
        assert!(last["result"]["warnings"][0].as_str().unwrap().contains("Colour"), "{last}");
        assert!(last["result"]["faults"].as_array().unwrap().iter().all(|fault| fault["next"].as_str().unwrap().ends_with('.')));
    }
    assert!(!place.path().join("plan.json").exists());
    let run = place.run(&["--simulate", "batch", "run", "roster.csv", "--import-only"]);
    assert!(run.out.contains("row 6, nobody@contoso.example:") && run.out.contains("nothing was done"), "{}", run.out);
    roster(&place, "diego@contoso.example\n");
    let run = simulated(&place, &["batch", "run", "roster.csv", "--import-only"]);
    assert_eq!((run.exit, faults(&run)), (4, pairs(&[(1, "roster/user-disabled")])), "it is the tenant that has to change");
}

#[test]
fn a_plan_is_applied_as_long_as_it_fits() {
    let place = Place::new();
    roster(&place, &format!("user,serial,ticket\n{ADELE},1001,T-1\n{TINA},,\n"));
    let plan = ["batch", "run", "roster.csv", "--plan", "plan.json"];
    let planned = simulated(&place, &plan).done().last()["result"].take();
    assert_eq!((&planned["users"], planned["tasks"].as_array().unwrap().len()), (&2.into(), 2), "{planned}");
    assert_eq!((&planned["tasks"][0]["serial"], &planned["tasks"][0]["ticket"]), (&"1001".into(), &"T-1".into()));
    simulated(&place, &plan).failed("roster/plan-file", 2);
    let path = place.path().join("plan.json");
    let written: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!((&written["digest"], &written["kind"]), (&planned["digest"], &"keywright plan 1".into()));
    assert_eq!(written["people"][1]["passkeys"].as_array().unwrap().len(), 10);
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777, 0o600);

    let apply = ["batch", "run", "--apply", "plan.json", "--import-only"];
    let taken = simulated(&place, &apply).done().last();
    assert_eq!((&taken["result"]["batch"], &taken["result"]["tasks"]), (&1.into(), &2.into()), "{taken}");

    // Everything that differs is named, by person and as a whole.
    simulated(&place, &["enroll", ADELE]).done();
    let run = simulated(&place, &[&apply[..], &["--pin-length", "12"]].concat());
    let waits = |row| (row, "roster/user-waits");
    let expected = pairs(&[(0, "roster/changed"), waits(2), (2, "roster/changed"), waits(3)]);
    assert_eq!((run.exit, faults(&run)), (2, expected), "{}", run.out);
    assert!(run.out.contains("pinLength") && run.out.contains("is new"), "{}", run.out);

    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("1001", "1002")).unwrap();
    simulated(&place, &apply).failed("roster/plan-edited", 2);
    std::fs::write(&path, text.replace("keywright plan 1", "keywright plan 2")).unwrap();
    simulated(&place, &apply).failed("roster/plan-file", 2);
    std::fs::write(&path, "{}").unwrap();
    simulated(&place, &apply).failed("roster/plan-file", 2);
}

#[test]
fn several_keys_a_user_and_one_that_goes() {
    let place = Place::new();
    let arguments = ["batch", "run", "-", "--plan", "plan.json", "--keys-per-user", "2", "--replace", "oldest"];
    let arguments = [&["--simulate", "--json", "--ledger", LEDGER], &arguments[..]].concat();
    let input = format!("mail,display name,serial\n{TINA},A name that has thirty letters,7001\n{ADELE},,\n{TINA},,7002\n");
    let planned = place.fed(&arguments, &input).done().last()["result"].take();
    let of = |task: &Value| {
        ["row", "part", "serial", "displayName"].map(|member| task[member].to_string().trim_matches('"').to_owned()).join(" ")
    };
    let tasks: Vec<String> = planned["tasks"].as_array().unwrap().iter().map(of).collect();
    let expected =
        ["2 primary 7001 A name that has thirty letters", "4 spare 7002 null", "3 primary null null", "3 spare null null"];
    assert_eq!(tasks, expected, "those of a person are beside each other");
    let replaces: Vec<bool> = planned["tasks"].as_array().unwrap().iter().map(|task| task["replaces"].is_string()).collect();
    assert_eq!(replaces, [true, false, false, false], "who has none needs none replaced");
    let run = place.fed(
        &[&["--simulate", "--json"], &["batch", "run", "-", "--import-only", "--keys-per-user", "2"][..]].concat(),
        &format!("{ADELE}\n{ADELE}\n{ADELE}\n"),
    );
    assert_eq!((run.exit, faults(&run)), (2, pairs(&[(3, "roster/too-many-keys")])));
}

#[test]
fn a_group_is_a_roster_if_its_name_is_one_groups_alone() {
    let place = Place::new();
    let group = |id: &str, name: &str| format!("[[groups]]\nid = \"{id}\"\ndisplay_name = \"{name}\"\ndevices = 2\n");
    let user = |number: u8, groups: &str| {
        format!(
            "[[users]]\nid = \"id-{number}\"\nupn = \"u{number}@contoso.example\"\ndisplay_name = \"U\"\ngroups = [{groups}]\n"
        )
    };
    let script =
        [user(3, "\"g\""), user(1, "\"g\""), user(2, ""), group("g", "Key users"), group("h", "Twins"), group("i", "Twins")];
    std::fs::write(place.path().join("tenant.toml"), script.concat()).unwrap();
    let (_tenant, profile) = Served::start_with(&place, &["--script", "tenant.toml"]);
    let run = |roster: &[&str]| {
        let rest = ["--import-only", "--profile", &profile, "--ledger", LEDGER];
        place.run(&[&["--json", "batch", "run"], roster, &rest].concat())
    };
    let taken = run(&["group:Key users"]).done().last();
    assert_eq!((&taken["result"]["tasks"], &taken["result"]["roster"]), (&2.into(), &"the group Key users".into()), "{taken}");
    let again = run(&["--group", "Key users"]);
    assert_eq!((again.exit, faults(&again)), (2, pairs(&[(1, "roster/user-waits"), (2, "roster/user-waits")])), "not twice");
    let twins = run(&["--group", "Twins"]);
    twins.failed("roster/several-groups", 2);
    assert!(twins.out.contains("h, i"), "{}", twins.out);
    run(&["--group", "Nobody's"]).failed("roster/no-group", 2);
}

#[test]
fn a_roster_that_cannot_be_read_is_told_before_anybody_signs_in() {
    let place = Place::new();
    for (text, code) in [("colour\nred\n", "roster/columns"), ("# nobody\n", "roster/empty"), ("[{\"upn\"\n", "roster/form")] {
        let run = place.fed(&["--json", "batch", "run", "-", "--import-only"], text);
        run.failed(code, 2);
    }
    place.run(&["--json", "batch", "run", "nowhere.csv", "--import-only"]).failed("roster/unreadable", 2);
    place.run(&["--json", "batch", "run", "--import-only"]).failed("cli/usage", 2);
    place.run(&["--json", "batch", "run", "a.csv", "--apply", "p.json", "--import-only"]).failed("cli/usage", 2);
}
