//! `ledger`: whether the record is as it was written.

use clap::Subcommand;

use super::CliError;
use super::results::LedgerVerified;
use super::station::Station;
use crate::ui::{Block, Sheet};

/// `ledger`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum LedgerCommand {
    /// Check that no row of the ledger was changed, removed or slipped in, and print the head of its chain
    Verify {
        /// A head that was noted earlier: proves that nothing was cut off the end since
        #[arg(long, value_name = "HEAD", value_parser = head)]
        expect: Option<String>,
    },
}

/// A head is 64 hex digits: one that was copied in part must not look like tampering.
fn head(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("a head has 64 hex digits, as `keywright ledger verify` prints it".into())
}

/// Runs the command.
pub(super) fn run(station: &Station, command: &LedgerCommand) -> Result<(), CliError> {
    let LedgerCommand::Verify { expect } = command;
    let place = station.ledger_place()?;
    // A ledger that is looked for is not made by that.
    place.must_exist()?;
    let verified = station.ledger()?.verify(expect.as_deref())?;
    let said = match verified.since {
        Some(since) => {
            format!("Every row is as it was written. The head that was noted is among them; {since} rows came after it.")
        }
        None => {
            "Every row is as it was written. Note the head elsewhere: with --expect it proves later that none was cut off.".into()
        }
    };
    let fields = Block::fields([
        ("ledger", Some(place.to_string())),
        ("rows", Some(verified.links.to_string())),
        ("head", Some(verified.head.clone())),
    ]);
    let result = LedgerVerified { rows: verified.links, head: &verified.head, since: verified.since };
    station.face.show(&Sheet::new(&result, vec![fields, Block::Line(said)]));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_head_is_taken() {
        let whole = "aB".repeat(32);
        for (text, taken) in [
            (whole.clone(), true),
            (format!(" {whole}\n"), true),
            (whole[1..].to_owned(), false),
            (format!("{whole}0"), false),
            (format!("{}g", &whole[1..]), false),
            (String::new(), false),
        ] {
            assert_eq!(head(&text).ok(), taken.then(|| "ab".repeat(32)), "{text}");
        }
    }
}
