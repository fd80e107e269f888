//! The message to the user: at most one a job, whatever becomes of it the enrolment goes on, and no PIN in it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use keywright::enroll::{Notice, NoticeTemplate, Order};
use keywright::ledger::{Intent, JobState, Ledger as _, Outcome};
use keywright::simulator::key::Model;
use keywright::simulator::ledger::{FaultPoint, FaultyLedger, LedgerFault};
use keywright::simulator::tenant::{Act, Fault};
use keywright::ui::Notified;

use crate::support::face::ScriptedFace;
use crate::support::world::{ADELE, World, helpful, order};

const DESK: &str = "admin@contoso.example";
const SEND: &str = "*/sendMail";
/// Names everything that can be named.
const TEMPLATE: &str = "Subject: A key for {display_name}\n\n{upn} {model} {serial} {passkey_name} {date}\n";
/// Writes of an enrolment up to the row of the message: opened, four steps of two rows each, registered.
const MESSAGE: u32 = 10;

fn with_notice() -> Order {
    let template = NoticeTemplate::parse(TEMPLATE).unwrap();
    Order { notice: Some(Notice { template, sender: DESK.into() }), ..order() }
}

/// Outcomes of the rows of the message.
fn rows(world: &World) -> Vec<Option<Outcome>> {
    let mut ledger = world.ledger();
    let jobs = ledger.jobs(None).unwrap();
    let entries = jobs.iter().flat_map(|job| ledger.entries(job.id).unwrap()).collect::<Vec<_>>();
    entries.into_iter().filter(|entry| matches!(entry.intent, Intent::Notice { .. })).map(|entry| entry.outcome).collect()
}

#[test]
fn the_user_hears_of_the_key_and_nothing_of_the_pin() {
    let world = World::new(&Model::STANDARD);
    let face = Arc::new(ScriptedFace::default());
    let summary = world.enroll(&face, &with_notice()).unwrap();
    assert_eq!(summary.notice, Some(Notified::Accepted));
    let mails = world.tenant.mails();
    assert_eq!((mails.len(), mails[0].sender.as_str(), mails[0].to.as_slice()), (1, DESK, &[ADELE.to_owned()][..]));
    assert_eq!(mails[0].subject, "A key for Adele Vance");
    let line = format!("{ADELE} {} 12345678 {} 2026-11-02\n", summary.model, summary.display_name);
    assert_eq!(mails[0].text, line);
    let pin = face.pin();
    assert!(!mails[0].text.contains(&pin) && !mails[0].subject.contains(&pin));
    assert!(face.said().contains("does not mean that it is delivered"), "{}", face.said());
}

#[test]
fn nobody_is_written_to_who_was_not_to_be() {
    let world = World::new(&Model::STANDARD);
    let summary = world.enroll(&Arc::new(ScriptedFace::default()), &order()).unwrap();
    assert_eq!((summary.notice, world.tenant.mails().len(), rows(&world).len()), (None, 0, 0));
}

/// The last line of defence: should the text hold the characters of the PIN, for whatever reason, it is not sent.
#[test]
fn a_message_that_holds_the_pin_is_not_sent() {
    let world = World::new(&Model::STANDARD);
    let face = Arc::new(ScriptedFace::default());
    let shown_not_recorded = FaultPoint { write: 11, fault: LedgerFault::Full };
    let mut ledger = FaultyLedger::new(Box::new(world.ledger()), shown_not_recorded, Box::new(|_: &str| {}));
    assert!(world.enroll_with(&face, &order(), helpful, &mut ledger).is_err());
    drop(ledger);
    let pin = face.pin();
    for text in [format!("Subject: a\n\nKey {pin}.\n"), format!("Subject: {pin}\n\nb\n")] {
        let template = NoticeTemplate::parse(&text).unwrap();
        let order = Order { notice: Some(Notice { template, sender: DESK.into() }), ..order() };
        let face = Arc::new(ScriptedFace::default());
        face.mute.store(true, Ordering::SeqCst);
        assert!(world.enroll(&face, &order).is_err());
        assert!(face.said().contains("it holds the characters of the PIN") && !face.said().contains(&pin), "{}", face.said());
    }
    let summary = world.enroll(&Arc::new(ScriptedFace::default()), &with_notice()).unwrap();
    assert_eq!((summary.notice, world.tenant.mails().len(), rows(&world).len()), (Some(Notified::Accepted), 1, 1));
}

#[test]
fn whatever_becomes_of_it_the_enrolment_goes_on() {
    let processed = |status| Act::Answer { status, retry_after: None, code: None, processed: true };
    // Act, what the summary says, messages that went out, calls.
    for (act, notified, mails, calls) in [
        (Act::status(403), Notified::Refused, 0, 1),
        (Act::status(400), Notified::Refused, 0, 1),
        (Act::throttled(Some(600)), Notified::Refused, 0, 1),
        (Act::throttled(Some(3)), Notified::Accepted, 1, 2),
        (Act::status(500), Notified::Unknown, 0, 1),
        (processed(504), Notified::Unknown, 1, 1),
        (Act::CloseBefore, Notified::Unknown, 0, 1),
        (Act::CloseAfter, Notified::Unknown, 1, 1),
    ] {
        let world = World::new(&Model::STANDARD);
        world.tenant.add_fault(Fault::once("POST", SEND, act.clone()));
        let face = Arc::new(ScriptedFace::default());
        let summary = world.enroll(&face, &with_notice()).unwrap_or_else(|error| panic!("{act:?}: {error}"));
        assert_eq!((summary.notice, world.registered()), (Some(notified), 1), "{act:?}");
        assert_eq!((world.tenant.mails().len(), world.tenant.calls("POST", SEND)), (mails, calls), "{act:?}");
        assert!(world.key.pin_is(&face.pin()), "{act:?}");
    }
    let world = World::new(&Model::STANDARD);
    world.tenant.change(|script| script.users[0].mail = None);
    let face = Arc::new(ScriptedFace::default());
    assert_eq!(world.enroll(&face, &with_notice()).unwrap().notice, Some(Notified::Refused));
    assert!(face.said().contains("no mail address for adele@contoso.example"), "{}", face.said());
}

#[test]
fn no_second_message_wherever_the_first_run_died() {
    for write in MESSAGE..=MESSAGE + 4 {
        for fault in [LedgerFault::Full, LedgerFault::HaltBefore, LedgerFault::HaltAfter] {
            let name = format!("{fault:?} at write {write}");
            let world = World::new(&Model::STANDARD);
            let halt = Box::new(|_: &str| resume_unwind(Box::new("dead")));
            let mut ledger = FaultyLedger::new(Box::new(world.ledger()), FaultPoint { write, fault }, halt);
            let face = Arc::new(ScriptedFace::default());
            let first = catch_unwind(AssertUnwindSafe(|| world.enroll_with(&face, &with_notice(), helpful, &mut ledger)));
            drop(ledger);
            drop(first);
            // A row of the message that finds no space costs the message; after the last write there is nothing left to do.
            let done = world.ledger().jobs(Some(JobState::Open)).unwrap().is_empty();
            let unharmed = match fault {
                LedgerFault::Full => write <= MESSAGE + 1,
                LedgerFault::HaltBefore => false,
                LedgerFault::HaltAfter => write == MESSAGE + 4,
            };
            assert_eq!(done, unharmed, "{name}");
            let face = Arc::new(ScriptedFace::default());
            if !done {
                let summary = world.enroll(&face, &with_notice()).unwrap_or_else(|error| panic!("{name}: {error}"));
                let sent = world.tenant.mails().len();
                assert!(sent <= 1, "{name}: {sent} messages");
                assert!(summary.notice != Some(Notified::Accepted) || sent == 1, "{name}");
                assert!(summary.notice != Some(Notified::Refused) || sent == 0, "{name}");
                assert_eq!(
                    summary.notice == Some(Notified::Unknown),
                    face.said().contains("is not known: it is not sent again"),
                    "{name}"
                );
            }
            assert_eq!(world.registered(), 1, "{name}");
            assert!(world.tenant.mails().len() <= 1, "{name}");
        }
    }
}

#[test]
fn one_that_was_refused_goes_with_the_next_run() {
    let world = World::new(&Model::STANDARD);
    world.tenant.add_fault(Fault::once("POST", SEND, Act::status(403)));
    let face = Arc::new(ScriptedFace::default());
    face.mute.store(true, Ordering::SeqCst);
    assert!(world.enroll(&face, &with_notice()).is_err(), "the PIN could not be shown");
    assert_eq!(world.tenant.mails().len(), 0);
    let summary = world.enroll(&Arc::new(ScriptedFace::default()), &with_notice()).unwrap();
    assert_eq!((summary.notice, world.tenant.mails().len()), (Some(Notified::Accepted), 1));
    assert!(matches!(rows(&world).as_slice(), [Some(Outcome::Failed { .. }), Some(Outcome::Done)]));
}
