//! The safe: PINs sealed with age to this station's own X25519 identity, and to the further stations that the profile names.
//!
//! The identity is a file in age's own form (`AGE-SECRET-KEY-1…`), readable by its owner only, so that `age -d -i FILE` opens
//! what keywright sealed. The plaintext is the PIN in UTF-8, filled up with zeros to 64 bytes as CTAP does it for a new PIN
//! (CTAP 2.3 section 6.5.5.5), so that the length of a sealed PIN tells nothing.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::iter;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use age::{Decryptor, Encryptor, x25519};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::de::DeserializeOwned;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::handover::parcel::{self, ParcelError, Recipient};
use crate::handover::pin::{Safe, SafeError};
use crate::secret::{Pin, SealedPin, private};

/// Length of every plaintext: one more than the longest PIN.
const PADDED: usize = 64;
/// No sealed PIN of ours is longer; what is longer is not read.
const MOST_SEALED: usize = 4096;
/// Most further stations: each adds about a hundred bytes to a sealed PIN.
const MOST_STATIONS: usize = 20;
/// No identity file is longer.
const MOST_IDENTITY: u64 = 16 * 1024;
/// What is sealed and opened to overwrite a PIN.
const BLANK: [u8; PADDED] = [0; PADDED];

/// Seals to, and opens with, the identity of this station.
///
/// age collects plaintext in a buffer that it frees without wiping, and its cipher leaves blocks of it on the stack. So all
/// that is done with a PIN is done once more with a blank: the same calls use the same frames and get the same pieces from
/// the allocator. A test searches the memory of the process for what is left.
pub struct AgeSafe {
    identity: x25519::Identity,
    /// This station's own first.
    recipients: Vec<x25519::Recipient>,
    sealed_blank: Vec<u8>,
}

impl fmt::Debug for AgeSafe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgeSafe({})", self.identity.to_public())
    }
}

impl AgeSafe {
    /// Takes the identity in the file at `path`, or makes one there if there is no file. Of several programs that do so at
    /// once one makes it and all take the same.
    ///
    /// # Errors
    /// [`SafeError::Identity`] if others can read the file, or if there is something else in it.
    pub fn open_or_create(path: &Path) -> Result<Self, SafeError> {
        let fault = |reason: String| SafeError::Identity { path: path.display().to_string(), reason };
        let identity = match File::open(path) {
            Ok(file) => read(&file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
            Err(error) => Err(error.to_string()),
        };
        let identity = identity.map_err(fault)?;
        let recipients = vec![identity.to_public()];
        let sealed_blank = encrypt(&recipients, &BLANK)?;
        Ok(Self { identity, recipients, sealed_blank })
    }

    /// Seals for further stations as well, so that they can take up what this one left unfinished in a ledger that all use.
    /// Each of them can open every PIN that is sealed from now on.
    ///
    /// # Errors
    /// [`SafeError::Seal`] if there are too many.
    pub fn shared_with(mut self, stations: &[Recipient]) -> Result<Self, SafeError> {
        for station in stations.iter().map(Recipient::station) {
            if !self.recipients.iter().any(|known| known.to_string() == station.to_string()) {
                self.recipients.push(station.clone());
            }
        }
        if self.recipients.len() > MOST_STATIONS.saturating_add(1) {
            return Err(SafeError::Seal(format!("there are more than {MOST_STATIONS} further stations")));
        }
        self.sealed_blank = encrypt(&self.recipients, &BLANK)?;
        Ok(self)
    }
}

impl AgeSafe {
    /// The public half of this station's identity: what others seal for it.
    pub fn recipient(&self) -> Recipient {
        self.identity.to_public().into()
    }

    /// The identity itself, to open what others sealed for this station.
    pub fn identity(&self) -> Box<dyn age::Identity> {
        Box::new(self.identity.clone())
    }

    /// Opens a file that was sealed for this station.
    ///
    /// # Errors
    /// [`ParcelError`].
    pub fn open_parcel<T: DeserializeOwned>(&self, sealed: &[u8]) -> Result<T, ParcelError> {
        parcel::open(&self.identity, sealed)
    }

    /// This station's stamp on a text: nobody else can make it.
    ///
    /// # Errors
    /// [`ParcelError::Seal`].
    pub fn stamp(&self, text: &[u8]) -> Result<[u8; 32], ParcelError> {
        let mut mac = self.stamper()?;
        mac.update(text);
        Ok(mac.finalize().into_bytes().into())
    }

    /// Whether this station stamped the text.
    pub fn stamped(&self, text: &[u8], stamp: &[u8]) -> bool {
        self.stamper().is_ok_and(|mut mac| {
            mac.update(text);
            mac.verify_slice(stamp).is_ok()
        })
    }

    fn stamper(&self) -> Result<Hmac<Sha256>, ParcelError> {
        let secret = self.identity.to_string();
        let mut key = Zeroizing::new([0_u8; 64]);
        let drawn = Hkdf::<Sha256>::new(None, secret.expose_secret().as_bytes()).expand(b"keywright stamp v1", &mut *key);
        drawn.map_err(|error| ParcelError::Seal(error.to_string()))?;
        Ok(Hmac::new((&*key).into()))
    }
}

impl Safe for AgeSafe {
    fn seal(&self, pin: &Pin) -> Result<SealedPin, SafeError> {
        let mut padded = Zeroizing::new([0_u8; PADDED]);
        let room = padded.get_mut(..pin.expose().len()).ok_or_else(|| SafeError::Seal("it is too long".into()))?;
        room.copy_from_slice(pin.expose().as_bytes());
        let sealed = encrypt(&self.recipients, &padded);
        encrypt(&self.recipients, &BLANK)?;
        sealed.map(SealedPin)
    }

    fn open(&self, sealed: &SealedPin) -> Result<Pin, SafeError> {
        let mut padded = Zeroizing::new([0_u8; PADDED]);
        let done = decrypt(&self.identity, &sealed.0, &mut padded);
        decrypt(&self.identity, &self.sealed_blank, &mut Zeroizing::new([0_u8; PADDED]))?;
        done?;
        let length = padded.iter().position(|byte| *byte == 0).ok_or_else(damaged)?;
        let (text, fill) = padded.split_at_checked(length).ok_or_else(damaged)?;
        if fill.iter().any(|byte| *byte != 0) {
            return Err(damaged());
        }
        let mut copy = Zeroizing::new(String::with_capacity(PADDED));
        copy.push_str(std::str::from_utf8(text).map_err(|_| damaged())?);
        Pin::new(copy).map_err(|_| damaged())
    }
}

fn damaged() -> SafeError {
    SafeError::Open("it is damaged".into())
}

#[inline(never)]
fn encrypt(recipients: &[x25519::Recipient], padded: &[u8; PADDED]) -> Result<Vec<u8>, SafeError> {
    let recipients = recipients.iter().map(|recipient| -> &dyn age::Recipient { recipient });
    let encryptor = Encryptor::with_recipients(recipients).map_err(|error| SafeError::Seal(error.to_string()))?;
    let mut sealed = Vec::with_capacity(MOST_SEALED);
    let written = encryptor.wrap_output(&mut sealed).and_then(|mut writer| {
        writer.write_all(padded)?;
        writer.finish().map(drop)
    });
    written.map(|()| sealed).map_err(|error| SafeError::Seal(error.to_string()))
}

/// Into a buffer of the caller, because a buffer that is returned is a buffer that is copied.
#[inline(never)]
fn decrypt(identity: &x25519::Identity, sealed: &[u8], padded: &mut [u8; PADDED]) -> Result<(), SafeError> {
    if sealed.len() > MOST_SEALED {
        return Err(damaged());
    }
    let identity: &dyn age::Identity = identity;
    let mut reader = Decryptor::new_buffered(sealed)
        .map_err(|_| damaged())?
        .decrypt(iter::once(identity))
        .map_err(|_| SafeError::Open("it was sealed by another station, or it is damaged".into()))?;
    reader.read_exact(padded).map_err(|_| damaged())?;
    if matches!(reader.read(&mut [0]), Ok(0)) { Ok(()) } else { Err(damaged()) }
}

fn read(file: &File) -> Result<x25519::Identity, String> {
    if let Some(mode) = private::exposure(file).map_err(|error| error.to_string())? {
        return Err(format!("others than its owner have rights to it (mode {mode}, it must be 0600)"));
    }
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    if length > MOST_IDENTITY {
        return Err("it is too long for an identity".into());
    }
    // Room for more than the file holds: a text that grows leaves a copy behind.
    let room = usize::try_from(MOST_IDENTITY.saturating_add(64)).map_err(|error| error.to_string())?;
    let mut text = Zeroizing::new(String::with_capacity(room));
    file.take(MOST_IDENTITY).read_to_string(&mut text).map_err(|error| error.to_string())?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Err("it does not hold exactly one age identity".into());
    };
    line.parse().map_err(|reason: &str| format!("it does not hold an age identity: {reason}"))
}

/// Under a lock that ends with the process: a file is made beside the place, filled, flushed, and only then given its name.
/// So the place never holds half an identity, and an identity that was taken by somebody is never replaced.
fn create(path: &Path) -> Result<x25519::Identity, String> {
    let told = |error: io::Error| error.to_string();
    let directory = path.parent().unwrap_or(Path::new(""));
    private::make_directory(directory).map_err(told)?;
    let guard = private::open_or_create(&beside(path, ".lock")).map_err(told)?;
    guard.lock().map_err(told)?;
    match File::open(path) {
        Ok(file) => return read(&file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(told(error)),
    }
    let identity = x25519::Identity::generate();
    let unfinished = beside(path, ".new");
    let mut file = private::create_anew(&unfinished).map_err(told)?;
    let head = format!("# keywright station identity: opens the PINs that this station sealed\n# {}\n", identity.to_public());
    file.write_all(head.as_bytes())
        .and_then(|()| file.write_all(identity.to_string().expose_secret().as_bytes()))
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&unfinished, path))
        .and_then(|()| private::sync_directory(directory))
        .map_err(told)?;
    Ok(identity)
}

fn beside(path: &Path, tail: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(tail);
    name.into()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn pin(text: &str) -> Pin {
        Pin::new(Zeroizing::new(text.into())).unwrap()
    }

    fn station() -> (TempDir, PathBuf, AgeSafe) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/station.age");
        let safe = AgeSafe::open_or_create(&path).unwrap();
        (directory, path, safe)
    }

    fn reason(path: &Path) -> String {
        match AgeSafe::open_or_create(path) {
            Err(SafeError::Identity { path: told, reason }) => {
                assert_eq!(told, path.display().to_string());
                reason
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_sealed_is_opened_again() {
        let (_directory, path, safe) = station();
        let again = AgeSafe::open_or_create(&path).unwrap();
        // A nonce, the plaintext and its tag; the head before it is of random length, whatever is sealed.
        let body = 16 + PADDED + 16;
        for text in ["1234", "70281946", "k7r4x2hm", "пароль", &"x".repeat(63)] {
            let sealed = safe.seal(&pin(text)).unwrap();
            let (head, _) = sealed.0.split_at(sealed.0.len() - body);
            let mac = head.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').next_back().unwrap();
            assert!(mac.starts_with(b"--- "), "the length of the body tells nothing");
            assert_eq!(again.open(&sealed).unwrap().expose(), text);
            assert_ne!(sealed, safe.seal(&pin(text)).unwrap(), "no two seals are alike");
            assert!(!sealed.0.windows(text.len()).any(|window| window == text.as_bytes()));
        }
    }

    #[test]
    fn another_station_cannot_open_it() {
        let (_one, _, ours) = station();
        let (_other, _, theirs) = station();
        let error = theirs.open(&ours.seal(&pin("70281946")).unwrap()).err().unwrap();
        assert!(error.to_string().contains("another station"), "{error}");
    }

    #[test]
    fn stations_that_the_profile_names_open_it_as_well() {
        let (_one, _, ours) = station();
        let (_other, _, theirs) = station();
        let (_third, _, stranger) = station();
        let shared = ours.shared_with(&[theirs.recipient(), theirs.recipient()]).unwrap();
        assert_eq!(shared.recipients.len(), 2);
        let sealed = shared.seal(&pin("70281946")).unwrap();
        for safe in [&shared, &theirs] {
            assert_eq!(safe.open(&sealed).unwrap().expose(), "70281946");
        }
        assert!(matches!(stranger.open(&sealed), Err(SafeError::Open(_))));
        let many: Vec<Recipient> = (0..MOST_STATIONS).map(|_| x25519::Identity::generate().to_public().into()).collect();
        let (_last, _, full) = station();
        let full = full.shared_with(&many).unwrap();
        assert_eq!(full.open(&full.seal(&pin(&"x".repeat(63))).unwrap()).unwrap().expose().len(), 63);
        assert!(full.shared_with(&[x25519::Identity::generate().to_public().into()]).is_err());
    }

    #[test]
    fn damage_is_told_wherever_it_is() {
        let (_directory, _, safe) = station();
        let sealed = safe.seal(&pin("70281946")).unwrap();
        for at in 0..sealed.0.len() {
            let mut damaged = sealed.clone();
            damaged.0[at] ^= 0x01;
            assert!(matches!(safe.open(&damaged), Err(SafeError::Open(_))), "byte {at}");
        }
        for length in 0..sealed.0.len() {
            assert!(safe.open(&SealedPin(sealed.0[..length].to_vec())).is_err(), "cut at {length}");
        }
        assert!(safe.open(&SealedPin(vec![b'a'; MOST_SEALED + 1])).is_err());
    }

    #[test]
    fn a_plaintext_of_another_form_is_refused() {
        let (_directory, _, safe) = station();
        let mut tail = [0_u8; PADDED];
        tail[..4].copy_from_slice(b"1234");
        tail[63] = 1;
        let mut noise = [0_u8; PADDED];
        noise[..4].copy_from_slice(&[0xFF; 4]);
        let plaintexts: [&[u8]; 7] = [b"", b"70281946", &[0; PADDED], &[b'1'; PADDED], &[b'1'; PADDED + 1], &tail, &noise];
        for plaintext in plaintexts {
            let sealed = SealedPin(age::encrypt(&safe.identity.to_public(), plaintext).unwrap());
            assert!(matches!(safe.open(&sealed), Err(SafeError::Open(_))), "{plaintext:?}");
        }
    }

    #[test]
    fn the_safe_shows_its_public_side_only() {
        let (_directory, path, safe) = station();
        let shown = format!("{safe:?}");
        assert!(shown.starts_with("AgeSafe(age1"), "{shown}");
        let file = std::fs::read_to_string(path).unwrap();
        let secret = file.lines().last().unwrap();
        assert!(secret.starts_with("AGE-SECRET-KEY-1"));
        assert!(!shown.contains(&secret[16..]) && !shown.contains("SECRET"));
    }

    #[test]
    fn a_stamp_is_of_one_station_and_one_text() {
        let (_one, path, ours) = station();
        let (_other, _, theirs) = station();
        let stamp = ours.stamp(b"text").unwrap();
        assert!(AgeSafe::open_or_create(&path).unwrap().stamped(b"text", &stamp));
        assert!(!theirs.stamped(b"text", &stamp) && !ours.stamped(b"text.", &stamp));
        assert!(!ours.stamped(b"text", &stamp[..31]) && !ours.stamped(b"text", &[]));
    }

    #[test]
    fn a_damaged_identity_is_told_without_its_content_and_kept() {
        let (_directory, path, _) = station();
        let good = std::fs::read_to_string(&path).unwrap();
        let cut = good.trim_end();
        let twice = format!("{good}{good}");
        let long = "#".repeat(20_000);
        for bad in ["", "# nothing\n", &cut[..cut.len() - 1], &twice, "age1qqqq", "\u{0}", &long] {
            std::fs::write(&path, bad).unwrap();
            let reason = reason(&path);
            assert!(!reason.contains("SECRET"), "{reason}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), bad, "it is not replaced");
        }
        std::fs::write(&path, [0xFF, 0xFE]).unwrap();
        assert!(reason(&path).contains("UTF-8"));
        assert!(!reason(path.parent().unwrap()).is_empty(), "a directory is no identity");
    }

    #[test]
    fn what_a_crash_left_unfinished_is_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("station.age");
        std::fs::write(beside(&path, ".new"), "AGE-SECR").unwrap();
        let safe = AgeSafe::open_or_create(&path).unwrap();
        let sealed = safe.seal(&pin("70281946")).unwrap();
        assert_eq!(AgeSafe::open_or_create(&path).unwrap().open(&sealed).unwrap().expose(), "70281946");
        assert!(!beside(&path, ".new").exists());
    }

    #[test]
    fn all_who_start_at_once_take_the_same_identity() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("made/by/us/station.age");
        let safes: Vec<AgeSafe> = std::thread::scope(|scope| {
            let lanes: Vec<_> = (0..8).map(|_| scope.spawn(|| AgeSafe::open_or_create(&path).unwrap())).collect();
            lanes.into_iter().map(|lane| lane.join().unwrap()).collect()
        });
        let sealed = safes[0].seal(&pin("70281946")).unwrap();
        for safe in &safes {
            assert_eq!(safe.open(&sealed).unwrap().expose(), "70281946");
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_identity() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_directory, path, _) = station();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        for exposed in [0o640, 0o604, 0o620, 0o777, 0o601] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(exposed)).unwrap();
            assert!(reason(&path).contains(&format!("mode {exposed:04o}")), "{exposed:o}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        AgeSafe::open_or_create(&path).unwrap();
    }
}
