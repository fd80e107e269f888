//! What a roster asks of a provider: many users at once, and groups.

use super::{IdentityError, IdentityProvider, Method, User};

/// What a name led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The user.
    One(User),
    /// Several users have that mail address.
    Several(Vec<User>),
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Object id.
    pub id: String,
    /// Name for people; `None` where it must not be read.
    pub display_name: Option<String>,
}

/// A provider of which many things are asked at once. Throttling is respected inside: a call may take as long as the provider
/// wants it to.
pub trait Directory: IdentityProvider {
    /// Looks users up by user principal name, object id or, where there is no such user, mail address; in the order of the
    /// names.
    ///
    /// # Errors
    /// [`IdentityError`], when nothing could be read. What concerns one name stands in its place:
    /// [`IdentityError::UserUnknown`] above all.
    fn users(&mut self, names: &[String]) -> Result<Vec<Result<Lookup, IdentityError>>, IdentityError>;

    /// The groups that a name means: the one with that object id, or all with that display name.
    ///
    /// # Errors
    /// [`IdentityError`].
    fn groups(&mut self, name: &str) -> Result<Vec<Group>, IdentityError>;

    /// The users who are in a group, also through other groups.
    ///
    /// # Errors
    /// [`IdentityError`].
    fn members(&mut self, group: &str) -> Result<Vec<User>, IdentityError>;

    /// The passkeys of many users, in the order of the users; or why a user's could not be read.
    ///
    /// # Errors
    /// [`IdentityError`], when nothing could be read.
    fn methods_of_all(&mut self, users: &[User]) -> Result<Vec<Result<Vec<Method>, IdentityError>>, IdentityError>;

    /// Object id of the person who is signed in; `None` for an application.
    ///
    /// # Errors
    /// [`IdentityError`].
    fn account(&mut self) -> Result<Option<String>, IdentityError>;
}
