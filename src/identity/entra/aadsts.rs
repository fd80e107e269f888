//! What the error codes of the sign-in host mean, for people. Nothing branches on their texts.

use crate::identity::SignInTrouble;
use crate::identity::SignInTrouble::{Account, Application, ConditionalAccess, Consent, Other, Person};

/// Codes, what they trouble, and a sentence with the way out: the codes of Microsoft's error reference that this program
/// can meet.
const TABLE: &[(&[u64], SignInTrouble, &str)] = &[
    (&[50034, 51004], Account, "the account is not in this tenant"),
    (&[50011], Application, "the application has no redirect URI http://localhost: add it as \"Mobile and desktop\""),
    (&[50057], Account, "the account is disabled"),
    (&[50058], Person, "nobody is signed in at the browser"),
    (&[50072, 50074, 50076, 50079], Person, "the tenant wants a second factor, or its set-up: a person has to sign in"),
    (&[50097, 53000, 53001], ConditionalAccess, "the tenant wants a known, compliant or joined device"),
    (&[50105], Account, "the account is not assigned to this application: an administrator has to assign it"),
    (&[50126], Account, "the user name or the password is wrong"),
    (&[50173], Person, "the sign-in was revoked, as after a change of password"),
    (&[50196], Other, "too many sign-ins in a row: wait a few minutes"),
    (&[53003, 530_032, 50131], ConditionalAccess, "Conditional Access blocks this sign-in: an administrator has to allow it"),
    (&[54005], Person, "the sign-in code was used already"),
    (&[65001, 90094], Consent, "the permissions lack admin consent: an administrator has to grant it"),
    (&[700_016], Application, "the application is not in this tenant: check client_id, tenant and the cloud of the profile"),
    (&[700_025], Application, "the application is a public client and takes no secret"),
    (
        &[700_027],
        Application,
        "the certificate's signature is not accepted: check this machine's clock, and that this very certificate is registered \
         with the application",
    ),
    (&[70008, 700_082, 70043], Person, "the sign-in has expired"),
    (&[70011], Application, "the scope is not accepted: check the Graph host of the profile"),
    (&[70016], Person, "nobody has entered the code yet"),
    (&[70018, 70019, 70020], Person, "the code is wrong, or its time is over"),
    (&[7_000_112], Application, "the application is disabled in this tenant"),
    (&[7_000_215], Application, "the client secret is wrong: use the secret's value, not its id"),
    (&[7_000_222], Application, "the client secret has expired: create a new one"),
    (
        &[7_000_218],
        Application,
        "the application wants a secret or a certificate: name one in the profile, or allow public client flows for the application",
    ),
    (&[90002], Application, "there is no such tenant: check the tenant of the profile"),
    (&[90038], Application, "the tenant belongs to another national cloud: set cloud in the profile"),
];

/// A code that goes away by itself.
pub(super) fn is_passing(code: u64) -> bool {
    matches!(code, 90033 | 90006 | 50033 | 90055)
}

/// What a code troubles, and a sentence with the way out.
pub(super) fn meaning(code: u64) -> Option<(SignInTrouble, &'static str)> {
    TABLE.iter().find(|(codes, ..)| codes.contains(&code)).map(|(_, trouble, sentence)| (*trouble, *sentence))
}

/// The code in a text such as `AADSTS50011: …`, for answers that have it nowhere else.
pub(super) fn code_in(text: &str) -> Option<u64> {
    let digits = text.split_once("AADSTS")?.1;
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
