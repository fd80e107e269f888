//! Every code of the sign-in host that this program has words for: exit code, error code, sentence.

use std::fmt::Write as _;

use keywright::advice::Advised;
use keywright::identity::IdentityError;
use keywright::simulator::tenant::{Act, Fault, Script};

use crate::support::tenant::Desk;

const TOKEN: &str = "*/oauth2/v2.0/token";

/// Codes, the `error` that Entra sends with them, exit code, error code, a part of the sentence.
const ROWS: &[(&[u32], &str, u8, &str, &str)] = &[
    (&[50034, 51004], "invalid_grant", 3, "tenant/account", "not in this tenant"),
    (&[50011], "invalid_request", 2, "tenant/application", "http://localhost"),
    (&[50057], "invalid_grant", 3, "tenant/account", "disabled"),
    (&[50058], "interaction_required", 3, "tenant/sign-in-needed", "nobody is signed in"),
    (&[50072, 50074, 50076, 50079], "interaction_required", 3, "tenant/sign-in-needed", "second factor"),
    (&[50097, 53000, 53001], "interaction_required", 4, "tenant/conditional-access", "device"),
    (&[50105], "invalid_grant", 3, "tenant/account", "assign"),
    (&[50126], "invalid_grant", 3, "tenant/account", "password is wrong"),
    (&[50173], "invalid_grant", 3, "tenant/sign-in-needed", "revoked"),
    (&[50196], "invalid_grant", 3, "tenant/sign-in", "wait a few minutes"),
    (&[53003, 530_032, 50131], "access_denied", 4, "tenant/conditional-access", "Conditional Access"),
    (&[54005], "invalid_grant", 3, "tenant/sign-in-needed", "used already"),
    (&[65001, 90094], "invalid_grant", 4, "tenant/consent", "admin consent"),
    (&[700_016], "unauthorized_client", 2, "tenant/application", "client_id, tenant and the cloud"),
    (&[700_025], "invalid_client", 2, "tenant/application", "public client"),
    (&[700_027], "invalid_client", 2, "tenant/application", "clock"),
    (&[70008, 700_082, 70043], "invalid_grant", 3, "tenant/sign-in-needed", "expired"),
    (&[70011], "invalid_scope", 2, "tenant/application", "scope"),
    (&[70016], "authorization_pending", 3, "tenant/sign-in-needed", "entered the code"),
    (&[70018, 70019], "bad_verification_code", 3, "tenant/sign-in-needed", "its time is over"),
    (&[7_000_112], "unauthorized_client", 2, "tenant/application", "disabled"),
    (&[7_000_215], "invalid_client", 2, "tenant/application", "secret's value"),
    (&[7_000_222], "invalid_client", 2, "tenant/application", "expired"),
    (&[7_000_218], "invalid_client", 2, "tenant/application", "public client flows"),
    (&[90002], "invalid_request", 2, "tenant/application", "no such tenant"),
    (&[90038], "invalid_request", 2, "tenant/application", "another national cloud"),
    (&[90033, 90006, 50033, 90055], "temporarily_unavailable", 6, "tenant/unavailable", "problem"),
    // Codes that nobody has words for, by their `error`.
    (&[99999], "invalid_client", 2, "tenant/application", "AADSTS99999"),
    (&[99999], "consent_required", 4, "tenant/consent", "AADSTS99999"),
    (&[99999], "interaction_required", 3, "tenant/sign-in-needed", "AADSTS99999"),
    (&[99999], "something_new", 3, "tenant/sign-in", "AADSTS99999"),
    (&[0], "something_new", 3, "tenant/sign-in", "was told to say so"),
];

#[test]
fn each_code_has_its_exit_its_error_and_its_sentence() {
    let mut wrong = String::new();
    for (codes, word, exit, row, part) in ROWS {
        for code in *codes {
            let status = if *word == "invalid_client" { 401 } else { 400 };
            let fault = Fault::always("POST", TOKEN, Act::sign_in_error(status, word, *code));
            let mut desk = Desk::new(Script { faults: vec![fault], ..Script::default() });
            let error = desk.entra.sign_in().unwrap_err();
            let advice = error.advice();
            let said = error.to_string();
            if (advice.exit.code(), advice.code) != (*exit, *row) || !said.contains(part) || advice.next.is_empty() {
                writeln!(wrong, "{code} {word}: {} {} {said}", advice.exit.code(), advice.code).unwrap();
            }
            // The raw words are kept for those who want to know.
            let (IdentityError::SignIn(_) | IdentityError::Unavailable(_)) = &error else { panic!("{error:?}") };
            if let IdentityError::SignIn(refusal) = &error {
                assert_eq!((refusal.reply.status, refusal.reply.code.as_str()), (status, *word));
                assert!(refusal.reply.message.contains("was told to say so") && !refusal.reply.request_id.is_empty());
                assert!(*code == 0 || said.contains(&format!("AADSTS{code}")), "{said}");
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
