//! Reports about authentication methods. As the real ones, they lag behind what they tell of: as long as the audit log does.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::simulator::tenant::envelope::Refusal;
use crate::simulator::tenant::passkey::seconds;
use crate::simulator::tenant::script::TrainingUser;
use crate::simulator::tenant::state::Tenant;
use crate::simulator::tenant::wire::{Request, Response};

const READ: &[&str] = &["AuditLog.Read.All"];
/// What a passkey on a security key is called among `methodsRegistered`.
const PASSKEY: &str = "passKeyDeviceBound";

impl Tenant {
    /// What each user has registered, those of a method or all of them.
    pub(super) fn registration_details(&self, request: &Request) -> Result<Response, Refusal> {
        if request.method != "GET" {
            return Err(Refusal::no_method());
        }
        self.require(READ)?;
        let text = request.query.iter().find(|(name, _)| name == "$filter").map(|(_, text)| text.as_str());
        let methods = text.map(methods).transpose()?;
        let delay = SignedDuration::from_secs(self.script.audit_delay.try_into().unwrap_or(i64::MAX));
        let seen = self.clock.now().saturating_sub(delay).unwrap_or(Timestamp::MIN);
        let has_passkey =
            |user: &TrainingUser| self.passkeys.get(&user.id).into_iter().flatten().any(|passkey| passkey.created <= seen);
        let users = self.script.users.iter().map(|user| (user, has_passkey(user)));
        let asked = users.filter(|(_, passkey)| methods.as_ref().is_none_or(|methods| *passkey && methods.contains(&PASSKEY)));
        self.page_of(request, asked, |(user, passkey)| details(user, passkey, seen))
    }
}

/// The methods of a filter: `methodsRegistered/any(m:m eq '…')`, several joined by `or`.
fn methods(filter: &str) -> Result<Vec<&str>, Refusal> {
    let found: Option<Vec<&str>> = filter.split(" or ").map(method).collect();
    found.ok_or_else(|| Refusal::bad(format!("Invalid filter clause: {filter}")))
}

fn method(clause: &str) -> Option<&str> {
    let (name, rest) = clause.trim().strip_prefix("methodsRegistered/any(")?.split_once(':')?;
    let method = rest.strip_prefix(name)?.strip_prefix(" eq '")?.strip_suffix("')")?;
    (!method.contains('\'')).then_some(method)
}

fn details(user: &TrainingUser, passkey: bool, at: Timestamp) -> Value {
    let methods: &[&str] = if passkey { &[PASSKEY] } else { &[] };
    json!({
        "id": user.id,
        "userPrincipalName": user.upn,
        "userDisplayName": user.display_name,
        "isAdmin": user.administrator,
        "isSsprRegistered": false,
        "isSsprEnabled": false,
        "isSsprCapable": false,
        "isMfaRegistered": passkey,
        "isMfaCapable": passkey,
        "isPasswordlessCapable": passkey,
        "lastUpdatedDateTime": seconds(at),
        "methodsRegistered": methods,
        "isSystemPreferredAuthenticationMethodEnabled": false,
        "systemPreferredAuthenticationMethods": [],
        "userPreferredMethodForSecondaryAuthentication": "none",
        "userType": user.kind.to_lowercase(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_names_methods_and_nothing_else() {
        for (filter, expected) in [
            ("methodsRegistered/any(m:m eq 'fido2')", Some(vec!["fido2"])),
            ("methodsRegistered/any(x:x eq 'a') or methodsRegistered/any(m:m eq 'b')", Some(vec!["a", "b"])),
            ("methodsRegistered/any(m:x eq 'fido2')", None),
            ("methodsRegistered/any(m:m eq 'a' or m eq 'b')", None),
            ("isAdmin eq true", None),
            ("", None),
        ] {
            assert_eq!(methods(filter).ok(), expected, "{filter}");
        }
    }
}
