//! What comes from the scanner, line by line.

use std::sync::PoisonError;

use super::floor::Floor;
use super::scan::means;
use crate::ledger::{LedgerError, Settled, Wanted};

/// Longest code, in characters.
const LONGEST: usize = 200;

/// Takes in what was scanned.
pub(super) fn read_scans(floor: &Floor<'_>) {
    let Some(lines) = &floor.shop.scans else { return };
    let lines: Vec<String> = lines.lock().unwrap_or_else(PoisonError::into_inner).try_iter().collect();
    for line in lines {
        let code: String = line.trim().chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        if !code.is_empty()
            && let Err(error) = scanned(floor, &code)
        {
            floor.give_up(error.into());
        }
    }
}

/// A badge or a label.
fn scanned(floor: &Floor<'_>, code: &str) -> Result<(), LedgerError> {
    floor.touch();
    let (badge, label) = {
        let state = floor.lock();
        let badge = state.left.iter().find(|(_, order)| means(code, order)).map(|(id, _)| *id);
        (badge, state.scans.next().is_some())
    };
    let Some(id) = badge else {
        if !label {
            floor.notice(format!("no row that waits has the code {code}: scan a badge or a work order"));
            return Ok(());
        }
        let paired = floor.lock().scans.label(code);
        if let Some((task, there)) = paired {
            let missing = if there { "" } else { ", but no key in a port has that serial number: put it in" };
            floor.notice(format!("the key {code} is for {}{missing}", task.order.upn));
        }
        return Ok(());
    };
    let shop = floor.shop;
    let Some(task) = shop.ledger.lock().lease(shop.terms.batch, &Wanted::Task(id))? else {
        floor.notice(format!("another station works on {code}"));
        return Ok(());
    };
    floor.notice(format!("the next key is for {}: scan its label", task.order.upn));
    let before = {
        let mut state = floor.lock();
        state.left.remove(&id);
        state.scans.badge(task)
    };
    if let Some(before) = before {
        floor.settle(&before, &Settled::Waiting);
        floor.lock().left.insert(before.id, before.order);
    }
    Ok(())
}
