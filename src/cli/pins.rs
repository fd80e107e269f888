//! Where PINs come from: standard input, the environment, or a person at the terminal. Never the command line.

use std::env;
use std::fs::File;
use std::io;

use zeroize::Zeroizing;

use super::CliError;
use super::args::PinSource;
use crate::secret::Pin;
use crate::ui::Face;

/// Longest line that is read: more than any PIN has.
const ROOM: usize = 256;

/// The PINs of one command.
pub(super) struct Pins<'a> {
    face: &'a dyn Face,
    lines: Option<File>,
}

impl<'a> Pins<'a> {
    /// Takes PINs from where the command line says.
    pub(super) fn new(source: PinSource, face: &'a dyn Face) -> Result<Self, CliError> {
        let lines = source.pin_stdin.then(unbuffered_input).transpose();
        Ok(Self { face, lines: lines.map_err(|error| CliError::file("standard input".as_ref(), &error))? })
    }

    /// The PIN that the key has.
    pub(super) fn current(&mut self) -> Result<Pin, CliError> {
        let text = match self.given("KEYWRIGHT_PIN")? {
            Some(text) => text,
            None => self.face.secret("Current PIN").ok_or(CliError::PinMissing("the key's PIN"))?,
        };
        Ok(Pin::new(text)?)
    }

    /// The PIN that the key is to get; a person types it twice.
    pub(super) fn new_one(&mut self) -> Result<Pin, CliError> {
        if let Some(text) = self.given("KEYWRIGHT_NEW_PIN")? {
            return Ok(Pin::new(text)?);
        }
        let missing = CliError::PinMissing("a new PIN");
        let Some(text) = self.face.secret("New PIN") else { return Err(missing) };
        let Some(again) = self.face.secret("New PIN again") else { return Err(missing) };
        if *text != *again {
            return Err(CliError::PinsDiffer);
        }
        Ok(Pin::new(text)?)
    }

    fn given(&mut self, variable: &str) -> Result<Option<Zeroizing<String>>, CliError> {
        match &mut self.lines {
            Some(lines) => next_line(lines).map(Some).map_err(|error| CliError::file("standard input".as_ref(), &error)),
            None => Ok(env::var(variable).ok().map(Zeroizing::new).filter(|text| !text.is_empty())),
        }
    }
}

/// Standard input without the buffer of the standard library, in which a PIN would stay.
#[cfg(unix)]
fn unbuffered_input() -> io::Result<File> {
    use std::os::fd::AsFd as _;
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

/// Standard input without the buffer of the standard library, in which a PIN would stay.
#[cfg(windows)]
fn unbuffered_input() -> io::Result<File> {
    use std::os::windows::io::AsHandle as _;
    Ok(io::stdin().as_handle().try_clone_to_owned()?.into())
}

fn next_line(input: &mut impl io::Read) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(ROOM));
    let mut byte = Zeroizing::new([0_u8]);
    // One at a time: what follows the line belongs to the next PIN.
    while input.read(&mut *byte)? > 0 && *byte != *b"\n" {
        if line.len() == ROOM {
            return Err(io::Error::other("a line is too long for a PIN"));
        }
        line.extend_from_slice(&*byte);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    let text = str::from_utf8(&line).map_err(|_| io::Error::other("a line is not UTF-8"))?;
    let mut owned = Zeroizing::new(String::with_capacity(ROOM));
    owned.push_str(text);
    Ok(owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_pin() {
        let mut input: &[u8] = b"1234\r\n56789\nlast";
        assert_eq!(&**next_line(&mut input).unwrap(), "1234");
        assert_eq!(&**next_line(&mut input).unwrap(), "56789");
        assert_eq!(&**next_line(&mut input).unwrap(), "last");
        assert_eq!(&**next_line(&mut input).unwrap(), "");
        assert!(next_line(&mut &[b'1'; 1000][..]).is_err());
        assert!(next_line(&mut &b"\xff\n"[..]).is_err());
    }
}
