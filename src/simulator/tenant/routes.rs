//! Which call does what.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::simulator::tenant::assertion::{self, Assertion};
use crate::simulator::tenant::envelope::Refusal;
use crate::simulator::tenant::options;
use crate::simulator::tenant::passkey::TrainingPasskey;
use crate::simulator::tenant::registration::{Bench, check_user};
use crate::simulator::tenant::script::TrainingUser;
use crate::simulator::tenant::state::Tenant;
use crate::simulator::tenant::wire::{Request, Response};

pub(super) type Outcome = Result<Response, Refusal>;

/// Asks for an authentication context in the next token, as Conditional Access does.
const CLAIMS: &str = "Bearer realm=\"\", error=\"insufficient_claims\", claims=\"eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiY3AxIn19fQ==\"";

const PASSKEY_READ: &[&str] =
    &["UserAuthMethod-Passkey.Read.All", "UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"];
const PASSKEY_WRITE: &[&str] = &["UserAuthMethod-Passkey.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All"];
pub(super) const USER_BASIC: &[&str] = &["User.ReadBasic.All", "User.Read.All", "Directory.Read.All"];
pub(super) const USER_FULL: &[&str] = &["User.Read.All", "Directory.Read.All"];
const GROUPS: &[&str] = &["GroupMember.Read.All", "Directory.Read.All"];

impl Tenant {
    /// The answer to a request.
    pub(super) fn answer(&mut self, request: &Request) -> Response {
        if self.tokens.lacks_claims(request.bearer.as_deref()) {
            return self.challenge(request);
        }
        let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
        let outcome = match (request.method.as_str(), segments.as_slice()) {
            ("POST", [_, "oauth2", "v2.0", "token"]) => Ok(self.token(request)),
            ("POST", [_, "oauth2", "v2.0", "devicecode"]) => Ok(self.device_code(request)),
            ("GET", [_, "oauth2", "v2.0", "authorize"]) => Ok(self.authorize(request)),
            ("GET", ["metadata", "identity", "oauth2", "token"]) => Ok(self.managed_identity(request, false)),
            ("GET", ["training", "identity"]) => Ok(self.managed_identity(request, true)),
            ("POST", ["training", "assertion"]) => Ok(self.assertion(request)),
            ("GET", ["training", "passkeys", user]) => self.training_passkeys(user),
            ("POST", [version @ ("v1.0" | "beta"), "$batch"]) => self.batch(request, version),
            (_, ["v1.0", rest @ ..]) => self.graph(request, false, rest),
            (_, ["beta", rest @ ..]) => self.graph(request, true, rest),
            _ => Err(Refusal::not_found()),
        };
        let id = self.request_id();
        let response = outcome.unwrap_or_else(|refusal| refusal.response(&self.date(), &id, &request.client_request_id));
        response.with("request-id", id).with("client-request-id", printable(&request.client_request_id))
    }

    /// The answer of a scripted refusal.
    pub(super) fn refusal(&mut self, request: &Request, refusal: &Refusal) -> Response {
        let id = self.request_id();
        refusal.response(&self.date(), &id, &request.client_request_id).with("request-id", id)
    }

    fn graph(&mut self, request: &Request, beta: bool, path: &[&str]) -> Outcome {
        self.admit(request)?;
        if let Some(limits) = self.script.throttle
            && let Some(wait) = self.throttle.over(limits, request, self.clock.monotonic())
        {
            return Ok(self.refusal(request, &Refusal::usual(429, None)).with("retry-after", wait.to_string()));
        }
        match path {
            ["users", name, below @ ..] if !name.starts_with('$') => self.of_user(request, beta, name, below),
            ["policies", "authenticationMethodsPolicy", "authenticationMethodConfigurations", name]
                if name.eq_ignore_ascii_case("temporaryAccessPass") =>
            {
                self.tap_policy(request)
            }
            ["policies", below @ ..] => self.policies(request, below),
            ["users"] => self.people(request),
            ["users", "$count"] => self.count_people(request),
            ["groups", below @ ..] => {
                self.require(GROUPS)?;
                self.groups(request, below)
            }
            ["auditLogs", "directoryAudits"] => self.audits(request),
            ["reports", "authenticationMethods", "userRegistrationDetails"] => self.registration_details(request),
            [first, below @ ..] => match first.strip_prefix("users('").and_then(|rest| rest.strip_suffix("')")) {
                Some(name) => self.of_user(request, beta, &name.replace("''", "'"), below),
                None => Err(Refusal::not_found()),
            },
            [] => Err(Refusal::not_found()),
        }
    }

    fn of_user(&mut self, request: &Request, beta: bool, name: &str, below: &[&str]) -> Outcome {
        let own = |mut user: TrainingUser| {
            user.own_account |= self.tokens.is_of(request.bearer.as_deref(), &user.upn);
            user
        };
        let user = self.user_named(name).cloned().map(own).ok_or_else(|| Refusal::no_user(name));
        match (request.method.as_str(), below) {
            ("GET", []) => self.user(request, &user?),
            ("GET", ["transitiveMemberOf", "microsoft.graph.group"]) => {
                self.require(GROUPS)?;
                let groups = user?.groups.iter().map(|id| self.group_of(request, id)).collect();
                self.page(request, groups)
            }
            ("GET", ["authentication", "fido2Methods"]) => {
                self.require(PASSKEY_READ)?;
                let delay = SignedDuration::from_secs(self.script.listing_delay.into());
                let listed = |passkey: &&TrainingPasskey| self.clock.now().duration_since(passkey.created) >= delay;
                let passkeys = self.passkeys.get(&user?.id).into_iter().flatten();
                let passkeys = passkeys.filter(listed).map(|passkey| passkey.to_json(beta)).collect();
                self.page(request, passkeys)
            }
            ("POST", ["authentication", "fido2Methods"]) => self.register(request, &user?),
            ("GET", ["authentication", "fido2Methods", call]) if call.starts_with("creationOptions") => {
                self.creation_options(request, beta, call, &user?)
            }
            ("GET", ["authentication", "fido2Methods", id]) => {
                self.require(PASSKEY_READ)?;
                let passkey = self.passkeys.get(&user?.id).into_iter().flatten().find(|passkey| passkey.method_id() == **id);
                passkey.map(|passkey| (200, passkey.to_json(beta)).into()).ok_or_else(Refusal::not_found)
            }
            ("DELETE", ["authentication", "fido2Methods", id]) => self.delete(&user?, id),
            (_, ["authentication", "fido2Methods", ..]) => Err(Refusal::no_method()),
            (_, ["authentication", "temporaryAccessPassMethods", below @ ..]) => self.taps(request, &user?, below),
            ("POST", ["sendMail"]) => self.send_mail(request, &user?),
            _ => Err(Refusal::not_found()),
        }
    }

    /// 401 with a claims challenge, for callers who said that they understand it; every token has to answer it from now on.
    pub(super) fn challenge(&mut self, request: &Request) -> Response {
        let understood = self.tokens.demand_claims(request.bearer.as_deref());
        let response = self.refusal(request, &Refusal::bad_token());
        if understood { response.with("www-authenticate", CLAIMS) } else { response }
    }

    /// Whether the caller is signed in.
    pub(super) fn admit(&self, request: &Request) -> Result<(), Refusal> {
        if self.tokens.knows(request.bearer.as_deref(), self.clock.monotonic()) { Ok(()) } else { Err(Refusal::bad_token()) }
    }

    pub(super) fn require(&self, any_of: &[&str]) -> Result<(), Refusal> {
        let application = &self.script.application;
        let held = application.permissions.iter().filter(|one| !application.withheld.contains(one));
        let granted = held.into_iter().any(|granted| any_of.contains(&granted.as_str()));
        if granted { Ok(()) } else { Err(Refusal::denied()) }
    }

    fn user(&self, request: &Request, user: &TrainingUser) -> Outcome {
        self.require(USER_BASIC)?;
        if fields(request).iter().any(|field| matches!(*field, "accountEnabled" | "userType" | "preferredLanguage")) {
            self.require(USER_FULL)?;
        }
        Ok((200, selected(request, user)).into())
    }

    fn creation_options(&mut self, request: &Request, beta: bool, call: &str, user: &TrainingUser) -> Outcome {
        let minutes = options::minutes(call, beta, &request.query)?;
        self.require(PASSKEY_WRITE)?;
        check_user(&self.script, user)?;
        let offer = options::draw(self, user, minutes);
        // One with a long life is there to be used by a later process.
        if minutes > options::USUAL_MINUTES {
            self.keep()?;
        }
        Ok((200, offer).into())
    }

    fn register(&mut self, request: &Request, user: &TrainingUser) -> Outcome {
        self.require(PASSKEY_WRITE)?;
        check_user(&self.script, user)?;
        let known = self.credential_ids();
        let bench = Bench {
            script: &self.script,
            user,
            challenges: &mut self.challenges,
            known: &known,
            judge: &*self.judge,
            now: self.clock.now(),
        };
        let passkey = bench.check(&request.body)?;
        let body = passkey.to_json(false);
        self.log_registration(user, &passkey);
        self.passkeys.entry(user.id.clone()).or_default().push(passkey);
        self.keep()?;
        Ok((201, body).into())
    }

    fn delete(&mut self, user: &TrainingUser, id: &str) -> Outcome {
        self.require(PASSKEY_WRITE)?;
        let passkeys = self.passkeys.entry(user.id.clone()).or_default();
        let before = passkeys.len();
        passkeys.retain(|passkey| passkey.method_id() != id);
        if passkeys.len() == before {
            return Err(Refusal::not_found());
        }
        self.log_removal(user);
        self.keep()?;
        Ok(Response::empty(204))
    }

    fn assertion(&mut self, request: &Request) -> Response {
        let outcome = serde_json::from_slice::<Assertion>(&request.body).map_err(|error| error.to_string());
        match outcome.and_then(|assertion| self.verify(&assertion)) {
            Ok(()) => (200, json!({"verified": true})).into(),
            Err(reason) => (400, json!({"verified": false, "reason": reason})).into(),
        }
    }

    /// Checks an assertion of a registered passkey.
    pub(super) fn verify(&mut self, assertion: &Assertion) -> Result<(), String> {
        let id = self.user_named(&assertion.user_id).ok_or("there is no such user")?.id.clone();
        let passkeys = self.passkeys.get_mut(&id).map(Vec::as_mut_slice).unwrap_or_default();
        assertion::check(assertion, &self.script.rp_id, passkeys, self.clock.now())?;
        self.keep().map_err(|_| "the memory cannot be written".to_owned())
    }

    /// A user's passkeys with their plain credential ids, for clients that play the user.
    fn training_passkeys(&self, name: &str) -> Outcome {
        let user = self.user_named(name).ok_or_else(|| Refusal::no_user(name))?;
        let list: Vec<Value> = self
            .passkeys
            .get(&user.id)
            .into_iter()
            .flatten()
            .map(|passkey| json!({"credentialId": passkey.credential_id, "displayName": passkey.display_name, "methodId": passkey.method_id()}))
            .collect();
        Ok((200, json!({"userId": user.id, "rpId": self.script.rp_id, "passkeys": list})).into())
    }
}

/// The fields that were asked for.
fn fields(request: &Request) -> Vec<&str> {
    let select = request.query.iter().find(|(name, _)| name == "$select");
    select.map_or("displayName,id,userPrincipalName", |(_, fields)| fields).split(',').map(str::trim).collect()
}

/// A user with the fields that were asked for.
pub(super) fn selected(request: &Request, user: &TrainingUser) -> Value {
    let fields = fields(request);
    let mut body = json!({
        "id": user.id,
        "userPrincipalName": user.upn,
        "displayName": user.display_name,
        "accountEnabled": user.enabled,
        "userType": user.kind,
        "preferredLanguage": user.language,
        "mail": user.mail,
    });
    if let Some(members) = body.as_object_mut() {
        members.retain(|name, _| fields.contains(&name.as_str()));
    }
    body
}

/// A header's value that goes back to where it came from.
fn printable(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(100).collect()
}
