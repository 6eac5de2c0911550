//! What a program says on its standard streams, which may lead nowhere: a reader has left, or a disk is full. `println!` and
//! `eprintln!` panic then.

use std::io::{self, ErrorKind, Write};

/// Something for whoever, or whatever, reads the output. Who has read enough of it has left, which is no error.
pub fn output(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
    {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Something for a person. Where it cannot be told there is nobody to tell that.
pub fn aside(text: &str) {
    let mut errors = io::stderr().lock();
    let _ = errors
        .write_all(text.as_bytes())
        .and_then(|()| errors.flush());
}
