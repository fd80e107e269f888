//! What `-v` shows: our own log lines on standard error, never those of other crates.

use log::{LevelFilter, Log, Metadata, Record};

use super::streams::{harmless, talk};

/// The logger.
#[derive(Debug)]
struct LogLines;

impl Log for LogLines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Other crates may log what we would not: headers, bodies, frames.
        metadata.target() == "keywright" || metadata.target().starts_with("keywright::")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = record.level().as_str().to_lowercase();
            talk(&format!("{level} {}: {}\n", record.target(), harmless(&record.args().to_string())));
        }
    }

    fn flush(&self) {}
}

/// Shows log lines: none without `-v`, then information, diagnosis, and every exchange.
pub fn show_log(verbosity: u8) {
    let level = match verbosity {
        0 => LevelFilter::Off,
        1 => LevelFilter::Info,
        2 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    // A second logger is refused; the first one stays.
    if log::set_logger(&LogLines).is_ok() {
        log::set_max_level(level);
    }
}

#[cfg(test)]
mod tests {
    use log::Level;

    use super::*;

    #[test]
    fn other_crates_are_not_heard() {
        for (target, heard) in [
            ("keywright", true),
            ("keywright::ctap::hid", true),
            ("keywright_other", false),
            ("hyper", false),
            ("opensk::ctap", false),
            ("", false),
        ] {
            assert_eq!(LogLines.enabled(&Metadata::builder().target(target).level(Level::Error).build()), heard, "{target}");
        }
    }
}
