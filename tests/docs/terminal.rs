//! The built program in a terminal: `script` of util-linux gives it one, and what is on the screen is read back.

use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use vt100::Parser;

/// Longest silence of a program in a terminal.
const SILENCE: Duration = Duration::from_secs(30);

/// What whoever looks on does next.
pub enum Next {
    Look,
    /// Types this.
    Type(&'static str),
    Leave,
}

/// What was left in the terminal.
pub struct Film {
    parser: Parser,
    /// How often it rang.
    pub bells: usize,
}

impl Film {
    pub fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }
}

/// Runs a command in a terminal of this size until it ends or somebody leaves; gives the screen of that moment.
pub fn film(
    directory: &Path,
    variables: &[(&str, &str)],
    command: &str,
    (rows, columns): (u16, u16),
    mut look: impl FnMut(&vt100::Screen) -> Next,
) -> Film {
    let line = format!("stty rows {rows} cols {columns}; {command}");
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"])
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs([("TERM", "xterm-256color"), ("SHELL", "/bin/sh"), ("LC_ALL", "C.UTF-8")])
        .env("HOME", directory)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (send, bytes) = channel();
    let mut output = child.stdout.take().unwrap();
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(length @ 1..) = output.read(&mut chunk) {
            if send.send(chunk[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut keyboard: Option<ChildStdin> = child.stdin.take();
    let size = |number| NonZero::new(number).unwrap();
    let mut bells = 0;
    let mut parser = Parser::new(size(rows), size(columns), 0);
    loop {
        let chunk = match bytes.recv_timeout(SILENCE) {
            Ok(chunk) => chunk,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!("nothing more came: {}", parser.screen().contents()),
        };
        bells += chunk.split(|byte| *byte == 7).count() - 1;
        parser.process(&chunk);
        match look(parser.screen()) {
            Next::Look => {}
            Next::Type(text) => keyboard.as_mut().unwrap().write_all(text.as_bytes()).unwrap(),
            Next::Leave => break,
        }
    }
    drop(keyboard.take());
    // The terminal goes, and with it whoever was in it.
    let _ = child.kill();
    child.wait().unwrap();
    Film { parser, bells }
}
