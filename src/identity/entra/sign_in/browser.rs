//! Authorization code with PKCE (RFC 7636, RFC 8252): a person signs in with a browser of this machine, which is sent back
//! to a listener on loopback.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::identity::IdentityError;
use crate::identity::entra::http::{Answer, Http, Lost};
use crate::identity::entra::sign_in::grant::{self, Grant};
use crate::identity::entra::sign_in::listener::{Listener, Returned};
use crate::identity::entra::sign_in::person::{Wish, form};
use crate::identity::entra::tools::Invitation;

/// How long a person may take at the browser.
const PATIENCE: Duration = Duration::from_mins(5);
/// Random bytes of state and verifier: 43 characters each.
const RANDOM: usize = 32;

/// Sends a person to the browser and redeems the code that comes back.
pub(super) fn sign_in(http: &mut Http, wish: &Wish<'_>) -> Result<Grant, IdentityError> {
    let state = random(http);
    let verifier = random(http);
    let listener = Listener::new(&state)?;
    let url = address(wish, listener.redirect_uri(), &state, &verifier)?;
    (http.tools.invite)(&Invitation::Visit { url: url.into(), life: PATIENCE });
    match listener.wait(http, PATIENCE)? {
        Returned::Code(code) => redeem(http, wish, listener.redirect_uri(), &code, &verifier),
        Returned::Error { error, description } => Err(grant::denied_by_redirect(&error, &description)),
    }
}

fn address(wish: &Wish<'_>, redirect_uri: &str, state: &str, verifier: &str) -> Result<Url, IdentityError> {
    let mut url = wish.endpoint.sibling("authorize")?.url;
    url.query_pairs_mut()
        .append_pair("client_id", &wish.endpoint.client_id)
        .append_pair("response_type", "code")
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("response_mode", "query")
        .append_pair("scope", wish.scope)
        .append_pair("state", state)
        .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)))
        .append_pair("code_challenge_method", "S256")
        // Staff have an account for everyday and one for this: they have to choose.
        .append_pair("prompt", "select_account")
        .append_pair("claims", wish.claims);
    Ok(url)
}

/// A code is good for one request: one whose answer is lost is not repeated.
fn redeem(http: &mut Http, wish: &Wish<'_>, redirect_uri: &str, code: &str, verifier: &str) -> Result<Grant, IdentityError> {
    let fields = || {
        form(
            wish,
            &[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri), ("code_verifier", verifier)],
        )
    };
    let answer: Answer = match wish.endpoint.post(http, "code", fields()) {
        Err(Lost::NotSent(IdentityError::Network(_))) => wish.endpoint.post(http, "code", fields()),
        other => other,
    }
    .map_err(Lost::into_error)?;
    grant::granted(&answer, http.tools.clock.now())
}

fn random(http: &mut Http) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0_u8; RANDOM]);
    http.tools.rng.fill_bytes(&mut *bytes);
    Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes))
}
