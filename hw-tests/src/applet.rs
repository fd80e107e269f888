//! The FIDO applet of a card: ISO 7816 framing (CTAP 2.3 section 11.3) around an authenticator that takes whole messages.

use std::fmt;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use keywright::ctap::{Cancel, Transport, Turn, VendorCall, Wait};

use crate::{CardTrick, Said};

/// The FIDO applet (CTAP 2.3 section 11.3.3).
const AID: &[u8] = &[0xA0, 0x00, 0x00, 0x06, 0x47, 0x2F, 0x00, 0x01];
/// How long a command may take before the card says that it is still at work.
const PATIENCE: Duration = Duration::from_millis(300);
/// Longer than any touch is waited for.
const BUDGET: Duration = Duration::from_secs(90);

/// The instruction with which a maker's own applet tells about the device.
const READ_CONFIG: u8 = 0x1D;
/// The same over CTAPHID, for a key that has both interfaces.
const READ_CONFIG_PACKET: u8 = 0x42;

const SELECT: u8 = 0xA4;
const GET_RESPONSE: u8 = 0xC0;
const NFCCTAP_MSG: u8 = 0x10;
const NFCCTAP_GETRESPONSE: u8 = 0x11;
const NFCCTAP_CONTROL: u8 = 0x12;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Selected {
    Nothing,
    Fido,
    /// A maker's own applet, with what it tells.
    Maker(Vec<u8>),
}

/// What the authenticator's thread is asked.
enum Asked {
    /// One CTAP2 message.
    Message(Vec<u8>),
    /// What the maker's applet of that name tells; an empty answer if there is none.
    Maker(Vec<u8>),
}

/// The applet while the card is in the field.
pub struct Applet {
    selected: Selected,
    chain: Vec<u8>,
    answer: Vec<u8>,
    requests: Sender<Asked>,
    replies: Receiver<Vec<u8>>,
    /// A request is at work.
    busy: bool,
    cancel: Arc<Mutex<Cancel>>,
    wait: Arc<Mutex<Wait>>,
    /// With the number of messages that are still answered honestly.
    trick: Option<(CardTrick, usize)>,
    messages: usize,
}

impl fmt::Debug for Applet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Applet").field("selected", &self.selected).field("busy", &self.busy).finish_non_exhaustive()
    }
}

impl Applet {
    /// Starts the authenticator's thread, which ends with the applet. A trick begins after so many messages; without any before it, with
    /// the first APDU.
    pub fn new(mut authenticator: Box<dyn Transport>, trick: Option<(CardTrick, usize)>) -> Self {
        let (requests, inbox) = mpsc::channel();
        let (outbox, replies) = mpsc::channel();
        let cancel = Arc::new(Mutex::new(Cancel::new()));
        let wait = Arc::new(Mutex::new(Wait::Working));
        let (current, told) = (Arc::clone(&cancel), Arc::clone(&wait));
        thread::spawn(move || {
            for asked in inbox {
                let cancel = current.lock().unwrap().clone();
                let mut on_wait = |wait| *told.lock().unwrap() = wait;
                let mut turn = Turn { budget: BUDGET, cancel: &cancel, on_wait: &mut on_wait };
                let reply = match asked {
                    // Off the field, or stopped: CTAP2_ERR_KEEPALIVE_CANCEL is what a card would still say.
                    Asked::Message(request) => {
                        authenticator.exchange(&request, &mut turn).map_or_else(|_| vec![0x2D], |reply| reply.to_vec())
                    }
                    Asked::Maker(aid) => {
                        let call = VendorCall::Card { aid: Some(&aid), header: [0, READ_CONFIG, 0, 0], data: &[] };
                        let told = authenticator.vendor(call, &mut turn);
                        let by_packets = VendorCall::Hid { command: READ_CONFIG_PACKET, data: &[0] };
                        told.or_else(|_| authenticator.vendor(by_packets, &mut turn)).unwrap_or_default()
                    }
                };
                if outbox.send(reply).is_err() {
                    break;
                }
            }
        });
        let (chain, answer) = (Vec::new(), Vec::new());
        Self { selected: Selected::Nothing, chain, answer, requests, replies, busy: false, cancel, wait, trick, messages: 0 }
    }

    /// What a reset or a power cycle by the reader does: the applet forgets; the authenticator does not notice, as in
    /// many a real card whose contactless and secure parts are powered apart.
    pub fn forget(&mut self) {
        self.stop();
        if self.busy {
            // What was at work ends before the next command begins, and nobody hears its answer.
            let _ = self.replies.recv();
            self.busy = false;
        }
        self.selected = Selected::Nothing;
        self.chain.clear();
        self.answer.clear();
    }

    /// Stops what is at work.
    pub fn stop(&self) {
        self.cancel.lock().unwrap().request();
    }

    /// One command APDU and what is said to it.
    pub fn hear(&mut self, command: &[u8]) -> Said {
        let honest = self.apdu(command);
        match self.trick {
            Some((CardTrick::Response(change), after)) if after == 0 || self.messages > after => change(command, honest),
            _ => Said::Answer(honest),
        }
    }

    fn apdu(&mut self, command: &[u8]) -> Vec<u8> {
        let Some((&[class, instruction, p1, _], body)) = command.split_first_chunk::<4>() else { return vec![0x67, 0x00] };
        let Some((data, extended)) = parse_body(body) else { return vec![0x67, 0x00] };
        match (class & 0xEF, instruction) {
            (0x00, SELECT) => {
                self.forget();
                self.select(data)
            }
            (0x00, READ_CONFIG) if matches!(self.selected, Selected::Maker(_)) && p1 == 0 => {
                let Selected::Maker(told) = &self.selected else { return vec![0x6F, 0x00] };
                self.answer.clone_from(told);
                self.give(extended)
            }
            _ if self.selected != Selected::Fido => vec![0x6D, 0x00],
            (0x00 | 0x80, GET_RESPONSE) if self.answer.is_empty() => vec![0x69, 0x85],
            (0x00 | 0x80, GET_RESPONSE) => self.give(extended),
            (0x80, NFCCTAP_MSG) => {
                self.chain.extend_from_slice(data);
                if class & 0x10 != 0 {
                    return vec![0x90, 0x00];
                }
                self.messages += 1;
                let request = std::mem::take(&mut self.chain);
                *self.cancel.lock().unwrap() = Cancel::new();
                *self.wait.lock().unwrap() = Wait::Working;
                self.requests.send(Asked::Message(request)).unwrap();
                self.busy = true;
                self.progress(p1 & 0x80 != 0, extended)
            }
            (0x80, NFCCTAP_GETRESPONSE) if !self.busy => vec![0x69, 0x85],
            (0x80, NFCCTAP_GETRESPONSE) => {
                if p1 == 0x11 {
                    self.stop();
                }
                self.progress(true, extended)
            }
            (0x80, NFCCTAP_CONTROL) => {
                self.forget();
                vec![0x90, 0x00]
            }
            _ => vec![0x6D, 0x00],
        }
    }

    fn select(&mut self, name: &[u8]) -> Vec<u8> {
        if name == AID {
            self.selected = Selected::Fido;
            return b"U2F_V2\x90\x00".to_vec();
        }
        self.requests.send(Asked::Maker(name.to_vec())).unwrap();
        let told = self.replies.recv().unwrap();
        if told.is_empty() {
            return vec![0x6A, 0x82];
        }
        self.selected = Selected::Maker(told);
        vec![0x90, 0x00]
    }

    /// The answer if it is there in time, else 9100 with what the authenticator waits for.
    fn progress(&mut self, may_poll: bool, extended: bool) -> Vec<u8> {
        let reply = if may_poll { self.replies.recv_timeout(PATIENCE).ok() } else { self.replies.recv().ok() };
        let Some(reply) = reply else {
            let status = match *self.wait.lock().unwrap() {
                Wait::Working => 1,
                Wait::Touch => 2,
                Wait::Other(status) => status,
            };
            return vec![status, 0x91, 0x00];
        };
        self.busy = false;
        self.answer = match self.trick {
            Some((CardTrick::Message(change), after)) if self.messages > after => change(reply),
            _ => reply,
        };
        self.give(extended)
    }

    fn give(&mut self, extended: bool) -> Vec<u8> {
        let room = if extended { self.answer.len() } else { self.answer.len().min(256) };
        let mut response: Vec<u8> = self.answer.drain(..room).collect();
        match self.answer.len() {
            0 => response.extend([0x90, 0x00]),
            left => response.extend([0x61, u8::try_from(left).unwrap_or(0)]),
        }
        response
    }
}

/// The data of a short or extended command, and whether it was extended.
fn parse_body(body: &[u8]) -> Option<(&[u8], bool)> {
    match body {
        [] | [_] => Some((&[], false)),
        [0, _, _] => Some((&[], true)),
        [0, high, low, rest @ ..] => Some((rest.get(..usize::from(u16::from_be_bytes([*high, *low])))?, true)),
        [length, rest @ ..] => Some((rest.get(..usize::from(*length))?, false)),
    }
}
