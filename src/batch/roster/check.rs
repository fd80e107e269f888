//! What a roster has wrong by itself: users and keys that stand in it twice.

use std::collections::HashMap;

use super::Roster;
use super::fault::{Fault, RowError};

impl Roster {
    /// Finds users who stand in more rows than they get keys, and keys that stand in two. Such rows become faults.
    pub(super) fn sift(&mut self, keys_per_user: u8) {
        let mut users: HashMap<String, (u32, usize)> = HashMap::with_capacity(self.rows.len());
        let mut serials: HashMap<String, u32> = HashMap::new();
        let faults = &mut self.faults;
        self.rows.retain(|row| {
            let (first, count) = users.entry(row.user.to_lowercase()).or_insert((row.line, 0));
            *count = count.saturating_add(1);
            let before = faults.len();
            if let Some(error) = crowded(*first, *count, keys_per_user) {
                faults.push(Fault::new(row.line, &row.user, &error));
            }
            if let Some(serial) = &row.serial {
                let first = *serials.entry(serial.to_lowercase()).or_insert(row.line);
                if first != row.line {
                    faults.push(Fault::new(row.line, &row.user, &RowError::SameSerial(first)));
                }
            }
            faults.len() == before
        });
    }
}

/// What is wrong with a user's row number `count`, the first of which is row `first`.
pub(super) fn crowded(first: u32, count: usize, keys_per_user: u8) -> Option<RowError> {
    match keys_per_user {
        0 | 1 if count > 1 => Some(RowError::SameUser(first)),
        most if count > usize::from(most.max(1)) => Some(RowError::TooManyKeys { count, most }),
        _ => None,
    }
}
