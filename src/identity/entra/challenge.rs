//! Claims challenges: what a resource asks of the next token (Microsoft's continuous access evaluation and Conditional
//! Access authentication contexts), and what we say that we understand.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use serde_json::{Map, Value, json};

/// Longest claims that are passed on.
const MAX_CLAIMS: usize = 8 * 1024;
/// Padded or not: both were seen.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The claims of the first challenge that says `insufficient_claims`, as JSON; several headers, each with several
/// challenges, their parameters in any order (RFC 9110 section 11.6.1).
pub(super) fn claims<'a>(headers: impl Iterator<Item = &'a str>) -> Option<String> {
    headers.flat_map(challenges).find_map(|parameters| {
        let parameter = |wanted: &str| parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let (_, error) = parameter("error")?;
        let (_, claims) = parameter("claims").filter(|_| error.eq_ignore_ascii_case("insufficient_claims"))?;
        let bytes = STANDARD.decode(claims).or_else(|_| URL_SAFE.decode(claims)).ok()?;
        let readable = serde_json::from_slice::<Map<String, Value>>(&bytes).is_ok() && bytes.len() <= MAX_CLAIMS;
        readable.then(|| String::from_utf8_lossy(&bytes).into_owned())
    })
}

/// The `claims` parameter of a request for a token: that claims challenges are understood, and what one asks for.
pub(super) fn parameter(asked: Option<&str>) -> String {
    let mut claims = json!({"access_token": {"xms_cc": {"values": ["cp1"]}}});
    if let Some(asked) = asked.and_then(|text| serde_json::from_str(text).ok()) {
        merge(&mut claims, asked);
    }
    claims.to_string()
}

/// Lays `over` over `under`, member by member.
fn merge(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (name, value) in over {
                match under.get_mut(&name) {
                    Some(known) => merge(known, value),
                    None => drop(under.insert(name, value)),
                }
            }
        }
        (under, over) => *under = over,
    }
}

type Parameters = Vec<(String, String)>;

/// The parameters of each challenge of one header.
fn challenges(header: &str) -> Vec<Parameters> {
    let mut found: Vec<Parameters> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return found;
        }
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        let tail = after.trim_start_matches([' ', '\t']);
        if let Some(value) = tail.strip_prefix('=') {
            let (value, after) = parameter_value(value.trim_start_matches([' ', '\t']));
            if let Some(parameters) = found.last_mut() {
                parameters.push((token.to_owned(), value));
            }
            rest = after;
        } else {
            // A word of its own begins a challenge: it is the scheme.
            found.push(Vec::new());
            rest = tail;
        }
    }
}

/// A token or a quoted string, and what follows it.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, after) = text.split_at(text.find([',', ' ', '\t']).unwrap_or(text.len()));
        return (value.to_owned(), after);
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, quoted.get(at.saturating_add(1)..).unwrap_or_default()),
            _ => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACRS: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"cp1"}}}"#;
    const BASE64: &str = "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiY3AxIn19fQ==";

    #[test]
    fn challenges_in_all_orders() {
        let bare = BASE64.trim_end_matches('=');
        let rows: [(Vec<String>, bool); 13] = [
            (
                vec![format!(
                    "Bearer realm=\"\", authorization_uri=\"https://login.example/a,b\", error=\"insufficient_claims\", claims=\"{BASE64}\""
                )],
                true,
            ),
            (vec![format!("Bearer claims=\"{bare}\",error=\"insufficient_claims\"")], true),
            (vec![format!("bearer claims={bare} , error=insufficient_claims")], true),
            (vec![format!("PoP nonce=\"x\", Bearer error=\"insufficient_claims\", claims=\"{BASE64}\"")], true),
            (vec!["Negotiate".into(), format!("Bearer ERROR=\"Insufficient_Claims\", Claims=\"{BASE64}\"")], true),
            (vec![format!("Bearer realm=\"a \\\"quoted\\\", word\", error=\"insufficient_claims\", claims=\"{BASE64}\"")], true),
            (vec![format!("Bearer error=\"invalid_token\", claims=\"{BASE64}\"")], false),
            (vec![format!("Bearer error=\"insufficient_claims\"; claims=\"{BASE64}\"")], false),
            (vec![format!("PoP error=\"insufficient_claims\", Bearer claims=\"{BASE64}\"")], false),
            (vec!["Bearer error=\"insufficient_claims\", claims=\"!!!\"".into()], false),
            (vec!["Bearer error=\"insufficient_claims\", claims=\"W10=\"".into()], false),
            (vec!["Bearer error=\"insufficient_claims\", claims=\"e30".into(), "=\"=,,=".into()], false),
            (vec![String::new(), "Bearer".into(), "=".into()], false),
        ];
        for (headers, found) in rows {
            let claims = claims(headers.iter().map(String::as_str));
            let empty = claims.as_deref() == Some("{}");
            assert_eq!(claims.as_deref().filter(|_| !empty), found.then_some(ACRS), "{headers:?}");
        }
    }

    #[test]
    fn the_captured_header() {
        let text = include_str!("../../../tests/data/graph/graph-401-claims-challenge.header.json");
        let sample: Value = serde_json::from_str(text).unwrap();
        let header = sample["headers"]["www-authenticate"].as_str().unwrap();
        let claims: Value = serde_json::from_str(&claims([header].into_iter()).unwrap()).unwrap();
        assert_eq!(claims, sample["claims_decoded"]);
    }

    #[test]
    fn what_is_asked_is_merged_with_what_we_say() {
        let cp1 = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;
        for (asked, expected) in [
            (None, cp1.to_owned()),
            (Some("no json"), cp1.to_owned()),
            (Some(ACRS), r#"{"access_token":{"acrs":{"essential":true,"value":"cp1"},"xms_cc":{"values":["cp1"]}}}"#.to_owned()),
            (
                Some(r#"{"id_token":{"a":null}}"#),
                format!("{},\"id_token\":{{\"a\":null}}}}", cp1.trim_end_matches('}').to_owned() + "}}"),
            ),
        ] {
            let merged: Value = serde_json::from_str(&parameter(asked)).unwrap();
            assert_eq!(merged, serde_json::from_str::<Value>(&expected).unwrap(), "{asked:?}");
        }
    }
}
