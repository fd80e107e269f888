//! The network between a station and the server, which can break where it hurts.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::ledger::postgres::Address;
use crate::ledger::postgres::tests::{database, outside};

/// What happens next to what a station sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// Nothing.
    Never,
    /// The connection ends before a COMMIT gets to the server.
    BeforeCommit,
    /// The COMMIT gets to the server, its answer does not come back.
    AfterCommit,
    /// The station's side ends before a COMMIT gets to the server, which hears nothing of that.
    Unheard,
    /// The connection ends at the next thing that is sent.
    AtOnce,
    /// No connection is made at all.
    Away,
}

/// A relay on loopback.
pub(super) struct Wire {
    next: Arc<Mutex<Break>>,
    port: u16,
}

impl Wire {
    /// A new database and the way to it through a relay, in clear, so that the relay sees where a COMMIT is.
    pub(super) fn to_a_database() -> (Self, Address, Address) {
        let direct = database();
        // A role that may come without TLS.
        let role = "DO $$ BEGIN CREATE ROLE wire SUPERUSER LOGIN PASSWORD 'wire'; EXCEPTION WHEN duplicate_object THEN NULL;
            WHEN unique_violation THEN NULL; END $$";
        outside(&direct).batch_execute(role).unwrap();
        let (_, server) = direct.hosts().next().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let next = Arc::new(Mutex::new(Break::Never));
        let shared = Arc::clone(&next);
        thread::spawn(move || {
            for station in listener.incoming().map_while(Result::ok) {
                if *shared.lock().unwrap() != Break::Away {
                    relay(&station, &TcpStream::connect(("127.0.0.1", server)).unwrap(), &shared);
                }
            }
        });
        let url = format!("postgres://wire:wire@127.0.0.1:{port}/{}?sslmode=disable", direct.database());
        (Self { next, port }, Address::parse(&url).unwrap(), direct)
    }

    /// Chooses what happens next; after that, nothing does.
    pub(super) fn breaks(&self, next: Break) {
        *self.next.lock().unwrap() = next;
    }

    /// Whether what was chosen has happened.
    pub(super) fn broke(&self) -> bool {
        *self.next.lock().unwrap() == Break::Never
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

fn relay(station: &TcpStream, server: &TcpStream, next: &Arc<Mutex<Break>>) {
    let ends = || (station.try_clone().unwrap(), server.try_clone().unwrap());
    let hang_up = |ends: &(TcpStream, TcpStream)| {
        let _ = ends.0.shutdown(Shutdown::Both);
        let _ = ends.1.shutdown(Shutdown::Both);
    };
    let (forth, back, shared) = (ends(), ends(), Arc::clone(next));
    thread::spawn(move || {
        let mut unheard = false;
        pump(&forth.0, &forth.1, |bytes| {
            let mut next = shared.lock().unwrap();
            let commits = bytes.windows(7).any(|part| part == b"COMMIT\0");
            match *next {
                Break::AtOnce => {}
                Break::BeforeCommit if commits => {}
                Break::Unheard if commits => unheard = true,
                _ => return true,
            }
            *next = Break::Never;
            false
        });
        if unheard {
            let _ = forth.0.shutdown(Shutdown::Both);
            // The server's side stays open: its end of the line is kept by the other thread.
        } else {
            hang_up(&forth);
        }
    });
    let shared = Arc::clone(next);
    thread::spawn(move || {
        pump(&back.1, &back.0, |bytes| {
            let mut next = shared.lock().unwrap();
            let committed = *next == Break::AfterCommit && bytes.windows(7).any(|part| part == b"COMMIT\0");
            if committed {
                *next = Break::Never;
            }
            !committed
        });
        hang_up(&back);
    });
}

/// Carries bytes until one side ends or they may not pass.
fn pump(mut from: &TcpStream, mut to: &TcpStream, mut may_pass: impl FnMut(&[u8]) -> bool) {
    let mut bytes = [0; 8192];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if !may_pass(&bytes[..count]) || to.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
}
