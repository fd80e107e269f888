//! Reading: spans that are known to be well formed, opened one level at a time.

use std::collections::BTreeSet;

use minicbor::Decoder;

use crate::cbor::{head, split_item};
use crate::ctap::ReplyError;

/// One well-formed CBOR item, as it stood in the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value<'b>(&'b [u8]);

/// A map with integer keys.
#[derive(Debug)]
pub(crate) struct Members<'b>(Vec<(i64, Value<'b>)>);

impl<'b> Value<'b> {
    /// Takes input that is exactly one item.
    pub(crate) fn parse(input: &'b [u8]) -> Result<Self, ReplyError> {
        match split_item(input)? {
            (item, []) => Ok(Self(item)),
            _ => Err(ReplyError::Trailing),
        }
    }

    /// The bytes of the item, verbatim.
    pub(crate) const fn raw(self) -> &'b [u8] {
        self.0
    }

    /// An unsigned integer.
    pub(crate) fn u64(self, what: &'static str) -> Result<u64, ReplyError> {
        Decoder::new(self.0).u64().map_err(|_| ReplyError::WrongType(what))
    }

    /// A signed integer.
    pub(crate) fn i64(self, what: &'static str) -> Result<i64, ReplyError> {
        Decoder::new(self.0).i64().map_err(|_| ReplyError::WrongType(what))
    }

    /// A truth value.
    pub(crate) fn bool(self, what: &'static str) -> Result<bool, ReplyError> {
        Decoder::new(self.0).bool().map_err(|_| ReplyError::WrongType(what))
    }

    /// A byte string.
    pub(crate) fn bytes(self, what: &'static str) -> Result<&'b [u8], ReplyError> {
        Decoder::new(self.0).bytes().map_err(|_| ReplyError::WrongType(what))
    }

    /// A byte string of a fixed length.
    pub(crate) fn array_of<const N: usize>(self, what: &'static str) -> Result<[u8; N], ReplyError> {
        self.bytes(what)?.try_into().map_err(|_| ReplyError::WrongLength(what))
    }

    /// A text string.
    pub(crate) fn text(self, what: &'static str) -> Result<&'b str, ReplyError> {
        std::str::from_utf8(self.text_bytes(what)?).map_err(|_| ReplyError::NotUtf8(what))
    }

    /// A text string that the authenticator may have cut in the middle of a character (names, CTAP 2.3 section 6.1.2).
    pub(crate) fn cut_text(self, what: &'static str) -> Result<String, ReplyError> {
        self.text_bytes(what).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    fn text_bytes(self, what: &'static str) -> Result<&'b [u8], ReplyError> {
        match head(self.0)? {
            (3, _, used) => self.0.get(used..).ok_or(ReplyError::Truncated),
            _ => Err(ReplyError::WrongType(what)),
        }
    }

    /// The items of an array.
    pub(crate) fn items(self, what: &'static str) -> Result<Vec<Value<'b>>, ReplyError> {
        self.children(4, what)
    }

    /// A map with integer keys.
    pub(crate) fn members(self, what: &'static str) -> Result<Members<'b>, ReplyError> {
        let mut seen = BTreeSet::new();
        let mut members = Vec::new();
        for (key, value) in self.entries(what)? {
            let key = key.i64(what)?;
            if !seen.insert(key) {
                return Err(ReplyError::Duplicate(what));
            }
            members.push((key, value));
        }
        Ok(Members(members))
    }

    /// A map with text keys.
    pub(crate) fn fields(self, what: &'static str) -> Result<Vec<(&'b str, Value<'b>)>, ReplyError> {
        let mut seen = BTreeSet::new();
        let mut fields = Vec::new();
        for (key, value) in self.entries(what)? {
            let key = key.text(what)?;
            if !seen.insert(key) {
                return Err(ReplyError::Duplicate(what));
            }
            fields.push((key, value));
        }
        Ok(fields)
    }

    /// One field of a map with text keys.
    pub(crate) fn field(self, name: &str, what: &'static str) -> Result<Option<Value<'b>>, ReplyError> {
        Ok(self.fields(what)?.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value))
    }

    fn entries(self, what: &'static str) -> Result<Vec<(Value<'b>, Value<'b>)>, ReplyError> {
        let mut entries = Vec::new();
        let mut items = self.children(5, what)?.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            entries.push((key, value));
        }
        Ok(entries)
    }

    fn children(self, wanted: u8, what: &'static str) -> Result<Vec<Value<'b>>, ReplyError> {
        let (major, _, used) = head(self.0)?;
        if major != wanted {
            return Err(ReplyError::WrongType(what));
        }
        let mut rest = self.0.get(used..).ok_or(ReplyError::Truncated)?;
        let mut children = Vec::new();
        while !rest.is_empty() {
            let (child, after) = split_item(rest)?;
            children.push(Value(child));
            rest = after;
        }
        Ok(children)
    }
}

impl<'b> Members<'b> {
    /// The member with this key.
    pub(crate) fn get(&self, key: i64) -> Option<Value<'b>> {
        self.0.iter().find(|(number, _)| *number == key).map(|(_, value)| *value)
    }

    /// The member with this key, which has to be there.
    pub(crate) fn need(&self, key: i64, what: &'static str) -> Result<Value<'b>, ReplyError> {
        self.get(key).ok_or(ReplyError::Missing(what))
    }

    /// The member with this key, read by `read` if it is there.
    pub(crate) fn read<T>(
        &self,
        key: i64,
        what: &'static str,
        read: impl FnOnce(Value<'b>, &'static str) -> Result<T, ReplyError>,
    ) -> Result<Option<T>, ReplyError> {
        self.get(key).map(|value| read(value, what)).transpose()
    }

    /// Every member, as received.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, Value<'b>)> + '_ {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_input_is_refused_by_name() {
        let bottomless = [vec![0x81; 200], vec![0x00]].concat();
        let rows: &[(&[u8], ReplyError)] = &[
            (&[], ReplyError::Truncated),
            (&[0x19, 0x01], ReplyError::Truncated),
            (&[0x42, 0x01], ReplyError::Truncated),
            (&[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], ReplyError::Truncated),
            (&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00], ReplyError::Truncated),
            (&[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00], ReplyError::Truncated),
            (&bottomless, ReplyError::TooDeep),
            (&[0xbf, 0x01, 0x02, 0xff], ReplyError::Indefinite),
            (&[0x5f, 0x41, 0x00, 0xff], ReplyError::Indefinite),
            (&[0x1c], ReplyError::Malformed),
            (&[0x01, 0x02], ReplyError::Trailing),
        ];
        for (input, expected) in rows {
            assert_eq!(Value::parse(input).map(|_| ()), Err(expected.clone()), "{input:02x?}");
        }
    }

    #[test]
    fn maps_refuse_a_key_twice_even_in_another_spelling() {
        for input in [&[0xa2, 0x01, 0x02, 0x01, 0x03][..], &[0xa2, 0x01, 0x02, 0x18, 0x01, 0x03]] {
            assert_eq!(Value::parse(input).unwrap().members("m").unwrap_err(), ReplyError::Duplicate("m"));
        }
        let twice = [0xa2, 0x61, b'a', 0xf5, 0x61, b'a', 0xf4];
        assert_eq!(Value::parse(&twice).unwrap().fields("f").unwrap_err(), ReplyError::Duplicate("f"));
    }

    #[test]
    fn unsorted_maps_are_read() {
        let members = Value::parse(&[0xa2, 0x05, 0x02, 0x01, 0x03]).unwrap().members("m").unwrap();
        assert_eq!(members.get(1).unwrap().u64("x").unwrap(), 3);
        assert_eq!(members.get(5).unwrap().u64("x").unwrap(), 2);
    }

    #[test]
    fn types_are_checked() {
        let text = Value::parse(&[0x62, 0xc3, 0x28]).unwrap();
        assert_eq!(text.text("t"), Err(ReplyError::NotUtf8("t")));
        assert_eq!(text.cut_text("t").unwrap(), "\u{fffd}(");
        assert_eq!(text.u64("n"), Err(ReplyError::WrongType("n")));
        assert_eq!(text.bytes("b"), Err(ReplyError::WrongType("b")));
        assert_eq!(text.items("i"), Err(ReplyError::WrongType("i")));
        assert_eq!(Value::parse(&[0x41, 7]).unwrap().array_of::<16>("aaguid"), Err(ReplyError::WrongLength("aaguid")));
    }
}
