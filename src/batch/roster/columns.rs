//! Names of columns, as our own page and the tools of others spell them.

/// What a column says of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    /// The user; of several such columns the first of this list that is not empty counts.
    ObjectId,
    /// As above.
    Upn,
    /// As above: whatever names a user.
    User,
    /// As above.
    Mail,
    Serial,
    DisplayName,
    PinLength,
    Profile,
    Ticket,
    Note,
    Replaces,
}

/// Spellings without blanks, underscores, dashes and dots.
const NAMES: &[(&str, Column)] = &[
    ("objectid", Column::ObjectId),
    ("userid", Column::ObjectId),
    ("oid", Column::ObjectId),
    ("upn", Column::Upn),
    ("userprincipalname", Column::Upn),
    ("user", Column::User),
    ("username", Column::User),
    ("login", Column::User),
    ("email", Column::Mail),
    ("mail", Column::Mail),
    ("emailaddress", Column::Mail),
    ("serial", Column::Serial),
    ("serialid", Column::Serial),
    ("serialnumber", Column::Serial),
    ("displayname", Column::DisplayName),
    ("passkeyname", Column::DisplayName),
    ("pinlength", Column::PinLength),
    ("profile", Column::Profile),
    ("ticket", Column::Ticket),
    ("ticketid", Column::Ticket),
    ("note", Column::Note),
    ("operatornote", Column::Note),
    ("replace", Column::Replaces),
    ("replaces", Column::Replaces),
];

impl Column {
    /// The column of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        let plain: String =
            name.chars().filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-' | '.')).flat_map(char::to_lowercase).collect();
        NAMES.iter().find(|(known, _)| *known == plain).map(|(_, column)| *column)
    }

    /// Whether it names the user.
    pub(super) fn is_user(self) -> bool {
        matches!(self, Self::ObjectId | Self::Upn | Self::User | Self::Mail)
    }

    /// What it is called in a sentence.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::ObjectId | Self::Upn | Self::User | Self::Mail => "user",
            Self::Serial => "serial number",
            Self::DisplayName => "display name",
            Self::PinLength => "PIN length",
            Self::Profile => "profile",
            Self::Ticket => "ticket",
            Self::Note => "note",
            Self::Replaces => "passkey to replace",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_other_tools_are_known_in_any_case() {
        for (names, column) in [
            ("UPN upn UserPrincipalName user_principal_name User-Principal-Name", Column::Upn),
            ("username login User USER", Column::User),
            ("userId Object_Id objectId", Column::ObjectId),
            ("email mail E-Mail Mail", Column::Mail),
            ("SerialID serialNumber serial_number SERIAL", Column::Serial),
            ("TicketId ticket", Column::Ticket),
            ("OperatorNote note", Column::Note),
            ("DisplayName display_name", Column::DisplayName),
            ("PinLength pin_length", Column::PinLength),
            ("Replaces", Column::Replaces),
            ("profile", Column::Profile),
        ] {
            for name in names.split(' ') {
                assert_eq!(Column::named(name), Some(column), "{name}");
            }
        }
        assert_eq!(Column::named("Serial Number"), Some(Column::Serial));
        assert_eq!((Column::named("colour"), Column::named("")), (None, None));
    }
}
