//! The chain in the file: one row of `link` for every row that is a step.

use std::collections::HashMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::file::Stop;
use crate::ledger::LedgerError;
use crate::ledger::chain::{Link, Row, Subject, Verified, Walk, tampered};
use crate::ledger::rows::{KINDS, UNSETTLED, outside_the_chain, unsettled};

/// The end of the chain, to which links are added in one transaction.
pub(super) struct Tail<'a> {
    transaction: &'a Transaction<'a>,
    position: i64,
    last: Link,
}

impl<'a> Tail<'a> {
    /// Where the chain ends now. The transaction must hold the write lock already.
    pub(super) fn find(transaction: &'a Transaction<'a>) -> Result<Self, Stop> {
        let last = transaction
            .prepare_cached("SELECT position, hash FROM link ORDER BY position DESC LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)))
            .optional()?;
        let (position, last) = match last {
            None => (0, Link::beginning()),
            Some((position, hash)) => {
                let broken = || LedgerError::Corrupt(format!("link {position}"));
                (position, Link::from_bytes(&hash).ok_or_else(broken)?)
            }
        };
        Ok(Self { transaction, position, last })
    }

    /// Adds the link of a row that was just written.
    pub(super) fn add(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        self.position = self.position.saturating_add(1);
        self.last = self.last.then(row);
        self.transaction
            .prepare_cached("INSERT INTO link (position, kind, owner, number, hash) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![self.position, row.kind(), row.owner(), row.number(), self.last.0])?;
        Ok(())
    }
}

/// One link for a row that was just written.
pub(super) fn add(transaction: &Transaction<'_>, row: &Row<'_>) -> Result<(), Stop> {
    Ok(Tail::find(transaction)?.add(row)?)
}

/// Puts what version 1 wrote into the chain: job by job, each entry followed by its outcome.
pub(super) fn append_version_one(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut tail = Tail { transaction, position: 0, last: Link::beginning() };
    let mut entries = transaction.prepare(
        "SELECT number, entry.at, intent, outcome.at, outcome FROM entry LEFT JOIN outcome USING (job, number)
         WHERE job = ?1 ORDER BY number",
    )?;
    let mut jobs = transaction.prepare("SELECT id, opened, orders, state, closed FROM job ORDER BY id")?;
    let mut jobs = jobs.query([])?;
    while let Some(row) = jobs.next()? {
        let (job, at, order): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        tail.add(&Row::JobOpened { job, at: &at, order: &order })?;
        let mut steps = entries.query([job])?;
        while let Some(step) = steps.next()? {
            let (number, at, intent): (i64, String, String) = (step.get(0)?, step.get(1)?, step.get(2)?);
            tail.add(&Row::Entry { job, number, at: &at, intent: &intent })?;
            if let Some(at) = step.get::<_, Option<String>>(3)? {
                let outcome: String = step.get(4)?;
                tail.add(&Row::Outcome { job, number, at: &at, outcome: &outcome })?;
            }
        }
        if let Some(at) = row.get::<_, Option<String>>(4)? {
            let state: String = row.get(3)?;
            tail.add(&Row::JobClosed { job, at: &at, state: &state })?;
        }
    }
    Ok(())
}

/// Reads it all, in one moment of the file.
pub(super) fn verify(connection: &Connection, noted: Option<&str>) -> Result<Verified, Stop> {
    let moment = connection.unchecked_transaction()?;
    let mut walk = Walk::new(noted);
    let mut met: HashMap<String, i64> = HashMap::new();
    let mut links = moment.prepare("SELECT position, kind, owner, number, hash FROM link ORDER BY position")?;
    let mut links = links.query([])?;
    while let Some(link) = links.next()? {
        let subject = Subject { kind: link.get(1)?, owner: link.get(2)?, number: link.get(3)? };
        step(&moment, &mut walk, link.get(0)?, &subject, &link.get::<_, Vec<u8>>(4)?)?;
        let count = met.entry(subject.kind).or_default();
        *count = count.saturating_add(1);
    }
    for (kind, rows) in KINDS {
        let count: i64 = moment.query_row(&format!("SELECT count(*) FROM ({rows})"), [], |row| row.get(0))?;
        if count != met.get(*kind).copied().unwrap_or_default() {
            return Err(unlinked(&moment, kind, rows)?.into());
        }
    }
    if let Some(task) = moment.query_row(UNSETTLED, [], |row| row.get::<_, i64>(0)).optional()? {
        return Err(unsettled(task).into());
    }
    Ok(walk.finish()?)
}

/// The first row of a kind that no link is for.
fn unlinked(moment: &Transaction<'_>, kind: &str, rows: &str) -> rusqlite::Result<LedgerError> {
    let found = moment
        .query_row(
            &format!(
                "SELECT each.owner, each.number FROM ({rows}) AS each
                 LEFT JOIN link ON link.kind = ?1 AND link.owner = each.owner AND link.number = each.number
                 WHERE link.position IS NULL ORDER BY 1, 2 LIMIT 1"
            ),
            [kind],
            |row| Ok(Subject { kind: kind.into(), owner: row.get(0)?, number: row.get(1)? }),
        )
        .optional()?;
    Ok(outside_the_chain(kind, found))
}

/// Hands the row of a link to the walk.
fn step(moment: &Transaction<'_>, walk: &mut Walk, position: i64, subject: &Subject, stored: &[u8]) -> Result<(), Stop> {
    let (owner, number) = (subject.owner, subject.number);
    let query = match subject.kind.as_str() {
        "job-opened" => "SELECT opened, orders, NULL FROM job WHERE id = ?1 AND ?2 = 0",
        "entry" => "SELECT at, intent, NULL FROM entry WHERE job = ?1 AND number = ?2",
        "outcome" => "SELECT at, outcome, NULL FROM outcome WHERE job = ?1 AND number = ?2",
        "job-closed" => "SELECT closed, state, NULL FROM job WHERE id = ?1 AND ?2 = 0 AND closed IS NOT NULL",
        "batch-opened" => "SELECT opened, orders, NULL FROM batch WHERE id = ?1 AND ?2 = 0",
        "batch-closed" => "SELECT closed, '', NULL FROM batch WHERE id = ?1 AND ?2 = 0 AND closed IS NOT NULL",
        "task-opened" => "SELECT batch, orders, NULL FROM task WHERE id = ?1 AND ?2 = 0",
        "task-settled" => "SELECT at, state, failure FROM settlement WHERE task = ?1 AND number = ?2",
        _ => return Ok(walk.step(position, subject, None, stored)?),
    };
    let mut statement = moment.prepare_cached(query)?;
    let mut rows = statement.query([owner, number])?;
    let Some(found) = rows.next()? else { return Ok(walk.step(position, subject, None, stored)?) };
    // What is not even text was not written by this program.
    let text = |column: usize| match found.get::<_, Option<String>>(column) {
        Ok(text) => Ok(text.unwrap_or_default()),
        Err(_) => Err(Stop::Told(tampered(subject, "it cannot be read"))),
    };
    if subject.kind == "task-opened" {
        let (batch, order) = (found.get(0)?, text(1)?);
        return Ok(walk.step(position, subject, Some(&Row::TaskOpened { task: owner, batch, order: &order }), stored)?);
    }
    let (at, content) = (text(0)?, text(1)?);
    let failure = if found.get_ref(2)? == ValueRef::Null { None } else { Some(text(2)?) };
    let (at, text, failure) = (at.as_str(), content.as_str(), failure.as_deref());
    let row = match subject.kind.as_str() {
        "job-opened" => Row::JobOpened { job: owner, at, order: text },
        "entry" => Row::Entry { job: owner, number, at, intent: text },
        "outcome" => Row::Outcome { job: owner, number, at, outcome: text },
        "job-closed" => Row::JobClosed { job: owner, at, state: text },
        "batch-opened" => Row::BatchOpened { batch: owner, at, order: text },
        "batch-closed" => Row::BatchClosed { batch: owner, at },
        _ => Row::TaskSettled { task: owner, number, at, state: text, failure },
    };
    Ok(walk.step(position, subject, Some(&row), stored)?)
}
