//! `sendMail`: a message to a user from a mailbox of the tenant.

use serde::{Deserialize, Serialize};

use crate::identity::entra::graph::{Graph, Version};
use crate::identity::entra::post::post;
use crate::identity::{IdentityError, Message, Reply, SendError, User};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SendBody<'a> {
    message: MessageBody<'a>,
    save_to_sent_items: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageBody<'a> {
    subject: &'a str,
    body: Content<'a>,
    to_recipients: [Recipient; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    content_type: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    email_address: Address,
}

#[derive(Serialize)]
struct Address {
    address: String,
}

#[derive(Deserialize)]
struct Mailbox {
    mail: Option<String>,
}

/// Sends a message to the address that the directory has for the user. 202 means accepted, not delivered.
pub(super) fn send(graph: &mut Graph, user: &User, sender: &str, message: &Message) -> Result<(), SendError> {
    let address = address(graph, user).map_err(SendError::Refused)?;
    let body = SendBody {
        message: MessageBody {
            subject: &message.subject,
            body: Content { content_type: "Text", content: &message.text },
            to_recipients: [Recipient { email_address: Address { address } }],
        },
        save_to_sent_items: true,
    };
    let url = graph.user_url(Version::V1, sender, &["sendMail"]).map_err(SendError::Refused)?;
    post(graph, &url, &body).map(drop)
}

fn address(graph: &mut Graph, user: &User) -> Result<String, IdentityError> {
    let mut url = graph.user_url(Version::V1, &user.id, &[])?;
    url.query_pairs_mut().append_pair("$select", "mail");
    let mailbox: Mailbox = graph.get(&url)?;
    mailbox.mail.filter(|address| !address.is_empty()).ok_or_else(|| {
        let message = format!("the directory has no mail address for {}", user.upn);
        IdentityError::NotFound(Reply { status: 404, message, ..Reply::default() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documented sample, which has a string where the declared type is a boolean.
    #[test]
    fn the_body_has_the_documented_shape() {
        let text = include_str!("../../../tests/data/graph/v1-sendMail-POST-request.json");
        let mut sample: serde_json::Value = serde_json::from_str(text).unwrap();
        sample["message"].as_object_mut().unwrap().remove("ccRecipients");
        sample["saveToSentItems"] = true.into();
        let body = SendBody {
            message: MessageBody {
                subject: "Meet for lunch?",
                body: Content { content_type: "Text", content: "The new cafeteria is open." },
                to_recipients: [Recipient { email_address: Address { address: "frannis@contoso.com".into() } }],
            },
            save_to_sent_items: true,
        };
        assert_eq!(serde_json::to_value(&body).unwrap(), sample);
    }
}
