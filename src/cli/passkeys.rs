//! `passkeys`: what the tenant holds for a user.

use serde_json::json;

use super::CliError;
use super::args::PasskeysCommand;
use super::station::Station;
use crate::identity::{IdentityError, IdentityProvider as _, Method, Reply};
use crate::ui::{Block, Question, Sheet};

/// Runs the command.
pub(super) fn run(station: &Station, command: &PasskeysCommand) -> Result<(), CliError> {
    match command {
        PasskeysCommand::List { user } => list(station, user),
        PasskeysCommand::Remove { user, id } => remove(station, user, id),
    }
}

fn list(station: &Station, name: &str) -> Result<(), CliError> {
    let mut tenant = station.provider()?;
    let user = tenant.user(name)?;
    let methods = tenant.methods(&user)?;
    let line = if methods.is_empty() {
        Block::Line(format!("{} has no passkeys.", user.upn))
    } else {
        Block::Table { head: vec!["ID", "NAME", "MODEL", "AAGUID", "REGISTERED"], rows: methods.iter().map(row).collect() }
    };
    station.face.show(&Sheet::new(&json!({ "user": user, "passkeys": methods }), vec![line]));
    Ok(())
}

fn row(method: &Method) -> Vec<String> {
    let cell = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    vec![
        method.id.clone(),
        cell(method.display_name.clone()),
        cell(method.model.clone()),
        cell(method.aaguid.map(|aaguid| aaguid.to_string())),
        cell(method.created.map(|created| created.to_string())),
    ]
}

fn remove(station: &Station, name: &str, id: &str) -> Result<(), CliError> {
    let mut tenant = station.provider()?;
    let user = tenant.user(name)?;
    let found = tenant.methods(&user)?.into_iter().find(|method| method.id == id);
    let Some(method) = found else {
        let message = format!("{} has no passkey {id}", user.upn);
        return Err(IdentityError::NotFound(Reply { status: 404, message, ..Reply::default() }).into());
    };
    let title = method.display_name.clone().or_else(|| method.model.clone()).unwrap_or_else(|| method.id.clone());
    station.consent(&Question::Remove { what: format!("The passkey {title} of {}", user.upn), place: "the tenant".into() })?;
    tenant.remove(&user, &method.id)?;
    let line = format!("The passkey {title} of {} is removed from the tenant.", user.upn);
    station.face.show(&Sheet::new(&json!({ "user": user, "removed": method }), vec![Block::Line(line)]));
    Ok(())
}
