//! Everybody in a tenant and their passkeys, page by page.

use std::collections::BTreeSet;

use std::slice::from_mut;
use std::time::Duration;

use keywright::clock::Clock as _;
use keywright::identity::entra::{Census, Entra, READERS, Tools, Whom, methods_of_with_last_use};
use keywright::identity::{IdentityError, Method, User};
use keywright::simulator::tenant::{Act, Fault, Limits, Script, TrainingUser};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::support::tenant::Desk;

/// So many users, every tenth with a passkey.
fn crowd(count: u32, page_size: usize) -> Desk {
    let user =
        |number| TrainingUser { passkeys: u8::from(number % 10 == 0), ..TrainingUser::numbered(number, "contoso.example") };
    Desk::new(Script { users: (1..=count).map(user).collect(), page_size, ..Script::default() })
}

/// Clients of the desk's tenant.
fn clients(desk: &Desk, count: usize) -> Vec<Entra> {
    let tools =
        |number| Tools { gate: desk.gate.clone(), ..Tools::new(desk.clock.clone(), Box::new(StdRng::seed_from_u64(number))) };
    (0_u64..).take(count).map(|number| desk.entra.another(tools(number))).collect()
}

/// The users who are listed and the ids of their passkeys.
fn census(desk: &mut Desk, whom: Whom) -> (usize, BTreeSet<String>) {
    desk.entra.sign_in().unwrap();
    let mut census = Census::new(clients(desk, READERS), clients(desk, 1).remove(0), whom, None);
    let (mut users, mut passkeys) = (BTreeSet::new(), BTreeSet::new());
    while let Some(page) = census.next_page().unwrap() {
        for (user, list) in page.users {
            users.insert(user.id);
            passkeys.extend(list.unwrap().into_iter().map(|method| method.id));
        }
    }
    (users.len(), passkeys)
}

fn methods(desk: &mut Desk, users: &[User]) -> Vec<Result<Vec<Method>, IdentityError>> {
    methods_of_with_last_use(from_mut(&mut desk.entra), users).unwrap()
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

/// The documented limits, what counts as what, and how long they make a report of 20,000 users take at least.
#[test]
#[expect(clippy::print_stdout, reason = "how much of what the throttle allows was used")]
fn twenty_thousand_users_lose_no_passkey_to_the_throttle_and_use_what_it_allows() {
    let directory = Limits::default();
    let as_reports = Limits { passkeys_as_reports: true, ..directory };
    for (limits, whom, least) in [
        // 20,000 reads and 21 pages: 8,000 at once, then 800 a second.
        (directory, Whom::Everybody, (20_021.0 - 8_000.0) / 800.0),
        // 2,000 reads and 3 pages, 5 of them in ten seconds, the first 5 at once.
        (as_reports, Whom::Registered, f64::from((2_003_u32.div_ceil(5) - 1) * 10)),
    ] {
        let mut desk = crowd(20_000, 999);
        desk.tenant.change(|script| script.throttle = Some(limits));
        let (_, passkeys) = census(&mut desk, whom);
        let (requests, took) = (requests(&desk), desk.clock.monotonic().as_secs_f64());
        let share = least / took;
        println!("{whom:?}: {requests} requests in {took:.1} s, {:.1} % of what the throttle allows", share * 100.0);
        assert_eq!(passkeys.len(), 2_000);
        assert!(requests <= 20_000 / 15, "{whom:?}: {requests}");
        assert!(share >= 0.9, "{whom:?}: {took} s in place of {least}");
    }
}

#[test]
fn where_the_throttle_is_narrow_everybody_is_read_all_the_same() {
    let mut desk = crowd(205, 50);
    desk.tenant.change(|script| script.throttle = Some(Limits { passkeys_as_reports: true, ..Limits::default() }));
    let (all, passkeys) = census(&mut desk, Whom::Everybody);
    assert_eq!((all, passkeys.len()), (205, 20));
    assert!(desk.clock.monotonic() < Duration::from_secs(41 * 10 + 60), "{:?}", desk.clock.monotonic());
}

#[test]
fn a_token_that_ends_in_the_middle_costs_no_user() {
    let mut desk = crowd(205, 205);
    desk.tenant.add_fault(Fault { call: 60, times: 30, ..Fault::once("GET", "*/fido2Methods", Act::status(401)) });
    let (all, passkeys) = census(&mut desk, Whom::Everybody);
    assert_eq!((all, passkeys.len()), (205, 20));
}

#[test]
fn how_many_there_are_is_told_where_it_may_be_known() {
    let mut desk = crowd(205, 50);
    assert_eq!(desk.entra.count_people().unwrap(), Some(205));
    desk.tenant.change(|script| script.application.withheld = vec!["User.Read.All".into()]);
    assert_eq!(desk.entra.count_people().unwrap(), None);
}

#[test]
fn without_its_permission_the_report_is_refused_and_the_list_has_less() {
    let mut desk = crowd(5, 3);
    desk.tenant.change(|script| script.application.withheld = vec!["AuditLog.Read.All".into(), "User.Read.All".into()]);
    assert!(matches!(desk.entra.people(Whom::Registered, None), Err(IdentityError::UsersHidden(_))));
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
    let lists = methods(&mut desk, &people);
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
