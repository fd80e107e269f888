//! The connection breaks: nothing is lost, nothing is done twice, nothing is claimed that was not written.

use crate::ledger::contract::order;
use crate::ledger::postgres::PostgresPlace;
use crate::ledger::postgres::session::{Ending, Mark};
use crate::ledger::postgres::tests::wire::{Break, Wire};
use crate::ledger::postgres::tests::{FOREVER, number, outside, place};
use crate::ledger::{Intent, JobState, Ledger as _, LedgerError, Outcome};

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn a_write_stands_once_wherever_the_connection_breaks() {
    for broken in [Break::AtOnce, Break::BeforeCommit, Break::AfterCommit, Break::Unheard] {
        let (wire, address, direct) = Wire::to_a_database();
        let mut ledger = PostgresPlace::new(address, FOREVER).open().unwrap();
        wire.breaks(broken);
        let job = ledger.open_job(&order("a")).unwrap();
        assert!(wire.broke(), "{broken:?}");
        wire.breaks(broken);
        let ticket = ledger.before(job, &Intent::Seal, None).unwrap();
        assert!(wire.broke(), "{broken:?}");
        wire.breaks(broken);
        ledger.after(ticket, &Outcome::Sealed { effective: true }).unwrap();
        assert_eq!(ledger.entries(job).unwrap().len(), 1, "{broken:?}");
        wire.breaks(broken);
        ledger.close(job, JobState::Done).unwrap();
        assert_eq!(ledger.verify(None).unwrap().links, 4, "{broken:?}");
        assert_eq!(number(&mut outside(&direct), "SELECT count(*) FROM keywright.job"), 1, "{broken:?}");
    }
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn without_a_server_the_act_does_not_happen_and_the_next_call_finds_it_again() {
    let (wire, address, direct) = Wire::to_a_database();
    let mut ledger = PostgresPlace::new(address, FOREVER).open().unwrap();
    let job = ledger.open_job(&order("a")).unwrap();
    let cut = |wire: &Wire| {
        wire.breaks(Break::Away);
        let all = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        number(&mut outside(&direct), all);
    };
    cut(&wire);
    let error = ledger.before(job, &Intent::Seal, None).unwrap_err();
    assert!(matches!(error, LedgerError::Unreachable { .. }), "{error:?}");
    let error = ledger.jobs(None).unwrap_err();
    assert!(error.to_string().contains(&format!("127.0.0.1:{}", wire.port())), "{error}");
    wire.breaks(Break::Never);
    let ticket = ledger.before(job, &Intent::Seal, None).unwrap();
    assert_eq!(ticket.number, 1, "the claim is still ours, and nothing was written before");
    ledger.after(ticket, &Outcome::Done).unwrap();
    ledger.close(job, JobState::Ended).unwrap();
    ledger.verify(None).unwrap();
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn another_transaction_of_the_same_name_is_not_taken_for_ours() {
    let place = place();
    let mut ledger = place.open().unwrap();
    let mut client = outside(place.address());
    let committed: String = client.query_one("SELECT pg_current_xact_id()::text", &[]).unwrap().get(0);
    let _ = ledger.open_job(&order("a")).unwrap();
    let hash: Vec<u8> = client.query_one("SELECT hash FROM keywright.link", &[]).unwrap().get(0);
    let later = "18446744073709551610".to_owned();
    for (transaction, link, ending) in [
        (&committed, None, Some(Ending::Committed)),
        (&committed, Some((1, hash.clone())), Some(Ending::Committed)),
        (&committed, Some((1, vec![0; 32])), Some(Ending::Undone)),
        (&committed, Some((2, hash.clone())), Some(Ending::Undone)),
        (&later, Some((1, hash)), Some(Ending::Committed)),
        (&later, Some((2, vec![0; 32])), Some(Ending::Undone)),
        (&later, None, None),
    ] {
        let mark = Mark { transaction: transaction.clone(), link };
        assert_eq!(ledger.session.ending(&mark).ok(), ending, "{mark:?}");
    }
}
