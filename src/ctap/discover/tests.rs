//! The bus over places that a test fills.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{CryptoRng, SeedableRng};

use super::{Place, Sighting, SystemBus};
use crate::clock::{Clock, ManualClock, SharedClock};
use crate::ctap::LinkKind::{Nfc, SmartCard, Usb};
use crate::ctap::{Bus, Cancel, Change, Link, LinkError, LinkKind, Transport};

fn key(kind: LinkKind, path: &str, product: &str, insertion: u32) -> Sighting {
    let link = Link {
        kind,
        path: path.into(),
        vendor_id: None,
        product_id: None,
        product: Some(product.into()),
        usb_serial: None,
        port: None,
    };
    Sighting { link, insertion: insertion.to_string(), since: None }
}

type Look = Result<Vec<Sighting>, LinkError>;
/// The look of each place, and the expected paths.
type Listing = (Vec<Look>, Result<Vec<&'static str>, LinkError>);
/// Looks one after the other, and the expected changes.
type Waiting = (&'static str, Vec<Vec<Sighting>>, Vec<Change>);
/// Looks one after the other, and what is told: arrivals with their stamp in milliseconds.
type Interfaces = (&'static str, Vec<Vec<Sighting>>, &'static [&'static str]);

/// Shows one look after the other, then the last for ever.
struct Shelf {
    looks: VecDeque<Look>,
    opens: Arc<Mutex<VecDeque<LinkError>>>,
    /// What `pause` answers: `None` waits on the clock itself, else at once.
    pauses: Option<bool>,
    clock: Arc<ManualClock>,
}

impl Place for Shelf {
    fn name(&self) -> &'static str {
        "shelf"
    }

    fn look(&mut self) -> Look {
        if self.looks.len() > 1 { self.looks.pop_front().unwrap() } else { self.looks.front().unwrap().clone() }
    }

    fn survey(&mut self) -> Result<Vec<String>, LinkError> {
        Ok(self.look()?.into_iter().map(|sighting| sighting.link.path).collect())
    }

    fn pause(&mut self, time: Duration) -> bool {
        self.pauses.unwrap_or_else(|| {
            self.clock.advance(time);
            true
        })
    }

    fn open(&mut self, _: &Link, _: &SharedClock, _: &mut dyn CryptoRng) -> Option<Result<Box<dyn Transport>, LinkError>> {
        self.opens.lock().unwrap().pop_front().map(Err)
    }
}

fn bus(shelves: Vec<Vec<Look>>, opens: &[LinkError], pauses: Option<bool>) -> (Arc<ManualClock>, SystemBus) {
    let clock = Arc::new(ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
    let opens = Arc::new(Mutex::new(opens.iter().cloned().collect()));
    let places = shelves.into_iter().map(|looks| -> Box<dyn Place> {
        Box::new(Shelf { looks: looks.into(), opens: Arc::clone(&opens), pauses, clock: clock.clone() })
    });
    let places = places.collect();
    (clock.clone(), SystemBus::over(places, clock, Box::new(StdRng::seed_from_u64(1))))
}

#[test]
fn listing() {
    let yubikey = || key(Usb, "/dev/hidraw0", "YubiKey OTP+FIDO+CCID", 1);
    let inside = || key(SmartCard, "Yubico YubiKey OTP+FIDO+CCID 00 00", "YubiKey", 1);
    let solo = || key(Usb, "/dev/hidraw1", "Solo 2", 1);
    let card = || key(Nfc, "ACS ACR122U 00 00", "YubiKey", 1);
    let no_service = || Err(LinkError::NoService);
    let denied = || Err(LinkError::System("no".into()));
    let rows: Vec<Listing> = vec![
        (vec![Ok(vec![]), Ok(vec![])], Ok(vec![])),
        (vec![Ok(vec![yubikey()]), Ok(vec![inside()])], Ok(vec!["/dev/hidraw0"])),
        (vec![Ok(vec![]), Ok(vec![inside()])], Ok(vec!["Yubico YubiKey OTP+FIDO+CCID 00 00"])),
        (
            vec![Ok(vec![solo()]), Ok(vec![inside(), card()])],
            Ok(vec!["/dev/hidraw1", "Yubico YubiKey OTP+FIDO+CCID 00 00", "ACS ACR122U 00 00"]),
        ),
        (vec![Ok(vec![yubikey()]), Ok(vec![card()])], Ok(vec!["/dev/hidraw0", "ACS ACR122U 00 00"])),
        (vec![Ok(vec![yubikey()]), no_service()], Ok(vec!["/dev/hidraw0"])),
        (vec![denied(), Ok(vec![card()])], Ok(vec!["ACS ACR122U 00 00"])),
        (vec![denied(), no_service()], Err(LinkError::System("no".into()))),
        (vec![no_service()], Err(LinkError::NoService)),
        (vec![], Err(LinkError::NoService)),
    ];
    for (looks, expected) in rows {
        let (_, mut bus) = bus(looks.into_iter().map(|look| vec![look]).collect(), &[], None);
        let links = bus.links();
        let paths = links.as_ref().map(|links| links.iter().map(|link| link.path.as_str()).collect::<Vec<_>>());
        assert_eq!(paths.map_err(Clone::clone), expected);
    }
}

#[test]
fn waiting() {
    let a = |insertion| key(Usb, "a", "", insertion);
    let b = || key(Usb, "b", "", 1);
    let arrived = |sighting: Sighting, at| Change::Arrived { link: sighting.link, at: Duration::from_millis(at) };
    let removed = |sighting: Sighting| Change::Removed(sighting.link);
    let rows: Vec<Waiting> = vec![
        ("nothing happens", vec![vec![a(1)]], vec![]),
        ("out", vec![vec![a(1)], vec![a(1)], vec![]], vec![removed(a(1))]),
        ("in", vec![vec![], vec![], vec![a(1)]], vec![arrived(a(1), 100)]),
        ("out and in", vec![vec![a(1)], vec![], vec![a(2)]], vec![removed(a(1)), arrived(a(2), 0)]),
        ("out and in between two looks", vec![vec![a(1)], vec![a(2)]], vec![removed(a(1)), arrived(a(2), 0)]),
        ("another one in", vec![vec![a(1)], vec![a(1), b()]], vec![arrived(b(), 0)]),
        ("exchanged", vec![vec![a(1)], vec![b()]], vec![removed(a(1)), arrived(b(), 0)]),
        ("both out", vec![vec![a(1), b()], vec![]], vec![removed(a(1)), removed(b())]),
    ];
    for (name, looks, expected) in rows {
        let (clock, mut bus) = bus(vec![looks.into_iter().map(Ok).collect()], &[], None);
        bus.links().unwrap();
        let budget = Duration::from_secs(3);
        let changes: Vec<Change> = std::iter::from_fn(|| bus.wait(budget, &Cancel::new()).unwrap()).collect();
        assert_eq!(changes, expected, "{name}");
        assert!(clock.monotonic() >= budget, "{name}: the last wait spends its budget");
    }
}

#[test]
fn one_key_with_two_interfaces() {
    let usb = |insertion| key(Usb, "/dev/hidraw0", "YubiKey OTP+FIDO+CCID", insertion);
    let inside = |insertion| key(SmartCard, "Yubico YubiKey OTP+FIDO+CCID 00 00", "YubiKey", insertion);
    let rows: Vec<Interfaces> = vec![
        ("its reader goes last", vec![vec![usb(1), inside(1)], vec![inside(1)], vec![inside(1)], vec![]], &["-/dev/hidraw0 0"]),
        ("its reader comes first", vec![vec![], vec![inside(1)], vec![usb(1), inside(1)]], &["+/dev/hidraw0 100"]),
        ("its reader comes last", vec![vec![], vec![usb(1)], vec![usb(1), inside(1)]], &["+/dev/hidraw0 0"]),
        (
            "out and in",
            vec![vec![usb(1), inside(1)], vec![inside(1)], vec![], vec![inside(2)], vec![usb(2), inside(2)]],
            &["-/dev/hidraw0 0", "+/dev/hidraw0 200"],
        ),
        ("only a reader comes", vec![vec![], vec![], vec![inside(1)]], &["+Yubico YubiKey OTP+FIDO+CCID 00 00 100"]),
        ("only a reader goes", vec![vec![inside(1)], vec![inside(1)], vec![]], &["-Yubico YubiKey OTP+FIDO+CCID 00 00 0"]),
    ];
    for (name, looks, expected) in rows {
        let (_, mut bus) = bus(vec![looks.into_iter().map(Ok).collect()], &[], None);
        bus.links().unwrap();
        let told = std::iter::from_fn(|| bus.wait(Duration::from_secs(3), &Cancel::new()).unwrap()).map(|change| match change {
            Change::Arrived { link, at } => format!("+{} {}", link.path, at.as_millis()),
            Change::Removed(link) => format!("-{} 0", link.path),
        });
        assert_eq!(told.collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn waiting_never_spins() {
    for pauses in [Some(true), Some(false), None] {
        let (clock, mut bus) = bus(vec![vec![Ok(vec![])]], &[], pauses);
        assert_eq!(bus.wait(Duration::from_secs(2), &Cancel::new()), Ok(None));
        assert_eq!(clock.monotonic(), Duration::from_secs(2), "{pauses:?}");
    }
    let (_, mut stopped) = bus(vec![vec![Ok(vec![])]], &[], None);
    let cancel = Cancel::new();
    cancel.request();
    assert_eq!(stopped.wait(Duration::from_secs(2), &cancel), Err(LinkError::Cancelled));
}

#[test]
fn opening_gives_permissions_time() {
    let denied = || LinkError::AccessDenied("a".into());
    let rows = [
        (vec![denied(), denied(), LinkError::Gone], LinkError::Gone, 200),
        (vec![denied(); 100], denied(), 1000),
        (vec![LinkError::Busy], LinkError::Busy, 0),
        (vec![], LinkError::Unsupported("driver in this build"), 0),
    ];
    for (opens, expected, took) in rows {
        let (clock, mut bus) = bus(vec![vec![Ok(vec![])]], &opens, None);
        assert_eq!(bus.open(&key(Usb, "a", "", 1).link).err(), Some(expected));
        assert_eq!(clock.monotonic(), Duration::from_millis(took));
    }
}

#[test]
fn surveying() {
    let (_, mut bus) = bus(vec![vec![Ok(vec![key(Nfc, "reader", "", 1)])], vec![Err(LinkError::NoService)]], &[], None);
    let reports = bus.survey();
    let found: Vec<_> = reports.into_iter().map(|report| report.found).collect();
    assert_eq!(found, [Ok(vec!["reader".to_owned()]), Err(LinkError::NoService)]);
}
