//! The station: settings turned into the things that commands work with. Nothing is opened before a command asks for it.

#[cfg(feature = "simulator")]
use std::cell::OnceCell;
use std::env;
use std::fs::remove_dir_all;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::CryptoRng;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;

use crate::clock::{SharedClock, SystemClock};
use crate::ctap::discover::SystemBus;
use crate::ctap::{Bus, Cancel};
use crate::enroll::{Desk, Selector};
use crate::handover::AgeSafe;
use crate::handover::parcel::Recipient;
use crate::identity::IdentityProvider;
use crate::identity::entra::{Entra, Gate, Invitation, Profile, Tools, Vault};
use crate::ledger::place::LedgerPlace;
use crate::ledger::{Batches, OpenLedger};
use crate::metadata::MetadataError;
use crate::metadata::blob::{Blob, FIDO_ROOTS, TRAINING_ROOTS};
use crate::metadata::store::Store;
use crate::secret::SecretText;
use crate::secret::private::make_directory;
#[cfg(feature = "simulator")]
use crate::simulator::tenant::RunningTenant;
use crate::ui::{Answer, Event, Face, Question, Ui};

use super::settings::{Places, Settings};
use super::{CliError, browser};
#[cfg(feature = "simulator")]
use super::{rehearsal, training_tenant};

/// Makes clients of the tenant.
type Clients = dyn Fn() -> Box<dyn IdentityProvider + Send> + Sync;

/// How long a person may take to put a key in or take it out.
const PATIENCE: Duration = Duration::from_mins(2);
/// The same without a terminal: somebody may still stand beside the script.
const UNATTENDED: Duration = Duration::from_secs(30);

/// Everything that a command works with.
pub(super) struct Station {
    /// What was asked for, resolved.
    pub(super) settings: Settings,
    /// The face.
    pub(super) face: Arc<dyn Face>,
    /// Ctrl-C.
    pub(super) cancel: Cancel,
    /// Time.
    pub(super) clock: SharedClock,
    /// Hosts that asked to be left alone.
    gate: Gate,
    temporary: Option<PathBuf>,
    #[cfg(feature = "simulator")]
    tenant: OnceCell<RunningTenant>,
}

impl Station {
    /// A station; in a rehearsal with a temporary place of its own.
    pub(super) fn new(settings: Settings, face: Arc<dyn Face>, cancel: &Cancel) -> Self {
        let clock: SharedClock = Arc::new(SystemClock::new());
        let temporary = settings.apart().then(|| {
            let moment = clock.now().as_nanosecond();
            env::temp_dir().join(format!("keywright-rehearsal-{}-{moment}", std::process::id()))
        });
        Self {
            settings,
            face,
            cancel: cancel.clone(),
            clock,
            gate: Gate::default(),
            temporary,
            #[cfg(feature = "simulator")]
            tenant: OnceCell::new(),
        }
    }

    /// A generator that asks the operating system.
    pub(super) fn generator() -> Box<dyn CryptoRng + Send> {
        Box::new(UnwrapErr(SysRng))
    }

    /// Where the ledger and the station's identity are.
    fn places(&self) -> Result<Places, CliError> {
        let Some(directory) = &self.temporary else { return self.settings.places() };
        make_directory(directory).map_err(|error| CliError::file(directory, &error))?;
        Ok(Places::within(directory))
    }

    /// Where what belongs to keys on their way lies: beside the identity that opens it.
    pub(super) fn parcels(&self) -> Result<PathBuf, CliError> {
        Ok(self.places()?.identity.with_file_name("parcels"))
    }

    /// The signed metadata of models: beside the identity.
    pub(super) fn metadata_store(&self) -> Result<Store, CliError> {
        Ok(Store::in_directory(self.places()?.identity.parent().unwrap_or(Path::new("."))))
    }

    /// Who may sign metadata. Training keys are of makers whom only the training root vouches for.
    pub(super) fn metadata_roots(&self) -> &'static [&'static [u8]] {
        if self.settings.training_key { TRAINING_ROOTS } else { FIDO_ROOTS }
    }

    /// The signed metadata for attestations. What is too old to be vouched for is passed over with a word; what was changed is an error.
    pub(super) fn metadata(&self) -> Result<Option<Arc<Blob>>, CliError> {
        match self.metadata_store()?.load(self.metadata_roots(), self.clock.now()) {
            Ok(blob) => Ok(blob.map(Arc::new)),
            Err(error @ MetadataError::NotValidNow(_)) => {
                let sentence =
                    format!("{error}: attestations are not followed to a root until you run `keywright metadata update`");
                self.face.tell(&Event::Notice { sentence });
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Ports and readers, or the training key.
    pub(super) fn bus(&self) -> Result<Box<dyn Bus>, CliError> {
        if self.settings.training_key {
            #[cfg(feature = "simulator")]
            return rehearsal::bus(&self.clock, self.face.has_person());
            #[cfg(not(feature = "simulator"))]
            return Err(CliError::NoSimulator);
        }
        Ok(Box::new(self.system_bus()))
    }

    /// Ports and readers.
    pub(super) fn system_bus(&self) -> SystemBus {
        SystemBus::new(Arc::clone(&self.clock), Self::generator())
    }

    /// The bus with the person in front of it. Without a person nobody waits for hands that do not come.
    pub(super) fn desk<'a>(&self, bus: &'a mut dyn Bus) -> Desk<'a> {
        let ui: Arc<dyn Ui> = Arc::<dyn Face>::clone(&self.face);
        let hands = self.settings.training_key || self.face.has_person();
        Desk {
            bus,
            ui,
            clock: Arc::clone(&self.clock),
            generators: Arc::new(Self::generator),
            cancel: self.cancel.clone(),
            patience: if hands { PATIENCE } else { UNATTENDED },
            selector: self.settings.key.as_deref().map(Selector::from),
            attended: self.face.has_person(),
        }
    }

    /// How long hands are waited for.
    pub(super) fn patience(&self) -> Duration {
        if self.face.has_person() { PATIENCE } else { UNATTENDED }
    }

    /// The tenant of the profile, and clients of it for as many threads as there are: all of them share one sign-in.
    pub(super) fn clients(&self) -> Result<(String, Box<Clients>), CliError> {
        let mut first = self.provider()?;
        first.sign_in()?;
        let tenant = first.profile().tenant.clone();
        let (first, tools) = (Mutex::new(first), self.tools_of_another());
        let client = move || -> Box<dyn IdentityProvider + Send> {
            Box::new(first.lock().unwrap_or_else(PoisonError::into_inner).another(tools()))
        };
        Ok((tenant, Box::new(client)))
    }

    /// One more client of the tenant, which shares the sign-in of the first.
    pub(super) fn another(&self, first: &Entra) -> Entra {
        first.another(self.tools_of_another()())
    }

    /// Tools for clients beside the first one, in any thread.
    fn tools_of_another(&self) -> impl Fn() -> Tools + Send + Sync + 'static {
        let (clock, cancel, gate) = (Arc::clone(&self.clock), self.cancel.clone(), self.gate.clone());
        let (face, attended) = (Arc::clone(&self.face), self.face.has_person());
        move || {
            let (pausing, inviting) = (Arc::clone(&face), Arc::clone(&face));
            Tools {
                on_pause: Box::new(move |delay: Duration| pausing.tell(&Event::TenantWaits { delay })),
                cancel: cancel.clone(),
                gate: gate.clone(),
                attended,
                invite: Box::new(move |invitation| inviting.tell(&invited(invitation, true))),
                ..Tools::new(Arc::clone(&clock), Self::generator())
            }
        }
    }

    /// The ledger; a file is made if it is missing.
    pub(super) fn ledger(&self) -> Result<Box<dyn Batches + Send>, CliError> {
        Ok(self.ledger_place()?.open(Arc::clone(&self.clock))?)
    }

    /// Where the ledger is.
    pub(super) fn ledger_place(&self) -> Result<LedgerPlace, CliError> {
        Ok(self.places()?.ledger)
    }

    /// Opens the ledger to work with it, as often as it is asked and from any thread; in a rehearsal with the fault that was
    /// asked for, whose writes are counted over all openings that come from one call of this.
    pub(super) fn open_ledger(&self) -> Result<OpenLedger, CliError> {
        let open = self.ledger_place()?.opener(Arc::clone(&self.clock));
        #[cfg(feature = "simulator")]
        if self.settings.training_key {
            return rehearsal::journal(open, &self.face);
        }
        Ok(open)
    }

    /// The safe that this station opens, and those that the profile names as `stations`; made if it is missing.
    pub(super) fn safe(&self) -> Result<AgeSafe, CliError> {
        let safe = AgeSafe::open_or_create(&self.places()?.identity)?;
        let Ok(profile) = &self.settings.profile else { return Ok(safe) };
        let stations = profile.texts("stations", "recipients of stations, as `keywright pins recipient` prints them")?;
        let stations = stations.iter().map(|station| station.parse()).collect::<Result<Vec<Recipient>, _>>()?;
        Ok(safe.shared_with(&stations)?)
    }

    /// The tenant of the profile. A person is asked to sign in only if one is there.
    pub(super) fn provider(&self) -> Result<Entra, CliError> {
        self.provider_for(self.face.has_person(), true)
    }

    /// The tenant of the profile; says whether a person may be asked to sign in, and whether a browser may be opened.
    pub(super) fn provider_for(&self, attended: bool, opens_browser: bool) -> Result<Entra, CliError> {
        let secret = |name: &str| env::var(name).ok().filter(|text| !text.is_empty()).map(SecretText::new);
        let (pausing, inviting, asking) = (Arc::clone(&self.face), Arc::clone(&self.face), Arc::clone(&self.face));
        // An empty password was tried before anybody is asked.
        let mut password = Some(secret("KEYWRIGHT_CERTIFICATE_PASSWORD"));
        let tools = Tools {
            on_pause: Box::new(move |delay: Duration| pausing.tell(&Event::TenantWaits { delay })),
            cancel: self.cancel.clone(),
            gate: self.gate.clone(),
            attended,
            invite: Box::new(move |invitation| inviting.tell(&invited(invitation, opens_browser))),
            vault: vault(),
            certificate_password: Box::new(move || match password.take() {
                Some(Some(word)) => Some(word),
                Some(None) => asking.secret("Password of the certificate's file").map(|text| SecretText::new(text.as_str())),
                None => None,
            }),
            identity_header: secret("IDENTITY_HEADER"),
            ..Tools::new(Arc::clone(&self.clock), Self::generator())
        };
        Ok(Entra::new(self.tenant_profile()?, secret("KEYWRIGHT_CLIENT_SECRET"), tools)?)
    }

    /// The tenant's part of the profile.
    pub(super) fn tenant_profile(&self) -> Result<Profile, CliError> {
        if self.settings.training_tenant {
            #[cfg(feature = "simulator")]
            return self.training_profile();
            #[cfg(not(feature = "simulator"))]
            return Err(CliError::NoSimulator);
        }
        let file = self.settings.profile()?;
        if file.tenant.is_empty() {
            let expected = super::profile_file::ProfileFile::locate("default")?;
            return Err(CliError::NoProfile(expected));
        }
        // The values come from a TOML table, so they can be written as one.
        let text = toml::to_string(&file.tenant).unwrap_or_default();
        Ok(Profile::from_toml(&text)?)
    }

    /// The profile of the training tenant, which is started by the first who asks.
    #[cfg(feature = "simulator")]
    fn training_profile(&self) -> Result<Profile, CliError> {
        if self.tenant.get().is_none() {
            // Nobody else can have set it: the station stays in one thread.
            let _ = self.tenant.set(training_tenant::rehearse(&self.clock)?);
        }
        let text = self.tenant.get().map(RunningTenant::profile_toml).unwrap_or_default();
        Ok(Profile::from_toml(&text)?)
    }

    /// Asks, unless it was agreed to on the command line.
    pub(super) fn consent(&self, question: &Question) -> Result<(), CliError> {
        if self.settings.yes {
            return Ok(());
        }
        match self.face.ask(question) {
            Some(Answer::Yes) => Ok(()),
            Some(Answer::No) => Err(CliError::Declined),
            None => Err(CliError::ConsentMissing),
        }
    }
}

/// The event that an invitation is; opens the browser where that is wanted.
fn invited(invitation: &Invitation, opens_browser: bool) -> Event {
    match invitation {
        Invitation::Visit { url, life } => {
            let opened = opens_browser && browser::open(url);
            Event::SignIn { url: url.clone(), code: None, opened, life: *life }
        }
        Invitation::EnterCode { url, code, life } => {
            Event::SignIn { url: url.clone(), code: Some(code.clone()), opened: false, life: *life }
        }
        Invitation::NotKept { reason } => {
            Event::Notice { sentence: format!("the sign-in is kept in memory only and ends with this command: {reason}") }
        }
    }
}

/// Where refresh tokens are kept: in the keyring of the system, or nowhere.
fn vault() -> Option<Box<dyn Vault>> {
    #[cfg(feature = "keyring")]
    let vault: Option<Box<dyn Vault>> = Some(Box::new(super::keyring::SystemKeyring));
    #[cfg(not(feature = "keyring"))]
    let vault = None;
    vault
}

impl Drop for Station {
    fn drop(&mut self) {
        if let Some(directory) = &self.temporary {
            // A rehearsal that never opened its ledger has no directory.
            let _ = remove_dir_all(directory);
        }
    }
}
