//! The screen of a batch: a line for each port or reader that says what to do there, and a line of totals below them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use console::style;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::TICK;
use crate::ui::streams::harmless;
use crate::ui::words::{Tone, say};
use crate::ui::{Event, Spot};

/// The lines; nothing is drawn before the first of them is needed.
#[derive(Default)]
pub(super) struct Board(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    screen: Option<MultiProgress>,
    lanes: BTreeMap<String, ProgressBar>,
    totals: Option<ProgressBar>,
    /// Said while somebody was asked something.
    pending: Vec<String>,
    covered: u32,
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Board")
    }
}

/// While this lives somebody else writes to the terminal.
pub(super) struct Cover<'a>(&'a Board);

impl Drop for Cover<'_> {
    fn drop(&mut self) {
        self.0.lock().uncover();
    }
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for a question or a result. Lanes go on meanwhile; what they say stands there afterwards.
    pub(super) fn cover(&self) -> Cover<'_> {
        let mut lines = self.lock();
        lines.covered = lines.covered.saturating_add(1);
        if let Some(screen) = &lines.screen {
            let _ = screen.clear();
            screen.set_draw_target(ProgressDrawTarget::hidden());
        }
        drop(lines);
        Cover(self)
    }

    /// Whether a batch is shown.
    pub(super) fn is_up(&self) -> bool {
        self.lock().screen.is_some()
    }

    /// The batch has ended.
    pub(super) fn take_down(&self) {
        let mut lines = self.lock();
        if let Some(screen) = &lines.screen {
            let _ = screen.clear();
            screen.set_draw_target(ProgressDrawTarget::hidden());
        }
        *lines = Lines::default();
    }

    /// Puts what is said where it belongs.
    pub(super) fn tell(&self, spot: &Spot, event: &Event) {
        let (tone, said) = say(event);
        let mut lines = self.lock();
        if matches!(event, Event::Progress { .. }) {
            return lines.total(said);
        }
        let upn = spot.upn.as_deref().map(|upn| format!("{}: ", harmless(upn))).unwrap_or_default();
        let warned = tone == Tone::Warn;
        if let Some(lane) = &spot.lane
            && !matches!(tone, Tone::Idle | Tone::Note)
        {
            lines.lane(lane, &format!("{upn}{said}"), tone == Tone::Act, warned);
        }
        let lane = spot.lane.as_deref().map(|lane| format!("[{}] ", harmless(lane))).unwrap_or_default();
        match (tone, event) {
            (Tone::Warn, _) => lines.say(format!("{} {lane}{upn}{said}", style("!").yellow().bold().for_stderr())),
            (_, Event::TaskDone) => lines.say(format!("{} {upn}{said}", style("✓").green().for_stderr())),
            // Without a key in a port, going on is how every task of a batch gets to its end.
            (Tone::Note, Event::Resuming { .. }) if spot.lane.is_none() => {}
            (Tone::Note, _) => lines.say(format!("  {lane}{upn}{said}")),
            _ => {}
        }
    }
}

impl Lines {
    fn screen(&mut self) -> MultiProgress {
        let covered = self.covered > 0;
        self.screen
            .get_or_insert_with(|| {
                let target = if covered { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
                MultiProgress::with_draw_target(target)
            })
            .clone()
    }

    fn total(&mut self, said: String) {
        if self.totals.is_none() {
            let screen = self.screen();
            let bar = screen.add(ProgressBar::new_spinner());
            bar.set_style(styled("{msg:.dim}"));
            self.totals = Some(bar);
        }
        if let Some(bar) = &self.totals {
            bar.set_message(said);
            bar.tick();
        }
    }

    fn lane(&mut self, lane: &str, said: &str, act: bool, warned: bool) {
        if !self.lanes.contains_key(lane) {
            let (screen, bar) = (self.screen(), ProgressBar::new_spinner());
            // In the order of the ports, whichever spoke first.
            let after = self.lanes.range::<str, _>((Bound::Excluded(lane), Bound::Unbounded)).next().map(|(_, bar)| bar);
            let bar = match after.or(self.totals.as_ref()) {
                Some(below) => screen.insert_before(below, bar),
                None => screen.add(bar),
            };
            bar.set_prefix(harmless(lane));
            bar.enable_steady_tick(TICK);
            self.lanes.insert(lane.to_owned(), bar);
        }
        let Some(bar) = self.lanes.get(lane) else { return };
        bar.set_style(styled(match (act, warned) {
            (true, _) => "{spinner:.yellow} {prefix:<12} {msg:.bold}",
            (_, true) => "{spinner:.yellow} {prefix:<12} {msg:.yellow}",
            _ => "{spinner:.cyan} {prefix:<12} {msg}",
        }));
        bar.set_message(said.to_owned());
    }

    fn say(&mut self, line: String) {
        if self.covered > 0 {
            return self.pending.push(line);
        }
        let _ = self.screen().println(line);
    }

    fn uncover(&mut self) {
        self.covered = self.covered.saturating_sub(1);
        if self.covered > 0 {
            return;
        }
        let Some(screen) = &self.screen else { return };
        screen.set_draw_target(ProgressDrawTarget::stderr());
        for line in std::mem::take(&mut self.pending) {
            let _ = screen.println(line);
        }
    }
}

fn styled(template: &str) -> ProgressStyle {
    // The templates above are fixed; should one be refused, the plain spinner says the same.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
