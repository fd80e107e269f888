//! What may surprise the user of a key at the first sign-in: a table of rows, and the facts by which a row applies.
//! `docs/first-sign-in.md` shows it.

use super::abilities::Abilities;
use super::hardening::least_pin;
use crate::aaguid::Aaguid;
use crate::ctap::{Info, Requirement, Standing, Wish};
use crate::metadata;
use crate::ui::Surprise;

const WINDOWS: &str =
    "https://learn.microsoft.com/entra/identity/authentication/howto-authentication-passwordless-security-key-windows";
const PLATFORMS: &str = "https://learn.microsoft.com/entra/identity/authentication/concept-fido2-compatibility";
const VENDORS: &str = "https://learn.microsoft.com/entra/identity/authentication/concept-fido2-hardware-vendor";
const CTAP: &str =
    "https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-20210615.html";
const BULK: &str =
    "https://github.com/YubicoLabs/entraId-register-passkeys-on-behalf-of-users/blob/main/bulkRegistration/BulkRegistration.md";

/// A minimum PIN length that no prompt mentions beforehand: below it every PIN that people try is long enough.
const USUAL_PIN: usize = 4;

/// What is known of a key as its user will get it. `None`: not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Facts {
    forced_change: Option<bool>,
    always_uv: Option<bool>,
    hmac_secret: Option<bool>,
    /// Shortest PIN in code points.
    shortest_pin: Option<usize>,
    /// `usb`, `nfc`, `ble` and others; empty if they are not known.
    links: Vec<String>,
}

impl Facts {
    fn of(abilities: &Abilities, aaguid: Aaguid, info: Option<&Info>, hardening: &[Requirement]) -> Self {
        let public = metadata::model(aaguid);
        let told = info.and_then(|info| info.transports.clone()).unwrap_or_default();
        let links = if told.is_empty() {
            public.as_ref().map(|model| model.links().map(ToOwned::to_owned).collect()).unwrap_or_default()
        } else {
            told.iter().map(|link| link.to_ascii_lowercase()).collect()
        };
        let switched_on = |info: &Info| {
            let wished = hardening.iter().find(|wanted| wanted.wish == Wish::AlwaysUv);
            info.always_uv() || wished.is_some_and(|wanted| wanted.wish.standing(info) == Standing::Possible)
        };
        let shortest = |info: &Info| info.min_pin_length().max(least_pin(hardening, info));
        Self {
            forced_change: abilities.forces_change(),
            always_uv: info.map(switched_on),
            hmac_secret: abilities.hmac_secret(),
            shortest_pin: info.map(shortest).or_else(|| public.and_then(|model| model.min_pin_length).map(usize::from)),
            links,
        }
    }

    /// Whether it is known to have this link, or to have none of that kind.
    fn link(&self, name: &str) -> Option<bool> {
        (!self.links.is_empty()).then(|| self.links.iter().any(|link| link == name))
    }
}

struct Row {
    applies: fn(&Facts) -> bool,
    surprise: Surprise,
}

/// A row about every key, by the maker of the platform.
const fn every(word: &'static str, sentence: &'static str, next: &'static str, source: &'static str) -> Row {
    Row { applies: |_| true, surprise: Surprise { word, sentence, next, source, documented: true, particular: false } }
}

/// A row about keys of which something is known.
const fn some(
    applies: fn(&Facts) -> bool,
    (word, documented): (&'static str, bool),
    sentence: &'static str,
    next: &'static str,
    source: &'static str,
) -> Row {
    Row { applies, surprise: Surprise { word, sentence, next, source, documented, particular: true } }
}

const ROWS: &[Row] = &[
    some(
        |facts| facts.forced_change == Some(true),
        ("forced-pin-change", false),
        "the key wants a new PIN before anything else, and phones, older systems and some browsers do not offer that: they call the \
         right PIN wrong",
        "Change it on Windows 11 or in Chrome on macOS first, where it is reported to work; a Temporary Access Pass bridges the time.",
        BULK,
    ),
    some(
        |facts| facts.forced_change == Some(false),
        ("pin-stays", true),
        "nothing asks for a new PIN: the temporary one stays valid",
        "Have it changed at once: in Windows under Settings, Accounts, Sign-in options, Security key.",
        WINDOWS,
    ),
    some(
        |facts| facts.always_uv == Some(true),
        ("always-uv", true),
        "the key asks for its PIN at every use, also where a touch was enough, and does not serve programs that know U2F only",
        "Say so beforehand to people who use the key elsewhere as a second factor.",
        CTAP,
    ),
    some(
        |facts| facts.shortest_pin.is_some_and(|shortest| shortest > USUAL_PIN),
        ("longer-pin", false),
        "the key refuses a new PIN that is shorter than its minimum, and some prompts say so only afterwards",
        "Tell the user the minimum with the temporary PIN, which has at least that length.",
        CTAP,
    ),
    some(
        |facts| facts.link("usb") == Some(false) && facts.link("nfc") == Some(true),
        ("nfc-only", true),
        "the key has no USB: browsers on macOS, Linux, ChromeOS and Android take no key over NFC, and Windows needs a reader",
        "Give the user a reader, or a key with USB.",
        PLATFORMS,
    ),
    some(
        |facts| facts.link("usb") == Some(false) && facts.link("nfc") == Some(false) && facts.link("ble") == Some(true),
        ("bluetooth-only", true),
        "the key has Bluetooth only, which macOS, Linux, ChromeOS, iOS and Android do not take",
        "Give the user a key with USB.",
        PLATFORMS,
    ),
    some(
        |facts| facts.link("usb") == Some(true) && facts.link("nfc") == Some(false) && facts.link("lightning") != Some(true),
        ("no-nfc", true),
        "the key has no NFC: on a phone it needs a port that it fits into, and no key tells whether its plug is USB-A or USB-C",
        "Look at the plug and at the user's devices.",
        PLATFORMS,
    ),
    some(
        |facts| facts.hmac_secret == Some(false),
        ("no-hmac-secret", true),
        "the key has no hmac-secret: it does not unlock Windows without a network",
        "Use another model where people sign in to Windows offline.",
        VENDORS,
    ),
    every(
        "windows-version",
        "signing in to Windows itself takes Windows 10 1909 or later on joined devices, 2004 or later on hybrid joined ones, and \
         security keys have to be switched on there by Intune, a provisioning package or a group policy",
        "Check the user's devices; the browser takes the key from Windows 10 1903 on.",
        WINDOWS,
    ),
    every(
        "windows-offline",
        "Windows is unlocked without a network only after the key has signed in to that device with one",
        "Have the first sign-in made where there is a network.",
        WINDOWS,
    ),
    every(
        "remote-desktop",
        "in a session of Remote Desktop, VDI or Citrix the key serves by WebAuthn redirection only, and it signs in to no server",
        "Use a client and a host that redirect WebAuthn.",
        WINDOWS,
    ),
    every("android-nfc", "browsers on Android take the key over USB only", "Have the key put into the phone's port.", PLATFORMS),
    every("linux-browser", "on Linux only Chrome signs in with a key", "Use Chrome there.", PLATFORMS),
];

/// What may surprise the user of this key, or of a key of this model.
pub fn surprises(abilities: &Abilities, aaguid: Aaguid, info: Option<&Info>, hardening: &[Requirement]) -> Vec<Surprise> {
    met_by(&Facts::of(abilities, aaguid, info, hardening)).collect()
}

fn met_by(facts: &Facts) -> impl Iterator<Item = Surprise> {
    ROWS.iter().filter(|row| (row.applies)(facts)).map(|row| row.surprise)
}

/// Those of these words; a word that the table does not have any more is left out.
pub(super) fn of_words(words: &[String]) -> Vec<Surprise> {
    ROWS.iter().map(|row| row.surprise).filter(|one| words.iter().any(|word| word == one.word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn particular(facts: &Facts) -> Vec<&'static str> {
        met_by(facts).filter(|one| one.particular).map(|one| one.word).collect()
    }

    fn links(names: &[&str]) -> Facts {
        Facts { links: names.iter().map(|name| (*name).to_owned()).collect(), ..Facts::default() }
    }

    #[test]
    fn each_row_has_its_facts() {
        let unknown = Facts::default();
        let rows: [(Facts, &[&str]); 14] = [
            (unknown.clone(), &[]),
            (Facts { forced_change: Some(true), ..unknown.clone() }, &["forced-pin-change"]),
            (Facts { forced_change: Some(false), ..unknown.clone() }, &["pin-stays"]),
            (Facts { always_uv: Some(true), ..unknown.clone() }, &["always-uv"]),
            (Facts { always_uv: Some(false), ..unknown.clone() }, &[]),
            (Facts { shortest_pin: Some(4), ..unknown.clone() }, &[]),
            (Facts { shortest_pin: Some(6), ..unknown.clone() }, &["longer-pin"]),
            (Facts { hmac_secret: Some(false), ..unknown.clone() }, &["no-hmac-secret"]),
            (links(&["nfc"]), &["nfc-only"]),
            (links(&["ble"]), &["bluetooth-only"]),
            (links(&["usb"]), &["no-nfc"]),
            (links(&["usb", "nfc"]), &[]),
            (links(&["usb", "lightning"]), &[]),
            (links(&["nfc", "smart-card"]), &["nfc-only"]),
        ];
        for (facts, words) in rows {
            assert_eq!(particular(&facts), words, "{facts:?}");
        }
        let met: Vec<_> = ROWS.iter().filter(|row| row.surprise.particular).map(|row| row.surprise.word).collect();
        assert_eq!(met.len(), 8, "a new row gets its facts above: {met:?}");
    }

    #[test]
    fn rows_that_count_for_every_key_are_always_there() {
        let words: Vec<_> = met_by(&Facts::default()).map(|one| one.word).collect();
        assert_eq!(words, ["windows-version", "windows-offline", "remote-desktop", "android-nfc", "linux-browser"]);
        assert_eq!(of_words(&["remote-desktop".into(), "gone".into()]).len(), 1);
    }

    #[test]
    fn the_page_shows_each_row_with_its_source() {
        let page = include_str!("../../docs/first-sign-in.md");
        for Row { surprise, .. } in ROWS {
            let line = page.lines().find(|line| line.starts_with(&format!("| `{}` |", surprise.word)));
            let line = line.unwrap_or_else(|| panic!("{}", surprise.word));
            assert!(line.contains(surprise.source), "{}: {}", surprise.word, surprise.source);
            assert_eq!(line.contains("| yes |"), surprise.documented, "{}", surprise.word);
        }
        let words: std::collections::BTreeSet<_> = ROWS.iter().map(|row| row.surprise.word).collect();
        assert_eq!(words.len(), ROWS.len(), "each word is there once");
    }

    #[test]
    fn sentences_are_whole() {
        for Row { surprise, .. } in ROWS {
            assert!(surprise.next.ends_with('.') && !surprise.sentence.ends_with('.'), "{}", surprise.word);
            assert!(surprise.source.starts_with("https://"), "{}", surprise.word);
        }
    }
}
