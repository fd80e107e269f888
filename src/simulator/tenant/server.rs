//! The loopback server around the tenant: a thread that listens, one more for each connection.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::fmt::rfc2822::DateTimePrinter;
use rand::CryptoRng;

use crate::clock::SharedClock;
use crate::simulator::tenant::assertion::Assertion;
use crate::simulator::tenant::envelope::Refusal;
use crate::simulator::tenant::fault::{Act, Fault, glob};
use crate::simulator::tenant::judge::AttestationJudge;
use crate::simulator::tenant::mail::TrainingMail;
use crate::simulator::tenant::passkey::TrainingPasskey;
use crate::simulator::tenant::recorder::Exchange;
use crate::simulator::tenant::script::Script;
use crate::simulator::tenant::state::{LoggedCall, Tenant};
use crate::simulator::tenant::tap::TrainingPass;
use crate::simulator::tenant::token::{AppCertificate, Denial};
use crate::simulator::tenant::wire::{self, Request, Response};

/// Longer than anything that a client of Graph should read.
const OVERSIZE: usize = 2 << 20;

/// Starts training tenants.
#[derive(Clone, Copy, Debug)]
pub struct TrainingTenant;

/// A tenant that listens until it is dropped.
#[derive(Debug)]
pub struct RunningTenant {
    address: SocketAddr,
    state: Arc<Mutex<Tenant>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TrainingTenant {
    /// Listens on a loopback address, such as `127.0.0.1:0` for any free port.
    ///
    /// # Errors
    /// If the address is not a loopback one, cannot be had, or a file that the script names cannot be read.
    pub fn start(
        address: impl ToSocketAddrs,
        script: Script,
        clock: SharedClock,
        rng: Box<dyn CryptoRng + Send>,
        judge: Box<dyn AttestationJudge>,
    ) -> io::Result<RunningTenant> {
        let invalid = |reason: String| io::Error::new(io::ErrorKind::InvalidInput, reason);
        let address = address.to_socket_addrs()?.next().ok_or_else(|| invalid("no address".into()))?;
        if !address.ip().is_loopback() {
            return Err(invalid(format!("{address} is not an address of this machine alone")));
        }
        let certificate = match &script.application.certificate {
            Some(path) => {
                let read = AppCertificate::from_pem(&std::fs::read_to_string(path)?);
                Some(read.map_err(|reason| invalid(format!("{}: {reason}", path.display())))?)
            }
            None => None,
        };
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(Tenant::new(script, clock, rng, judge, certificate, format!("http://{address}"))?));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let (state, stop) = (Arc::clone(&state), Arc::clone(&stop));
            thread::Builder::new().name("training tenant".into()).spawn(move || listen(&listener, &state, &stop))?
        };
        Ok(RunningTenant { address, state, stop, thread: Some(thread) })
    }
}

impl Drop for RunningTenant {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees the flag.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl RunningTenant {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Scheme, host and port.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A profile for this tenant, as `--profile` takes it.
    pub fn profile_toml(&self) -> String {
        let state = self.state();
        let Script { tenant, application, rp_id, .. } = &state.script;
        let fields = [
            ("name", "training"),
            ("tenant", tenant.as_str()),
            ("client_id", &application.client_id),
            ("client_secret", &application.client_secret),
            ("authority", &state.base),
            ("graph", &state.base),
            ("expected_rp", rp_id),
        ];
        let table: toml::Table = fields.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        table.to_string()
    }

    /// The passkeys of a user, named by object id or principal name.
    pub fn passkeys(&self, user: &str) -> Vec<TrainingPasskey> {
        let state = self.state();
        let id = state.user_named(user).map(|user| user.id.clone());
        id.and_then(|id| state.passkeys.get(&id).cloned()).unwrap_or_default()
    }

    /// The pass of a user, named by object id or principal name.
    pub fn pass(&self, user: &str) -> Option<TrainingPass> {
        let state = self.state();
        state.user_named(user).and_then(|user| state.taps.get(&user.id).cloned())
    }

    /// The messages that were accepted.
    pub fn mails(&self) -> Vec<TrainingMail> {
        self.state().mails.clone()
    }

    /// The calls so far.
    pub fn log(&self) -> Vec<LoggedCall> {
        self.state().log.clone()
    }

    /// How many calls of a method there were to paths of this form, in which `*` stands for any text.
    pub fn calls(&self, method: &str, path: &str) -> usize {
        self.state().log.iter().filter(|call| call.method == method && glob(path, &call.path)).count()
    }

    /// From now on keeps every exchange with Graph in memory, bodies included.
    pub fn record(&self) {
        self.state().recorder.start();
    }

    /// Takes the exchanges that were kept, and how many more there was no room for.
    pub fn exchanges(&self) -> (Vec<Exchange>, usize) {
        self.state().recorder.take()
    }

    /// Adds scripted trouble; calls are counted from now.
    pub fn add_fault(&self, fault: Fault) {
        self.state().faults.add(fault);
    }

    /// Ends all scripted trouble.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// Makes every token invalid that was given out so far.
    pub fn revoke_tokens(&self) {
        self.state().tokens.revoke();
    }

    /// Changes users, policy or application. Faults are changed with [`Self::add_fault`].
    pub fn change(&self, edit: impl FnOnce(&mut Script)) {
        self.state().change(edit);
    }

    /// Checks an assertion as a sign-in would.
    ///
    /// # Errors
    /// Why it does not hold.
    pub fn verify_assertion(&self, assertion: &Assertion) -> Result<(), String> {
        self.state().verify(assertion)
    }

    fn state(&self) -> MutexGuard<'_, Tenant> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<Tenant>) -> MutexGuard<'_, Tenant> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen(listener: &TcpListener, state: &Arc<Mutex<Tenant>>, stop: &AtomicBool) {
    for stream in listener.incoming() {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let state = Arc::clone(state);
        // A machine without a thread to spare drops the connection, which is what its client then sees.
        if let Err(error) = thread::Builder::new().name("training call".into()).spawn(move || serve(stream, &state)) {
            log::warn!(target: "keywright::tenant", "no thread for a call: {error}");
        }
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<Tenant>) {
    let request = match wire::read(&mut stream) {
        Ok(request) => request,
        Err(error) => {
            log::debug!(target: "keywright::tenant", "a request that cannot be read: {error}");
            return;
        }
    };
    let response = respond(&request, state);
    log::debug!(target: "keywright::tenant", "{} {}: {:?}", request.method, request.path, response.as_ref().map(|response| response.status));
    if let Some(response) = response
        && let Err(error) = wire::write(&mut stream, &response)
    {
        log::debug!(target: "keywright::tenant", "an answer that nobody read: {error}");
    }
    drop(stream.shutdown(Shutdown::Write));
}

/// The answer, or `None` when the connection is to be closed without one.
fn respond(request: &Request, state: &Mutex<Tenant>) -> Option<Response> {
    let mut tenant = lock(state);
    let place = tenant.note(request);
    let act = tenant.faults.due(&request.method, &request.path);
    let delay = match &act {
        Some(Act::Delay { seconds }) => Duration::from_secs(*seconds),
        _ => Duration::ZERO,
    };
    let delay = delay.saturating_add(Duration::from_millis(tenant.script.latency.into()));
    if !delay.is_zero() {
        let clock = SharedClock::clone(&tenant.clock);
        drop(tenant);
        clock.sleep(delay);
        tenant = lock(state);
    }
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&tenant.clock.now()).ok();
    let response = faulty(&mut tenant, request, act);
    let response = response.map(|response| date.into_iter().fold(response, |response, date| response.with("date", date)));
    tenant.recorder.keep(request, response.as_ref());
    let response = response?;
    tenant.note_status(place, response.status);
    Some(response)
}

/// The answer under scripted trouble, or `None` when the connection is to be closed without one.
pub(super) fn faulty(tenant: &mut Tenant, request: &Request, act: Option<Act>) -> Option<Response> {
    match act {
        None | Some(Act::Delay { .. }) => Some(tenant.answer(request)),
        Some(Act::CloseBefore) => None,
        Some(Act::CloseAfter) => {
            tenant.answer(request);
            None
        }
        Some(Act::Answer { status, retry_after, code, processed }) => {
            if processed {
                tenant.answer(request);
            }
            let response = tenant.refusal(request, &Refusal::usual(status, code));
            Some(match retry_after {
                Some(seconds) => response.with("retry-after", seconds.to_string()),
                None => response,
            })
        }
        Some(Act::Garbage) => Some(Response { body: b"{\"half an ans".to_vec(), ..tenant.answer(request) }),
        Some(Act::Oversize) => Some(Response { body: vec![b' '; OVERSIZE], ..tenant.answer(request) }),
        Some(Act::Redirect { location }) => Some(Response::empty(302).with("location", location)),
        Some(Act::ClaimsChallenge) => Some(tenant.challenge(request)),
        Some(Act::SignInError { status, error, code, claims }) => {
            let text = "The training tenant was told to say so.";
            Some(tenant.denied(&Denial { claims, ..Denial::new(status, &error, code, text) }))
        }
    }
}
