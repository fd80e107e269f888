//! A batch at work: lanes make keys ready, and everything that needs the tenant happens before a key comes or after it went.

mod blame;
mod feeder;
mod floor;
mod keys;
mod lane;
mod later;
mod prefetched;
mod registrar;
mod scan;
mod scanner;
mod shared;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::batch::lanes::{Hub, Load, Meter};
use crate::clock::SharedClock;
use crate::ctap::{Bus, Cancel};
use crate::enroll::{Desk, EnrolError, Enrolment, GeneratorSource, HandOver, Order, Until};
use crate::handover::pin::Safe;
use crate::identity::IdentityProvider;
use crate::ledger::{BatchId, Failure, LedgerError, Task, TaskId, TaskState};
use crate::ui::{Event, Spot, Totals, Ui};

use floor::Floor;

pub use shared::SharedLedger;

/// Threads that fetch what a task needs before its key comes.
const FEEDERS: usize = 4;
/// Threads that register.
const REGISTRARS: usize = 6;
/// How often the run as a whole is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// So long a run waits for a tenant that cannot be reached, where nobody is there to stop it.
const AWAY_PATIENCE: Duration = Duration::from_mins(15);

/// What says whose a key is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Matching {
    /// The order of arrival: the next key is the next row's.
    #[default]
    Order,
    /// The serial number that the roster gives each row.
    Serial,
    /// A scanner: first the user's badge or work order, then the label of the key.
    Scan,
}

/// Terms of a run.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The batch.
    pub batch: BatchId,
    /// Tenant that the profile names.
    pub tenant: String,
    /// Who runs it, for the record.
    pub operator: String,
    /// What every task is ordered with; the roster's wishes come on top.
    pub order: Order,
    /// The same for rows that name a profile of their own.
    pub by_profile: BTreeMap<String, Order>,
    /// What says whose a key is.
    pub matching: Matching,
    /// Most lanes; `None` for as many as there are ports and readers.
    pub lanes: Option<usize>,
    /// How long to wait for hands.
    pub patience: Duration,
    /// Somebody is there: keys may be long in coming.
    pub attended: bool,
    /// Ring for hands and eyes.
    pub bell: bool,
}

/// Makes a client of the tenant for each thread.
pub type Clients<'a> = &'a (dyn Fn() -> Box<dyn IdentityProvider + Send> + Sync);

/// What a run works with.
pub struct Shop<'a> {
    /// Time.
    pub clock: SharedClock,
    /// Stop request: parks every lane.
    pub cancel: Cancel,
    /// Randomness.
    pub generators: GeneratorSource,
    /// The person.
    pub ui: Arc<dyn Ui>,
    /// The record.
    pub ledger: SharedLedger,
    /// Clients of the tenant.
    pub clients: Clients<'a>,
    /// The way PINs go to their users, for checks before any key is touched.
    pub checking: Mutex<Box<dyn HandOver>>,
    /// The same, for the hand-overs themselves: one may wait for an answer.
    pub handing: Mutex<Box<dyn HandOver>>,
    /// Seals PINs.
    pub safe: &'a (dyn Safe + Sync),
    /// Lines of a scanner.
    pub scans: Option<Mutex<Receiver<String>>>,
    /// Terms.
    pub terms: Terms,
}

impl fmt::Debug for Shop<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shop").field("terms", &self.terms).finish_non_exhaustive()
    }
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Report {
    /// The numbers of the batch.
    pub totals: Totals,
    /// What was given up, in this run or before.
    pub failures: Vec<(Task, Failure)>,
    /// Tasks that wait for another run.
    pub waiting: usize,
    /// Those of them that only the station can go on with which began them, and what to do.
    pub others: Vec<(Task, Failure)>,
    /// Tasks that another station works on.
    pub elsewhere: usize,
    /// What each lane did with its time, by its port or reader.
    pub loads: Vec<(String, Load)>,
    /// How long it took.
    pub wall: Duration,
}

impl Shop<'_> {
    /// The order of one task.
    fn order_for(&self, task: &Task, until: Until) -> Order {
        let own = task.order.profile.as_ref().and_then(|name| self.terms.by_profile.get(name));
        let mut order = own.unwrap_or(&self.terms.order).clone();
        order.user.clone_from(&task.order.user_id);
        order.task = Some(task.id);
        order.until = until;
        order.replaces.clone_from(&task.order.replaces);
        order.mark = task.order.mark();
        if let Some(name) = &task.order.display_name {
            order.display_name = Some(name.clone());
        }
        if let Some(length) = task.order.pin_length {
            order.pin.minimum = length.into();
        }
        order
    }

    /// An enrolment at a desk.
    fn enrolment<T>(
        &self,
        desk: Desk<'_>,
        provider: &mut dyn IdentityProvider,
        handing: &mut dyn HandOver,
        act: impl FnOnce(&mut Enrolment<'_>) -> T,
    ) -> T {
        let (tenant, operator) = (self.terms.tenant.clone(), self.terms.operator.clone());
        let ledger = &mut self.ledger.clone();
        // Borrowed anew, so that everything lives as long as the ledger's handle.
        let Desk { bus, ui, clock, generators, cancel, patience, selector, attended } = desk;
        let desk = Desk { bus: &mut *bus, ui, clock, generators, cancel, patience, selector, attended };
        act(&mut Enrolment { desk, provider, ledger, safe: self.safe, tenant, operator, outbox: None, handing })
    }
}

/// Works on a batch until nothing is left that can be done here, or until it is stopped.
///
/// # Errors
/// What every task would meet: the ledger, the sign-in, a bus without ports and readers. Everything that was begun stands in the
/// ledger, and another run goes on with it.
pub fn run(shop: &Shop<'_>, bus: Box<dyn Bus>) -> Result<Report, EnrolError> {
    let began = shop.clock.monotonic();
    let floor = Floor::new(shop)?;
    let hub = Hub::new(bus, Arc::clone(&shop.clock))?;
    let mut lanes = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| hub.watch(&floor.stop));
        for _ in 0..FEEDERS {
            scope.spawn(|| feeder::feed(&floor, &mut *(shop.clients)()));
        }
        for _ in 0..REGISTRARS {
            scope.spawn(|| registrar::register(&floor, &mut *(shop.clients)()));
        }
        scope.spawn(|| registrar::hand_over(&floor, &mut *(shop.clients)()));
        let mut shown = Shown::default();
        while !floor.stop.requested() && !over(&floor, &mut shown.looked) {
            for place in hub.places() {
                if let Some(meter) = shown.new_lane(&floor, &place) {
                    let (floor, hub) = (&floor, &hub);
                    scope.spawn(move || lane::work(floor, hub, &place, meter));
                }
            }
            scanner::read_scans(&floor);
            shown.tell(&floor);
            shop.clock.sleep(GLANCE);
        }
        shown.tell(&floor);
        lanes = shown.lanes;
        floor.stop.request();
        floor.notify();
    });
    floor.park();
    if let Some(error) = floor.fatal() {
        return Err(error);
    }
    let loads = lanes.into_iter().map(|(place, meter)| (place, meter.load())).collect();
    Ok(report(&floor, loads, shop.clock.monotonic().saturating_sub(began))?)
}

fn report(floor: &Floor<'_>, loads: Vec<(String, Load)>, wall: Duration) -> Result<Report, LedgerError> {
    let tasks = floor.shop.ledger.lock().tasks(floor.shop.terms.batch)?;
    let count = |state: TaskState| tasks.iter().filter(|task| task.state == state).count();
    Ok(Report {
        totals: floor.totals(),
        failures: floor.failures(),
        waiting: count(TaskState::Waiting),
        others: floor.others(&tasks),
        elsewhere: count(TaskState::Working),
        loads,
        wall,
    })
}

/// What was told last, and the lanes.
#[derive(Default)]
struct Shown {
    totals: Option<Totals>,
    lanes: Vec<(String, Arc<Meter>)>,
    left_out: Vec<String>,
    looked: Vec<TaskId>,
}

impl Shown {
    /// The meter of a lane that is not there yet, unless there are as many as there may be.
    fn new_lane(&mut self, floor: &Floor<'_>, place: &String) -> Option<Arc<Meter>> {
        if self.left_out.contains(place) || self.lanes.iter().any(|(lane, _)| lane == place) {
            return None;
        }
        let shop = floor.shop;
        if shop.terms.lanes.is_some_and(|most| self.lanes.len() >= most) {
            let reason = "as many keys as were asked for are worked on: use one of the other places".into();
            shop.ui.tell_at(&Spot::lane(place), &Event::KeyRefused { reason });
            self.left_out.push(place.clone());
            return None;
        }
        let meter = Arc::new(Meter::new(Arc::clone(&shop.clock)));
        self.lanes.push((place.clone(), Arc::clone(&meter)));
        floor.lock().lanes = self.lanes.len();
        Some(meter)
    }

    fn tell(&mut self, floor: &Floor<'_>) {
        let totals = floor.totals();
        if self.totals != Some(totals) {
            self.totals = Some(totals);
            floor.shop.ui.tell_at(&Spot::default(), &Event::Progress { totals });
        }
    }
}

/// Whether nothing is left to do here, or nobody comes any more to do it.
fn over(floor: &Floor<'_>, looked: &mut Vec<TaskId>) -> bool {
    let (nothing, missing, idle) = {
        let state = floor.lock();
        let idle = floor.shop.clock.monotonic().saturating_sub(state.last);
        (state.nothing_left(), !state.keys.missing().is_empty(), idle)
    };
    let patience = if floor.is_away() { AWAY_PATIENCE } else { floor.shop.terms.patience };
    let patient = idle < patience;
    if nothing && !missing {
        return !feeder::look_again(floor, looked);
    }
    let busy = floor.lock().in_hand > 0;
    // Whoever stands at the station puts the next key in when it suits; a key that has to come back is asked for by name.
    !busy && !patient && (nothing || !floor.shop.terms.attended)
}
