//! `keys list`.

use super::super::CliError;
use super::super::results::{KeyList, KeyRow};
use super::super::station::Station;
use crate::ctap::{CtapError, Link, LinkKind};
use crate::enroll::Desk;
use crate::ui::{Block, Problem, Sheet};

/// Lists every key. Only on request is any opened, so that a list needs no permission, waits for no key, and disturbs no program
/// that is using one; a key that was asked and cannot be read is listed with the reason.
pub(super) fn run(station: &Station, desk: &mut Desk<'_>, ask: bool) -> Result<(), CliError> {
    let links = desk.bus.links()?;
    let rows: Vec<KeyRow> = links.iter().map(|link| if ask { asked(desk, link) } else { known(link) }).collect();
    let block = if rows.is_empty() {
        Block::Line("No security key is there; `keywright doctor` says what keeps one from being seen.".into())
    } else {
        let mut head = vec!["LINK", "PRODUCT", "SERIAL", "PORT", "PATH"];
        if ask {
            head.extend(["AAGUID", "PIN"]);
        }
        Block::Table { head, rows: rows.iter().map(|row| cells(row, ask)).collect() }
    };
    station.face.show(&Sheet::new(&KeyList { keys: rows }, vec![block]));
    Ok(())
}

/// What the system knows.
fn known(link: &Link) -> KeyRow {
    KeyRow {
        link: link.kind,
        path: link.path.clone(),
        product: link.product.clone(),
        port: link.port.clone(),
        serial: link.usb_serial.clone(),
        aaguid: None,
        versions: Vec::new(),
        pin_set: None,
        problem: None,
    }
}

/// What the key says as well.
fn asked(desk: &mut Desk<'_>, link: &Link) -> KeyRow {
    let mut row = known(link);
    if let Err(error) = read(desk, link, &mut row) {
        row.problem = Some(Problem::of(&error));
    }
    row
}

fn read(desk: &mut Desk<'_>, link: &Link, row: &mut KeyRow) -> Result<(), CtapError> {
    let mut key = desk.open(link)?;
    row.aaguid = Some(key.info().aaguid);
    row.versions.clone_from(&key.info().versions);
    row.pin_set = key.info().client_pin();
    row.serial = key.identity()?.shown_serial().map(ToOwned::to_owned);
    Ok(())
}

fn cells(row: &KeyRow, asked: bool) -> Vec<String> {
    let cell = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    let link = match row.link {
        LinkKind::Usb => "usb",
        LinkKind::Nfc => "nfc",
        LinkKind::SmartCard => "smart-card",
    };
    let mut cells =
        vec![link.into(), cell(row.product.clone()), cell(row.serial.clone()), cell(row.port.clone()), row.path.clone()];
    if !asked {
        return cells;
    }
    let pin = match (&row.problem, row.pin_set) {
        (Some(problem), _) => problem.code,
        (None, Some(true)) => "set",
        (None, Some(false)) => "not set",
        (None, None) if row.aaguid.is_none() => "-",
        (None, None) => "none",
    };
    cells.extend([cell(row.aaguid.map(|aaguid| aaguid.to_string())), pin.into()]);
    cells
}
