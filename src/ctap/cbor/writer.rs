//! Writing: a small tree whose maps are sorted when they are written, so that nothing else can be sent.

use minicbor::Encoder;
use zeroize::Zeroizing;

/// A value to send. Strings are borrowed, so that a secret is copied only into the request, which is wiped.
#[derive(Clone, Debug)]
pub(crate) enum Item<'a> {
    Uint(u64),
    Int(i64),
    Bool(bool),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(Vec<Item<'a>>),
    Map(Map<'a>),
}

#[derive(Clone, Copy, Debug)]
enum Key<'a> {
    Int(i64),
    Text(&'a str),
}

/// A map to send.
#[derive(Clone, Debug, Default)]
pub(crate) struct Map<'a>(Vec<(Key<'a>, Item<'a>)>);

impl<'a> Map<'a> {
    /// An empty map.
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a member with an integer key.
    #[must_use]
    pub(crate) fn at(mut self, key: i64, item: impl Into<Item<'a>>) -> Self {
        self.0.push((Key::Int(key), item.into()));
        self
    }

    /// Adds a member with an integer key if there is a value for it.
    #[must_use]
    pub(crate) fn at_some(self, key: i64, item: Option<impl Into<Item<'a>>>) -> Self {
        match item {
            Some(item) => self.at(key, item),
            None => self,
        }
    }

    /// Adds a member with a text key.
    #[must_use]
    pub(crate) fn named(mut self, key: &'a str, item: impl Into<Item<'a>>) -> Self {
        self.0.push((Key::Text(key), item.into()));
        self
    }

    /// Whether nothing was added.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The canonical encoding behind `prefix`.
    pub(crate) fn encode(&self, prefix: &[u8]) -> Zeroizing<Vec<u8>> {
        // Reserved in full: a vector that grows leaves copies of a secret behind.
        let mut out = Zeroizing::new(Vec::with_capacity(prefix.len().saturating_add(self.bound())));
        out.extend_from_slice(prefix);
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut entries: Vec<(Vec<u8>, &Item<'_>)> = self.0.iter().map(|(key, item)| (key.encode(), item)).collect();
        entries.sort_by(|(a, _), (b, _)| canonical_rank(a).cmp(&canonical_rank(b)));
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        unfailing(Encoder::new(&mut *out).map(count).is_ok());
        for (key, item) in entries {
            out.extend_from_slice(&key);
            item.write(out);
        }
    }

    fn bound(&self) -> usize {
        self.0.iter().fold(9, |sum, (key, item)| sum.saturating_add(key.bound()).saturating_add(item.bound()))
    }
}

/// CTAP2 canonical order of keys: major type, then length, then bytes.
fn canonical_rank(key: &[u8]) -> (Option<u8>, usize, &[u8]) {
    (key.first().map(|first| first >> 5), key.len(), key)
}

/// Writing to a vector has no way to fail; the check keeps that assumption honest.
fn unfailing(ok: bool) {
    debug_assert!(ok, "writing CBOR to memory cannot fail");
}

impl Key<'_> {
    fn encode(self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Int(number) => unfailing(Encoder::new(&mut out).i64(number).is_ok()),
            Self::Text(text) => unfailing(Encoder::new(&mut out).str(text).is_ok()),
        }
        out
    }

    const fn bound(self) -> usize {
        match self {
            Self::Int(_) => 9,
            Self::Text(text) => text.len().saturating_add(9),
        }
    }
}

impl Item<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        let mut encoder = Encoder::new(&mut *out);
        match self {
            Self::Uint(number) => unfailing(encoder.u64(*number).is_ok()),
            Self::Int(number) => unfailing(encoder.i64(*number).is_ok()),
            Self::Bool(value) => unfailing(encoder.bool(*value).is_ok()),
            Self::Bytes(bytes) => unfailing(encoder.bytes(bytes).is_ok()),
            Self::Text(text) => unfailing(encoder.str(text).is_ok()),
            Self::Array(items) => {
                unfailing(encoder.array(u64::try_from(items.len()).unwrap_or(u64::MAX)).is_ok());
                for item in items {
                    item.write(out);
                }
            }
            Self::Map(map) => map.write(out),
        }
    }

    fn bound(&self) -> usize {
        match self {
            Self::Uint(_) | Self::Int(_) | Self::Bool(_) => 9,
            Self::Bytes(bytes) => bytes.len().saturating_add(9),
            Self::Text(text) => text.len().saturating_add(9),
            Self::Array(items) => items.iter().fold(9, |sum, item| sum.saturating_add(item.bound())),
            Self::Map(map) => map.bound(),
        }
    }
}

macro_rules! item_from {
    ($($source:ty => $variant:ident($make:expr);)+) => {
        $(impl<'a> From<$source> for Item<'a> {
            fn from(value: $source) -> Self {
                Self::$variant($make(value))
            }
        })+
    };
}

item_from! {
    u8 => Uint(u64::from);
    u64 => Uint(u64::from);
    i64 => Int(i64::from);
    bool => Bool(bool::from);
    &'a [u8] => Bytes(std::convert::identity);
    &'a str => Text(std::convert::identity);
    Vec<Item<'a>> => Array(std::convert::identity);
    Map<'a> => Map(std::convert::identity);
}

/// Whether `input` is one canonical CTAP2 item: shortest heads, sorted keys, no duplicates, depth at most 4.
pub(crate) fn is_canonical(input: &[u8]) -> bool {
    canonical_item(input, 4).is_some_and(<[u8]>::is_empty)
}

fn canonical_item(input: &[u8], depth: u8) -> Option<&[u8]> {
    let (major, argument, rest) = canonical_head(input)?;
    match major {
        0 | 1 => Some(rest),
        2 | 3 => rest.get(usize::try_from(argument).ok()?..),
        4 => {
            let below = depth.checked_sub(1)?;
            (0..argument).try_fold(rest, |rest, _| canonical_item(rest, below))
        }
        5 => {
            let below = depth.checked_sub(1)?;
            let mut rest = rest;
            let mut last: Option<&[u8]> = None;
            for _ in 0..argument {
                let after = canonical_item(rest, below)?;
                let key = rest.get(..rest.len().checked_sub(after.len())?)?;
                if last.is_some_and(|last| canonical_rank(last) >= canonical_rank(key)) {
                    return None;
                }
                last = Some(key);
                rest = canonical_item(after, below)?;
            }
            Some(rest)
        }
        7 if matches!(argument, 20 | 21) => Some(rest),
        _ => None,
    }
}

fn canonical_head(input: &[u8]) -> Option<(u8, u64, &[u8])> {
    let (first, rest) = input.split_first()?;
    let (width, least) = match first & 0x1f {
        info @ 0..=23 => return Some((first >> 5, u64::from(info), rest)),
        24 => (1, 24),
        25 => (2, 0x100),
        26 => (4, 0x1_0000),
        27 => (8, 0x1_0000_0000),
        _ => return None,
    };
    let (bytes, rest) = rest.split_at_checked(width)?;
    let argument = bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    (argument >= least).then_some((first >> 5, argument, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_sorted_however_they_were_built() {
        let cose = Map::new().at(-3, &[1_u8][..]).at(-2, &[2_u8][..]).at(-1, 1_u8).at(3, -25_i64).at(1, 2_u8);
        let named = Map::new().named("name", "n").named("id", "i").named("displayName", "d");
        let map = Map::new().at(24, named).at(2, cose).at(1, Vec::from([Item::Bool(true), Item::Uint(300)]));
        let encoded = map.encode(&[]);
        assert!(is_canonical(&encoded));
        let expected: &[u8] = &[
            0xa3, 0x01, 0x82, 0xf5, 0x19, 0x01, 0x2c, 0x02, 0xa5, 0x01, 0x02, 0x03, 0x38, 0x18, 0x20, 0x01, 0x21, 0x41, 0x02,
            0x22, 0x41, 0x01, 0x18, 0x18, 0xa3, 0x62, b'i', b'd', 0x61, b'i', 0x64, b'n', b'a', b'm', b'e', 0x61, b'n', 0x6b,
            b'd', b'i', b's', b'p', b'l', b'a', b'y', b'N', b'a', b'm', b'e', 0x61, b'd',
        ];
        assert_eq!(*encoded, expected);
        assert!(encoded.capacity() >= encoded.len());
    }

    #[test]
    fn the_checker_refuses_what_is_not_canonical() {
        let rows: &[&[u8]] = &[
            &[0x18, 0x17],                         // a long head
            &[0x19, 0x00, 0xff],                   // a long head
            &[0xa2, 0x02, 0x00, 0x01, 0x00],       // unsorted
            &[0xa2, 0x01, 0x00, 0x01, 0x00],       // twice
            &[0xbf, 0xff],                         // indefinite
            &[0x81, 0x81, 0x81, 0x81, 0x81, 0x00], // too deep
            &[0xa0, 0x00],                         // something follows
            &[0xc0, 0x00],                         // a tag
            &[0xf9, 0x00, 0x00],                   // a float
            &[0x42, 0x00],                         // truncated
        ];
        for row in rows {
            assert!(!is_canonical(row), "{row:02x?}");
        }
        assert!(is_canonical(&[0xa1, 0x01, 0x81, 0x20]));
    }
}
