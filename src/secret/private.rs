//! Files and directories that only their owner can read: where secrets and records of people stay.
//!
//! On Unix that is the mode (0700, 0600). On Windows nothing is set: what is made inside the user's own profile
//! directory inherits an access list that names the user, the administrators and the system only.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Makes a directory and its missing parents, each readable by its owner only. What exists is left as it is.
pub fn make_directory(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    platform::owner_only_directory(&mut builder);
    builder.create(path)
}

/// Makes a file that must not exist yet, readable by its owner only from its first moment, open for reading and writing.
pub fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    platform::owner_only_file(&mut options);
    options.open(path)
}

/// As [`create_new`], in the place of what an earlier run has left there, whoever may read that.
pub fn create_anew(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => create_new(path),
    }
}

/// Writes a file, whole or not at all, in the place of an older one. Durable when it returns.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = create_anew(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    sync_directory(path.parent().unwrap_or(Path::new("")))
}

/// Opens a file for reading and writing; makes it, readable by its owner only, if it is missing. Nothing is truncated.
pub fn open_or_create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    platform::owner_only_file(&mut options);
    options.open(path)
}

/// How others could read or change an open file, as a mode to show; `None` if only its owner can.
pub fn exposure(file: &File) -> io::Result<Option<String>> {
    platform::exposure(file)
}

/// Takes every right to a file from everybody but its owner. By path, because opening and closing a database file drops the
/// locks that SQLite holds on it elsewhere in this process (a property of POSIX locks).
pub fn restrict(path: &Path) -> io::Result<()> {
    platform::restrict(path)
}

/// Makes the names in a directory survive a power cut: what was just created or renamed there is still there afterwards.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    platform::sync_directory(path)
}

#[cfg(unix)]
mod platform {
    use std::fs::{DirBuilder, File, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
    use std::path::Path;

    const OTHERS: u32 = 0o077;

    pub(super) fn owner_only_directory(builder: &mut DirBuilder) {
        builder.mode(0o700);
    }

    pub(super) fn owner_only_file(options: &mut OpenOptions) {
        options.mode(0o600);
    }

    pub(super) fn exposure(file: &File) -> io::Result<Option<String>> {
        let mode = file.metadata()?.permissions().mode();
        Ok((mode & OTHERS != 0).then(|| format!("{:04o}", mode & 0o7777)))
    }

    pub(super) fn restrict(path: &Path) -> io::Result<()> {
        let mode = std::fs::metadata(path)?.permissions().mode();
        if mode & OTHERS == 0 { Ok(()) } else { std::fs::set_permissions(path, Permissions::from_mode(mode & 0o700)) }
    }

    pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        File::open(path)?.sync_all()
    }
}

#[cfg(not(unix))]
mod platform {
    use std::fs::{DirBuilder, File, OpenOptions};
    use std::io;
    use std::path::Path;

    pub(super) fn owner_only_directory(_: &mut DirBuilder) {}

    pub(super) fn owner_only_file(_: &mut OpenOptions) {}

    pub(super) fn exposure(_: &File) -> io::Result<Option<String>> {
        Ok(None)
    }

    pub(super) fn restrict(_: &Path) -> io::Result<()> {
        Ok(())
    }

    /// NTFS journals its directories.
    pub(super) fn sync_directory(_: &Path) -> io::Result<()> {
        Ok(())
    }
}
