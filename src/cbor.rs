//! Where a CBOR item ends (RFC 8949 section 3), told without reading it: bounded in depth, never of indefinite length,
//! and nothing is allocated by a length that the sender only claims.

/// Deepest nesting accepted. CTAP allows 4 for a message; attestation statements and unknown members may bring their own.
const MAX_DEPTH: u8 = 8;
/// Major type of a map.
const MAP: u8 = 5;

/// Why an item has no end that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// It ends in the middle of an item.
    #[error("it is cut off")]
    Truncated,
    /// Nested too deeply.
    #[error("it is nested too deeply")]
    TooDeep,
    /// An item of indefinite length, which CTAP forbids.
    #[error("it has an item of indefinite length")]
    Indefinite,
    /// A head that CBOR does not define.
    #[error("it is not CBOR")]
    Malformed,
}

/// The item that `input` begins with, and what follows it.
///
/// # Errors
/// [`SpanError`].
pub fn split_item(input: &[u8]) -> Result<(&[u8], &[u8]), SpanError> {
    input.split_at_checked(span(input, MAX_DEPTH)?).ok_or(SpanError::Truncated)
}

/// Whether an item is a map.
pub fn is_map(item: &[u8]) -> bool {
    head(item).is_ok_and(|(major, ..)| major == MAP)
}

/// Major type, argument and length of the head that `input` begins with.
///
/// # Errors
/// [`SpanError`].
pub fn head(input: &[u8]) -> Result<(u8, u64, usize), SpanError> {
    let (first, rest) = input.split_first().ok_or(SpanError::Truncated)?;
    let major = first >> 5;
    let width: usize = match first & 0x1f {
        info @ 0..=23 => return Ok((major, u64::from(info), 1)),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        31 => return Err(SpanError::Indefinite),
        _ => return Err(SpanError::Malformed),
    };
    let bytes = rest.get(..width).ok_or(SpanError::Truncated)?;
    let argument = bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    Ok((major, argument, width.saturating_add(1)))
}

/// Length of the item that `input` begins with. Every step consumes input, so a claimed count costs nothing.
fn span(input: &[u8], depth: u8) -> Result<usize, SpanError> {
    let (major, argument, mut used) = head(input)?;
    let children = match major {
        2 | 3 => {
            let length = usize::try_from(argument).map_err(|_| SpanError::Truncated)?;
            used = used.checked_add(length).filter(|end| *end <= input.len()).ok_or(SpanError::Truncated)?;
            0
        }
        4 => argument,
        MAP => argument.checked_mul(2).ok_or(SpanError::Truncated)?,
        6 => 1,
        _ => 0,
    };
    if matches!(major, 4..=6) {
        let below = depth.checked_sub(1).ok_or(SpanError::TooDeep)?;
        for _ in 0..children {
            let rest = input.get(used..).ok_or(SpanError::Truncated)?;
            used = used.saturating_add(span(rest, below)?);
        }
    }
    Ok(used)
}
