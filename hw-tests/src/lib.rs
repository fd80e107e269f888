//! The rig: a virtual FIDO2 card on a virtual reader of a real pcscd, the built program, and a client that is not ours.

mod applet;
mod card;
mod card_trick;
mod client;
mod nonsense;
mod program;
mod service;
mod usb;

pub use applet::Applet;
pub use card::{Card, Traffic};
pub use card_trick::{CardTrick, Said};
pub use client::Client;
pub use nonsense::{NONSENSE, Nonsense};
pub use program::{Line, Program, Run};
pub use service::Service;
pub use usb::{Keyboard, Trick, UsbKey};

use std::time::{Duration, Instant};

/// Waits until `done` gives something, but not for ever.
pub fn await_until<T>(what: &str, limit: Duration, mut done: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(Instant::now() < end, "{what} did not happen within {limit:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
