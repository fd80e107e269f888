//! `passkeys list`.

use super::super::CliError;
use super::super::results::UserPasskeys;
use super::super::station::Station;
use super::{ListArgs, cell};
use crate::identity::entra::{Entra, PasskeyEvent};
use crate::identity::{Finding, IdentityError, IdentityProvider as _, Method, User, Verdict};
use crate::ui::{Block, Event, Sheet};

/// Lists the passkeys of a user, with what was asked for beside them.
pub(super) fn run(station: &Station, args: &ListArgs) -> Result<(), CliError> {
    let mut tenant = station.provider()?;
    let user = tenant.user(&args.user)?;
    let (methods, last_used) = methods(station, &mut tenant, &user, args.last_used)?;
    let mut blocks = vec![table(&user, &methods, last_used)];
    let events = args.audit.then(|| events(station, &mut tenant, &user, &methods)).transpose()?;
    blocks.extend(events.iter().flatten().map(|events| event_table(events)));
    station.face.show(&Sheet::new(&UserPasskeys { user: &user, passkeys: &methods, events }, blocks));
    Ok(())
}

/// The passkeys, and whether the time of their last use is among what is known. A beta interface that fails costs that alone.
fn methods(station: &Station, tenant: &mut Entra, user: &User, last_used: bool) -> Result<(Vec<Method>, bool), CliError> {
    if last_used {
        match tenant.methods_with_last_use(user) {
            Ok(methods) => return Ok((methods, true)),
            Err(error) => station.face.tell(&unknown(
                "passkeys/last-used",
                format!("when they were last used cannot be read: {error}"),
                "The list is complete all the same; only the beta API tells the last use.",
            )),
        }
    }
    Ok((tenant.methods(user)?, false))
}

/// The events of the audit log; `None`, and a warning, where it must not be read.
fn events(station: &Station, tenant: &mut Entra, user: &User, methods: &[Method]) -> Result<Option<Vec<PasskeyEvent>>, CliError> {
    match tenant.passkey_events(user, methods) {
        Ok(events) => Ok(Some(events)),
        Err(error @ (IdentityError::Forbidden(_) | IdentityError::Refused(_) | IdentityError::NotFound(_))) => {
            station.face.tell(&unknown(
                "passkeys/audit",
                format!("the directory's audit log cannot be read: {error}"),
                "Grant AuditLog.Read.All; whoever signs in as a person also needs the role Reports Reader or Security Reader.",
            ));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn unknown(check: &'static str, sentence: String, remedy: &str) -> Event {
    Event::Found { finding: Finding { check, verdict: Verdict::Unknown, sentence, remedy: remedy.to_owned() } }
}

fn table(user: &User, methods: &[Method], last_used: bool) -> Block {
    if methods.is_empty() {
        return Block::Line(format!("{} has no passkeys.", user.upn));
    }
    let mut head = vec!["ID", "NAME", "MODEL", "AAGUID", "REGISTERED", "ATTESTED", "TYPE"];
    if last_used {
        head.push("LAST USED");
    }
    let rows = methods.iter().map(|method| {
        let mut row = vec![
            method.id.clone(),
            cell(method.display_name.as_ref()),
            cell(method.model.as_ref()),
            cell(method.aaguid),
            cell(method.created),
            cell(method.attestation_level.as_deref().map(attested)),
            cell(method.passkey_type.as_deref().map(kind)),
        ];
        if last_used {
            row.push(cell(method.last_used));
        }
        row
    });
    Block::Table { head, rows: rows.collect() }
}

/// `attestationLevel` in a word; one that we do not know stays as it is.
fn attested(level: &str) -> &str {
    match level {
        "attested" => "yes",
        "notAttested" => "no",
        other => other,
    }
}

/// `passkeyType` in a word.
fn kind(kind: &str) -> &str {
    match kind {
        "deviceBound" => "device-bound",
        other => other,
    }
}

fn event_table(events: &[PasskeyEvent]) -> Block {
    if events.is_empty() {
        return Block::Line(
            "The audit log has nothing on them; events appear there minutes later and stay for 30 days at most.".into(),
        );
    }
    let rows = events.iter().map(|event| {
        let passkey = event.passkey.as_ref().or(event.key_id.as_ref());
        let activity = match &event.reason {
            Some(reason) => format!("{}: {reason}", event.activity),
            None => event.activity.clone(),
        };
        vec![cell(event.at), activity, cell(event.result.as_ref()), cell(event.by.as_ref()), cell(passkey)]
    });
    Block::Table { head: vec!["WHEN", "WHAT", "RESULT", "BY", "PASSKEY"], rows: rows.collect() }
}
