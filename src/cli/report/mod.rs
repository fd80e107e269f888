//! `report`: what the whole tenant has.

use std::fs;
use std::io::{BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::CliError;
use super::results::PasskeysReported;
use super::station::Station;
use crate::advice::Exit;
use crate::identity::entra::{Entra, Whom};
use crate::report::PasskeyReport;
use crate::secret::private;
use crate::ui::{Block, Sheet};

/// Users without an answer who are named.
const MOST_NAMED: usize = 100;

/// `report`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum ReportCommand {
    /// Every passkey of every user, as CSV
    Passkeys(PasskeysArgs),
}

/// `report passkeys`.
#[derive(Debug, Args)]
pub(super) struct PasskeysArgs {
    /// Where to write it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Exactly the columns of another program
    #[arg(long, value_name = "PROGRAM")]
    compat: Option<Compat>,
    /// Ask only about users of whom the tenant's report of registrations knows a passkey: faster, but hours behind
    #[arg(long)]
    registered: bool,
}

/// A program whose columns can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Compat {
    /// Export-Fido2Info.ps1.
    #[value(name = "export-fido2info")]
    ExportFido2Info,
}

/// Users who were asked about, and those of them without an answer.
#[derive(Default)]
struct Asked {
    users: usize,
    unread: u64,
    named: Vec<String>,
}

/// Runs the command. The file appears under its name only when it is whole.
pub(super) fn run(station: &Station, command: &ReportCommand) -> Result<Exit, CliError> {
    let ReportCommand::Passkeys(args) = command;
    let mut part = args.out.clone().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut report = PasskeyReport::new(args.compat.is_some());
    let whom = if args.registered { Whom::Registered } else { Whom::Everybody };
    let asked = write(&mut station.provider()?, whom, &mut report, &part).inspect_err(|_| drop(fs::remove_file(&part)))?;
    fs::rename(&part, &args.out).map_err(|error| CliError::file(&args.out, &error))?;
    show(station, &args.out, &report, &asked);
    Ok(if asked.unread == 0 { Exit::Done } else { Exit::Partly })
}

fn write(tenant: &mut Entra, whom: Whom, report: &mut PasskeyReport, path: &Path) -> Result<Asked, CliError> {
    let failed = |error| CliError::file(path, &error);
    // Who has which key is nobody else's business; what an earlier run has left may be anybody's.
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut file = BufWriter::new(private::create_new(path).map_err(failed)?);
    file.write_all(report.head().as_bytes()).map_err(failed)?;
    let (mut asked, mut next) = (Asked::default(), None);
    loop {
        let page = tenant.people(whom, next.as_deref())?;
        asked.users = asked.users.saturating_add(page.users.len());
        for (user, passkeys) in page.users.iter().zip(tenant.methods_of_with_last_use(&page.users)?) {
            if let Ok(passkeys) = passkeys {
                file.write_all(report.rows(user, &passkeys).as_bytes()).map_err(failed)?;
                continue;
            }
            asked.unread = asked.unread.saturating_add(1);
            if asked.named.len() < MOST_NAMED {
                asked.named.push(user.upn.clone());
            }
        }
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    file.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(failed)?;
    Ok(asked)
}

fn show(station: &Station, path: &Path, report: &PasskeyReport, asked: &Asked) {
    let models = report.models();
    let passkeys = models.iter().fold(0_u64, |sum, model| sum.saturating_add(model.passkeys));
    let rows = models.iter().map(|count| {
        let aaguid = count.aaguid.map_or_else(|| "-".to_owned(), |aaguid| aaguid.to_string());
        vec![count.passkeys.to_string(), aaguid, count.model.clone().unwrap_or_else(|| "-".into())]
    });
    let table = Block::Table { head: vec!["PASSKEYS", "AAGUID", "MODEL"], rows: rows.collect() };
    let users = asked.users;
    let mut blocks = vec![table, Block::Line(format!("{passkeys} passkeys of {users} users are in {}.", path.display()))];
    if asked.unread > 0 {
        blocks.push(Block::Line(format!("Not read, and so not in the file: the passkeys of {} users.", asked.unread)));
        blocks.extend(asked.named.iter().map(|upn| Block::Line(format!("  {upn}"))));
    }
    let (unread, unread_users) = (asked.unread, asked.named.as_slice());
    let told = PasskeysReported { users, passkeys, models, unread, unread_users, file: path };
    station.face.show(&Sheet::new(&told, blocks));
}
