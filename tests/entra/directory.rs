//! Many users at once, and groups.

use std::time::Duration;

use keywright::identity::{Directory, IdentityError, Lookup, User};
use keywright::simulator::tenant::{Act, Fault, Script, TrainingGroup, TrainingUser};

use crate::support::tenant::Desk;

const GROUP: &str = "b1a6f9b6-0000-4000-8000-000000000001";
const OTHER: &str = "b1a6f9b6-0000-4000-8000-000000000002";

/// A tenant with many users: every third is in the group, every second has a passkey.
fn crowd(count: usize) -> Script {
    let template = Script::default().users[0].clone();
    let users = (0..count).map(|number| TrainingUser {
        id: format!("87d349ed-44d7-43e1-9a83-{number:012x}"),
        upn: format!("u{number}@contoso.example"),
        mail: Some(format!("Mail.{number}@contoso.example")),
        groups: if number % 3 == 0 { vec![GROUP.into()] } else { Vec::new() },
        passkeys: u8::try_from(number % 2).unwrap(),
        ..template.clone()
    });
    let group = |id: &str, name: &str| TrainingGroup { id: id.into(), display_name: name.into(), devices: 3 };
    let groups = vec![group(GROUP, "Key users"), group(OTHER, "Twins"), group("b1a6f9b6-0000-4000-8000-000000000003", "twins")];
    Script { users: users.collect(), groups, page_size: 7, ..Script::default() }
}

fn upn(found: &Result<Lookup, IdentityError>) -> String {
    match found {
        Ok(Lookup::One(user)) => user.upn.clone(),
        Ok(Lookup::Several(users)) => format!("{} of them", users.len()),
        Err(IdentityError::UserUnknown(name)) => format!("nobody is {name}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn users_are_found_by_principal_name_id_and_mail_in_their_order() {
    let mut script = crowd(50);
    script.users[9].mail = Some("shared@contoso.example".into());
    script.users[8].mail = Some("shared@contoso.example".into());
    let mut desk = Desk::new(script);
    let mut names: Vec<String> = (0..45).map(|number| format!("u{number}@contoso.example")).collect();
    for name in [
        "87d349ed-44d7-43e1-9a83-000000000007",
        "mail.3@contoso.example",
        "Shared@contoso.example",
        "nobody@contoso.example",
        "nobody",
        "..",
        "",
        "a\u{7}b@contoso.example",
        "o'neil@contoso.example",
    ] {
        names.push(name.into());
    }
    let found: Vec<String> = desk.entra.users(&names).unwrap().iter().map(upn).collect();
    assert_eq!(&found[..45], &names[..45]);
    let expected = [
        "u7@contoso.example",
        "u3@contoso.example",
        "2 of them",
        "nobody is nobody@contoso.example",
        "nobody is nobody",
        "nobody is ..",
        "nobody is ",
        "nobody is a\u{7}b@contoso.example",
        "nobody is o'neil@contoso.example",
    ];
    assert_eq!(&found[45..], &expected);
    let batches = desk.tenant.log().iter().filter(|call| call.path.ends_with("/$batch")).count();
    assert_eq!(batches, 4, "51 names make three batches of twenty, four addresses one more");
}

#[test]
fn without_the_permission_state_and_kind_stay_empty() {
    let mut desk = Desk::new(crowd(30));
    desk.tenant.change(|script| script.application.permissions = vec!["User.ReadBasic.All".into()]);
    let names: Vec<String> = (0..30).map(|number| format!("u{number}@contoso.example")).collect();
    let found = desk.entra.users(&names).unwrap();
    for (found, name) in found.iter().zip(&names) {
        let Ok(Lookup::One(user)) = found else { panic!("{found:?}") };
        assert_eq!((&user.upn, user.enabled, &user.kind), (name, None, &None));
    }
    desk.tenant.change(|script| script.application.permissions.clear());
    assert!(desk.entra.users(&names[..1]).unwrap()[0].as_ref().is_err_and(|error| matches!(error, IdentityError::Forbidden(_))));
}

#[test]
fn throttling_is_waited_out_name_by_name() {
    let mut desk = Desk::new(crowd(30));
    desk.tenant.add_fault(Fault { times: 2, ..Fault::once("GET", "*/users/u1*", Act::throttled(Some(7))) });
    let names: Vec<String> = (0..30).map(|number| format!("u{number}@contoso.example")).collect();
    assert!(desk.entra.users(&names).unwrap().iter().all(Result::is_ok));
    let waited: Duration = desk.take_pauses().iter().sum();
    assert!(waited >= Duration::from_secs(7), "{waited:?}");
}

#[test]
fn members_of_a_group_are_users_only() {
    let mut desk = Desk::new(crowd(40));
    let groups = desk.entra.groups("Key users").unwrap();
    assert_eq!((groups.len(), groups[0].id.as_str()), (1, GROUP));
    let members = desk.entra.members(GROUP).unwrap();
    assert_eq!(members.len(), 14, "and no device");
    assert!(members.iter().all(|user| user.enabled == Some(true)));
    assert_eq!(desk.entra.groups(OTHER).unwrap()[0].display_name.as_deref(), Some("Twins"));
    assert_eq!(desk.entra.groups("Twins").unwrap().len(), 2, "names need not be unique");
    assert_eq!(desk.entra.groups("Nobody's").unwrap(), []);
    assert_eq!(desk.entra.groups("b1a6f9b6-0000-4000-8000-00000000ffff").unwrap(), []);
    desk.tenant.change(|script| script.application.withheld = vec!["User.Read.All".into()]);
    let hidden = desk.entra.members(GROUP).unwrap();
    assert_eq!((hidden.len(), hidden[0].enabled, &hidden[0].upn), (14, None, &hidden[0].id));
}

#[test]
fn passkeys_of_many_users_and_the_account_that_asks() {
    let mut desk = Desk::new(crowd(25));
    let names: Vec<String> = (0..25).map(|number| format!("u{number}@contoso.example")).collect();
    let users: Vec<User> = desk
        .entra
        .users(&names)
        .unwrap()
        .into_iter()
        .map(|found| match found {
            Ok(Lookup::One(user)) => user,
            other => panic!("{other:?}"),
        })
        .collect();
    let lists = desk.entra.methods_of_all(&users).unwrap();
    let counts: Vec<usize> = lists.iter().map(|list| list.as_ref().unwrap().len()).collect();
    assert_eq!(counts, (0..25).map(|number| number % 2).collect::<Vec<_>>());
    assert_eq!(desk.entra.account().unwrap(), None, "an application is nobody");
}
