//! HTTP/1.1 as far as a training tenant needs it: one request a connection, everything bounded.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

const MAX_HEAD: usize = 32 * 1024;
const MAX_BODY: usize = 512 * 1024;
const MAX_HEADERS: usize = 64;
/// A client that says nothing for so long is let go.
const SILENCE: Duration = Duration::from_secs(10);

/// A request, its path decoded.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// As it came, without the query.
    pub(super) path: String,
    /// Decoded, in order.
    pub(super) segments: Vec<String>,
    /// Decoded.
    pub(super) query: Vec<(String, String)>,
    /// As it came.
    pub(super) raw_query: String,
    pub(super) bearer: Option<String>,
    pub(super) client_request_id: String,
    /// All of them in small letters; of `authorization` its first word only.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// A request to a target: a path, and a query if there is one.
    pub(super) fn to(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            segments: path.split('/').skip(1).map(decode).collect(),
            query: pairs(query),
            raw_query: query.to_owned(),
            ..Self::default()
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Response {
    pub(super) fn json(status: u16, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).unwrap_or_default();
        Self { status, headers: vec![("content-type", "application/json".to_owned())], body }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl From<(u16, Value)> for Response {
    fn from((status, value): (u16, Value)) -> Self {
        Self::json(status, &value)
    }
}

/// Reads one request.
pub(super) fn read(stream: &mut TcpStream) -> io::Result<Request> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    let mut bytes = Vec::with_capacity(4096);
    loop {
        more(stream, &mut bytes)?;
        if let Some((mut request, head, body)) = parse_head(&bytes)? {
            if body > MAX_BODY {
                return Err(bad("the body is too long"));
            }
            let whole = head.saturating_add(body);
            while bytes.len() < whole {
                more(stream, &mut bytes)?;
            }
            request.body = bytes.get(head..whole).unwrap_or_default().to_vec();
            return Ok(request);
        }
        if bytes.len() > MAX_HEAD {
            return Err(bad("the head is too long"));
        }
    }
}

/// Writes the answer; the connection ends with it.
pub(super) fn write(stream: &mut TcpStream, response: &Response) -> io::Result<()> {
    let fields: Vec<String> = response.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let fields = fields.concat();
    let length = response.body.len();
    let head = format!("HTTP/1.1 {} \r\ncontent-length: {length}\r\nconnection: close\r\n{fields}\r\n", response.status);
    stream.write_all(head.as_bytes())?;
    stream.write_all(&response.body)?;
    stream.flush()
}

/// The fields of a form.
pub(super) fn form(body: &[u8]) -> Vec<(String, String)> {
    pairs(&String::from_utf8_lossy(body))
}

fn bad(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut piece = [0_u8; 8192];
    match stream.read(&mut piece)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        length => {
            bytes.extend_from_slice(piece.get(..length).unwrap_or_default());
            Ok(())
        }
    }
}

/// The request without its body, the length of its head and of its body; `None` while the head is not whole.
fn parse_head(bytes: &[u8]) -> io::Result<Option<(Request, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(bad("no HTTP request")),
    };
    let header = |name: &str| {
        let found = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.and_then(|header| std::str::from_utf8(header.value).ok()).map(str::trim)
    };
    if header("transfer-encoding").is_some() {
        return Err(bad("no chunks, please"));
    }
    let body = header("content-length").map_or(Ok(0), str::parse).map_err(|_| bad("a content-length that is no number"))?;
    let target = head.path.filter(|target| target.starts_with('/')).ok_or_else(|| bad("a target that is no path"))?;
    let request = Request {
        bearer: header("authorization").and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned),
        client_request_id: header("client-request-id").unwrap_or_default().to_owned(),
        headers: head.headers.iter().map(shown).collect(),
        ..Request::to(head.method.unwrap_or_default(), target)
    };
    Ok(Some((request, length, body)))
}

/// A head for the record.
fn shown(header: &httparse::Header<'_>) -> (String, String) {
    let (name, value) = (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).trim().to_owned());
    let secret = name == "authorization";
    (name, if secret { value.split(' ').next().unwrap_or_default().to_owned() } else { value })
}

/// `application/x-www-form-urlencoded` as pairs.
fn pairs(text: &str) -> Vec<(String, String)> {
    let plain = |part: &str| decode(&part.replace('+', " "));
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (plain(name), plain(value))).collect()
}

/// Percent-decodes a path segment; a `%` that introduces nothing stays.
fn decode(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = (first == b'%').then(|| tail.split_at_checked(2)).flatten();
        let value =
            escaped.and_then(|(digits, after)| Some((u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?, after)));
        let (byte, after) = value.unwrap_or((first, tail));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_decoded() {
        for (text, expected) in [("a%23b", "a#b"), ("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("a%2Fb", "a/b"), ("%C3%A4", "ä")] {
            assert_eq!(decode(text), expected);
        }
    }

    #[test]
    fn heads() {
        let text = b"POST /a/b%20c?x=1&y=%26 HTTP/1.1\r\nContent-Length: 3\r\nAuthorization: Bearer t\r\n\r\nabc";
        let (request, head, body) = parse_head(text).unwrap().unwrap();
        assert_eq!((head, body), (text.len() - 3, 3));
        assert_eq!(request.segments, ["a", "b c"]);
        assert_eq!(request.query, [("x".to_owned(), "1".to_owned()), ("y".to_owned(), "&".to_owned())]);
        assert_eq!(request.bearer.as_deref(), Some("t"));
        assert!(parse_head(b"GET / HT").unwrap().is_none());
        for broken in [&b"\0\r\n\r\n"[..], b"GET http://x/ HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n"] {
            assert!(parse_head(broken).is_err());
        }
    }
}
