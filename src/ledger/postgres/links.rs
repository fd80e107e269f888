//! The chain in the database: one row of `link` for every row that is a step. One transaction at a time adds to it.

use std::collections::HashMap;

use postgres::{Row as Columns, Transaction};

use crate::ledger::LedgerError;
use crate::ledger::chain::{Link, Row, Subject, Verified, Walk};
use crate::ledger::postgres::fault::Halt;
use crate::ledger::postgres::sql::{bytes, int, many_bytes, text};
use crate::ledger::rows::{KINDS, UNSETTLED, outside_the_chain, unsettled};

/// Who adds to the chain waits for this lock: "KWLK". Numbers of jobs, batches and tasks are given out under it as well.
const TURN: i64 = 0x4B57_4C4B;

/// How many rows of the chain are in memory at once.
const STRIDE: i32 = 2000;

/// The end of the chain, while nobody else adds to it.
#[derive(Debug)]
pub(super) struct Tail {
    position: i64,
    last: Link,
    /// The server's time, as it stands in rows.
    pub(super) now: String,
}

impl Tail {
    /// Waits for its turn. Whatever locks a single row has to be done before.
    pub(super) fn find(transaction: &mut Transaction<'_>) -> Result<Self, Halt> {
        transaction.query_typed("SELECT pg_advisory_xact_lock($1)", &[int(&TURN)])?;
        // A statement of its own sees what the one before us committed.
        let row = transaction.query_typed_one(
            "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), position, hash
             FROM (VALUES (1)) AS one LEFT JOIN (SELECT position, hash FROM link ORDER BY position DESC LIMIT 1) AS tail ON true",
            &[],
        )?;
        let now = row.try_get(0)?;
        let (position, last) = match (row.try_get::<_, Option<i64>>(1)?, row.try_get::<_, Option<Vec<u8>>>(2)?) {
            (Some(position), Some(hash)) => {
                let broken = || LedgerError::Corrupt(format!("link {position}"));
                (position, Link::from_bytes(&hash).ok_or_else(broken)?)
            }
            _ => (0, Link::beginning()),
        };
        Ok(Self { position, last, now })
    }

    /// Adds the link of a row that was just written.
    pub(super) fn add(&mut self, transaction: &mut Transaction<'_>, row: &Row<'_>) -> Result<(), postgres::Error> {
        self.position = self.position.saturating_add(1);
        self.last = self.last.then(row);
        let hash = self.last.0.as_slice();
        let link = "INSERT INTO link (position, kind, owner, number, hash) VALUES ($1, $2, $3, $4, $5)";
        let (kind, owner, number) = (row.kind(), row.owner(), row.number());
        transaction.execute_typed(link, &[int(&self.position), text(&kind), int(&owner), int(&number), bytes(&hash)])?;
        Ok(())
    }

    /// Adds the links of tasks with the numbers from `first` on, which were just written in this order.
    pub(super) fn add_tasks(
        &mut self,
        transaction: &mut Transaction<'_>,
        batch: i64,
        first: i64,
        orders: &[String],
    ) -> Result<(), postgres::Error> {
        let (begin, mut hashes) = (self.position, Vec::with_capacity(orders.len()));
        for (task, order) in (first..).zip(orders) {
            self.last = self.last.then(&Row::TaskOpened { task, batch, order });
            self.position = self.position.saturating_add(1);
            hashes.push(self.last.0.to_vec());
        }
        let links = "INSERT INTO link (position, kind, owner, number, hash)
            SELECT $1 + at, 'task-opened', $2 + at - 1, 0, hash FROM unnest($3::bytea[]) WITH ORDINALITY AS each (hash, at)";
        transaction.execute_typed(links, &[int(&begin), int(&first), many_bytes(&hashes)])?;
        Ok(())
    }
}

/// Where the row of a link is: `at`, its text, why it failed, its batch.
const WALK: &str = "SELECT link.position, link.kind, link.owner, link.number, link.hash, step.at, step.told, step.failure, step.batch
    FROM link LEFT JOIN LATERAL (
        SELECT opened AS at, orders AS told, NULL AS failure, NULL::bigint AS batch FROM job
            WHERE link.kind = 'job-opened' AND id = link.owner AND link.number = 0
        UNION ALL SELECT at, intent, NULL, NULL FROM entry WHERE link.kind = 'entry' AND job = link.owner AND entry.number = link.number
        UNION ALL SELECT at, outcome, NULL, NULL FROM outcome WHERE link.kind = 'outcome' AND job = link.owner AND outcome.number = link.number
        UNION ALL SELECT closed, state, NULL, NULL FROM job
            WHERE link.kind = 'job-closed' AND id = link.owner AND link.number = 0 AND closed IS NOT NULL
        UNION ALL SELECT opened, orders, NULL, NULL FROM batch WHERE link.kind = 'batch-opened' AND id = link.owner AND link.number = 0
        UNION ALL SELECT closed, '', NULL, NULL FROM batch
            WHERE link.kind = 'batch-closed' AND id = link.owner AND link.number = 0 AND closed IS NOT NULL
        UNION ALL SELECT '', orders, NULL, task.batch FROM task WHERE link.kind = 'task-opened' AND id = link.owner AND link.number = 0
        UNION ALL SELECT at, state, failure, NULL FROM settlement
            WHERE link.kind = 'task-settled' AND task = link.owner AND settlement.number = link.number
    ) AS step ON true ORDER BY link.position";

/// Reads it all, in one moment of the database.
pub(super) fn verify(transaction: &mut Transaction<'_>, noted: Option<&str>) -> Result<Verified, Halt> {
    let mut walk = Walk::new(noted);
    let mut met: HashMap<String, i64> = HashMap::new();
    let portal = transaction.bind(WALK, &[])?;
    loop {
        let rows = transaction.query_portal(&portal, STRIDE)?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            let kind = step(&mut walk, row)?;
            let count = met.entry(kind).or_default();
            *count = count.saturating_add(1);
        }
    }
    for (kind, rows) in KINDS {
        let count: i64 = transaction.query_typed_one(&format!("SELECT count(*) FROM ({rows}) AS each"), &[])?.try_get(0)?;
        if count != met.get(*kind).copied().unwrap_or_default() {
            return Err(unlinked(transaction, kind, rows)?.into());
        }
    }
    if let Some(row) = transaction.query_typed_opt(UNSETTLED, &[])? {
        return Err(unsettled(row.try_get(0)?).into());
    }
    Ok(walk.finish()?)
}

/// The first row of a kind that no link is for.
fn unlinked(transaction: &mut Transaction<'_>, kind: &str, rows: &str) -> Result<LedgerError, postgres::Error> {
    let query = format!(
        "SELECT each.owner, each.number::bigint FROM ({rows}) AS each
         LEFT JOIN link ON link.kind = $1 AND link.owner = each.owner AND link.number = each.number
         WHERE link.position IS NULL ORDER BY 1, 2 LIMIT 1"
    );
    let found = transaction.query_typed_opt(&query, &[text(&kind)])?;
    let subject = |row: Columns| Ok(Subject { kind: kind.into(), owner: row.try_get(0)?, number: row.try_get(1)? });
    Ok(outside_the_chain(kind, found.map(subject).transpose()?))
}

/// Hands the row of a link to the walk; returns its kind.
fn step(walk: &mut Walk, found: &Columns) -> Result<String, Halt> {
    let (position, kind, owner, number): (i64, String, i64, i64) =
        (found.try_get(0)?, found.try_get(1)?, found.try_get(2)?, found.try_get(3)?);
    let stored: Vec<u8> = found.try_get(4)?;
    let subject = Subject { kind: kind.clone(), owner, number };
    let (Some(at), Some(told)) = (found.try_get::<_, Option<&str>>(5)?, found.try_get::<_, Option<&str>>(6)?) else {
        walk.step(position, &subject, None, &stored)?;
        return Ok(kind);
    };
    let row = match kind.as_str() {
        "job-opened" => Row::JobOpened { job: owner, at, order: told },
        "entry" => Row::Entry { job: owner, number, at, intent: told },
        "outcome" => Row::Outcome { job: owner, number, at, outcome: told },
        "job-closed" => Row::JobClosed { job: owner, at, state: told },
        "batch-opened" => Row::BatchOpened { batch: owner, at, order: told },
        "batch-closed" => Row::BatchClosed { batch: owner, at },
        "task-opened" => Row::TaskOpened { task: owner, batch: found.try_get(8)?, order: told },
        _ => Row::TaskSettled { task: owner, number, at, state: told, failure: found.try_get(7)? },
    };
    walk.step(position, &subject, Some(&row), &stored)?;
    Ok(kind)
}
