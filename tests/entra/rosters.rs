//! Rosters against the training tenant and a ledger on disk: what only whole facts show.

use std::sync::Arc;

use keywright::batch::Choice;
use keywright::batch::roster::{Checked, Inquiry, Plan, Roster, Wishes};
use keywright::clock::SystemClock;
use keywright::identity::{Directory as _, IdentityProvider as _, Lookup};
use keywright::ledger::sqlite::SqliteLedger;
use keywright::simulator::tenant::{Script, TrainingPasskey, TrainingUser};
use serde_json::json;

use crate::support::tenant::Desk;

fn user(number: u8, passkeys: u8) -> TrainingUser {
    TrainingUser {
        id: format!("87d349ed-44d7-43e1-9a83-5f2406dee5{number:02x}"),
        upn: format!("u{number}@contoso.example"),
        mail: Some(format!("m{number}@contoso.example")),
        passkeys,
        ..Script::default().users[0].clone()
    }
}

struct Office {
    desk: Desk,
    ledger: SqliteLedger,
    _place: tempfile::TempDir,
}

impl Office {
    fn new(users: Vec<TrainingUser>) -> Self {
        let place = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(&place.path().join("ledger.db"), Arc::new(SystemClock::new())).unwrap();
        Self { desk: Desk::new(Script { users, ..Script::default() }), ledger, _place: place }
    }

    fn check(&mut self, text: &str, wishes: &Wishes) -> Checked {
        let roster = Roster::of("r.csv", text.as_bytes().to_vec()).unwrap();
        roster.check(wishes, &mut self.inquiry()).unwrap()
    }

    fn inquiry(&mut self) -> Inquiry<'_> {
        Inquiry { directory: &mut self.desk.entra, ledger: &mut self.ledger, profiles: &|_| Ok(()) }
    }
}

fn wishes() -> Wishes {
    Wishes { facts: true, ..Wishes::default() }
}

fn codes(checked: &Checked) -> Vec<(u32, &str)> {
    checked.faults.iter().map(|fault| (fault.row, fault.code)).collect()
}

#[test]
fn the_same_person_under_two_names_and_two_persons_under_one() {
    let mut users: Vec<_> = (1..=4).map(|number| user(number, 0)).collect();
    users[3].mail = users[2].mail.clone();
    let mut office = Office::new(users);
    let text = "mail\nu1@contoso.example\nM1@contoso.example\nm3@contoso.example\nm2@contoso.example\n";
    let checked = office.check(text, &wishes());
    assert_eq!(codes(&checked), [(3, "roster/same-user"), (4, "roster/ambiguous-mail")]);
    assert!(checked.faults[1].message.contains("u3@contoso.example") && checked.faults[1].message.contains("u4@contoso.example"));
    assert!(checked.tasks.is_empty(), "with faults nothing is to be done");
    let two = Wishes { keys_per_user: 2, ..wishes() };
    let checked = office.check("mail\nu1@contoso.example\nM1@contoso.example\n", &two);
    assert_eq!(
        (checked.tasks.len(), checked.people.len(), checked.faults.len()),
        (2, 1, 0),
        "they are the two keys of one person"
    );
}

#[test]
fn room_for_passkeys_is_counted() {
    let mut office = Office::new(vec![user(1, 9), user(2, 10), user(3, 19), user(4, 20)]);
    let text = "u1@contoso.example\nu2@contoso.example\nu3@contoso.example\nu4@contoso.example\n";
    let checked = office.check(text, &wishes());
    assert_eq!(codes(&checked), [(4, "roster/method-limit")]);
    assert!(checked.warnings[0].starts_with("3 users will have more than 10"), "{:?}", checked.warnings);
    let two = Wishes { keys_per_user: 2, ..wishes() };
    assert_eq!(codes(&office.check(text, &two)), [(3, "roster/method-limit"), (4, "roster/method-limit")]);
    let replacing = Wishes { replace: Some(Choice::Oldest), ..wishes() };
    assert_eq!(codes(&office.check(text, &replacing)), [], "one goes for each new one");
    office.desk.tenant.change(|script| {
        let hidden = ["UserAuthMethod-Passkey.Read.All", "UserAuthenticationMethod.Read.All"];
        script.application.withheld = hidden.map(str::to_owned).to_vec();
    });
    let checked = office.check(text, &wishes());
    assert_eq!((checked.tasks.len(), checked.people[3].passkeys.is_none()), (4, true), "{:?}", checked.faults);
    assert!(checked.warnings[0].contains("the passkeys of 4 users must not be read"), "{:?}", checked.warnings);
    assert_eq!(codes(&office.check("u1@contoso.example\n", &replacing)), [(1, "roster/hidden-passkeys")]);
}

#[test]
fn the_passkey_that_goes_is_one_of_the_users_own() {
    let mut office = Office::new(vec![user(1, 3), user(2, 2), user(3, 0)]);
    let ids: Vec<String> = office.desk.tenant.passkeys("u1@contoso.example").iter().map(TrainingPasskey::method_id).collect();
    let text =
        format!("user,replaces\nu1@contoso.example,{}\nu2@contoso.example,{}\nu3@contoso.example,oldest\n", ids[1], ids[2]);
    let checked = office.check(&text, &wishes());
    assert_eq!(codes(&checked), [(3, "roster/nothing-to-replace"), (4, "roster/nothing-to-replace")], "not another user's");
    let text = format!("user,replaces\nu1@contoso.example,{}\n", ids[1]);
    assert_eq!(office.check(&text, &wishes()).tasks[0].replaces.as_ref(), Some(&ids[1]));
    let text = format!("user,replaces\nu1@contoso.example,{}\nu1@contoso.example,{}\n", ids[1], ids[1]);
    let two = Wishes { keys_per_user: 2, ..wishes() };
    assert_eq!(codes(&office.check(&text, &two)), [(3, "roster/replaced-twice")]);
    let unknown = Wishes { replace: Some(Choice::Serial("7".into())), ..wishes() };
    assert_eq!(codes(&office.check("u1@contoso.example\n", &unknown)), [(1, "roster/nothing-to-replace")]);
}

#[test]
fn a_plan_names_every_fact_that_changed() {
    let mut office = Office::new(vec![user(1, 1), user(2, 0), user(3, 0), user(4, 0)]);
    let text = "user,profile\nu1@contoso.example,desk\nu2@contoso.example,\nu3@contoso.example,\nu4@contoso.example,\n";
    let checked = office.check(text, &wishes());
    let plan = Plan::new("contoso.example", "2026-11-24T12:00:00Z".parse().unwrap(), json!({ "reset": "auto" }), checked);
    assert_eq!(plan.differences("contoso.example", &json!({ "reset": "auto" }), &mut office.inquiry()).unwrap(), []);
    let id = office.desk.tenant.passkeys("u1@contoso.example")[0].method_id();
    let one = office.desk.entra.users(&["u1@contoso.example".into()]).unwrap().remove(0).unwrap();
    let Lookup::One(one) = one else { panic!("{one:?}") };
    office.desk.entra.remove(&one, &id).unwrap();
    office.desk.tenant.change(|script| {
        script.users[1].enabled = false;
        script.users[2].kind = "Guest".into();
        script.users.remove(3);
    });
    let mut inquiry = Inquiry { profiles: &|_| Err("it is gone".into()), ..office.inquiry() };
    let faults = plan.differences("contoso.example", &json!({ "reset": "never" }), &mut inquiry).unwrap();
    let told: Vec<(u32, &str)> = faults.iter().map(|fault| (fault.row, fault.code)).collect();
    let expected = [
        (0, "roster/changed"),
        (2, "roster/changed"),
        (2, "roster/profile"),
        (3, "roster/changed"),
        (3, "roster/user-disabled"),
        (4, "roster/changed"),
        (4, "roster/user-guest"),
        (5, "roster/changed"),
    ];
    assert_eq!(told, expected, "{faults:#?}");
    let other = plan.differences("fabrikam.example", &json!({}), &mut office.inquiry()).unwrap();
    assert_eq!((other.len(), other[0].row), (1, 0));
}
