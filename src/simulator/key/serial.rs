//! The maker's command that tells a serial number, as YubiKeys answer it: length, then tag-length-value.

/// CTAPHID vendor command, without the init bit.
pub(super) const HID_COMMAND: u8 = 0x42;
/// Application that answers the same over ISO 7816.
pub(super) const CARD_AID: &[u8] = &[0xA0, 0x00, 0x00, 0x05, 0x27, 0x47, 0x11, 0x17];
/// INS of the read.
pub(super) const CARD_INSTRUCTION: u8 = 0x1D;

/// The configuration page: serial number, form factor, version.
pub(super) fn page(serial: u32, (major, minor, build): (u8, u8, u8)) -> Vec<u8> {
    let [a, b, c, d] = serial.to_be_bytes();
    vec![14, 0x02, 4, a, b, c, d, 0x04, 1, 0x01, 0x05, 3, major, minor, build]
}
