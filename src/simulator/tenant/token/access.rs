//! Access tokens: random, in the form of a JSON Web Token, so that who holds one can be shown.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::simulator::tenant::state::Tenant;
use crate::simulator::tenant::token::TOKEN_SECONDS;

/// Life of an access token.
const LIFE: Duration = Duration::from_secs(3599);

/// Tokens that were given out.
#[derive(Debug, Default)]
pub(in crate::simulator::tenant) struct Tokens {
    known: BTreeMap<String, Token>,
    /// Every token has to answer a claims challenge.
    claims_demanded: bool,
}

#[derive(Debug)]
struct Token {
    /// Monotonic time of its end.
    end: Duration,
    /// The caller said that claims challenges are understood.
    understands: bool,
    /// It was asked for with the claims of a challenge.
    answers: bool,
    /// Principal name of the person who holds it.
    person: Option<String>,
}

impl Tokens {
    /// Whether a token is good.
    pub(in crate::simulator::tenant) fn knows(&self, token: Option<&str>, now: Duration) -> bool {
        self.get(token).is_some_and(|token| token.end > now)
    }

    /// Whether a token would be good if it answered the claims challenge.
    pub(in crate::simulator::tenant) fn lacks_claims(&self, token: Option<&str>) -> bool {
        self.claims_demanded && self.get(token).is_some_and(|token| !token.answers)
    }

    /// Demands that every token answers a claims challenge; tells whether the holder of this one would understand it.
    pub(in crate::simulator::tenant) fn demand_claims(&mut self, token: Option<&str>) -> bool {
        self.claims_demanded = true;
        self.get(token).is_some_and(|token| token.understands)
    }

    /// Whether a token is that of a person with this principal name.
    pub(in crate::simulator::tenant) fn is_of(&self, token: Option<&str>, upn: &str) -> bool {
        let person = self.get(token).and_then(|token| token.person.as_deref());
        person.is_some_and(|person| person.eq_ignore_ascii_case(upn))
    }

    /// Ends every token.
    pub(in crate::simulator::tenant) fn revoke(&mut self) {
        self.known.clear();
    }

    fn get(&self, token: Option<&str>) -> Option<&Token> {
        self.known.get(token?)
    }
}

impl Tenant {
    /// A token of the application itself, asked for with these claims.
    pub(super) fn application_token(&mut self, claims: &str) -> String {
        let permissions = self.script.application.permissions.clone();
        self.issue_token(json!({"idtyp": "app", "roles": permissions}), claims)
    }

    /// A token of the person at the browser.
    pub(super) fn person_token(&mut self, claims: &str) -> String {
        let scopes = self.script.application.permissions.join(" ");
        let sign_in = &self.script.sign_in;
        let id = self.user_named(&sign_in.person).map(|user| &user.id);
        let person = json!({"idtyp": "user", "scp": scopes, "wids": sign_in.roles, "upn": sign_in.person, "oid": id});
        self.issue_token(person, claims)
    }

    fn issue_token(&mut self, mut holder: Value, asked: &str) -> String {
        let now = self.clock.monotonic();
        let at = self.clock.now().as_second();
        if let Some(members) = holder.as_object_mut() {
            for (name, value) in [
                ("aud", Value::from(self.base.as_str())),
                ("tid", self.script.tenant.as_str().into()),
                ("appid", self.script.application.client_id.as_str().into()),
                ("iat", at.into()),
                ("exp", at.saturating_add(TOKEN_SECONDS).into()),
            ] {
                members.insert(name.to_owned(), value);
            }
        }
        let mut signature = [0_u8; 48];
        self.rng.fill_bytes(&mut signature);
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({"typ": "JWT", "alg": "training"});
        let text = format!("{}.{}.{}", part(&header), part(&holder), URL_SAFE_NO_PAD.encode(signature));
        let asked: Value = serde_json::from_str(asked).unwrap_or_default();
        let values = asked.pointer("/access_token/xms_cc/values").and_then(Value::as_array);
        let understands = values.is_some_and(|values| values.contains(&"cp1".into()));
        let token = Token {
            end: now.saturating_add(LIFE),
            understands,
            answers: asked.pointer("/access_token/acrs").is_some(),
            person: holder.get("upn").and_then(Value::as_str).map(str::to_owned),
        };
        self.tokens.known.retain(|_, token| token.end > now);
        self.tokens.known.insert(text.clone(), token);
        text
    }
}
