//! Device code (RFC 8628): a person enters a code at a browser anywhere.

use std::time::Duration;

use serde::Deserialize;

use crate::identity::entra::http::{Http, Lost};
use crate::identity::entra::reply::{self, tame};
use crate::identity::entra::sign_in::grant::{self, Grant};
use crate::identity::entra::sign_in::person::{Wish, form};
use crate::identity::entra::tools::Invitation;
use crate::identity::{IdentityError, SignInRefusal};
use crate::secret::SecretText;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Seconds between two questions, where the host names none, and the most that it can name.
const INTERVAL: u64 = 5;
const LONGEST_INTERVAL: u64 = 60;
/// How long a code is waited for at most.
const LONGEST_LIFE: Duration = Duration::from_mins(30);
/// What `slow_down` adds (RFC 8628 section 3.5).
const SLOW_DOWN: u64 = 5;

#[derive(Deserialize)]
struct Offer {
    #[serde(deserialize_with = "grant::secret")]
    device_code: SecretText,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    #[serde(default)]
    expires_in: serde_json::Value,
    #[serde(default)]
    interval: serde_json::Value,
}

/// Fetches a code, has it shown, and waits for the person.
pub(super) fn sign_in(http: &mut Http, wish: &Wish<'_>) -> Result<Grant, IdentityError> {
    let begun = http.tools.clock.monotonic();
    let offer = offer(http, wish)?;
    let life = Duration::from_secs(grant::number(&offer.expires_in).unwrap_or(900)).min(LONGEST_LIFE);
    let invitation = Invitation::EnterCode { url: tame(&offer.verification_uri), code: tame(&offer.user_code), life };
    (http.tools.invite)(&invitation);
    let mut interval = grant::number(&offer.interval).unwrap_or(INTERVAL).clamp(1, LONGEST_INTERVAL);
    loop {
        http.wait(Duration::from_secs(interval))?;
        if http.tools.clock.monotonic().saturating_sub(begun) >= life {
            let refusal = SignInRefusal::needs_person("nobody entered the code in time");
            return Err(IdentityError::SignIn(Box::new(refusal)));
        }
        let fields = form(wish, &[("grant_type", GRANT_TYPE), ("device_code", offer.device_code.expose())]);
        match wish.endpoint.post(http, "device", fields) {
            Ok(answer) if answer.status == 429 || answer.status >= 500 => {
                let asked = answer.retry_after.map_or(0, |wait| wait.as_secs());
                interval = interval.saturating_mul(2).max(asked).min(LONGEST_INTERVAL.max(asked));
            }
            Ok(answer) => match grant::word(&answer).as_str() {
                "authorization_pending" => {}
                "slow_down" => interval = interval.saturating_add(SLOW_DOWN),
                _ => return grant::granted(&answer, http.tools.clock.now()),
            },
            // To ask again is the way of this grant; less often when the network is in trouble.
            Err(Lost::NotSent(IdentityError::Network(_)) | Lost::InFlight(IdentityError::Network(_))) => {
                interval = interval.saturating_mul(2).min(LONGEST_INTERVAL);
            }
            Err(lost) => return Err(lost.into_error()),
        }
    }
}

fn offer(http: &mut Http, wish: &Wish<'_>) -> Result<Offer, IdentityError> {
    let endpoint = wish.endpoint.sibling("devicecode")?;
    let answer = endpoint.ask(http, "devicecode", |_| Ok(form(wish, &[])))?;
    if answer.status != 200 {
        return Err(grant::denied(&answer));
    }
    reply::json(&answer)
}
