//! How far a job got, read from its journal alone. The key and the tenant are asked afterwards; nothing is assumed.

use crate::ctap::{Reading, Wish};
use crate::identity::Registration;
use crate::ledger::{Entry, Intent, Outcome};
use crate::webauthn::CredentialId;

/// The last thing that is known about the key and the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing was changed.
    Untouched,
    /// The reset was begun: blank or not.
    EraseUnsure,
    /// Wiped (or fresh), no PIN.
    Blank,
    /// A PIN was about to be set: set or not.
    PinUnsure,
    /// The temporary PIN is set, no credential of ours is on the key.
    PinSet,
    /// A credential that will not be registered may be on the key.
    Orphan,
    /// A verified credential is on the key.
    Made(Registration),
    /// The forced change was about to be set: set or not.
    SealUnsure(Registration),
    /// Sealed as far as the key can; not known to the tenant, or the tenant refused it.
    Sealed(Registration),
    /// Written down for another station, which registers it.
    Deposited(Registration),
    /// A POST was about to go: registered or not.
    RegisterUnsure(Registration),
    /// A sealed key's PIN was about to be replaced: the old or the new one.
    ReplaceUnsure,
    /// The tenant holds it.
    Registered(Registration, String),
}

/// A job's journal, folded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fact that the journal tells")]
pub(super) struct Progress {
    /// How far it got.
    pub(super) phase: Phase,
    /// Entries beside which the PIN may stand that the key has now, newest first: two at most, the second of which is the
    /// PIN if the key still wants it changed.
    pub(super) pins: Vec<i64>,
    /// `forcePINChange` as it was read back last.
    pub(super) forced: bool,
    /// How often the PIN was shown before.
    pub(super) copies: usize,
    /// The PIN was handed over, and that needs no word of anybody any more.
    pub(super) confirmed: bool,
    /// It was handed over, as far as this end can tell.
    pub(super) delivered: bool,
    /// Passkeys that were sent, and of which nobody knows whether the tenant took them.
    pub(super) strays: Vec<CredentialId>,
    /// The passkey that is on the key now was sent, however that ended.
    pub(super) sent: bool,
    /// Settings that were asked for since the key was blank, and what it showed of them.
    pub(super) hardened: Vec<(Wish, Option<Reading>)>,
}

impl Progress {
    /// Folds a journal, oldest entry first.
    pub(super) fn of(entries: &[Entry]) -> Self {
        let start = Self {
            phase: Phase::Untouched,
            pins: Vec::new(),
            forced: false,
            copies: 0,
            confirmed: false,
            delivered: false,
            strays: Vec::new(),
            sent: false,
            hardened: Vec::new(),
        };
        entries.iter().fold(start, Self::step)
    }

    fn step(mut self, entry: &Entry) -> Self {
        // Every one of these is done by the key's PIN: of two that it might have, the newer one. The older one is the PIN
        // only as long as the key still wants it changed.
        if matches!(entry.intent, Intent::Harden { .. } | Intent::Make { .. } | Intent::DeleteCredential { .. } | Intent::Seal) {
            self.pins.truncate(1);
        }
        let unsure = matches!(entry.outcome, None | Some(Outcome::Unknown { .. }));
        let failed = matches!(entry.outcome, Some(Outcome::Failed { .. }));
        match &entry.intent {
            Intent::Register { registration } if unsure && !self.strays.contains(&registration.credential_id) => {
                self.strays.push(registration.credential_id.clone());
            }
            Intent::Register { registration: Registration { credential_id, .. } } | Intent::Withdraw { credential_id }
                if !unsure && !failed =>
            {
                self.strays.retain(|stray| stray != credential_id);
            }
            _ => {}
        }
        match &entry.intent {
            Intent::Make { .. } => self.sent = false,
            Intent::Register { .. } => self.sent = true,
            _ => {}
        }
        if matches!(entry.intent, Intent::Erase { .. } | Intent::SetPin { .. } | Intent::ReplacePin { .. }) {
            // What was handed over is not the PIN any more, or may not be.
            (self.confirmed, self.delivered) = (false, false);
        }
        match (&entry.intent, &entry.outcome) {
            // A key gets its first PIN when it is blank, and what was set before went with the wipe.
            (Intent::SetPin { .. }, _) => self.hardened.clear(),
            (Intent::Harden { wish }, Some(Outcome::Hardened { effective })) => {
                self.hardened.retain(|(known, _)| known != wish);
                self.hardened.push((wish.clone(), *effective));
            }
            _ => {}
        }
        match &entry.intent {
            Intent::Harden { .. } | Intent::Withdraw { .. } | Intent::Notice { .. } | Intent::Retire { .. } => {}
            Intent::HandOver { .. } => {
                self.copies = self.copies.saturating_add(1);
                self.delivered |= matches!(entry.outcome, Some(Outcome::Done | Outcome::Delivered { .. }));
                self.confirmed |= matches!(entry.outcome, Some(Outcome::Delivered { confirmed: true, .. }));
            }
            Intent::Confirm { .. } => self.confirmed |= !unsure && !failed,
            _ if failed => {}
            Intent::Erase { .. } if unsure => self.phase = Phase::EraseUnsure,
            Intent::Erase { .. } => {
                self.pins.clear();
                self.forced = false;
                self.phase = Phase::Blank;
            }
            Intent::SetPin { .. } => {
                self.pins = vec![entry.number];
                self.phase = if unsure { Phase::PinUnsure } else { Phase::PinSet };
            }
            Intent::ReplacePin { .. } if unsure => {
                // Replaced once more, the key still wanted a change: what was tried before did not happen.
                self.pins = [Some(entry.number), self.pins.last().copied()].into_iter().flatten().collect();
                self.phase = Phase::ReplaceUnsure;
            }
            Intent::ReplacePin { .. } => {
                self.pins = vec![entry.number];
                self.forced = false;
                self.phase = Phase::Orphan;
            }
            Intent::Make { .. } => match &entry.outcome {
                Some(Outcome::Made { registration }) => self.phase = Phase::Made(registration.clone()),
                _ => self.phase = Phase::Orphan,
            },
            Intent::DeleteCredential { .. } => self.phase = if unsure { Phase::Orphan } else { Phase::PinSet },
            Intent::Seal => self.sealing(entry),
            // What is written down twice is written down.
            Intent::Deposit { .. } if unsure => {}
            Intent::Deposit { registration } => self.phase = Phase::Deposited(registration.clone()),
            Intent::Register { registration } => {
                self.phase = match &entry.outcome {
                    Some(Outcome::Registered { method }) => Phase::Registered(registration.clone(), method.clone()),
                    _ => Phase::RegisterUnsure(registration.clone()),
                };
            }
        }
        self
    }

    fn sealing(&mut self, entry: &Entry) {
        let (Phase::Made(registration) | Phase::SealUnsure(registration)) = &self.phase else { return };
        let registration = registration.clone();
        self.phase = match &entry.outcome {
            Some(Outcome::Sealed { effective }) => {
                self.forced = *effective;
                Phase::Sealed(registration)
            }
            _ => Phase::SealUnsure(registration),
        };
    }

    /// A few words for the person who resumes.
    pub(super) fn words(&self) -> &'static str {
        match self.phase {
            Phase::Untouched => "nothing was changed yet",
            Phase::EraseUnsure => "the key was about to be wiped",
            Phase::Blank => "the key was wiped",
            Phase::PinUnsure => "the temporary PIN was about to be set",
            Phase::PinSet => "the temporary PIN was set",
            Phase::Orphan => "a passkey on the key is not registered",
            Phase::Made(_) => "the passkey was made",
            Phase::SealUnsure(_) => "the PIN change was about to be forced",
            Phase::Sealed(_) => "the key was ready to be registered",
            Phase::Deposited(_) => "the key waits for its hand-over and for its registration by another station",
            Phase::RegisterUnsure(_) => "the registration was about to be sent",
            Phase::ReplaceUnsure => "the temporary PIN was about to be replaced",
            Phase::Registered(..) => "the key is registered but not handed over",
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::webauthn::CredentialId;

    fn registration() -> Registration {
        Registration {
            display_name: "key".into(),
            credential_id: CredentialId(vec![1]),
            attestation_object: vec![2],
            client_data_json: vec![3],
            expires: Timestamp::UNIX_EPOCH,
        }
    }

    fn failed() -> Outcome {
        Outcome::Failed { code: "a/b".into(), sentence: "No.".into() }
    }

    fn unknown() -> Outcome {
        Outcome::Unknown { code: "a/b".into(), sentence: "?".into() }
    }

    fn phase_of(rows: &[(Intent, Option<Outcome>)]) -> Progress {
        let entries: Vec<Entry> = (1_i64..)
            .zip(rows)
            .map(|(number, (intent, outcome))| Entry {
                number,
                at: Timestamp::UNIX_EPOCH,
                intent: intent.clone(),
                outcome: outcome.clone(),
            })
            .collect();
        Progress::of(&entries)
    }

    #[test]
    fn every_place_to_die_has_its_phase() {
        let erase = || Intent::Erase { loss: String::new(), consent: String::new() };
        let make = || Intent::Make { challenge_sha256: String::new(), expires: Timestamp::UNIX_EPOCH };
        let register = || Intent::Register { registration: registration() };
        let full = [
            (erase(), Some(Outcome::Done)),
            (Intent::SetPin { draw: 1 }, Some(failed())),
            (Intent::SetPin { draw: 2 }, Some(Outcome::Done)),
            (make(), Some(Outcome::Made { registration: registration() })),
            (Intent::Seal, Some(Outcome::Sealed { effective: true })),
            (register(), Some(Outcome::Registered { method: "m".into() })),
            (Intent::HandOver { means: "screen".into() }, Some(Outcome::Done)),
        ];
        let done = [
            (1, Phase::Blank, vec![]),
            (2, Phase::Blank, vec![]),
            (3, Phase::PinSet, vec![3]),
            (4, Phase::Made(registration()), vec![3]),
            (5, Phase::Sealed(registration()), vec![3]),
            (6, Phase::Registered(registration(), "m".into()), vec![3]),
            (7, Phase::Registered(registration(), "m".into()), vec![3]),
        ];
        for (length, phase, pins) in done {
            let progress = phase_of(&full[..length]);
            assert_eq!((&progress.phase, &progress.pins), (&phase, &pins), "after {length}");
        }
        let open = [
            (1, Phase::EraseUnsure, vec![]),
            (2, Phase::PinUnsure, vec![2]),
            (3, Phase::PinUnsure, vec![3]),
            (4, Phase::Orphan, vec![3]),
            (5, Phase::SealUnsure(registration()), vec![3]),
            (6, Phase::RegisterUnsure(registration()), vec![3]),
            (7, Phase::Registered(registration(), "m".into()), vec![3]),
        ];
        for (length, phase, pins) in open {
            for outcome in [None, Some(unknown())] {
                let mut rows = full[..length].to_vec();
                rows[length - 1].1 = outcome;
                let progress = phase_of(&rows);
                assert_eq!((&progress.phase, &progress.pins), (&phase, &pins), "in {length}");
            }
        }
    }

    #[test]
    fn a_hand_over_is_done_again_until_it_is_confirmed() {
        type Row = (Intent, Option<Outcome>);
        let put = |confirmed| Some(Outcome::Delivered { file: None, confirmed });
        let hand = || Intent::HandOver { means: "letter".into() };
        let confirm = || Intent::Confirm { operator: "o".into() };
        let rows: [(&[Row], usize, bool); 9] = [
            (&[(hand(), None)], 1, false),
            (&[(hand(), Some(failed()))], 1, false),
            (&[(hand(), Some(Outcome::Done))], 1, false),
            (&[(hand(), put(false))], 1, false),
            (&[(hand(), None), (hand(), put(true))], 2, true),
            (&[(hand(), put(false)), (confirm(), Some(Outcome::Done))], 1, true),
            (&[(hand(), put(false)), (confirm(), None)], 1, false),
            (&[(hand(), put(true)), (Intent::SetPin { draw: 1 }, None)], 1, false),
            (&[(hand(), put(true)), (Intent::ReplacePin { draw: 1 }, None)], 1, false),
        ];
        for (rows, copies, confirmed) in rows {
            let progress = phase_of(rows);
            assert_eq!((progress.copies, progress.confirmed), (copies, confirmed), "{rows:?}");
        }
    }

    #[test]
    fn undoing() {
        let sealed = [
            (Intent::SetPin { draw: 1 }, Some(Outcome::Done)),
            (
                Intent::Make { challenge_sha256: String::new(), expires: Timestamp::UNIX_EPOCH },
                Some(Outcome::Made { registration: registration() }),
            ),
            (Intent::Seal, Some(Outcome::Sealed { effective: true })),
            (Intent::Register { registration: registration() }, Some(failed())),
        ];
        let after = |more: &[(Intent, Option<Outcome>)]| phase_of(&[sealed.as_slice(), more].concat());
        let refused = after(&[]);
        assert_eq!((refused.phase, refused.pins, refused.forced), (Phase::Sealed(registration()), vec![1], true));
        let replacing = after(&[(Intent::ReplacePin { draw: 1 }, None)]);
        assert_eq!((replacing.phase, replacing.pins), (Phase::ReplaceUnsure, vec![5, 1]));
        let twice = after(&[(Intent::ReplacePin { draw: 1 }, None), (Intent::ReplacePin { draw: 1 }, Some(unknown()))]);
        assert_eq!((twice.phase, twice.pins), (Phase::ReplaceUnsure, vec![6, 1]));
        let used = after(&[(Intent::ReplacePin { draw: 1 }, None), (Intent::DeleteCredential { credential_id: None }, None)]);
        assert_eq!((used.phase, used.pins), (Phase::Orphan, vec![5]));
        let weak =
            after(&[(Intent::ReplacePin { draw: 1 }, Some(failed())), (Intent::ReplacePin { draw: 2 }, Some(Outcome::Done))]);
        assert_eq!((weak.phase, weak.pins, weak.forced), (Phase::Orphan, vec![6], false));
        let replaced = (Intent::ReplacePin { draw: 1 }, Some(Outcome::Done));
        let delete = Intent::DeleteCredential { credential_id: None };
        assert_eq!(after(&[replaced.clone(), (delete.clone(), None)]).phase, Phase::Orphan);
        assert_eq!(after(&[replaced.clone(), (delete.clone(), Some(failed()))]).phase, Phase::Orphan);
        assert_eq!(after(&[replaced, (delete, Some(Outcome::Done))]).phase, Phase::PinSet);
    }
}
