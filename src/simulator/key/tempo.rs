//! How long a key takes for each command, apart from the wait for a touch.

use std::time::Duration;

use super::disguise;

/// The times of a key, in whole milliseconds. The default is no time at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tempo {
    /// getInfo, and what its maker's own commands tell.
    pub look: u32,
    /// getKeyAgreement and getPINRetries.
    pub agree: u32,
    /// A PIN that is set, changed or turned into a token.
    pub pin: u32,
    /// makeCredential and getAssertion, the touch not counted.
    pub make: u32,
    /// Everything else that is written to the key's memory.
    pub write: u32,
    /// The reset, the touch not counted.
    pub reset: u32,
}

impl Tempo {
    /// About what security keys of these years take.
    pub const REAL: Self = Self { look: 20, agree: 100, pin: 250, make: 400, write: 100, reset: 300 };

    /// These times in per cent.
    #[must_use]
    pub const fn scaled(self, percent: u32) -> Self {
        const fn part(time: u32, percent: u32) -> u32 {
            time.saturating_mul(percent).wrapping_div(100)
        }
        Self {
            look: part(self.look, percent),
            agree: part(self.agree, percent),
            pin: part(self.pin, percent),
            make: part(self.make, percent),
            write: part(self.write, percent),
            reset: part(self.reset, percent),
        }
    }

    /// The time of one request.
    pub(super) fn of(&self, request: &[u8]) -> Duration {
        let milliseconds = match (request.first(), disguise::subcommand(request)) {
            (Some(0x01 | 0x02), _) => self.make,
            (Some(0x04), _) => self.look,
            (Some(0x06), Some(1 | 2 | 7)) => self.agree,
            (Some(0x06), _) => self.pin,
            (Some(0x07), _) => self.reset,
            (Some(_), _) => self.write,
            (None, _) => 0,
        };
        Duration::from_millis(milliseconds.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_command_has_its_time() {
        let tempo = Tempo::REAL.scaled(10);
        for (request, time) in [
            (&[0x04][..], 2),
            (&[0x06, 0xA2, 0x01, 0x02, 0x02, 0x02], 10),
            (&[0x06, 0xA2, 0x01, 0x02, 0x02, 0x03], 25),
            (&[0x01, 0xA0], 40),
            (&[0x07], 30),
            (&[0x0D, 0xA1, 0x01, 0x03], 10),
            (&[], 0),
        ] {
            assert_eq!(tempo.of(request), Duration::from_millis(time), "{request:02x?}");
        }
        assert_eq!(Tempo::default().of(&[0x01]), Duration::ZERO);
    }
}
