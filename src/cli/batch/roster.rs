//! The roster's part of `batch run`: read, checked, planned.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::CliError;
use super::super::args::WishArgs;
use super::super::profile_file::ProfileFile;
use super::super::results::{BatchPlanned, RosterFaults};
use super::super::settings::EnrollSettings;
use super::super::station::Station;
use super::settings::BatchSettings;
use crate::advice::Exit;
use crate::batch::Choice;
use crate::batch::roster::{self, Fault, Inquiry, Plan, Roster, Source, Wishes};
use crate::identity::Directory;
use crate::identity::entra::Entra;
use crate::ledger::{KeyPart, NewTask};
use crate::ui::{Block, Event, Sheet};

/// Whom a batch is about.
#[derive(Debug, Args)]
pub(super) struct RosterArgs {
    /// The roster: a CSV or JSON file, - for standard input, or group:NAME
    #[arg(value_name = "ROSTER", required_unless_present_any = ["group", "apply"])]
    roster: Option<String>,
    /// The members of a group of the tenant, by object id or name
    #[arg(long, value_name = "NAME|ID", conflicts_with = "roster")]
    group: Option<String>,
    /// Do what a plan says, if nothing has changed since it was made
    #[arg(long, value_name = "FILE", conflicts_with_all = ["roster", "group", "keys_per_user", "replace"])]
    apply: Option<PathBuf>,
    /// Keys for each user; 2 are a primary and a spare
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=10))]
    keys_per_user: u8,
    /// Which passkey of each user goes once the new one is verified: oldest, serial:NUMBER or its id
    #[arg(long, value_name = "WHICH", allow_hyphen_values = true)]
    replace: Option<String>,
}

/// What came of reading and checking.
pub(super) enum Outlook {
    /// This is to be done; and what a person should know.
    Planned(Box<Plan>, Vec<String>),
    /// There are faults, and they were shown.
    Faulty(Exit),
}

/// Reads and checks what is to be done; nothing is changed anywhere.
///
/// With `facts` a plan holds what it was made of.
pub(super) fn outlook(station: &Station, args: &RosterArgs, wishes: &WishArgs, facts: bool) -> Result<Outlook, CliError> {
    let settings = EnrollSettings::resolve(Some(wishes), station.settings.profile()?)?;
    let value = serde_json::to_value(BatchSettings::from(&settings)).unwrap_or_default();
    if let Some(file) = &args.apply {
        let plan = Plan::read(file)?;
        let mut provider = station.provider()?;
        let tenant = provider.profile().tenant.clone();
        let faults = plan.differences(&tenant, &value, &mut inquiry(&mut provider, &mut *station.ledger()?, &usable(&tenant)))?;
        return Ok(if faults.is_empty() {
            Outlook::Planned(Box::new(plan), Vec::new())
        } else {
            Outlook::Faulty(show_faults(station, &plan.roster, &faults, &[]))
        });
    }
    let source = match (&args.group, args.roster.as_deref()) {
        (Some(group), _) => Source::Group(group.clone()),
        (None, text) => Source::from(text.unwrap_or("-")),
    };
    // A file is read before anybody is asked to sign in.
    let read = match &source {
        Source::Group(_) => None,
        _ => Some(roster::read(&source, &mut std::io::stdin())?),
    };
    let mut provider = station.provider()?;
    let tenant = provider.profile().tenant.clone();
    let roster = match read {
        Some(roster) => roster,
        None => members(&mut provider, &source)?,
    };
    station.face.tell(&Event::Notice { sentence: format!("{} users of {} are looked up", roster.rows.len(), roster.name) });
    let wishes = Wishes {
        keys_per_user: args.keys_per_user,
        replace: args.replace.as_deref().map(Choice::from),
        display_name: settings.display_name,
        facts,
    };
    let checked = roster.check(&wishes, &mut inquiry(&mut provider, &mut *station.ledger()?, &usable(&tenant)))?;
    if !checked.faults.is_empty() {
        return Ok(Outlook::Faulty(show_faults(station, &checked.roster, &checked.faults, &checked.warnings)));
    }
    let warnings = checked.warnings.clone();
    Ok(Outlook::Planned(Box::new(Plan::new(&tenant, station.clock.now(), value, checked)), warnings))
}

/// Writes a plan and shows it.
pub(super) fn write(station: &Station, plan: &Plan, warnings: &[String], file: &Path) -> Result<(), CliError> {
    let digest = plan.write(file)?;
    let mut blocks = vec![table(&plan.tasks)];
    blocks.extend(warned(warnings));
    blocks.push(Block::fields([
        ("keys", Some(plan.tasks.len().to_string())),
        ("users", Some(plan.people.len().to_string())),
        ("plan", Some(file.display().to_string())),
        ("digest", Some(digest.clone())),
    ]));
    let (users, tasks) = (plan.people.len(), plan.tasks.as_slice());
    let planned = BatchPlanned { roster: &plan.roster, users, tasks, warnings, file, digest: &digest };
    station.face.show(&Sheet::new(&planned, blocks));
    Ok(())
}

/// Warnings as lines.
pub(super) fn warned(warnings: &[String]) -> Vec<Block> {
    warnings.iter().map(|warning| Block::Line(format!("Note: {warning}."))).collect()
}

fn members(provider: &mut Entra, source: &Source) -> Result<Roster, CliError> {
    let Source::Group(name) = source else { return Err(roster::RosterError::NoGroup(source.name()).into()) };
    let group = roster::only_group(name, provider.groups(name)?)?;
    let members = provider.members(&group.id)?;
    Ok(Roster::of_members(&group, members)?)
}

fn inquiry<'a>(
    directory: &'a mut dyn Directory,
    ledger: &'a mut dyn crate::ledger::Batches,
    profiles: &'a dyn Fn(&str) -> Result<(), String>,
) -> Inquiry<'a> {
    Inquiry { directory, ledger, profiles }
}

/// Whether a profile that a roster names can be used: one of this station's, of the same tenant. A roster names no files.
fn usable(tenant: &str) -> impl Fn(&str) -> Result<(), String> {
    let tenant = tenant.to_owned();
    move |name| {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        if !name.chars().all(plain) {
            return Err("it is the name of no profile".into());
        }
        let profile = ProfileFile::read(Some(name)).map_err(|error| error.to_string())?;
        match profile.tenant.get("tenant").and_then(toml::Value::as_str) {
            Some(other) if other.eq_ignore_ascii_case(&tenant) => Ok(()),
            Some(other) => Err(format!("it is for the tenant {other}, and this is {tenant}")),
            None => Err("it names no tenant".into()),
        }
    }
}

fn table(tasks: &[NewTask]) -> Block {
    let cell = |text: Option<&String>| text.cloned().unwrap_or_else(|| "-".into());
    let row = |task: &NewTask| {
        let part = match task.part {
            KeyPart::Only => "-".to_owned(),
            KeyPart::Primary => "primary".to_owned(),
            KeyPart::Spare => task.mark().unwrap_or_default(),
        };
        vec![
            task.row.to_string(),
            task.upn.clone(),
            part,
            cell(task.serial.as_ref()),
            cell(task.display_name.as_ref()),
            cell(task.profile.as_ref()),
            cell(task.replaces.as_ref()),
        ]
    };
    let head = vec!["ROW", "USER", "KEY", "SERIAL", "NAME", "PROFILE", "REPLACES"];
    Block::Table { head, rows: tasks.iter().map(row).collect() }
}

/// Shows every fault, and says how the program ends: as by the roster's own faults if there are any.
fn show_faults(station: &Station, name: &str, faults: &[Fault], warnings: &[String]) -> Exit {
    let line = |fault: &Fault| {
        let place = match (fault.row, fault.user.as_str()) {
            (0, _) => "the plan".to_owned(),
            (row, "") => format!("row {row}"),
            (row, user) => format!("row {row}, {user}"),
        };
        Block::Line(format!("{place}: {} [{}] {}", fault.message, fault.code, fault.next))
    };
    let mut blocks: Vec<Block> = faults.iter().map(line).collect();
    blocks.extend(warned(warnings));
    blocks.push(Block::Line(format!("{} faults are in {name}; nothing was done.", faults.len())));
    station.face.show(&Sheet::new(&RosterFaults { roster: name, faults, warnings }, blocks));
    let usage = faults.iter().any(|fault| fault.exit == Exit::Usage);
    if usage { Exit::Usage } else { faults.first().map_or(Exit::Usage, |fault| fault.exit) }
}
