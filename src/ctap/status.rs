//! CTAP status bytes (CTAP 2.3 section 8.2): name, plain meaning and next step of every one.

use std::fmt;

use crate::advice::{Advice, Exit};

/// A status byte other than zero. Bytes without a name stay what they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub u8);

/// One row of the table of status bytes.
struct Row {
    status: Status,
    name: &'static str,
    advice: Advice,
}

macro_rules! statuses {
    ($($name:ident = $byte:literal, $code:literal, $exit:ident, $sentence:literal, $next:literal;)+) => {
        impl Status {
            $(#[doc = $sentence]
            pub const $name: Self = Self($byte);)+
        }

        const ROWS: &[Row] = &[$(Row {
            status: Status::$name,
            name: stringify!($name),
            advice: Advice { code: $code, sentence: $sentence, next: $next, exit: Exit::$exit },
        }),+];

        /// Every catalogue row of this layer.
        pub const ALL: &[Advice] = &[
            $(Advice { code: $code, sentence: $sentence, next: $next, exit: Exit::$exit },)+
            EXTENSION, VENDOR, UNKNOWN,
        ];
    };
}

const EXTENSION: Advice = Advice {
    code: "key/extension-status",
    sentence: "An extension of the key refused.",
    next: "Run the command again without the extension; the status byte is in the message.",
    exit: Exit::Key,
};
const VENDOR: Advice = Advice {
    code: "key/vendor-status",
    sentence: "The key refused for a reason of its maker's own.",
    next: "Look the status byte up in the maker's manual, then take the key out, put it back and try again.",
    exit: Exit::Key,
};
const UNKNOWN: Advice = Advice {
    code: "key/unknown-status",
    sentence: "The key refused for a reason that has no name yet.",
    next: "Take the key out, put it back and try again; if it happens again, report the status byte.",
    exit: Exit::Key,
};

statuses! {
    INVALID_COMMAND = 0x01, "key/invalid-command", Key, "The key does not know this command.", "Use a newer model: this one lacks the feature; `keywright keys info` shows what it has.";
    INVALID_PARAMETER = 0x02, "key/invalid-parameter", Key, "The key does not accept a value in the command.", "Run it again with -vv and report the output: this is a disagreement between keywright and this model.";
    INVALID_LENGTH = 0x03, "key/invalid-length", Key, "The key does not accept the length of the command.", "Run it again with -vv and report the output: this is a disagreement between keywright and this model.";
    INVALID_SEQUENCE = 0x04, "key/invalid-sequence", Key, "The key received packets out of order.", "Close browsers and key tools that may hold the key, then run the command again.";
    MESSAGE_TIMEOUT = 0x05, "key/message-timeout", Key, "The key gave up waiting for the rest of a message.", "Plug the key in directly, without a hub, and run the command again.";
    CHANNEL_BUSY = 0x06, "key/channel-busy", Key, "Another program is using the key.", "Close browsers and key tools that may hold it, then run the command again.";
    LOCK_REQUIRED = 0x0A, "key/lock-required", Key, "Another program has locked the key for itself.", "Close browsers and key tools that may hold it, then run the command again.";
    INVALID_CHANNEL = 0x0B, "key/invalid-channel", Key, "The key has forgotten our connection.", "Run the command again; a new connection is made.";
    UNEXPECTED_CBOR_TYPE = 0x11, "key/cbor-type", Key, "The key finds a value of the wrong type in the command.", "Run it again with -vv and report the output: this is a disagreement between keywright and this model.";
    INVALID_CBOR = 0x12, "key/invalid-cbor", Key, "The key cannot read the command.", "Run it again with -vv and report the output: this is a disagreement between keywright and this model.";
    MISSING_PARAMETER = 0x14, "key/missing-parameter", Key, "The key misses a value in the command.", "Run it again with -vv and report the output: this is a disagreement between keywright and this model.";
    LIMIT_EXCEEDED = 0x15, "key/limit-exceeded", Key, "The command exceeds a limit of the key.", "Compare with the limits in `keywright keys info` and ask for less.";
    UNSUPPORTED_EXTENSION = 0x16, "key/unsupported-extension", Key, "The key does not know an extension that was asked for.", "Run the command without the extension.";
    FINGERPRINTS_FULL = 0x17, "key/fingerprints-full", Key, "The key cannot hold more fingerprints.", "Delete a fingerprint with the maker's tool, then try again.";
    LARGE_BLOBS_FULL = 0x18, "key/large-blobs-full", Key, "The key's storage for large blobs is full.", "Delete what is no longer needed with the maker's tool, then try again.";
    CREDENTIAL_EXCLUDED = 0x19, "key/credential-excluded", Key, "The key already holds a passkey of this user.", "Remove the old passkey with `keywright passkeys remove USER`, or use another key.";
    PROCESSING = 0x21, "key/processing", Key, "The key is still working.", "Wait a moment, then run the command again.";
    INVALID_CREDENTIAL = 0x22, "key/invalid-credential", Key, "The key does not accept this credential.", "List what it holds with `keywright keys credentials list`.";
    USER_ACTION_PENDING = 0x23, "key/user-action-pending", Person, "The key is waiting for somebody to act.", "Touch the key, then run the command again.";
    OPERATION_PENDING = 0x24, "key/operation-pending", Key, "The key is busy with an earlier command.", "Wait until it stops blinking, then run the command again.";
    NO_OPERATIONS = 0x25, "key/no-operations", Key, "The key has nothing pending.", "Run the command again.";
    UNSUPPORTED_ALGORITHM = 0x26, "key/unsupported-algorithm", Key, "The key has none of the signature algorithms that the tenant accepts.", "Use another model; `keywright keys info` lists the algorithms of this one.";
    OPERATION_DENIED = 0x27, "key/operation-denied", Key, "The key, or the person holding it, refused.", "Try again and confirm on the key; for a reset, try the key on a USB port.";
    KEY_STORE_FULL = 0x28, "key/full", Key, "The key has no room for another passkey.", "Delete passkeys that are no longer needed with `keywright keys credentials delete`, or reset the key.";
    NOT_BUSY = 0x29, "key/not-busy", Key, "The key is not busy with anything.", "Run the command again.";
    NO_OPERATION_PENDING = 0x2A, "key/no-operation-pending", Key, "The key has no operation to go on with.", "Run the command again.";
    UNSUPPORTED_OPTION = 0x2B, "key/unsupported-option", Key, "The key does not know an option that was asked for.", "Use another model; `keywright keys info` shows the options of this one.";
    INVALID_OPTION = 0x2C, "key/invalid-option", Key, "An option does not fit the state of the key.", "Look at the options in `keywright keys info`, then run the command again.";
    KEEPALIVE_CANCEL = 0x2D, "key/cancelled-at-key", Interrupted, "The operation was cancelled.", "Run the same command again to go on where it stopped.";
    NO_CREDENTIALS = 0x2E, "key/no-credentials", Key, "The key holds no such passkey.", "List what it holds with `keywright keys credentials list`.";
    USER_ACTION_TIMEOUT = 0x2F, "key/touch-timeout", Person, "Nobody touched the key in time.", "Run the command again and touch the key when it blinks.";
    NOT_ALLOWED = 0x30, "key/not-allowed", Key, "The key does not allow this now.", "Take the key out, put it back and run the command again at once.";
    PIN_INVALID = 0x31, "key/pin-wrong", Key, "The PIN is wrong.", "Check how many tries are left with `keywright keys pin retries` before you try again.";
    PIN_BLOCKED = 0x32, "key/pin-blocked", Key, "The PIN is blocked: too many wrong tries.", "Only a reset helps, and it deletes every passkey on the key: `keywright keys reset`.";
    PIN_AUTH_INVALID = 0x33, "key/pin-auth-invalid", Key, "The key does not accept the proof of the PIN; the PIN itself was not judged.", "Take the key out, put it back and run the command again.";
    PIN_AUTH_BLOCKED = 0x34, "key/pin-auth-blocked", Key, "Three wrong PINs in a row: the key accepts no more until it is powered again.", "Take the key out, put it back, and make sure of the PIN before you try again.";
    PIN_NOT_SET = 0x35, "key/pin-not-set", Key, "The key has no PIN.", "Set one with `keywright keys pin set`.";
    PUAT_REQUIRED = 0x36, "key/pin-required", Key, "The key wants its PIN for this.", "Run the command again and give the PIN.";
    PIN_POLICY_VIOLATION = 0x37, "key/pin-refused", Key, "The key refuses this PIN: too short, too long, too simple, or the old one again.", "Choose another PIN; `keywright keys info` shows the lengths that the key accepts.";
    PIN_TOKEN_EXPIRED = 0x38, "key/pin-token-expired", Key, "The permission given by the PIN has run out.", "Run the command again.";
    REQUEST_TOO_LARGE = 0x39, "key/request-too-large", Key, "The command is too long for the key.", "Use a key that accepts longer messages; `keywright keys info` shows its limit.";
    ACTION_TIMEOUT = 0x3A, "key/action-timeout", Person, "Nobody touched the key in time.", "Run the command again and touch the key when it blinks.";
    UP_REQUIRED = 0x3B, "key/touch-required", Person, "The key wants to be touched for this.", "Run the command again and touch the key when it blinks.";
    UV_BLOCKED = 0x3C, "key/uv-blocked", Key, "Fingerprint verification is blocked: too many failed tries.", "Use the PIN once; that unblocks it.";
    INTEGRITY_FAILURE = 0x3D, "key/integrity", Key, "The key finds its stored data damaged.", "Do not use this key.";
    INVALID_SUBCOMMAND = 0x3E, "key/invalid-subcommand", Key, "The key does not know this part of the command.", "Use a newer model: this one lacks the feature; `keywright keys info` shows what it has.";
    UV_INVALID = 0x3F, "key/uv-failed", Person, "The key did not recognise the fingerprint.", "Try again with a clean, dry finger, or use the PIN.";
    UNAUTHORIZED_PERMISSION = 0x40, "key/unauthorized-permission", Key, "The key does not give this permission for a PIN.", "Use another model; this one wants its own user verification for it.";
    OTHER = 0x7F, "key/other", Key, "The key reports an error without a reason.", "Take the key out, put it back and run the command again.";
    SPEC_LAST = 0xDF, "key/spec-last", Key, "The key answers with the last number of the specification, which means nothing.", "Take the key out, put it back and run the command again.";
}

impl Status {
    /// Name of the byte, as the specification has it without its prefix; none for unknown bytes.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.name)
    }

    /// Meaning and next step.
    pub fn advice(self) -> &'static Advice {
        match (self.row(), self.0) {
            (Some(row), _) => &row.advice,
            (None, 0xE0..=0xEF) => &EXTENSION,
            (None, 0xF0..=0xFF) => &VENDOR,
            (None, _) => &UNKNOWN,
        }
    }

    fn row(self) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.status == self)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "0x{:02X} {name}", self.0),
            None => write!(f, "0x{:02X}", self.0),
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Status({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_a_next_step() {
        let named = (0..=u8::MAX).filter(|byte| Status(*byte).name().is_some()).count();
        assert_eq!(named, ROWS.len(), "a byte stands twice in the table");
        for byte in 1..=u8::MAX {
            let advice = Status(byte).advice();
            assert!(!advice.next.is_empty() && !advice.sentence.is_empty(), "{byte:02x}");
            assert!(ALL.contains(advice), "{byte:02x}");
        }
    }

    /// CTAP 2.3 section 8.2, with the bytes that earlier versions had.
    #[test]
    fn no_byte_of_the_specification_is_missing() {
        let bytes = [0x01..=0x06, 0x0A..=0x0B, 0x11..=0x12, 0x14..=0x19, 0x21..=0x2F, 0x30..=0x40, 0x7F..=0x7F, 0xDF..=0xDF];
        let named: Vec<u8> = (0..=u8::MAX).filter(|byte| Status(*byte).name().is_some()).collect();
        assert_eq!(named, bytes.into_iter().flatten().collect::<Vec<u8>>());
        for (byte, name, code) in [
            (0x27, "OPERATION_DENIED", "key/operation-denied"),
            (0x28, "KEY_STORE_FULL", "key/full"),
            (0x2D, "KEEPALIVE_CANCEL", "key/cancelled-at-key"),
            (0x2F, "USER_ACTION_TIMEOUT", "key/touch-timeout"),
            (0x30, "NOT_ALLOWED", "key/not-allowed"),
            (0x31, "PIN_INVALID", "key/pin-wrong"),
            (0x32, "PIN_BLOCKED", "key/pin-blocked"),
            (0x33, "PIN_AUTH_INVALID", "key/pin-auth-invalid"),
            (0x34, "PIN_AUTH_BLOCKED", "key/pin-auth-blocked"),
            (0x35, "PIN_NOT_SET", "key/pin-not-set"),
            (0x36, "PUAT_REQUIRED", "key/pin-required"),
            (0x37, "PIN_POLICY_VIOLATION", "key/pin-refused"),
            (0x3A, "ACTION_TIMEOUT", "key/action-timeout"),
            (0x40, "UNAUTHORIZED_PERMISSION", "key/unauthorized-permission"),
        ] {
            assert_eq!((Status(byte).name(), Status(byte).advice().code), (Some(name), code));
        }
    }

    #[test]
    fn unknown_bytes_stay_representable() {
        let rows = [
            (0x31, "0x31 PIN_INVALID", "key/pin-wrong"),
            (0x50, "0x50", "key/unknown-status"),
            (0xE3, "0xE3", "key/extension-status"),
            (0xF1, "0xF1", "key/vendor-status"),
        ];
        for (byte, text, code) in rows {
            assert_eq!(Status(byte).to_string(), text);
            assert_eq!(Status(byte).advice().code, code);
        }
    }

    #[test]
    fn codes_are_unique() {
        let codes: std::collections::BTreeSet<_> = ALL.iter().map(|advice| advice.code).collect();
        assert_eq!(codes.len(), ALL.len());
    }
}
