//! After use no byte of a temporary PIN is left in this process: not where it was drawn, sealed or opened, and not in what a
//! library freed. A core dump of keywright holds no PIN.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a test stops at the first surprise"
)]

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use keywright::handover::pin::{Alphabet, PinTerms, Safe as _};
use keywright::handover::sealed::{Content, seal};
use keywright::handover::{AgeSafe, SealTo};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use zeroize::Zeroizing;

const LENGTH: usize = 40;

/// A PIN to look for, held as its complement so that the search does not find itself.
struct Wanted([u8; LENGTH]);

impl Wanted {
    fn new(pin: &str) -> Self {
        let mut complement = [0; LENGTH];
        for (to, from) in complement.iter_mut().zip(pin.bytes()) {
            *to = !from;
        }
        Self(complement)
    }

    /// Searches half of the PIN, so that a torn copy counts.
    fn is_in(&self, bytes: &[u8]) -> bool {
        bytes.windows(LENGTH / 2).any(|window| {
            let same = |half: &[u8]| window.iter().zip(half).all(|(byte, complement)| *byte == !*complement);
            same(&self.0[..LENGTH / 2]) || same(&self.0[LENGTH / 2..])
        })
    }

    fn is_in_memory(&self) -> bool {
        let memory = File::open("/proc/self/mem").unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let mut chunk = Zeroizing::new(vec![0_u8; 64 * 1024]);
        let untouched = vec![0_u8; chunk.len()];
        for line in maps.lines().filter(|line| line.contains(" rw") && !line.contains("[v")) {
            let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
            let (mut at, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
            while at < to {
                let room = usize::try_from(to - at).unwrap().min(chunk.len());
                let Ok(read) = memory.read_at(&mut chunk[..room], at) else { break };
                if chunk[..read] != untouched[..read] && self.is_in(&chunk[..read]) {
                    return true;
                }
                let next = if read == room && at + u64::try_from(read).unwrap() < to { read - LENGTH } else { read };
                at += u64::try_from(next.max(1)).unwrap();
            }
        }
        false
    }
}

#[test]
fn a_pin_leaves_no_copy_behind() {
    let directory = tempfile::tempdir().unwrap();
    let safe = AgeSafe::open_or_create(&directory.path().join("station.age")).unwrap();
    let terms = PinTerms { alphabet: Alphabet::Unmistakable, key_minimum: LENGTH, ..PinTerms::default() };
    let mut rng = StdRng::seed_from_u64(3);
    for _ in 0..3 {
        let pin = terms.draw(&mut rng).unwrap();
        let wanted = Wanted::new(pin.expose());
        assert!(wanted.is_in_memory(), "the search finds a PIN that is in use");
        drop(pin);
        assert!(!wanted.is_in_memory(), "after the draw");
    }
    for _ in 0..3 {
        let pin = terms.draw(&mut rng).unwrap();
        let wanted = Wanted::new(pin.expose());
        let sealed = safe.seal(&pin).unwrap();
        drop(pin);
        assert!(!wanted.is_in_memory(), "after sealing");
        let opened = safe.open(&sealed).unwrap();
        assert!(wanted.is_in_memory(), "the search finds a PIN that was opened");
        drop(opened);
        assert!(!wanted.is_in_memory(), "after opening");
    }
    let other = AgeSafe::open_or_create(&directory.path().join("other.age")).unwrap();
    let safe = safe.shared_with(&[other.recipient()]).unwrap();
    let reader = SealTo::read_all([other.recipient().to_string().as_str()]).unwrap();
    for _ in 0..3 {
        let pin = terms.draw(&mut rng).unwrap();
        let wanted = Wanted::new(pin.expose());
        let kept = safe.seal(&pin).unwrap();
        let file = seal(&reader, &content(), &pin).unwrap();
        drop(pin);
        assert!(!wanted.is_in_memory(), "after sealing for others");
        drop(other.open(&kept).unwrap());
        assert!(!wanted.is_in_memory(), "after another station opened it");
        drop(file);
    }
}

fn content() -> Content {
    Content {
        keywright: 1,
        job: 1,
        upn: "adele@contoso.example".into(),
        name: None,
        model: "Key".into(),
        serial: None,
        passkey_name: "Key".into(),
        pin_must_be_changed: true,
        sealed: "2026-11-24T10:00:00Z".parse().unwrap(),
    }
}
