//! The AAGUID: 16 bytes that name an authenticator model (WebAuthn level 3 section 6.5.1).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An authenticator model's id. Compared as bytes, so upper and lower case never matter.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aaguid(pub [u8; 16]);

/// The text is not 32 hex digits with or without the dashes of a GUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an AAGUID is 32 hex digits, with or without dashes")]
pub struct AaguidFormError;

impl FromStr for Aaguid {
    type Err = AaguidFormError;

    fn from_str(text: &str) -> Result<Self, AaguidFormError> {
        let mut digits = text.trim().chars().filter(|c| *c != '-').map(|c| c.to_digit(16));
        let mut bytes = [0_u8; 16];
        for byte in &mut bytes {
            let (Some(Some(high)), Some(Some(low))) = (digits.next(), digits.next()) else {
                return Err(AaguidFormError);
            };
            *byte = u8::try_from(high << 4 | low).map_err(|_| AaguidFormError)?;
        }
        if digits.next().is_some() { Err(AaguidFormError) } else { Ok(Self(bytes)) }
    }
}

impl fmt::Display for Aaguid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Aaguid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Aaguid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Aaguid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms() {
        let id: Aaguid = "CB69481E-8FF7-4039-93EC-0A2729A154A8".parse().unwrap();
        assert_eq!(id.to_string(), "cb69481e-8ff7-4039-93ec-0a2729a154a8");
        assert_eq!(id, "cb69481e8ff7403993ec0a2729a154a8".parse().unwrap());
        for bad in [
            "",
            "cb",
            "cb69481e-8ff7-4039-93ec-0a2729a154a",
            "cb69481e-8ff7-4039-93ec-0a2729a154a8ff",
            "gb69481e8ff7403993ec0a2729a154a8",
        ] {
            assert_eq!(bad.parse::<Aaguid>(), Err(AaguidFormError), "{bad}");
        }
    }
}
