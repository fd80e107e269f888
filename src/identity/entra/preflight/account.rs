//! The user: exists, may sign in, is a member, and is not the one who asks.

use super::findings::Findings;
use crate::identity::entra::reply::tame;
use crate::identity::{User, Verdict};

const USER_READER: &str = "User.Read.All";

/// `operator` is the object id of whoever is signed in; `None` for an application.
pub(super) fn judge(findings: &mut Findings, user: &User, operator: Option<&str>) {
    match user.display_name.as_deref() {
        Some(name) if !name.is_empty() => findings.pass("user/exists", format!("{} is {}", user.upn, tame(name))),
        _ => findings.pass("user/exists", format!("{} exists", user.upn)),
    }
    enabled(findings, user);
    member(findings, user);
    match operator {
        Some(operator) if operator.eq_ignore_ascii_case(&user.id) => findings.add(
            "user/not-operator",
            Verdict::Fail,
            format!("{} is who is signed in, and nobody can provision their own account this way", user.upn),
            "Sign in as somebody else, or name another user.",
        ),
        Some(_) => findings.pass("user/not-operator", format!("{} is not who is signed in", user.upn)),
        None => {}
    }
}

fn enabled(findings: &mut Findings, user: &User) {
    let check = "user/enabled";
    match user.enabled {
        Some(true) => findings.pass(check, format!("{} may sign in", user.upn)),
        Some(false) => findings.add(
            check,
            Verdict::Fail,
            format!("the account {} is disabled", user.upn),
            "A User Administrator can enable the account.",
        ),
        None => findings.hidden(check, format!("whether {} may sign in cannot be read", user.upn), USER_READER),
    }
}

fn member(findings: &mut Findings, user: &User) {
    let (check, upn) = ("user/member", &user.upn);
    // A guest's name keeps the mark of its home tenant even where the type was changed to member.
    let external = upn.to_ascii_uppercase().contains("#EXT#");
    match user.kind.as_deref() {
        Some(kind) if external || kind.eq_ignore_ascii_case("guest") => findings.add(
            check,
            Verdict::Fail,
            format!("{upn} is a guest ({}), and guests cannot have passkeys registered here", tame(kind)),
            "Register the key in the tenant that the account comes from.",
        ),
        None if external => {
            findings.add(check, Verdict::Fail, format!("{upn} comes from another tenant"), "Register the key in that tenant.");
        }
        Some(kind) if kind.eq_ignore_ascii_case("member") => findings.pass(check, format!("{upn} is a member")),
        Some(kind) => {
            let sentence = format!("{upn} is of the kind {}, which keywright does not know", tame(kind));
            findings.add(check, Verdict::Warn, sentence, "");
        }
        None => findings.hidden(check, format!("whether {upn} is a guest cannot be read"), USER_READER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_provisions_themselves() {
        let user =
            User { id: "A1".into(), upn: "a@b.example".into(), display_name: None, enabled: None, kind: None, language: None };
        for (operator, expected) in [(None, None), (Some("a2"), Some(Verdict::Pass)), (Some("a1"), Some(Verdict::Fail))] {
            let mut findings = Findings::default();
            judge(&mut findings, &user, operator);
            let found = findings.0.iter().find(|finding| finding.check == "user/not-operator");
            assert_eq!(found.map(|finding| finding.verdict), expected, "{operator:?}");
        }
    }
}
