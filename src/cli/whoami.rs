//! `whoami`: who is signed in, with what rights, and what each missing right stops.

use super::CliError;
use super::results::SignedIn;
use super::station::Station;
use crate::identity::entra::{Entra, Who};
use crate::ui::{Block, Sheet};

/// Signs in if need be and shows who that is.
pub(super) fn run(station: &Station) -> Result<(), CliError> {
    show(station, &mut station.provider()?)
}

/// Shows who is signed in.
pub(super) fn show(station: &Station, tenant: &mut Entra) -> Result<(), CliError> {
    let who = tenant.who()?;
    let profile = tenant.profile();
    let cloud = profile.cloud_finding();
    let mut blocks = vec![Block::fields([
        ("tenant", Some(profile.tenant.clone())),
        ("application", Some(profile.client_id.clone()).filter(|id| !id.is_empty())),
        ("user", who.as_ref().and_then(|who| who.user.clone())),
        ("signed in as", who.as_ref().map(|who| if who.person { "a person" } else { "an application" }.to_owned())),
        ("roles", who.as_ref().map(Who::role_names).filter(|names| !names.is_empty()).map(|names| names.join(", "))),
        ("permissions", who.as_ref().map(|who| who.permissions.join(", "))),
    ])];
    let missing = who.as_ref().map(Who::missing).unwrap_or_default();
    if who.is_none() {
        blocks.push(Block::Line("The access token does not say more.".into()));
    }
    if !missing.is_empty() {
        let rows =
            missing.iter().map(|need| vec![need.any_of.first().copied().unwrap_or_default().to_owned(), need.stops.to_owned()]);
        blocks.push(Block::Table { head: vec!["MISSING", "STOPS"], rows: rows.collect() });
    }
    if let Some(finding) = &cloud {
        blocks.push(Block::Line(format!("{}. {}", finding.sentence, finding.remedy)));
    }
    let result = SignedIn {
        tenant: &profile.tenant,
        application: &profile.client_id,
        holder: who.as_ref(),
        role_names: who.as_ref().map(Who::role_names),
        missing,
        cloud,
    };
    station.face.show(&Sheet::new(&result, blocks));
    Ok(())
}
