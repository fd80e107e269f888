//! Packets and APDUs: what comes over a link, in whatever order.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use keywright::clock::{Clock as _, ManualClock};
use keywright::ctap::hid::{HidTransport, PACKET_SIZE, PacketPipe};
use keywright::ctap::nfc::{CardFault, CardPipe, CardTransport, Reconnect, card_link};
use keywright::ctap::{Cancel, Link, LinkError, LinkKind, Transport, Turn};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use zeroize::Zeroizing;

/// Longest that anything is waited for.
const BUDGET: Duration = Duration::from_secs(2);

/// A device whose reports come from the data. In each the channel is the right one if its first byte is even, so that framing is reached.
struct Reports {
    clock: Arc<ManualClock>,
    data: Vec<u8>,
    at: usize,
    last: Vec<u8>,
    opened: bool,
}

impl Reports {
    fn take(&mut self, count: usize) -> Vec<u8> {
        let end = self.at.saturating_add(count).min(self.data.len());
        let taken = self.data.get(self.at..end).unwrap_or_default().to_vec();
        self.at = end;
        taken
    }
}

impl PacketPipe for Reports {
    fn report_size(&self) -> usize {
        PACKET_SIZE
    }

    fn write_packet(&mut self, packet: &[u8]) -> Result<(), LinkError> {
        self.last = packet.to_vec();
        Ok(())
    }

    fn read_packet(&mut self, packet: &mut [u8; PACKET_SIZE], timeout: Duration) -> Result<Option<usize>, LinkError> {
        // The answer to CTAPHID_INIT: the nonce, a channel, versions.
        if !self.opened {
            self.opened = true;
            packet.fill(0);
            packet[..7].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0xFF, 0x86, 0, 17]);
            packet[7..15].copy_from_slice(&self.last[7..15]);
            packet[15..24].copy_from_slice(&[1, 2, 3, 4, 2, 5, 7, 4, 0x05]);
            return Ok(Some(PACKET_SIZE));
        }
        let head = self.take(2);
        let [kind, length] = head.as_slice() else {
            self.clock.advance(timeout.max(Duration::from_millis(1)));
            return if self.at >= self.data.len() { Err(LinkError::Gone) } else { Ok(None) };
        };
        let bytes = self.take(usize::from(*length) % (PACKET_SIZE + 1));
        packet.fill(0);
        packet[..bytes.len()].copy_from_slice(&bytes);
        if kind % 2 == 0 {
            packet[..4].copy_from_slice(&[1, 2, 3, 4]);
        }
        self.clock.advance(Duration::from_millis(1));
        Ok(Some(if kind % 16 == 15 { bytes.len() } else { PACKET_SIZE }))
    }
}

/// CTAPHID: whatever the reports are, each message ends within its budget.
pub fn packets(data: &[u8]) {
    let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
    let pipe = Reports { clock: clock.clone(), data: data.to_vec(), at: 0, last: Vec::new(), opened: false };
    let link = Link {
        kind: LinkKind::Usb,
        path: "/dev/hidraw0".into(),
        vendor_id: None,
        product_id: None,
        product: None,
        usb_serial: None,
        port: None,
    };
    let Ok(mut transport) = HidTransport::open(link, pipe, clock.clone(), &mut StdRng::seed_from_u64(1)) else { return };
    asked(&mut transport, &clock);
}

fn asked(transport: &mut dyn Transport, clock: &ManualClock) {
    let cancel = Cancel::new();
    for request in [&[0x04][..], &[7; 300], &[0x04]] {
        let begun = clock.monotonic();
        let mut turn = Turn { budget: BUDGET, cancel: &cancel, on_wait: &mut |_| () };
        if let Ok(answer) = transport.exchange(request, &mut turn) {
            assert!(answer.len() <= 1 << 16, "an answer of {} bytes", answer.len());
        }
        assert!(clock.monotonic().saturating_sub(begun) <= BUDGET * 3, "it took {:?}", clock.monotonic() - begun);
    }
}

/// A card whose answers come from the data.
struct Card {
    clock: Arc<ManualClock>,
    data: Vec<u8>,
    at: usize,
    selected: bool,
}

impl CardPipe for Card {
    fn atr(&self) -> &[u8] {
        self.data.get(..self.data.len().min(33)).unwrap_or_default()
    }

    fn transmit(&mut self, _apdu: &[u8], _limit: Duration) -> Result<Zeroizing<Vec<u8>>, CardFault> {
        self.clock.advance(Duration::from_millis(5));
        if !self.selected {
            self.selected = true;
            return Ok(Zeroizing::new(b"FIDO_2_0\x90\x00".to_vec()));
        }
        let Some((head, rest)) = self.data.get(self.at..).and_then(|rest| rest.split_first()) else {
            return Err(LinkError::Gone.into());
        };
        let taken = usize::from(*head).min(rest.len());
        let answer = rest.get(..taken).unwrap_or_default().to_vec();
        self.at += 1 + taken;
        match head {
            0xFF => Err(CardFault::WasReset),
            0xFE => Err(CardFault::NotSent),
            _ => Ok(Zeroizing::new(answer)),
        }
    }

    fn reconnect(&mut self, _how: Reconnect) -> Result<(), LinkError> {
        Ok(())
    }
}

/// ISO 7816: whatever the card answers, each message ends within its budget.
pub fn apdus(data: &[u8]) {
    let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
    let card = Card { clock: clock.clone(), data: data.to_vec(), at: 0, selected: false };
    let Some(link) = card_link("Reader 0", &[0x3B, 0x80, 0x80, 0x01, 0x01]) else { return };
    let Ok(mut transport) = CardTransport::open(link, card, clock.clone()) else { return };
    asked(&mut transport, &clock);
}
