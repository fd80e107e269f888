//! Lanes: every port and every reader is a bus of its own, under one watcher that looks at all of them.

mod hub;
mod meter;
mod port;
mod voice;

pub use hub::Hub;
pub use meter::{Load, Meter};
pub use port::Port;
pub use voice::Voice;
