//! The test attestation: one batch key, one leaf for every model's AAGUID, one root. See `attestation/README.md`.

use crate::aaguid::Aaguid;

/// The raw private key of every leaf. Public on purpose: it proves nothing.
pub(super) const BATCH_KEY: &[u8] = include_bytes!("attestation/batch.key");

/// The raw private key of the enterprise attestation, as public.
pub(super) const ENTERPRISE_KEY: &[u8] = include_bytes!("attestation/enterprise.key");
/// Its leaf, which is the standard model's.
pub(super) const ENTERPRISE_LEAF: &[u8] = include_bytes!("attestation/enterprise.der");

/// AAGUIDs as generated, and the leaf of each.
macro_rules! leaves {
    ($($constant:ident $file:literal $aaguid:literal;)+) => {
        $(pub(super) const $constant: (Aaguid, &[u8]) = (
            Aaguid($aaguid.to_be_bytes()),
            include_bytes!(concat!("attestation/", $file, ".der")),
        );)+
    };
}

leaves! {
    STANDARD "standard" 0xc11a_6286_5d17_4f31_bd07_df99_1459_965c_u128;
    NO_FORCED_CHANGE "no-forced-change" 0xd777_b566_4eb4_4e38_96e2_4006_9cdd_6774_u128;
    MINIMUM_PIN_6 "minimum-pin-6" 0xf81f_9459_e19a_48e4_b272_5895_e7a3_4644_u128;
    MINIMUM_PIN_8 "minimum-pin-8" 0x0c8c_05ef_fd23_4547_9602_2a48_77f4_657a_u128;
    MAXIMUM_PIN_8 "maximum-pin-8" 0x5de6_d171_ab5e_4851_b0d0_75c0_e2e7_38c1_u128;
    PROTOCOL_TWO "protocol-two" 0x665d_23b0_f8a2_48d2_96dc_e4ef_cc43_02f1_u128;
    ALWAYS_UV "always-uv" 0x9dca_c89d_2766_4e0d_9924_348a_c512_ad2c_u128;
    NO_CREDENTIAL_MANAGEMENT "no-credential-management" 0x60eb_e9b3_de1e_42a1_a662_1d78_e1e8_11d7_u128;
    LONG_TOUCH "long-touch" 0xe9f2_edac_0392_4f81_a873_6468_3313_7572_u128;
    CTAP_2_0 "ctap-2-0" 0x86cc_771b_dc9d_4f46_84ac_b54c_e108_1591_u128;
    USB_SERIAL "usb-serial" 0x4e28_28f6_9018_443f_8401_2bb3_09f8_3e03_u128;
    PORT_ONLY "port-only" 0x3264_f4d4_dbe8_4968_8d10_08b1_4de7_ec33_u128;
}

/// The test root (DER) that the attestation of every training key chains to.
pub fn test_root_der() -> &'static [u8] {
    include_bytes!("attestation/root.der")
}

/// Another root of the same name that signed nothing, for tests of a wrong root.
pub fn test_other_root_der() -> &'static [u8] {
    include_bytes!("attestation/other-root.der")
}
