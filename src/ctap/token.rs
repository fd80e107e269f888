//! PIN/UV auth tokens whose permission is part of their type (CTAP 2.3 section 6.5.5.7).

use std::fmt;
use std::marker::PhantomData;

use zeroize::Zeroizing;

use crate::ctap::PinProtocol;

/// What a token may be used for.
pub trait Permission: sealed::Sealed {
    /// Permission bits asked for.
    const BITS: u8;
    /// Whether the token is bound to one relying party.
    const BOUND_TO_RP: bool;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! permissions {
    ($($(#[doc = $doc:literal])+ $name:ident = $bits:literal, $bound:literal;)+) => {
        $($(#[doc = $doc])+
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        impl sealed::Sealed for $name {}

        impl Permission for $name {
            const BITS: u8 = $bits;
            const BOUND_TO_RP: bool = $bound;
        })+
    };
}

permissions! {
    /// mc and ga: making a credential, with the silent look for excluded ones before it.
    MakeCredential = 0x03, true;
    /// ga: making an assertion.
    GetAssertion = 0x02, true;
    /// cm: managing credentials.
    CredentialManagement = 0x04, false;
    /// acfg: authenticatorConfig.
    Config = 0x20, false;
}

/// A token with the permission `P`. It is moved into the operation that uses it up.
pub struct PinToken<P: Permission> {
    protocol: PinProtocol,
    bytes: Zeroizing<Vec<u8>>,
    rp_id: Option<String>,
    permission: PhantomData<P>,
}

impl<P: Permission> fmt::Debug for PinToken<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinToken").field("permissions", &P::BITS).finish_non_exhaustive()
    }
}

impl<P: Permission> PinToken<P> {
    pub(crate) const fn new(protocol: PinProtocol, bytes: Zeroizing<Vec<u8>>, rp_id: Option<String>) -> Self {
        Self { protocol, bytes, rp_id, permission: PhantomData }
    }

    pub(crate) const fn protocol(&self) -> PinProtocol {
        self.protocol
    }

    /// The relying party it was asked for.
    pub(crate) fn rp_id(&self) -> Option<&str> {
        self.rp_id.as_deref()
    }

    /// pinUvAuthParam over `parts`.
    pub(crate) fn authenticate(&self, parts: &[&[u8]]) -> Vec<u8> {
        self.protocol.authenticate(&self.bytes, parts)
    }
}
