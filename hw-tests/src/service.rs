//! A pcscd of our own with vpcd's reader driver, in the namespaces that `namespace` made.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::await_until;

/// vpcd's driver as Debian installs it; one configuration gives two readers.
const READERS: &str = "FRIENDLYNAME \"Virtual PCD\"\n\
    DEVICENAME /dev/null:0x8C7B\n\
    LIBPATH /usr/lib/pcsc/drivers/serial/libifdvpcd.so\n\
    CHANNELID 0x8C7B\n";
const SOCKET: &str = "/run/pcscd/pcscd.comm";
/// Ids of Debian's `nobody` and `nogroup`.
const NOBODY: u32 = 65534;

/// The running service; it ends with the test process at the latest, since that is the first of its process namespace.
#[derive(Debug)]
pub struct Service(Child);

impl Service {
    /// Starts pcscd as an ordinary user and waits for its socket.
    pub fn start() -> Self {
        assert!(
            !Path::new(SOCKET).exists() && Path::new("/run").read_dir().unwrap().next().is_none(),
            "run this by hw-tests/namespace"
        );
        fs::create_dir("/run/pcscd").unwrap();
        fs::write("/run/readers.conf", READERS).unwrap();
        let mut command = as_ordinary_user("pcscd");
        if is_root() {
            chown("/run/pcscd", Some(NOBODY), Some(NOBODY)).unwrap();
        }
        command.args(["--foreground", "--config", "/run/readers.conf"]);
        let log = fs::File::create("/run/pcscd.log").unwrap();
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().expect("pcscd");
        await_until("pcscd's socket", Duration::from_secs(10), || Path::new(SOCKET).exists().then_some(()));
        Self(child)
    }

    /// Waits until pcscd has seen that a card is on the reader of that number, or gone from it.
    pub fn await_card(reader: u16, on_it: bool) {
        let context = pcsc::Context::establish(pcsc::Scope::User).unwrap();
        let reader = CString::new(format!("Virtual PCD 00 {reader:02}")).unwrap();
        await_until("pcscd's look at the reader", Duration::from_secs(10), || {
            let mut states = [pcsc::ReaderState::new(reader.clone(), pcsc::State::UNAWARE)];
            context.get_status_change(Some(Duration::ZERO), &mut states).ok()?;
            (states[0].event_state().contains(pcsc::State::PRESENT) == on_it).then_some(())
        });
    }

    /// What pcscd said.
    pub fn log() -> String {
        fs::read_to_string("/run/pcscd.log").unwrap_or_default()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command that runs as an ordinary user: `nobody` if we are really root, else the user who runs the tests.
pub(crate) fn as_ordinary_user(program: &str) -> Command {
    if is_root() {
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups", program]);
        command
    } else {
        Command::new(program)
    }
}

/// Root of the machine, not only of a user namespace: the map of user ids is the whole range then.
fn is_root() -> bool {
    fs::read_to_string("/proc/self/uid_map").unwrap().split_whitespace().eq(["0", "0", "4294967295"])
}
