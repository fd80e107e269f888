//! `keys credentials`: the passkeys on the key itself.

use super::super::CliError;
use super::super::args::CredentialsCommand;
use super::super::pins::Pins;
use super::super::results::{CredentialDeleted, CredentialList, CredentialRenamed, CredentialRow};
use super::super::station::Station;
use super::opened;
use crate::ctap::{Credentials, CtapError, Feature, Pinned, ResidentCredential, ResidentRp, ResidentUser};
use crate::enroll::Desk;
use crate::ui::{Block, Question, Sheet};
use crate::webauthn::CredentialId;

/// Runs the command.
pub(super) fn run(station: &Station, desk: &mut Desk<'_>, command: &CredentialsCommand) -> Result<(), CliError> {
    let mut key = unlocked(station, desk, command)?;
    let token = key.token_for_credentials()?;
    let mut session = key.credentials(token)?;
    match command {
        CredentialsCommand::List(_) => list(station, &mut session),
        CredentialsCommand::Delete { credential, .. } => delete(station, &mut session, credential),
        CredentialsCommand::Rename { credential, name, display_name, .. } => {
            if name.is_none() && display_name.is_none() {
                return Err(CliError::NothingToRename);
            }
            rename(station, &mut session, credential, name.as_ref(), display_name.as_ref())
        }
    }
}

fn unlocked(station: &Station, desk: &mut Desk<'_>, command: &CredentialsCommand) -> Result<Pinned, CliError> {
    let (CredentialsCommand::List(source)
    | CredentialsCommand::Delete { pin: source, .. }
    | CredentialsCommand::Rename { pin: source, .. }) = command;
    let key = opened(desk)?;
    if !key.info().can_manage_credentials() {
        return Err(CtapError::Unsupported(Feature::CredentialManagement).into());
    }
    if key.info().client_pin() != Some(true) {
        return Err(CtapError::Unsupported(Feature::SetPin).into());
    }
    let pin = Pins::new(*source, station.face.as_ref())?.current()?;
    Ok(Pinned::unlock(key, pin).map_err(|failed| failed.error)?)
}

/// A passkey with the relying party that it is for.
struct Found {
    rp: String,
    credential: ResidentCredential,
}

impl Found {
    fn id(&self) -> String {
        CredentialId(self.credential.id.clone()).to_string()
    }

    fn account(&self) -> Option<&str> {
        self.credential.user.name.as_deref().or(self.credential.user.display_name.as_deref())
    }

    fn title(&self) -> String {
        format!("The passkey of {} for {}", self.account().unwrap_or("an unnamed account"), self.rp)
    }

    fn row(&self) -> CredentialRow {
        let user = &self.credential.user;
        CredentialRow {
            credential_id: CredentialId(self.credential.id.clone()),
            rp_id: self.rp.clone(),
            user_handle: CredentialId(user.id.clone()),
            name: user.name.clone(),
            display_name: user.display_name.clone(),
            cred_protect: self.credential.cred_protect,
        }
    }
}

fn all(session: &mut Credentials<'_>) -> Result<Vec<Found>, CliError> {
    let mut found = Vec::new();
    for ResidentRp { id, id_hash, .. } in session.rps()? {
        let of_rp = session.credentials(&id_hash)?.into_iter();
        found.extend(of_rp.map(|credential| Found { rp: id.clone(), credential }));
    }
    Ok(found)
}

fn pick(session: &mut Credentials<'_>, beginning: &str) -> Result<Found, CliError> {
    let fits = |found: &Found| !beginning.is_empty() && found.id().starts_with(beginning);
    let mut fitting: Vec<Found> = all(session)?.into_iter().filter(fits).collect();
    match (fitting.pop(), fitting.is_empty()) {
        (Some(found), true) => Ok(found),
        (Some(_), false) => Err(CliError::SeveralCredentials(beginning.to_owned())),
        (None, _) => Err(CliError::NoSuchCredential(beginning.to_owned())),
    }
}

fn list(station: &Station, session: &mut Credentials<'_>) -> Result<(), CliError> {
    let metadata = session.metadata()?;
    let found = all(session)?;
    let rows = found.iter().map(|found| {
        let account = found.account().unwrap_or("-").to_owned();
        vec![found.rp.clone(), account, found.credential.user.display_name.clone().unwrap_or_else(|| "-".into()), found.id()]
    });
    let table = if found.is_empty() {
        Block::Line("No passkeys are on the key.".into())
    } else {
        Block::Table { head: vec!["FOR", "ACCOUNT", "NAME", "CREDENTIAL ID"], rows: rows.collect() }
    };
    let room = Block::Line(format!("Room for about {} more.", metadata.remaining));
    let credentials = found.iter().map(Found::row).collect();
    station.face.show(&Sheet::new(&CredentialList { credentials, remaining: metadata.remaining }, vec![table, room]));
    Ok(())
}

fn delete(station: &Station, session: &mut Credentials<'_>, beginning: &str) -> Result<(), CliError> {
    let found = pick(session, beginning)?;
    station.consent(&Question::Remove { what: found.title(), place: "the key".into() })?;
    session.delete(&found.credential.id)?;
    let line = Block::Line(format!("{} is deleted from the key.", found.title()));
    station.face.show(&Sheet::new(&CredentialDeleted { deleted: found.row() }, vec![line]));
    Ok(())
}

fn rename(
    station: &Station,
    session: &mut Credentials<'_>,
    beginning: &str,
    name: Option<&String>,
    display_name: Option<&String>,
) -> Result<(), CliError> {
    let mut found = pick(session, beginning)?;
    let before = &found.credential.user;
    let user = ResidentUser {
        id: before.id.clone(),
        name: name.cloned().or_else(|| before.name.clone()),
        display_name: display_name.cloned().or_else(|| before.display_name.clone()),
    };
    session.update_user(&found.credential.id, &user)?;
    found.credential.user = user;
    let line = Block::Line(format!("{} has its new name.", found.title()));
    station.face.show(&Sheet::new(&CredentialRenamed { renamed: found.row() }, vec![line]));
    Ok(())
}
