//! The message that a user may get when their key is registered: from a template that can name facts of the enrolment, and
//! never a PIN. It is sent at most once a job, and nothing that becomes of it stops the enrolment.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::flow::{Enrolment, Order, Work};
use crate::advice::Advised as _;
use crate::identity::{Message, SendError};
use crate::ledger::{Entry, Intent, Outcome};
use crate::secret::Pin;
use crate::ui::{Notified, Summary};

/// Longest template, in bytes.
const LONGEST: usize = 16 * 1024;
/// Longest value that is put in, in characters.
const LONGEST_VALUE: usize = 200;
/// What the first line of a template begins with.
const SUBJECT: &str = "Subject:";

/// A wish for a message after each enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it says.
    pub template: NoticeTemplate,
    /// The mailbox that it is sent from: user principal name or object id.
    pub sender: String,
}

/// A template: `Subject: …`, an empty line, then the text. `{name}` is replaced; `{{` and `}}` are braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeTemplate {
    subject: Vec<Piece>,
    text: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(Field),
}

/// What a template can name. A PIN is not among it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Upn,
    DisplayName,
    Model,
    Serial,
    PasskeyName,
    Date,
}

impl Field {
    const NAMES: [(&'static str, Self); 6] = [
        ("upn", Self::Upn),
        ("display_name", Self::DisplayName),
        ("model", Self::Model),
        ("serial", Self::Serial),
        ("passkey_name", Self::PasskeyName),
        ("date", Self::Date),
    ];
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It names a PIN.
    #[error("it names {{{0}}}: a PIN is never put in a message")]
    Pin(String),
    /// It names something else that there is not.
    #[error("it names {{{0}}}, which is not one of {{upn}}, {{display_name}}, {{model}}, {{serial}}, {{passkey_name}}, {{date}}")]
    Unknown(String),
    /// A brace without its other one.
    #[error("a brace has no other one; write {{{{ or }}}} for the character itself")]
    Brace,
    /// It does not begin with a subject and an empty line.
    #[error("it has to begin with `Subject: …` and an empty line")]
    Subject,
    /// It has no text.
    #[error("it has no text after the subject")]
    Empty,
    /// It is too long.
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
}

impl NoticeTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > LONGEST {
            return Err(TemplateError::TooLong);
        }
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let (first, rest) = text.split_once('\n').ok_or(TemplateError::Subject)?;
        let subject = first.strip_prefix(SUBJECT).map(str::trim).filter(|subject| !subject.is_empty());
        let body = rest.strip_prefix('\n').ok_or(TemplateError::Subject)?;
        if body.trim().is_empty() {
            return Err(TemplateError::Empty);
        }
        Ok(Self { subject: pieces(subject.ok_or(TemplateError::Subject)?)?, text: pieces(body)? })
    }

    /// The message for these facts. What is put in is not read as a template again.
    fn fill(&self, facts: &Facts<'_>) -> Message {
        let fill = |pieces: &[Piece]| -> String {
            let words = pieces.iter().map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Field(field) => facts.value(*field),
            });
            words.collect()
        };
        Message { subject: fill(&self.subject), text: fill(&self.text) }
    }
}

fn pieces(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (plain, brace) = rest.split_at(at);
        pieces.push(Piece::Text(plain.to_owned()));
        if let Some(after) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
            pieces.push(Piece::Text(brace.chars().take(1).collect()));
            rest = after;
            continue;
        }
        let inner = brace.strip_prefix('{').ok_or(TemplateError::Brace)?;
        let (name, after) = inner.split_once('}').ok_or(TemplateError::Brace)?;
        pieces.push(Piece::Field(field(name.trim())?));
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Ok(pieces)
}

fn field(name: &str) -> Result<Field, TemplateError> {
    if let Some((_, field)) = Field::NAMES.iter().find(|(known, _)| *known == name) {
        return Ok(*field);
    }
    let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
    if name.to_lowercase().contains("pin") { Err(TemplateError::Pin(shown)) } else { Err(TemplateError::Unknown(shown)) }
}

/// Everything that a template can name.
struct Facts<'a> {
    summary: &'a Summary,
    display_name: Option<&'a str>,
    now: Timestamp,
}

impl Facts<'_> {
    fn value(&self, field: Field) -> String {
        let summary = self.summary;
        let value = match field {
            Field::Upn => &summary.upn,
            Field::DisplayName => self.display_name.unwrap_or(&summary.upn),
            Field::Model => &summary.model,
            Field::Serial => summary.serial.as_deref().unwrap_or("-"),
            Field::PasskeyName => &summary.display_name,
            Field::Date => return TimeZone::UTC.to_datetime(self.now).date().to_string(),
        };
        value.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_VALUE).collect()
    }
}

/// What a job's journal says of its message.
fn noticed(entries: &[Entry]) -> Option<Notified> {
    let sent = entries.iter().filter(|entry| matches!(entry.intent, Intent::Notice { .. }));
    let mut last = sent.map(|entry| match entry.outcome {
        Some(Outcome::Failed { .. }) => Notified::Refused,
        None | Some(Outcome::Unknown { .. }) => Notified::Unknown,
        Some(_) => Notified::Accepted,
    });
    last.next_back()
}

impl Enrolment<'_> {
    /// Sends the message that was asked for, unless this job has sent it or may have. Says what became of it, in words and in
    /// the summary; never fails.
    pub(super) fn notify(&mut self, work: &Work, order: &Order, summary: &Summary, pin: &Pin) -> Option<Notified> {
        let notice = order.notice.as_ref()?;
        let facts = Facts { summary, display_name: work.user.display_name.as_deref(), now: self.desk.clock.now() };
        let message = notice.template.fill(&facts);
        if [&message.subject, &message.text].iter().any(|text| text.contains(pin.expose())) {
            self.desk.notice("the message is not sent: it holds the characters of the PIN");
            return Some(Notified::Refused);
        }
        let before = match self.ledger.entries(work.id) {
            Ok(entries) => noticed(&entries),
            Err(error) => return Some(self.not_sent(&error)),
        };
        match before {
            Some(Notified::Accepted) => self.desk.notice("the message was accepted before: it is not sent again"),
            Some(Notified::Unknown) => self
                .desk
                .notice("whether the message went out before is not known: it is not sent again; tell the user in another way"),
            None | Some(Notified::Refused) => return Some(self.send(work, &notice.sender, &message)),
        }
        before
    }

    fn send(&mut self, work: &Work, sender: &str, message: &Message) -> Notified {
        let ticket = match self.ledger.before(work.id, &Intent::Notice { sender: sender.to_owned() }, None) {
            Ok(ticket) => ticket,
            Err(error) => return self.not_sent(&error),
        };
        let failure = |error: &SendError| {
            let (SendError::Refused(inner) | SendError::Unknown(inner)) = error;
            (inner.advice().code.to_owned(), error.to_string())
        };
        let (outcome, notified) = match self.provider.send_message(&work.user, sender, message) {
            Ok(()) => {
                self.desk.notice("the message to the user is accepted, which does not mean that it is delivered");
                (Outcome::Done, Notified::Accepted)
            }
            Err(error @ SendError::Refused(_)) => {
                let (code, sentence) = failure(&error);
                let notified = self.not_sent(&error);
                (Outcome::Failed { code, sentence }, notified)
            }
            Err(error @ SendError::Unknown(_)) => {
                let (code, sentence) = failure(&error);
                self.desk.notice(format!("whether the message to the user went out is not known: {error}"));
                (Outcome::Unknown { code, sentence }, Notified::Unknown)
            }
        };
        self.write_down(ticket, &outcome);
        notified
    }

    fn not_sent(&self, error: &dyn std::fmt::Display) -> Notified {
        self.desk.notice(format!("the message to the user is not sent, the enrolment goes on: {error}"));
        Notified::Refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Summary {
        Summary {
            upn: "adele@contoso.example".into(),
            serial: None,
            model: "YubiKey 5".into(),
            aaguid: "00".into(),
            method_id: Some("m".into()),
            register_before: None,
            display_name: "{serial}\r\nBcc: x".into(),
            credential_id: "c".into(),
            pin_change_forced: true,
            second_copy: false,
            notice: None,
            hand_over: None,
            hardening: Vec::new(),
            first_sign_in: Vec::new(),
        }
    }

    #[test]
    fn everything_that_can_be_named_is_put_in_once() {
        let template = NoticeTemplate::parse(
            "Subject: Key for {display_name} {{\r\n\r\n{upn} {model} {serial} { passkey_name } {date}}}\nEnd {\u{7b}\n",
        )
        .unwrap();
        let now = "2026-11-24T23:30:00Z".parse().unwrap();
        let facts = Facts { summary: &summary(), display_name: Some("Adele\nVance"), now };
        let message = template.fill(&facts);
        assert_eq!(message.subject, "Key for Adele Vance {");
        assert_eq!(message.text, "adele@contoso.example YubiKey 5 - {serial}  Bcc: x 2026-11-24}\nEnd {\n");
        let nameless = template.fill(&Facts { display_name: None, ..facts });
        assert_eq!(nameless.subject, "Key for adele@contoso.example {");
    }

    #[test]
    fn a_pin_cannot_be_named() {
        for name in ["pin", "PIN", "temporary_pin", "temporaryPin", " pin ", "new-pin", "pin_must_be_changed"] {
            for text in [format!("Subject: a\n\nYour PIN is {{{name}}}."), format!("Subject: {{{name}}}\n\nb")] {
                assert_eq!(NoticeTemplate::parse(&text), Err(TemplateError::Pin(name.trim().into())), "{text}");
            }
        }
        // Nor is there a field whose value could be one: the list is the whole of it.
        let names: Vec<&str> = Field::NAMES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["upn", "display_name", "model", "serial", "passkey_name", "date"]);
    }

    #[test]
    fn what_is_no_template() {
        let long = format!("Subject: a\n\n{}", "b".repeat(LONGEST));
        for (text, error) in [
            ("", TemplateError::Subject),
            ("Hello\n\nb", TemplateError::Subject),
            ("Subject:\n\nb", TemplateError::Subject),
            ("Subject: a\nb", TemplateError::Subject),
            ("Subject: a\n\n \n", TemplateError::Empty),
            ("Subject: a\n\n{", TemplateError::Brace),
            ("Subject: a\n\n} {upn}", TemplateError::Brace),
            ("Subject: a\n\n{upn", TemplateError::Brace),
            ("Subject: a\n\n{colour}", TemplateError::Unknown("colour".into())),
            ("Subject: a\n\n{}", TemplateError::Unknown(String::new())),
            (&long, TemplateError::TooLong),
        ] {
            assert_eq!(NoticeTemplate::parse(text), Err(error), "{text:.40}");
        }
    }
}
