//! `report`: what the whole tenant has.

mod source;
mod writing;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::CliError;
use super::results::PasskeysReported;
use super::station::Station;
use crate::aaguid::Aaguid;
use crate::advice::Exit;
use crate::report::{Filter, Form, Owning, Tally};
use crate::ui::{Block, Event, Sheet};

/// `report`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum ReportCommand {
    /// Every passkey of every user, as CSV, JSON or Markdown
    Passkeys(PasskeysArgs),
}

/// `report passkeys`.
#[derive(Debug, Args)]
pub(super) struct PasskeysArgs {
    /// Where to write it; standard output if it is left out. A report that was interrupted goes on where it stopped
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The form; otherwise what FILE ends with says it (.json, .md), or it is CSV
    #[arg(long, value_name = "FORM")]
    format: Option<Format>,
    /// Exactly the columns of another program
    #[arg(long, value_name = "PROGRAM", conflicts_with = "format")]
    compat: Option<Compat>,
    /// Who.
    #[command(flatten)]
    people: PeopleArgs,
    /// Which.
    #[command(flatten)]
    wanted: WantedArgs,
}

/// About whom.
#[derive(Debug, Args)]
struct PeopleArgs {
    /// Only about this user, by name or object id; may be repeated
    #[arg(long, value_name = "USER")]
    user: Vec<String>,
    /// Only about the members of this group, by name or object id; may be repeated
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    /// Ask only about users of whom the tenant's report of registrations knows a passkey: faster, but hours behind; about
    /// everybody where that report cannot be had
    #[arg(long, conflicts_with_all = ["user", "group", "without_passkey"])]
    registered: bool,
}

/// Which rows.
#[derive(Debug, Args)]
struct WantedArgs {
    /// Only models whose name has this in it; may be repeated
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// Only this model; may be repeated
    #[arg(long, value_name = "AAGUID")]
    aaguid: Vec<Aaguid>,
    /// Only models that this advisory is about, or any; may be repeated
    #[arg(long, value_name = "ID")]
    advisory: Vec<String>,
    /// Only what the policy of today does not accept
    #[arg(long)]
    not_allowed: bool,
    /// Users who have no passkey
    #[arg(long, conflicts_with_all = ["model", "aaguid", "advisory", "not_allowed", "only_one"])]
    without_passkey: bool,
    /// Only users who have one passkey and no other
    #[arg(long)]
    only_one: bool,
}

/// A form that a report can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Delimited by `;`.
    Csv,
    /// A list of objects.
    Json,
    /// Tables.
    Markdown,
}

/// A program whose columns can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Compat {
    /// Export-Fido2Info.ps1.
    #[value(name = "export-fido2info")]
    ExportFido2Info,
}

impl PasskeysArgs {
    fn form(&self) -> Form {
        let ending = self.out.as_ref().and_then(|path| path.extension()).and_then(|ending| ending.to_str());
        match (self.compat, self.format, ending.map(str::to_ascii_lowercase).as_deref()) {
            (Some(Compat::ExportFido2Info), ..) => Form::ExportFido2Info,
            (_, Some(Format::Json), _) | (_, None, Some("json")) => Form::Json,
            (_, Some(Format::Markdown), _) | (_, None, Some("md")) => Form::Markdown,
            _ => Form::Csv,
        }
    }

    fn filter(&self) -> Filter {
        let wanted = &self.wanted;
        Filter {
            models: wanted.model.clone(),
            aaguids: wanted.aaguid.clone(),
            advisories: wanted.advisory.clone(),
            not_allowed: wanted.not_allowed,
            owning: match (wanted.without_passkey, wanted.only_one) {
                (true, _) => Owning::None,
                (_, true) => Owning::One,
                _ => Owning::Some,
            },
        }
    }
}

/// Runs the command. The file appears under its name only when it is whole.
pub(super) fn run(station: &Station, command: &ReportCommand) -> Result<Exit, CliError> {
    let ReportCommand::Passkeys(args) = command;
    let tally = writing::write(station, args)?;
    show(station, args, &tally);
    Ok(if tally.unread == 0 { Exit::Done } else { Exit::Partly })
}

fn show(station: &Station, args: &PasskeysArgs, tally: &Tally) {
    let file = args.out.as_deref();
    let (users, rows) = (tally.users, tally.rows);
    let place = file.map_or_else(|| "above".to_owned(), |path| format!("in {}", path.display()));
    let what = if args.wanted.without_passkey { "users without a passkey" } else { "passkeys" };
    let mut lines = vec![format!("{rows} {what} are {place}; {users} users were asked about.")];
    if tally.unread > 0 {
        lines.push(format!("Not read, and so not among them: the passkeys of {} users.", tally.unread));
        lines.extend(tally.named.iter().map(|upn| format!("  {upn}")));
    }
    let models = tally.models();
    let (unread, unread_users) = (tally.unread, tally.named.as_slice());
    let passkeys = models.iter().fold(0_u64, |sum, model| sum.saturating_add(model.passkeys));
    let told = PasskeysReported { users, passkeys, rows, models: models.clone(), unread, unread_users, file };
    if file.is_none() {
        // Standard output has the report and nothing else.
        for line in lines {
            station.face.tell(&Event::Notice { sentence: line });
        }
        return station.face.show(&Sheet::new(&told, vec![Block::Raw(args.form().tail(tally))]));
    }
    let cells = models.iter().map(|count| {
        let aaguid = count.aaguid.map_or_else(|| "-".to_owned(), |aaguid| aaguid.to_string());
        vec![count.passkeys.to_string(), aaguid, count.model.clone().unwrap_or_else(|| "-".into())]
    });
    let mut blocks: Vec<Block> = lines.into_iter().map(Block::Line).collect();
    if !models.is_empty() {
        blocks.insert(0, Block::Table { head: vec!["PASSKEYS", "AAGUID", "MODEL"], rows: cells.collect() });
    }
    station.face.show(&Sheet::new(&told, blocks));
}
