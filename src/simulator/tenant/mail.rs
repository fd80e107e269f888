//! `sendMail`: what was accepted is kept, and goes nowhere.

use serde::Deserialize;
use serde_json::Value;

use crate::simulator::tenant::envelope::Refusal;
use crate::simulator::tenant::script::TrainingUser;
use crate::simulator::tenant::state::Tenant;
use crate::simulator::tenant::wire::{Request, Response};

const SEND: &[&str] = &["Mail.Send"];
/// Messages that are kept; older ones are forgotten first.
const MAX_MAILS: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Body {
    message: Message,
    /// A JSON boolean; the documented sample has a string.
    #[serde(rename = "saveToSentItems")]
    _save: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    subject: Option<String>,
    body: Content,
    #[serde(default)]
    to_recipients: Vec<Recipient>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    content_type: String,
    content: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    email_address: Address,
}

#[derive(Deserialize)]
struct Address {
    address: String,
}

/// A message that the tenant accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainingMail {
    /// Principal name of the mailbox that it was sent from.
    pub sender: String,
    /// Addresses.
    pub to: Vec<String>,
    /// Subject.
    pub subject: String,
    /// Text.
    pub text: String,
}

impl Tenant {
    /// Accepts a message from a user's mailbox: 202, which says nothing of delivery.
    pub(super) fn send_mail(&mut self, request: &Request, sender: &TrainingUser) -> Result<Response, Refusal> {
        self.require(SEND)?;
        let body: Body = serde_json::from_slice(&request.body)
            .map_err(|error| Refusal::bad(format!("the body does not fit the schema: {error}")))?;
        let Message { subject, body: Content { content_type, content }, to_recipients } = body.message;
        let to: Vec<String> = to_recipients.into_iter().map(|to| to.email_address.address).collect();
        if !matches!(content_type.to_ascii_lowercase().as_str(), "text" | "html") {
            return Err(Refusal::bad("contentType is Text or HTML."));
        }
        if to.is_empty() || to.iter().any(|address| !address.contains('@')) {
            return Err(Refusal::new(400, "ErrorInvalidRecipients", "At least one recipient is not valid."));
        }
        if self.mails.len() >= MAX_MAILS {
            self.mails.remove(0);
        }
        let subject = subject.unwrap_or_default();
        self.mails.push(TrainingMail { sender: sender.upn.clone(), to, subject, text: content });
        Ok(Response::empty(202))
    }
}
