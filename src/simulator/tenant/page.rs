//! Lists in pages.

use serde_json::{Value, json};

use crate::simulator::tenant::envelope::Refusal;
use crate::simulator::tenant::state::Tenant;
use crate::simulator::tenant::wire::{Request, Response};

/// Most that `$top` may ask for.
const MOST: usize = 999;

impl Tenant {
    /// A list, in pages of the script's size or what `$top` asks for, whichever is smaller.
    pub(super) fn page(&self, request: &Request, items: Vec<Value>) -> Result<Response, Refusal> {
        self.page_of(request, items.into_iter(), |item| item)
    }

    /// As [`Self::page`]; only what is on the page is written out.
    pub(super) fn page_of<T>(
        &self,
        request: &Request,
        items: impl Iterator<Item = T>,
        written: impl Fn(T) -> Value,
    ) -> Result<Response, Refusal> {
        let asked = |wanted: &str| request.query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let skip = asked("$skiptoken").and_then(|at| at.parse().ok()).unwrap_or(0_usize);
        let top = asked("$top").map_or(Ok(MOST), top_of)?;
        let size = self.script.page_size.max(1).min(top);
        let mut items = items.skip(skip);
        let value: Vec<Value> = items.by_ref().take(size).map(written).collect();
        let mut body = json!({"@microsoft.graph.tips": "Use $select to choose only the properties your app needs."});
        if let Some(members) = body.as_object_mut() {
            if items.next().is_some() {
                // What was asked for stays part of the address.
                let asked = request.raw_query.split('&').filter(|pair| !pair.is_empty() && !pair.contains("skiptoken="));
                let query: String = asked.map(|pair| format!("{pair}&")).collect();
                let link = format!("{}{}?{query}$skiptoken={}", self.base, request.path, skip.saturating_add(size));
                members.insert("@odata.nextLink".to_owned(), link.into());
            }
            members.insert("value".to_owned(), value.into());
        }
        Ok((200, body).into())
    }
}

fn top_of(text: &str) -> Result<usize, Refusal> {
    let size = text.parse().ok().filter(|size| (1..=MOST).contains(size));
    size.ok_or_else(|| Refusal::bad(format!("Invalid page size specified: '{text}'. Must be between 1 and {MOST} inclusive.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_1_to_999_items() {
        for (text, expected) in [("1", Some(1)), ("999", Some(999)), ("0", None), ("1000", None), ("-1", None), ("", None)] {
            assert_eq!(top_of(text).ok(), expected, "{text}");
        }
    }
}
