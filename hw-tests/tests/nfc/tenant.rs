//! The training tenant with a judge that is not ours, and that judge's own sign-in.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keywright::clock::SystemClock;
use keywright::simulator::key::test_root_der;
use keywright::simulator::tenant::{
    Assertion, AttestationJudge, AttestationLevel, Fault, RunningTenant, Script, Submission, TrainingPasskey, TrainingTenant,
    TrainingUser,
};
use keywright_hw_tests::Program;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::proto::{AuthenticationState, Credential, PublicKeyCredential, UserVerificationPolicy};

use crate::judge::{Case, accept};

pub const USER: &str = "adele@contoso.example";
pub const RP_ID: &str = "login.microsoft.com";
pub const ORIGIN: &str = "https://login.microsoft.com";

/// Accepts what `webauthn-rs-core` accepts, chain to the test root included, and remembers it.
#[derive(Default)]
struct Judge(Arc<Mutex<Vec<Credential>>>);

impl AttestationJudge for Judge {
    fn judge(&self, submission: &Submission<'_>) -> Result<AttestationLevel, String> {
        let credential = accept(&Case {
            challenge: submission.challenge,
            origin: ORIGIN,
            rp_id: submission.rp_id,
            client_data_json: submission.client_data_json,
            attestation_object: submission.attestation_object,
            exclude: &[],
            root: Some(test_root_der()),
        })?;
        self.0.lock().unwrap().push(credential);
        Ok(AttestationLevel::Attested)
    }
}

/// A running tenant and what its judge accepted.
pub struct Tenant {
    running: RunningTenant,
    accepted: Arc<Mutex<Vec<Credential>>>,
}

impl Tenant {
    pub fn start() -> Self {
        Self::with(Script::default())
    }

    /// The same with more users of these names.
    pub fn for_more_users(names: &[&str]) -> Self {
        let mut script = Script::default();
        let adele = script.users.iter().find(|user| user.upn == USER).unwrap().clone();
        for (number, name) in (1..).zip(names) {
            let id = format!("00000000-0000-4000-9000-{number:012}");
            script.users.push(TrainingUser { id, upn: (*name).into(), mail: None, ..adele.clone() });
        }
        Self::with(script)
    }

    pub fn with(script: Script) -> Self {
        let judge = Judge::default();
        let accepted = Arc::clone(&judge.0);
        let clock = Arc::new(SystemClock::new());
        let rng = Box::new(StdRng::seed_from_u64(1));
        let running = TrainingTenant::start("127.0.0.1:0", script, clock, rng, Box::new(judge)).unwrap();
        running.record();
        Self { running, accepted }
    }

    pub fn fault(&self, fault: Fault) {
        self.running.add_fault(fault);
    }

    /// Its profile, as TOML.
    pub fn profile(&self) -> String {
        self.running.profile_toml()
    }

    /// The program with a profile for this tenant.
    pub fn program(&self) -> Program {
        let program = Program::new();
        let profile = program.home().join("profile.toml");
        std::fs::write(&profile, self.profile()).unwrap();
        program.with("KEYWRIGHT_PROFILE", profile.to_str().unwrap())
    }

    /// The one passkey that a user has.
    pub fn passkey_of(&self, user: &str) -> TrainingPasskey {
        let mut passkeys = self.running.passkeys(user);
        assert_eq!(passkeys.len(), 1, "{passkeys:?}");
        passkeys.remove(0)
    }

    pub fn has_passkeys(&self) -> bool {
        !self.running.passkeys(USER).is_empty()
    }

    /// What a relying party that is not ours needs to judge the one registration: the credential as it was sent, the
    /// challenge that was handed out last before it, and the root.
    pub fn registration(&self) -> Value {
        let (exchanges, left_out) = self.running.exchanges();
        assert_eq!(left_out, 0);
        let post = exchanges.iter().rposition(|one| one.method == "POST" && one.path.ends_with("/fido2Methods")).expect("a POST");
        let options = exchanges[..post].iter().rfind(|one| one.path.ends_with("/creationOptions")).expect("creation options");
        let options: Value = serde_json::from_slice(&options.answer.as_ref().unwrap().body).unwrap();
        let sent: Value = serde_json::from_slice(&exchanges[post].body).unwrap();
        json!({
            "rpId": options["publicKey"]["rp"]["id"],
            "challenge": options["publicKey"]["challenge"],
            "root": URL_SAFE_NO_PAD.encode(test_root_der()),
            "credential": sent["publicKeyCredential"],
        })
    }

    /// This user signs in without a user name; tenant and judge each verify the assertion. Returns the user handle.
    /// `browser` makes an assertion (AuthenticationResponseJSON) of the options (PublicKeyCredentialRequestOptionsJSON).
    pub fn sign_in(&self, user: &str, browser: impl FnOnce(&Value) -> Value) -> String {
        let core = WebauthnCore::new_unsafe_experts_only(
            "tenant",
            RP_ID,
            vec![ORIGIN.parse().unwrap()],
            Duration::from_mins(1),
            None,
            None,
        );
        let known = self.accepted.lock().unwrap().clone();
        let builder = core.new_challenge_authenticate_builder(known, Some(UserVerificationPolicy::Required)).unwrap();
        let (challenge, state): (_, AuthenticationState) = core.generate_challenge_authenticate(builder).unwrap();
        let mut options = serde_json::to_value(challenge).unwrap()["publicKey"].take();
        options.as_object_mut().unwrap().remove("allowCredentials");
        let answer = browser(&options);

        let response: PublicKeyCredential = serde_json::from_value(answer.clone()).unwrap();
        let verified = core.authenticate_credential(&response, &state).expect("the judge refuses the sign-in");
        assert!(verified.user_verified());
        self.running.verify_assertion(&assertion(user, &answer)).expect("the tenant refuses the sign-in");
        answer["response"]["userHandle"].as_str().unwrap().to_owned()
    }
}

/// The tenant's form of the client's answer.
fn assertion(user: &str, answer: &Value) -> Assertion {
    let response = &answer["response"];
    serde_json::from_value(json!({
        "userId": user,
        "credentialId": answer["id"],
        "clientDataJSON": response["clientDataJSON"],
        "authenticatorData": response["authenticatorData"],
        "signature": response["signature"],
    }))
    .unwrap()
}
