//! The firmware engine on our clock, generator, memory and finger. Whole CTAP2 messages in and out, no framing.

use std::fmt;
use std::time::Duration;

use opensk::api::clock::Clock;
use opensk::api::connection::{HidConnection, RecvStatus, UsbEndpoint};
use opensk::api::crypto::software_crypto::SoftwareCrypto;
use opensk::api::customization::{CustomizationImpl, DEFAULT_CUSTOMIZATION};
use opensk::api::key_store::{self, KeyStore};
use opensk::api::persist::Persist;
use opensk::api::rng::Rng;
use opensk::ctap::data_formats::EnterpriseAttestationMode;
use opensk::ctap::status_code::CtapResult;
use opensk::ctap::{Channel, CtapState};
use opensk::env::Env;
use opensk_rand::rngs::StdRng;
use opensk_rand::{CryptoRng, RngCore, SeedableRng};
use sha2::{Digest, Sha256};

use crate::clock::SharedClock;

use super::disguise;
use super::finger::Finger;
use super::flash::{Flash, FlashError};
use super::model::{Model, Protocols};

/// There is one client: the owner of the exchange. State that belongs to a channel stays with it.
const CHANNEL: Channel = Channel::MainHid([0, 0, 0, 1]);
/// CTAP2_ERR_VENDOR_HARDWARE_FAILURE of the engine: the memory could not be written.
const HARDWARE_FAILURE: u8 = 0xF3;
/// CTAP2_ERR_USER_ACTION_TIMEOUT: what the engine answers when no touch came.
const USER_ACTION_TIMEOUT: u8 = 0x2F;

/// The engine's clock: ours, except while a power-up that happened earlier is caught up.
struct Quartz {
    clock: SharedClock,
    as_of: Option<Duration>,
}

impl Clock for Quartz {
    /// When it ends; zero has always ended.
    type Timer = Duration;

    fn make_timer(&mut self, milliseconds: usize) -> Duration {
        let length = Duration::from_millis(u64::try_from(milliseconds).unwrap_or(u64::MAX));
        self.as_of.unwrap_or_else(|| self.clock.monotonic()).saturating_add(length)
    }

    fn is_elapsed(&mut self, timer: &Duration) -> bool {
        self.clock.monotonic() >= *timer
    }
}

/// The generator in the generation of traits that the engine asks for.
struct Dice {
    source: Box<dyn rand::CryptoRng + Send>,
    current: StdRng,
}

impl Dice {
    fn new(source: Box<dyn rand::CryptoRng + Send>) -> Self {
        Self { source, current: StdRng::from_seed([0; 32]) }
    }

    /// Seeds anew. The count keeps two lives of one memory apart even if a test hands in the same seed twice.
    fn shake(&mut self, count: u64) {
        let mut seed = [0; 32];
        rand::Rng::fill_bytes(&mut self.source, &mut seed);
        let mixed = Sha256::new().chain_update(seed).chain_update(count.to_be_bytes()).finalize();
        self.current = StdRng::from_seed(mixed.into());
    }
}

impl RngCore for Dice {
    fn next_u32(&mut self) -> u32 {
        self.current.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.current.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.current.fill_bytes(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), opensk_rand::Error> {
        self.current.try_fill_bytes(bytes)
    }
}

impl CryptoRng for Dice {}
impl Rng for Dice {}

/// The packets of a USB key, of which there are none here: keepalives are told by the [`Finger`].
struct NoPackets;

impl HidConnection for NoPackets {
    fn send(&mut self, _packet: &[u8; 64], _endpoint: UsbEndpoint) -> CtapResult<()> {
        Ok(())
    }

    fn recv(&mut self, _packet: &mut [u8; 64], _timeout_ms: usize) -> CtapResult<RecvStatus> {
        Ok(RecvStatus::Timeout)
    }
}

/// The engine's debug output, which is thrown away.
pub(super) struct Silence;

impl fmt::Write for Silence {
    fn write_str(&mut self, _text: &str) -> fmt::Result {
        Ok(())
    }
}

struct Board {
    quartz: Quartz,
    dice: Dice,
    finger: Finger,
    flash: Flash,
    custom: CustomizationImpl,
    packets: NoPackets,
}

impl key_store::Helper for Board {}

impl Env for Board {
    type Rng = Dice;
    type UserPresence = Finger;
    type Persist = Flash;
    type KeyStore = Self;
    type Write = Silence;
    type Customization = CustomizationImpl;
    type HidConnection = NoPackets;
    type Clock = Quartz;
    type Crypto = SoftwareCrypto;

    fn rng(&mut self) -> &mut Dice {
        &mut self.dice
    }

    fn user_presence(&mut self) -> &mut Finger {
        &mut self.finger
    }

    fn persist(&mut self) -> &mut Flash {
        &mut self.flash
    }

    fn key_store(&mut self) -> &mut Self {
        self
    }

    fn clock(&mut self) -> &mut Quartz {
        &mut self.quartz
    }

    fn write(&mut self) -> Silence {
        Silence
    }

    fn customization(&self) -> &CustomizationImpl {
        &self.custom
    }

    fn hid_connection(&mut self) -> &mut NoPackets {
        &mut self.packets
    }

    fn boots_after_soft_reset(&self) -> bool {
        false
    }
}

/// The engine of one key.
pub(super) struct Engine {
    model: Model,
    board: Board,
    state: CtapState<Board>,
    powered_at: Duration,
}

impl Engine {
    pub(super) fn new(
        model: Model,
        clock: SharedClock,
        rng: Box<dyn rand::CryptoRng + Send>,
        finger: Finger,
        flash: Flash,
    ) -> Result<Self, FlashError> {
        let custom = CustomizationImpl {
            allows_pin_protocol_v1: model.protocols != Protocols::TwoOnly,
            default_min_pin_length: model.minimum_pin,
            enforce_always_uv: model.always_uv,
            enterprise_attestation_mode: model.enterprise_attestation.then_some(EnterpriseAttestationMode::PlatformManaged),
            use_batch_attestation: true,
            ..DEFAULT_CUSTOMIZATION
        };
        let powered_at = clock.monotonic();
        let quartz = Quartz { clock, as_of: None };
        let mut board = Board { quartz, dice: Dice::new(rng), finger, flash, custom, packets: NoPackets };
        let count = board.flash.count_power_up();
        board.dice.shake(count);
        let state = CtapState::new(&mut board);
        board.flash.flush()?;
        Ok(Self { model, board, state, powered_at })
    }

    /// Power comes at `at` by the monotonic clock, which is now or a moment ago: everything volatile is lost.
    pub(super) fn power_up(&mut self, at: Duration) -> Result<(), FlashError> {
        self.powered_at = at;
        let count = self.board.flash.count_power_up();
        self.board.dice.shake(count);
        self.board.quartz.as_of = Some(at);
        self.state = CtapState::new(&mut self.board);
        self.board.quartz.as_of = None;
        self.board.flash.flush()
    }

    /// One CTAP2 message: command byte and CBOR in, status byte and CBOR out. Blocks while the finger is awaited.
    pub(super) fn process(&mut self, request: &[u8]) -> Vec<u8> {
        let since = self.board.quartz.clock.monotonic().saturating_sub(self.powered_at);
        if let Some(status) = disguise::refusal(&self.model, request, since) {
            return vec![status];
        }
        let mut reply = self.state.process_command(&mut self.board, request, CHANNEL);
        if self.board.flash.flush().is_err() {
            return vec![HARDWARE_FAILURE];
        }
        if let [status] = reply.as_mut_slice()
            && *status == USER_ACTION_TIMEOUT
        {
            *status = self.model.no_touch_status;
        }
        disguise::reply(&self.model, request, reply)
    }

    /// What the key remembers.
    pub(super) fn flash(&self) -> &Flash {
        &self.board.flash
    }

    /// Whether that is the PIN; costs no try.
    pub(super) fn pin_is(&mut self, pin: &str) -> bool {
        let Ok(Some(stored)) = self.board.flash.pin_hash() else { return false };
        self.board.decrypt_pin_hash(&stored).is_ok_and(|hash| hash[..] == pin_hash(pin)[..])
    }

    /// Sets the PIN without any protocol, as a former owner did.
    pub(super) fn set_pin(&mut self, pin: &str) -> bool {
        let length = u8::try_from(pin.chars().count()).unwrap_or(u8::MAX);
        let stored = self.board.encrypt_pin_hash(&pin_hash(pin));
        stored.is_ok_and(|hash| self.board.flash.set_pin(&hash, length).is_ok() && self.board.flash.flush().is_ok())
    }
}

/// The left half of SHA-256, as CTAP 2.3 section 6.5.5 stores a PIN.
fn pin_hash(pin: &str) -> [u8; 16] {
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(Sha256::digest(pin.as_bytes())) {
        *to = from;
    }
    half
}
