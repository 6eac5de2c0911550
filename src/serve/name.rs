//! What the program is called, for messages that tell how to run it.

use std::sync::OnceLock;

static NAME: OnceLock<&'static str> = OnceLock::new();

/// Once, when it starts.
pub fn set(name: &'static str) {
    NAME.get_or_init(|| name);
}

pub fn get() -> &'static str {
    NAME.get().copied().unwrap_or("backref")
}
