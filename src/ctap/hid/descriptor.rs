//! Report descriptors (HID 1.11 section 6.2.2): is this a FIDO device, and how long are its reports?

/// HID usage page of the FIDO Alliance.
pub(super) const FIDO_USAGE_PAGE: u16 = 0xF1D0;

const LONG_ITEM: u8 = 0xFE;
const REPORT_SIZE: u8 = 0x74;
const OUTPUT: u8 = 0x90;
const REPORT_COUNT: u8 = 0x94;

/// The short items, each as its tag and its value; ends at a long item, which nobody uses, and where the bytes end too early.
fn items(descriptor: &[u8]) -> impl Iterator<Item = (u8, usize)> {
    let mut rest = descriptor;
    std::iter::from_fn(move || {
        let (item, after) = rest.split_first()?;
        let length = match item & 0x03 {
            _ if *item == LONG_ITEM => return None,
            3 => 4,
            other => usize::from(other),
        };
        let (data, next) = after.split_at_checked(length)?;
        rest = next;
        let value = data.iter().rev().try_fold(0_usize, |value, byte| Some(value.checked_mul(256)? | usize::from(*byte)))?;
        Some((item & 0xFC, value))
    })
}

/// One of its outermost collections is of the FIDO usage page. Elsewhere the system's own list tells.
#[cfg(any(target_os = "linux", test))]
pub(super) fn is_fido(descriptor: &[u8]) -> bool {
    const USAGE_PAGE: u8 = 0x04;
    const COLLECTION: u8 = 0xA0;
    const END_COLLECTION: u8 = 0xC0;
    let (mut page, mut depth) = (0, 0_usize);
    for (tag, value) in items(descriptor) {
        match tag {
            USAGE_PAGE => page = value,
            COLLECTION if depth == 0 && page == usize::from(FIDO_USAGE_PAGE) => return true,
            COLLECTION => depth = depth.saturating_add(1),
            END_COLLECTION => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// The report count that holds at the first output item, for fields of one byte.
pub(super) fn output_size(descriptor: &[u8]) -> Option<usize> {
    let (mut count, mut bits) = (None, None);
    for (tag, value) in items(descriptor) {
        match tag {
            REPORT_COUNT => count = Some(value),
            REPORT_SIZE => bits = Some(value),
            OUTPUT => return count.filter(|_| bits == Some(8)),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIDO: &[u8] = &[
        0x06, 0xD0, 0xF1, 0x09, 0x01, 0xA1, 0x01, 0x09, 0x20, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, 0x95, 0x40, 0x81, 0x02,
        0x09, 0x21, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, 0x95, 0x20, 0x91, 0x02, 0xC0,
    ];
    const KEYBOARD: &[u8] = &[0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0x05, 0x07, 0x75, 0x08, 0x95, 0x06, 0x81, 0x00, 0xC0];

    #[test]
    fn fido_devices() {
        let both = [KEYBOARD, FIDO].concat();
        // A FIDO page inside a keyboard is none.
        let inside: &[u8] = &[0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0x06, 0xD0, 0xF1, 0x09, 0x01, 0xA1, 0x01, 0xC0, 0xC0];
        let rows = [(FIDO, true), (KEYBOARD, false), (&both, true), (inside, false), (&FIDO[..5], false), (&[], false)];
        for (descriptor, expected) in rows {
            assert_eq!(is_fido(descriptor), expected, "{descriptor:02x?}");
        }
    }

    #[test]
    fn report_sizes() {
        let rows: [(&[u8], Option<usize>); 6] = [
            (FIDO, Some(32)),
            (&[0x75, 0x01, 0x95, 0x40, 0x91, 0x02], None),
            (&[0x75, 0x08, 0x96, 0x00, 0x01, 0x91, 0x02], Some(256)),
            (&[0x95], None),
            (&[0xFE, 0x01, 0x00], None),
            (&[], None),
        ];
        for (descriptor, expected) in rows {
            assert_eq!(output_size(descriptor), expected, "{descriptor:02x?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_descriptor(bytes: Vec<u8>) {
            let _ = (is_fido(&bytes), output_size(&bytes));
        }
    }
}
