//! Page after page of users becomes rows, in a file or on standard output.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::PasskeysArgs;
use super::source::{Source, Tenant};
use crate::batch::serials_of;
use crate::cli::CliError;
use crate::cli::results::PasskeysPage;
use crate::cli::station::Station;
use crate::identity::IdentityError;
use crate::identity::entra::{Counted, stands_for};
use crate::ledger::Batches;
use crate::report::{Bookmark, Draft, Filter, Form, Row, Tally};
use crate::ui::{Block, Event, Sheet};

/// What a report is made with.
struct Pen<'a> {
    station: &'a Station,
    tenant: Tenant,
    ledger: Box<dyn Batches + Send>,
    form: Form,
    filter: Filter,
}

/// Writes the whole report and says what is in it.
pub(super) fn write(station: &Station, args: &PasskeysArgs) -> Result<Tally, CliError> {
    let (form, filter) = (args.form(), args.filter());
    let tenant = Tenant::open(station, &args.people, filter.not_allowed)?;
    let mut pen = Pen { station, tenant, ledger: station.ledger()?, form, filter };
    match &args.out {
        Some(path) => pen.file(path),
        None => pen.show(),
    }
}

impl Pen<'_> {
    /// Writes to standard output, page by page: as text, or as one object each.
    fn show(&mut self) -> Result<Tally, CliError> {
        let (station, form) = (self.station, self.form);
        let mut text = form.head();
        let mut tally = Tally::default();
        let mut source = self.tenant.source(station, None, false);
        while let Some(page) = source.next()? {
            let mut rows = Vec::new();
            self.rows(&page, &mut tally, &mut |row, first| {
                form.row(&mut text, row, first);
                rows.push(row.written());
            })?;
            let text = std::mem::take(&mut text);
            station.face.show(&Sheet::new(&PasskeysPage { passkeys: &rows }, vec![Block::Raw(text)]));
        }
        Ok(tally)
    }

    /// Writes to a file, from the beginning or from where an earlier run stopped.
    fn file(&mut self, path: &Path) -> Result<Tally, CliError> {
        let failed = |error: io::Error| CliError::file(path, &error);
        let question = self.question();
        let open = |station: &Station| Draft::open(path, &question, station.clock.now()).map_err(failed);
        let (mut draft, found) = open(self.station)?;
        let went_on = found.is_some();
        let mut ended = self.fill(&mut draft, found, path);
        // The page that the bookmark names is gone.
        if let Err(CliError::Identity(
            error @ (IdentityError::Refused(_) | IdentityError::NotFound(_) | IdentityError::Malformed(_)),
        )) = &ended
            && went_on
        {
            let sentence = format!("the list of users cannot be gone on with, so the report is begun anew: {error}");
            self.station.face.tell(&Event::Notice { sentence });
            draft.discard().map_err(failed)?;
            draft = open(self.station)?.0;
            ended = self.fill(&mut draft, None, path);
        }
        match ended {
            Ok(tally) => {
                draft.finish().map_err(failed)?;
                Ok(tally)
            }
            Err(error) => {
                if !draft.is_marked() {
                    draft.discard().map_err(failed)?;
                }
                Err(error)
            }
        }
    }

    fn fill(&mut self, draft: &mut Draft, found: Option<Bookmark>, path: &Path) -> Result<Tally, CliError> {
        let (station, form) = (self.station, self.form);
        let failed = |error: io::Error| CliError::file(path, &error);
        let (mut tally, from, fell_back) = match found {
            Some(found) => (found.tally, Some(found.next), found.fell_back),
            None => (Tally::default(), None, false),
        };
        if from.is_some() {
            let sentence = format!("going on where the report stopped: {} users were asked about", tally.users);
            station.face.tell(&Event::Notice { sentence });
        } else {
            draft.add(&form.head()).map_err(failed)?;
        }
        let mut source = self.tenant.source(station, from, fell_back);
        let (start, before) = (station.clock.monotonic(), tally.users);
        while let Some(page) = source.next()? {
            let mut text = String::new();
            self.rows(&page, &mut tally, &mut |row, first| form.row(&mut text, row, first))?;
            draft.add(&text).map_err(failed)?;
            if let Some(next) = &page.next {
                draft.mark(next, &tally, source.fell_back).map_err(failed)?;
            }
            let passed = station.clock.monotonic().saturating_sub(start);
            station.face.tell(&progress(&source, &tally, before, passed));
        }
        draft.add(&form.tail(&tally)).map_err(failed)?;
        Ok(tally)
    }

    /// The rows of a page, and whether each is the first of the report.
    fn rows<'p>(&mut self, page: &'p Counted, tally: &mut Tally, take: &mut dyn FnMut(&Row<'p>, bool)) -> Result<(), CliError> {
        for (user, passkeys) in &page.users {
            tally.users = tally.users.saturating_add(1);
            let Ok(passkeys) = passkeys else {
                tally.miss(&user.upn);
                continue;
            };
            if !self.filter.takes_users_with(passkeys.len()) {
                continue;
            }
            if passkeys.is_empty() {
                let row = Row { user, passkey: None, serial: None, allowed: None };
                take(&row, tally.rows == 0);
                tally.count(&row);
            }
            let serials = if passkeys.is_empty() { Vec::new() } else { serials_of(&mut *self.ledger, user)? };
            for passkey in passkeys {
                let serial = serials.iter().find(|(credential, _)| stands_for(&passkey.id, credential));
                let row = Row {
                    user,
                    passkey: Some(passkey),
                    serial: serial.and_then(|(_, serial)| serial.clone()),
                    allowed: self.tenant.admission.as_ref().and_then(|admission| admission.admits(user, passkey)),
                };
                if self.filter.takes(&row) {
                    take(&row, tally.rows == 0);
                    tally.count(&row);
                }
            }
        }
        Ok(())
    }

    /// What was asked for: a report goes on only if it is the same.
    fn question(&self) -> String {
        let Self { tenant, form, filter, .. } = self;
        serde_json::to_string(&(tenant.domain(), tenant.whom, form, filter)).unwrap_or_default()
    }
}

fn progress(source: &Source<'_>, tally: &Tally, before: u64, passed: Duration) -> Event {
    let read = tally.users.saturating_sub(before);
    let rest = source.of.map(|of| of.saturating_sub(tally.users));
    let left = rest.and_then(|rest| {
        let millis = u64::try_from(passed.as_millis()).ok()?.saturating_mul(rest).checked_div(read)?;
        Some(Duration::from_millis(millis))
    });
    Event::Surveyed { users: tally.users, of: source.of, left }
}
