//! `passkeys register`: a passkey that was made elsewhere, checked by our own rules and posted once.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::super::CliError;
use super::super::results::PasskeyRegistered;
use super::super::station::Station;
use super::credential_file::CredentialFile;
use super::{RegisterArgs, title};
use crate::enroll::EnrolError;
use crate::identity::entra::Entra;
use crate::identity::{
    Finding, IdentityError, IdentityProvider as _, KeyModel, LOOK_STEP, LOOKS, Method, RegisterError, Registration, User,
    Verdict, passkey_name,
};
use crate::ui::{Answer, Block, Event, Question, Sheet};
use crate::webauthn::{
    AttestationError, AttestationObject, ClientData, CreationOptions, Expected, RelyingParty, Trust, UserEntity, Verified,
};

/// Algorithms that Entra ID asks for: ES256 and RS256.
const ALGORITHMS: [i64; 2] = [-7, -257];

/// Registers the passkey of a file.
pub(super) fn run(station: &Station, args: &RegisterArgs) -> Result<(), CliError> {
    let file = CredentialFile::read(&args.file)?;
    if file.expires.is_some_and(|expires| expires <= station.clock.now()) {
        return Err(CliError::ChallengeOver);
    }
    let mut tenant = station.provider()?;
    let rp_id = relying_party(&file).map_err(EnrolError::Attestation)?;
    if !tenant.accepts_relying_party(&rp_id) {
        let reason = format!("it is for {rp_id:?}, which is no sign-in host of this cloud");
        return Err(CliError::CredentialFile { path: args.file.clone().into(), reason });
    }
    let (verified, packed) = verify(&file, rp_id).map_err(EnrolError::Attestation)?;
    let user = tenant.user(&args.user)?;
    if let Some(method) = registered_before(station, &mut tenant, &user, &file)? {
        show(station, &user, &method, &verified, true);
        return Ok(());
    }
    may_have(station, &mut tenant, &user, &KeyModel { aaguid: verified.aaguid, packed })?;
    agreed(station, &user, args.allow_unforced_pin)?;
    let registration = Registration {
        display_name: passkey_name(args.display_name.as_ref().or(file.display_name.as_ref()).map_or("", String::as_str)),
        credential_id: file.credential_id,
        attestation_object: file.attestation_object,
        client_data_json: file.client_data_json,
        expires: file.expires.unwrap_or(Timestamp::MAX),
    };
    let method = post(station, &mut tenant, &user, &registration)?;
    show(station, &user, &method, &verified, false);
    Ok(())
}

/// The relying party that the client data names by its origin.
fn relying_party(file: &CredentialFile) -> Result<String, AttestationError> {
    let origin = ClientData::read(&file.client_data_json)?.origin;
    origin.strip_prefix("https://").map(str::to_owned).ok_or(AttestationError::ClientData("origin"))
}

/// Everything that can be checked without the tenant. Whether the challenge is the tenant's own, only the tenant knows.
fn verify(file: &CredentialFile, rp_id: String) -> Result<(Verified, bool), AttestationError> {
    let options = CreationOptions {
        rp: RelyingParty { id: rp_id, name: String::new() },
        user: UserEntity { id: Vec::new(), name: String::new(), display_name: String::new() },
        challenge: ClientData::read(&file.client_data_json)?.challenge,
        algorithms: ALGORITHMS.to_vec(),
        exclude: Vec::new(),
        hmac_secret: false,
        cred_protect: None,
    };
    ClientData::check(&file.client_data_json, &options)?;
    let expected = Expected::by_hash(&options, Sha256::digest(&file.client_data_json).into());
    let attestation = AttestationObject::parse(&file.attestation_object)?;
    let verified = attestation.verify(&expected.with_credential_id(file.credential_id.clone()))?;
    Ok((verified, attestation.format() == "packed"))
}

/// The passkey, if the user has it already. Who may not list passkeys is told; the tenant refuses a second one by itself.
fn registered_before(
    station: &Station,
    tenant: &mut Entra,
    user: &User,
    file: &CredentialFile,
) -> Result<Option<Method>, CliError> {
    match tenant.find(user, &file.credential_id) {
        Err(error @ IdentityError::Forbidden(_)) => {
            let finding = Finding {
                check: "passkeys/list",
                verdict: Verdict::Unknown,
                sentence: format!("whether {} has this passkey already cannot be read: {error}", user.upn),
                remedy: "Grant UserAuthMethod-Passkey.Read.All; without it a lost answer cannot be cleared up.".into(),
            };
            station.face.tell(&Event::Found { finding });
            Ok(None)
        }
        found => Ok(found?),
    }
}

/// The tenant's rules, before anything is sent.
fn may_have(station: &Station, tenant: &mut Entra, user: &User, model: &KeyModel) -> Result<(), CliError> {
    let checked = tenant.preflight(user, model)?;
    for finding in checked.findings.iter().filter(|finding| finding.verdict != Verdict::Pass) {
        station.face.tell(&Event::Found { finding: finding.clone() });
    }
    match checked.failure() {
        Some(failure) => Err(EnrolError::Policy(failure.clone()).into()),
        None => Ok(()),
    }
}

/// Nobody can tell from a file whether the PIN of its key is temporary: that takes the same consent as a key that cannot force
/// a change. `--yes` is none.
fn agreed(station: &Station, user: &User, beforehand: bool) -> Result<(), CliError> {
    if beforehand {
        return Ok(());
    }
    match station.face.ask(&Question::UnknownPin { upn: user.upn.clone() }) {
        Some(Answer::Yes) => Ok(()),
        Some(Answer::No) => Err(CliError::Declined),
        None => Err(CliError::UnknownPin),
    }
}

/// Posts once. Where the answer was lost, the tenant is asked.
fn post(station: &Station, tenant: &mut Entra, user: &User, registration: &Registration) -> Result<Method, CliError> {
    let unknown = match tenant.register(user, registration) {
        Ok(method) => return Ok(method),
        Err(RegisterError::Refused(error)) => return Err(error.into()),
        Err(RegisterError::Unknown(error)) => error,
    };
    let sentence = format!("the answer was lost ({unknown}): asking whether the passkey arrived");
    station.face.tell(&Event::Notice { sentence });
    for look in 0..LOOKS {
        if look > 0 {
            station.clock.sleep(LOOK_STEP);
        }
        match tenant.find(user, &registration.credential_id) {
            Ok(Some(method)) => return Ok(method),
            Ok(None) => {}
            Err(error @ (IdentityError::Network(_) | IdentityError::Unavailable(_))) => log::debug!("asking failed: {error}"),
            Err(error) => return Err(EnrolError::Register(RegisterError::Unknown(error)).into()),
        }
    }
    Err(EnrolError::Register(RegisterError::Unknown(unknown)).into())
}

fn show(station: &Station, user: &User, method: &Method, verified: &Verified, before: bool) {
    let line = if before {
        format!("{} has this passkey already: {}.", user.upn, title(method))
    } else {
        format!(
            "The passkey {} of {} is registered. Its key was not seen here: whether its PIN has to be changed is not known.",
            title(method),
            user.upn
        )
    };
    let result = PasskeyRegistered {
        user,
        passkey: method,
        credential_id: &verified.credential_id,
        aaguid: verified.aaguid,
        attestation: trust(&verified.trust),
        registered_before: before,
        pin_change_forced: None,
    };
    station.face.show(&Sheet::new(&result, vec![Block::Line(line)]));
}

/// How far the attestation was followed, in a word for scripts.
fn trust(trust: &Trust) -> &str {
    match trust {
        Trust::None => "none",
        Trust::SelfAttested => "self",
        Trust::Leaf => "certificate",
        Trust::Chain => "chain",
        Trust::Unchecked(format) => format,
    }
}
