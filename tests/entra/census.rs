//! Everybody in a tenant and their passkeys, page by page.

use std::collections::BTreeSet;

use keywright::identity::IdentityError;
use keywright::identity::entra::Whom;
use keywright::simulator::tenant::{Act, Fault, Script, TrainingUser};

use crate::support::tenant::Desk;

/// So many users, every tenth with a passkey.
fn crowd(count: u32, page_size: usize) -> Desk {
    let user =
        |number| TrainingUser { passkeys: u8::from(number % 10 == 0), ..TrainingUser::numbered(number, "contoso.example") };
    Desk::new(Script { users: (1..=count).map(user).collect(), page_size, ..Script::default() })
}

/// The users who are listed and the ids of their passkeys.
fn census(desk: &mut Desk, whom: Whom) -> (usize, BTreeSet<String>) {
    let (mut users, mut passkeys, mut next) = (BTreeSet::new(), BTreeSet::new(), None);
    loop {
        let page = desk.entra.people(whom, next.as_deref()).unwrap();
        users.extend(page.users.iter().map(|user| user.id.clone()));
        for list in desk.entra.methods_of_with_last_use(&page.users).unwrap() {
            passkeys.extend(list.unwrap().into_iter().map(|method| method.id));
        }
        next = page.next;
        if next.is_none() {
            return (users.len(), passkeys);
        }
    }
}

/// Requests over HTTP; the log has the parts of each batch too.
fn requests(desk: &Desk) -> usize {
    let paths = [("POST", "*/token"), ("POST", "*/$batch"), ("GET", "*/users"), ("GET", "*/userRegistrationDetails")];
    paths.iter().map(|(method, path)| desk.tenant.calls(method, path)).sum()
}

#[test]
fn both_ways_lead_to_the_same_passkeys() {
    let mut desk = crowd(205, 50);
    let (all, passkeys) = census(&mut desk, Whom::Everybody);
    let (owners, same) = census(&mut desk, Whom::Registered);
    assert_eq!((all, owners, passkeys.len()), (205, 20, 20));
    assert_eq!(passkeys, same);
}

#[test]
#[expect(clippy::print_stdout, reason = "how many requests there were")]
fn twenty_thousand_users_take_few_requests_and_lose_no_passkey() {
    let mut desk = crowd(20_000, 999);
    for (whom, most) in [(Whom::Everybody, 20_000 / 15), (Whom::Registered, 2_000 / 15)] {
        let before = requests(&desk);
        let (_, passkeys) = census(&mut desk, whom);
        let requests = requests(&desk).saturating_sub(before);
        println!("{whom:?}: {requests} requests, {} passkeys", passkeys.len());
        assert_eq!(passkeys.len(), 2_000);
        assert!(requests <= most, "{whom:?}: {requests}");
    }
}

#[test]
fn without_its_permission_the_report_is_refused_and_the_list_has_less() {
    let mut desk = crowd(5, 3);
    desk.tenant.change(|script| script.application.withheld = vec!["AuditLog.Read.All".into(), "User.Read.All".into()]);
    assert!(matches!(desk.entra.people(Whom::Registered, None), Err(IdentityError::Forbidden(_))));
    assert!(desk.entra.people(Whom::Everybody, None).is_err(), "nothing may be read");
    desk.tenant.change(|script| script.application.permissions.push("User.ReadBasic.All".into()));
    let page = desk.entra.people(Whom::Everybody, None).unwrap();
    assert_eq!((page.users.len(), page.users[0].enabled, page.users[0].upn.as_str()), (3, None, "user00001@contoso.example"));
    let page = desk.entra.people(Whom::Everybody, page.next.as_deref()).unwrap();
    assert_eq!((page.users.len(), page.next), (2, None));
}

#[test]
fn who_is_throttled_to_the_end_is_unread_and_not_without_passkeys() {
    let mut desk = crowd(10, 999);
    let people = desk.entra.people(Whom::Everybody, None).unwrap().users;
    let path = format!("*/users/{}/*", people[9].id);
    desk.tenant.add_fault(Fault { times: 0, ..Fault::once("GET", &path, Act::throttled(Some(1))) });
    let lists = desk.entra.methods_of_with_last_use(&people).unwrap();
    assert!(lists[..9].iter().all(|list| list.as_ref().is_ok_and(Vec::is_empty)));
    assert!(matches!(lists[9], Err(IdentityError::Throttled { .. })), "{:?}", lists[9]);
}

#[test]
fn a_next_page_on_another_host_gets_no_token() {
    let mut desk = crowd(1, 999);
    for link in ["https://elsewhere.example/v1.0/users", "users", ""] {
        for whom in [Whom::Everybody, Whom::Registered] {
            assert!(matches!(desk.entra.people(whom, Some(link)), Err(IdentityError::Malformed(_))), "{link}");
        }
    }
}
