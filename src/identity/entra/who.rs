//! Who is signed in and with what rights: read from the access token's own claims, for people to see. Tokens are opaque to
//! their clients, so a token that cannot be read is no error, and nothing is decided by this but one thing that the tenant
//! decides as well: that nobody provisions their own account.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::identity::entra::reply::tame;
use crate::secret::SecretText;

/// Most permissions and roles that are shown.
const MOST: usize = 200;

/// The holder of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Who {
    /// Tenant id.
    pub tenant: Option<String>,
    /// Application (client) id.
    pub application: Option<String>,
    /// User principal name; `None` if an application signed in as itself.
    pub user: Option<String>,
    /// Object id of the person, or of the application in this tenant.
    pub object_id: Option<String>,
    /// Whether a person signed in.
    pub person: bool,
    /// Graph permissions: application permissions, or delegated ones.
    pub permissions: Vec<String>,
    /// Directory roles of the person, by template id.
    pub roles: Vec<String>,
}

#[derive(Deserialize)]
struct Claims {
    tid: Option<String>,
    appid: Option<String>,
    oid: Option<String>,
    upn: Option<String>,
    preferred_username: Option<String>,
    unique_name: Option<String>,
    scp: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    wids: Vec<String>,
}

impl Who {
    /// What the claims of a token say, if it is a JSON Web Token (RFC 7519) whose claims can be read.
    pub(super) fn of(token: &SecretText) -> Option<Self> {
        let payload = token.expose().split('.').nth(1)?;
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?).ok()?;
        let tame_all = |words: Vec<String>| words.iter().take(MOST).map(|word| tame(word)).collect();
        let person = claims.scp.is_some();
        let scopes = claims.scp.unwrap_or_default();
        let permissions = if person { scopes.split_whitespace().map(str::to_owned).collect() } else { claims.roles };
        Some(Self {
            tenant: claims.tid.as_deref().map(tame),
            application: claims.appid.as_deref().map(tame),
            user: claims.upn.or(claims.preferred_username).or(claims.unique_name).as_deref().map(tame),
            object_id: claims.oid.as_deref().map(tame),
            person,
            permissions: tame_all(permissions),
            roles: tame_all(claims.wids),
        })
    }

    /// The names of the roles; the id of one that is not known.
    pub fn role_names(&self) -> Vec<&str> {
        // Every member of a tenant has this one.
        let own = self.roles.iter().filter(|id| !id.eq_ignore_ascii_case(ANY_MEMBER));
        own.map(|id| ROLES.iter().find(|(known, _)| known.eq_ignore_ascii_case(id)).map_or(id.as_str(), |(_, name)| name))
            .collect()
    }

    /// What is missing, and what that stops.
    pub fn missing(&self) -> Vec<&'static Need> {
        NEEDS.iter().filter(|need| !need.met_by(self)).collect()
    }
}

const ANY_MEMBER: &str = "b79fbf4d-3ef9-4689-8143-76b194e85509";

/// Directory roles that this program has to do with, by template id (Microsoft's list of built-in roles).
const ROLES: &[(&str, &str)] = &[
    ("c4e39bd9-1100-46d3-8c65-fb160da0071f", "Authentication Administrator"),
    ("7be44c8a-adaf-4e2a-84d6-ab2649e08a13", PRIVILEGED),
    ("0526716b-113d-4c15-b2c8-68e3c22b9f80", "Authentication Policy Administrator"),
    ("62e90394-69f5-4237-9190-012177145e10", "Global Administrator"),
    ("f2ef992c-3afb-46b9-b7cf-a126ee74c451", "Global Reader"),
    ("fe930be7-5e62-47db-91af-98c3a49a38b1", "User Administrator"),
];
const PRIVILEGED: &str = "Privileged Authentication Administrator";

/// A right, and what is not possible without it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Need {
    /// Any of these will do; the first is the least.
    #[serde(rename = "anyOf")]
    pub any_of: &'static [&'static str],
    /// What its lack stops.
    pub stops: &'static str,
    /// It is a directory role, which only a person can hold.
    pub role: bool,
    /// Without it nobody can be enrolled.
    pub essential: bool,
}

impl Need {
    fn met_by(&self, who: &Who) -> bool {
        if self.role {
            return !who.person || who.role_names().iter().any(|name| self.any_of.contains(name));
        }
        self.any_of.iter().any(|needed| who.permissions.iter().any(|held| held.eq_ignore_ascii_case(needed)))
    }
}

const fn permission(any_of: &'static [&'static str], stops: &'static str) -> Need {
    Need { any_of, stops, role: false, essential: false }
}

impl Need {
    const fn essential(self) -> Self {
        Self { essential: true, ..self }
    }
}

/// The rights, the most important first (Microsoft's pages of the calls that this program makes).
const NEEDS: &[Need] = &[
    permission(
        &["UserAuthMethod-Passkey.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All"],
        "registering and removing passkeys: nobody can be enrolled",
    )
    .essential(),
    permission(
        &["UserAuthMethod-Passkey.Read.All", "UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"],
        "listing passkeys: a lost answer cannot be cleared up, passkeys are not counted",
    ),
    permission(
        &["User.ReadBasic.All", "User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
        "looking users up: nobody can be enrolled",
    )
    .essential(),
    permission(
        &["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
        "seeing whether an account is disabled or a guest before the key is touched",
    ),
    permission(
        &["Policy.Read.AuthenticationMethod", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"],
        "checking the passkey policy before the key is touched",
    ),
    permission(
        &["GroupMember.Read.All", "Group.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"],
        "checking whom the passkey policy includes by group",
    ),
    permission(
        &["UserAuthMethod-TAP.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All"],
        "issuing Temporary Access Passes",
    ),
    permission(&["AuditLog.Read.All"], "the directory's own events about passkeys"),
    permission(&["Mail.Send"], "notices by mail"),
    Need {
        any_of: &["Authentication Administrator", PRIVILEGED, "Global Administrator"],
        stops: "acting on other people's passkeys",
        role: true,
        essential: true,
    },
    Need {
        any_of: &[PRIVILEGED, "Global Administrator"],
        stops: "acting on the passkeys of administrators",
        role: true,
        essential: false,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn who(claims: &str) -> Option<Who> {
        Who::of(&SecretText::new(format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims))))
    }

    #[test]
    fn an_application_and_a_person() {
        let app = who(
            r#"{"tid":"t","appid":"a","roles":["User.Read.All","Mail.Send"],"wids":["0997a1d0-0d1d-4acb-b408-d5ca73121e90"]}"#,
        )
        .unwrap();
        assert!(!app.person && app.user.is_none());
        assert_eq!(app.permissions, ["User.Read.All", "Mail.Send"]);
        let stops: Vec<&str> = app.missing().iter().map(|need| need.stops).collect();
        assert_eq!(stops.len(), 6, "{stops:?}");
        assert!(!app.missing().iter().any(|need| need.role));

        let person = who(
            r#"{"tid":"t","appid":"a","upn":"a@b","scp":"User.Read.All UserAuthMethod-Passkey.ReadWrite.All","wids":["b79fbf4d-3ef9-4689-8143-76b194e85509","C4E39BD9-1100-46d3-8c65-fb160da0071f","x"]}"#,
        )
        .unwrap();
        assert_eq!((person.user.as_deref(), person.person), (Some("a@b"), true));
        assert_eq!(person.role_names(), ["Authentication Administrator", "x"]);
        let roles: Vec<&str> = person.missing().iter().filter(|need| need.role).map(|need| need.stops).collect();
        assert_eq!(roles, ["acting on the passkeys of administrators"]);
    }

    #[test]
    fn a_token_that_cannot_be_read_is_no_error() {
        assert_eq!(who("[1]"), None);
        assert_eq!(who(r#"{"roles":"text"}"#), None);
        for token in ["", "opaque", "a.b.c", "a.!!.c"] {
            assert_eq!(Who::of(&SecretText::new(token)), None, "{token}");
        }
        assert_eq!(who("{\"upn\":\"a\\u001bb\"}").unwrap().user.as_deref(), Some("a b"));
    }
}
