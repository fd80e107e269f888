//! JSON lines for scripts: one versioned object a line on standard output, and nothing else there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::secret::Pin;

use super::face::JSON_VERSION;
use super::streams::{is_unruly, result, result_that_counts};
use super::{Answer, Event, Face, Problem, Question, Revealed, Sheet, Spot, Summary, Ui};

/// Bytes reserved for the line with the PIN, so that it never moves and leaves a copy behind.
const ROOM: usize = 16 * 1024;
/// Bytes that a byte can become when it is escaped.
const LONGEST_ESCAPE: usize = 6;

/// The face for scripts. It asks nobody: flags answer.
#[derive(Debug, Default)]
pub struct JsonLines {
    /// The key was last heard to wait for something: only then is it news that it does not.
    key_waits: AtomicBool,
}

#[derive(Serialize)]
struct Line<'a, T: Serialize> {
    v: u8,
    #[serde(flatten)]
    body: Body<'a, T>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a, T: Serialize> {
    Event(&'a Event),
    Spotted {
        #[serde(flatten)]
        event: &'a Event,
        #[serde(flatten)]
        spot: &'a Spot,
    },
    Result {
        result: T,
    },
    Error {
        error: &'a Problem,
    },
}

/// The last line of an enrolment.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Handed<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    /// The PIN that its user has to change, where it was handed over here.
    #[serde(skip_serializing_if = "Option::is_none")]
    temporary_pin: Option<&'a str>,
    /// As `pinChangeForced`.
    pin_must_be_changed: bool,
}

/// A result with a secret that is never copied into a tree of values.
#[derive(Serialize)]
struct WithSecret<'a> {
    #[serde(flatten)]
    object: &'a Value,
    #[serde(flatten)]
    secret: BTreeMap<&'static str, &'a str>,
}

fn line<T: Serialize>(body: Body<'_, T>) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM));
    // Serialising to memory fails only for values that these types cannot hold.
    if serde_json::to_writer(&mut *bytes, &Line { v: JSON_VERSION, body }).is_err() {
        return Zeroizing::default();
    }
    let mut text = Zeroizing::new(String::with_capacity(ROOM.max(bytes.len().saturating_mul(LONGEST_ESCAPE))));
    for c in str::from_utf8(&bytes).unwrap_or_default().chars() {
        // Such characters stand only within strings, where JSON knows another spelling for them.
        if is_unruly(c) {
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text.push('\n');
    text
}

/// An event in its place. An event that names its user does so for the place as well: a member stands once in an object.
fn spotted(spot: &Spot, event: &Event) -> Zeroizing<String> {
    let upn = spot.upn.clone().filter(|_| !event.names_user());
    line::<Value>(Body::Spotted { event, spot: &Spot { upn, ..spot.clone() } })
}

fn handed(summary: &Summary, pin: Option<&Pin>) -> io::Result<()> {
    let temporary_pin = pin.map(Pin::expose);
    let handed = Handed { summary, temporary_pin, pin_must_be_changed: summary.pin_change_forced };
    result_that_counts(&line(Body::Result { result: handed }))
}

impl Ui for JsonLines {
    fn tell(&self, event: &Event) {
        let waits = matches!(event, Event::KeyWaits { .. });
        let waited = self.key_waits.swap(waits, Ordering::Relaxed);
        if matches!(event, Event::KeyIdle) && !waited {
            return;
        }
        result(&line::<Value>(Body::Event(event)));
    }

    fn tell_at(&self, spot: &Spot, event: &Event) {
        // Of several keys nobody knows which one was heard last.
        if !matches!(event, Event::KeyIdle) {
            result(&spotted(spot, event));
        }
    }

    fn ask(&self, _question: &Question) -> Option<Answer> {
        None
    }

    fn hand_over(&self, summary: &Summary, pin: &Pin) -> io::Result<()> {
        handed(summary, Some(pin))
    }

    fn finish(&self, summary: &Summary) -> io::Result<()> {
        handed(summary, None)
    }
}

impl Face for JsonLines {
    fn show(&self, sheet: &Sheet) {
        result(&line(Body::Result { result: &sheet.object }));
    }

    fn reveal(&self, sheet: &Sheet, revealed: &Revealed<'_>) -> io::Result<()> {
        let secret = BTreeMap::from([(revealed.member, revealed.secret.expose())]);
        result_that_counts(&line(Body::Result { result: WithSecret { object: &sheet.object, secret } }))
    }

    fn complain(&self, problem: &Problem) {
        result(&line::<Value>(Body::Error { error: problem }));
    }

    fn secret(&self, _prompt: &str) -> Option<Zeroizing<String>> {
        None
    }

    fn has_person(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::ui::streams::harmless;

    fn read(line: &str) -> Value {
        assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
        serde_json::from_str(line).unwrap()
    }

    #[test]
    fn every_line_is_one_versioned_object() {
        let event = Event::ReturnKey { reader: true, window: Duration::from_secs(10), long: false };
        assert_eq!(
            read(&line::<Value>(Body::Event(&event))),
            json!({"v": 1, "event": "return-key", "reader": true, "window": 10, "long": false})
        );
        assert_eq!(read(&line::<Value>(Body::Event(&Event::KeyIdle))), json!({"v": 1, "event": "key-idle"}));
        assert_eq!(read(&line(Body::Result { result: json!({"a": 1}) })), json!({"v": 1, "result": {"a": 1}}));
        let problem = Problem { code: "key/gone", message: "Gone.".into(), next: "Back.", detail: None, question: None };
        let expected = json!({"v": 1, "error": {"code": "key/gone", "message": "Gone.", "next": "Back."}});
        assert_eq!(read(&line::<Value>(Body::Error { error: &problem })), expected);
    }

    #[test]
    fn the_user_of_an_event_in_a_lane_is_named_once() {
        let spot = Spot { lane: Some("1-1".into()), task: Some(7), upn: Some("a@contoso.example".into()) };
        let upn = || "a@contoso.example".to_owned();
        let rows = [
            Event::TaskBegins { row: 2, upn: upn() },
            Event::JobOpened { job: 3, upn: upn(), serial: None },
            Event::Resuming { job: 3, upn: upn(), state: "made".into() },
            Event::TaskDone,
        ];
        for event in rows {
            let shown = spotted(&spot, &event);
            assert_eq!(shown.matches("\"upn\"").count(), 1, "{}", *shown);
            let told = read(&shown);
            assert_eq!((&told["lane"], &told["task"], &told["upn"]), (&json!("1-1"), &json!(7), &json!(upn())), "{told}");
        }
    }

    #[test]
    fn a_line_on_a_terminal_steers_nothing() {
        let evil = "a\u{1b}[2J\u{9b}\u{7f}\u{202e}\u{200b}ü鍵";
        let shown = line::<Value>(Body::Event(&Event::Notice { sentence: evil.into() }));
        assert!(harmless(shown.trim_end()) == shown.trim_end(), "{shown:?}");
        assert_eq!(read(&shown)["sentence"], evil, "and says the same");
        assert!(shown.contains("ü鍵"));
    }

    #[test]
    fn every_event_is_documented() {
        let page = include_str!("../../docs/command-line.md");
        let source = include_str!("mod.rs");
        let events = source.split("pub enum Event {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap();
        let names =
            events.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| line.starts_with(char::is_uppercase));
        for name in names.map(|line| line.trim_end_matches([' ', '{', ','])) {
            let mut kebab = String::new();
            for c in name.chars() {
                if c.is_uppercase() && !kebab.is_empty() {
                    kebab.push('-');
                }
                kebab.extend(c.to_lowercase());
            }
            assert!(page.contains(&format!("`{kebab}`")), "{kebab}");
        }
    }

    #[test]
    fn the_last_line_of_an_enrolment_holds_the_pin() {
        let summary = Summary {
            upn: "adele@contoso.example".into(),
            serial: None,
            model: "Training key".into(),
            aaguid: "00".into(),
            method_id: Some("m".into()),
            register_before: None,
            display_name: "n".into(),
            credential_id: "c".into(),
            pin_change_forced: true,
            second_copy: false,
            notice: None,
            hand_over: None,
            hardening: Vec::new(),
            first_sign_in: Vec::new(),
        };
        let handed = Handed { summary: &summary, temporary_pin: Some("48213930"), pin_must_be_changed: true };
        let value = read(&line(Body::Result { result: handed }));
        assert_eq!(value.pointer("/result/temporaryPin"), Some(&json!("48213930")));
        assert_eq!(value.pointer("/result/upn"), Some(&json!("adele@contoso.example")));
    }
}
