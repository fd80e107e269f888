//! People at the sign-in host: the authorize page, codes, device codes and refresh tokens. Who sits at the browser and what
//! that person does is in the script.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::simulator::tenant::sign_in::{PersonDoes, RefreshDoes};
use crate::simulator::tenant::state::Tenant;
use crate::simulator::tenant::token::{Denial, Form, TOKEN_SECONDS};
use crate::simulator::tenant::wire::{Request, Response, form};

/// Life of a device code in seconds, and how often it may be asked for.
const DEVICE_SECONDS: i64 = 900;
const INTERVAL: u32 = 5;
/// What a person has to answer, where the script says that one must.
const CAPOLIDS: &str = r#"{"access_token":{"capolids":{"essential":true,"values":["00000000-0000-0000-0000-000000000000"]}}}"#;
/// Sign-ins that are remembered.
const MOST: usize = 1000;

/// Sign-ins of people that are under way or remembered.
#[derive(Debug, Default)]
pub(in crate::simulator::tenant) struct Visits {
    /// Codes with the address and the PKCE challenge that they were asked for with; each good once.
    codes: BTreeMap<String, (String, String)>,
    /// Device codes with their end (Unix time) and how often they were asked for.
    devices: BTreeMap<String, (i64, u32)>,
    refresh: Vec<String>,
}

impl Tenant {
    /// The page that a person signs in at. It sends the browser back at once: nobody types anything here.
    pub(in crate::simulator::tenant) fn authorize(&mut self, request: &Request) -> Response {
        let query = Form(request.query.clone());
        let field = |name: &str| query.field(name).unwrap_or_default().to_owned();
        let (address, state, challenge) = (field("redirect_uri"), field("state"), field("code_challenge"));
        if let Err(denial) = self.check_tenant(request).and_then(|()| self.check_application(&query)) {
            return self.denied(&denial);
        }
        // The port is ignored, as Entra does; anything else is shown to the person and not sent on.
        let local = address.strip_prefix("http://localhost").is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
        if !local || address.trim_start_matches("http://").contains('/') {
            return self.denied(&Denial::new(400, "invalid_request", 50011, "The redirect URI does not match the reply URLs."));
        }
        let back = |answer: &str| Response::empty(302).with("location", format!("{address}/?{answer}&state={state}"));
        let right = field("response_type") == "code" && field("code_challenge_method") == "S256" && challenge.len() == 43;
        if !right || state.len() < 22 {
            return back("error=invalid_request&error_description=AADSTS900144%3A+a+parameter+is+missing");
        }
        match self.script.sign_in.does {
            PersonDoes::Decline => back("error=access_denied&error_description=AADSTS65004%3A+the+user+declined"),
            PersonDoes::Nothing => Response::empty(200),
            PersonDoes::Approve => {
                let code = self.random();
                let answer = format!("code={code}&session_state=00000000");
                trim(&mut self.visits.codes);
                self.visits.codes.insert(code, (address.clone(), challenge));
                back(&answer)
            }
        }
    }

    /// Begins a sign-in by device code.
    pub(in crate::simulator::tenant) fn device_code(&mut self, request: &Request) -> Response {
        let form = Form(form(&request.body));
        if let Err(denial) = self.check_tenant(request).and_then(|()| self.check_application(&form)) {
            return self.denied(&denial);
        }
        let code = self.random();
        let end = self.clock.now().as_second().saturating_add(DEVICE_SECONDS);
        trim(&mut self.visits.devices);
        self.visits.devices.insert(code.clone(), (end, 0));
        let page = format!("{}/training/devicelogin", self.base);
        let message =
            format!("To sign in, use a web browser to open the page {page} and enter the code TRAINING1 to authenticate.");
        let body = json!({"user_code": "TRAINING1", "device_code": code, "verification_uri": page, "expires_in": DEVICE_SECONDS,
            "interval": INTERVAL, "message": message});
        (200, body).into()
    }

    pub(super) fn poll(&mut self, form: &Form) -> Result<Response, Denial> {
        let code = form.field("device_code").unwrap_or_default().to_owned();
        let now = self.clock.now().as_second();
        let Some((end, asked)) = self.visits.devices.get_mut(&code) else {
            return Err(Denial::new(400, "bad_verification_code", 70018, "Bad verification code."));
        };
        *asked = asked.saturating_add(1);
        let (end, asked) = (*end, *asked);
        if now >= end {
            let text = "The provided value for the input parameter device_code is not valid. This device code has expired.";
            return Err(Denial::new(400, "expired_token", 70020, text));
        }
        let sign_in = &self.script.sign_in;
        if asked <= sign_in.polls || sign_in.does == PersonDoes::Nothing {
            let text = "OAuth 2.0 device flow error. Authorization is pending. Continue polling.";
            return Err(Denial::new(400, "authorization_pending", 70016, text));
        }
        self.visits.devices.remove(&code);
        if self.script.sign_in.does == PersonDoes::Decline {
            return Err(Denial::new(400, "authorization_declined", 0, "The end user denied the authorization request."));
        }
        Ok(self.grant(form))
    }

    pub(super) fn redeem(&mut self, form: &Form) -> Result<Response, Denial> {
        let known = form.field("code").and_then(|code| self.visits.codes.remove(code));
        let Some((address, challenge)) = known else {
            return Err(Denial::new(400, "invalid_grant", 54005, "OAuth2 Authorization code was already redeemed."));
        };
        let verifier = form.field("code_verifier").unwrap_or_default();
        if form.field("redirect_uri") != Some(&address) {
            return Err(Denial::new(400, "invalid_client", 50011, "The redirect URI does not match."));
        }
        if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) != challenge {
            return Err(Denial::new(400, "invalid_grant", 50148, "The code_verifier does not match the code_challenge."));
        }
        Ok(self.grant(form))
    }

    pub(super) fn refresh(&mut self, form: &Form) -> Result<Response, Denial> {
        let token = form.field("refresh_token").unwrap_or_default();
        let known = self.visits.refresh.iter().any(|known| known == token);
        match self.script.sign_in.refresh {
            RefreshDoes::Grant if known => Ok(self.grant(form)),
            RefreshDoes::Interaction if known => Err(Denial {
                claims: Some(CAPOLIDS.to_owned()),
                ..Denial::new(400, "interaction_required", 50076, "You must use multi-factor authentication.")
            }),
            _ => Err(Denial::new(400, "invalid_grant", 700_082, "The refresh token has expired due to inactivity.")),
        }
    }

    fn grant(&mut self, form: &Form) -> Response {
        let access = self.person_token(form.field("claims").unwrap_or_default());
        let mut body =
            json!({"token_type": "Bearer", "scope": form.field("scope"), "expires_in": TOKEN_SECONDS, "access_token": access});
        let lasting = form.field("scope").is_some_and(|scope| scope.split(' ').any(|one| one == "offline_access"));
        if let (true, Some(members)) = (lasting, body.as_object_mut()) {
            let refresh = self.random();
            members.insert("refresh_token".to_owned(), refresh.as_str().into());
            // An older one stays good, as with Entra.
            self.visits.refresh.truncate(MOST);
            self.visits.refresh.insert(0, refresh);
        }
        (200, body).into()
    }

    fn random(&mut self) -> String {
        let mut bytes = [0_u8; 48];
        self.rng.fill_bytes(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

fn trim<T>(visits: &mut BTreeMap<String, T>) {
    if visits.len() >= MOST {
        visits.clear();
    }
}
