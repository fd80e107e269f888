//! How a temporary PIN comes into being, is kept safe, and reaches its user.

pub mod parcel;
pub mod pin;
mod seal;

pub use seal::AgeSafe;
