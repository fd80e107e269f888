//! CBOR as CTAP uses it (CTAP 2.3 section 8): canonical out, bounded in. `minicbor` reads and writes the items.
//!
//! What we send is canonical by construction. What we receive may be unsorted, because real keys break canon, but
//! never of indefinite length, never deeper than a few levels, never with a key twice, and nothing is allocated
//! by a length that the sender only claims.

mod reader;
mod writer;

pub(crate) use reader::{Members, Value};
pub(crate) use writer::{Item, Map, is_canonical};
