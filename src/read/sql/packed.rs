//! Values one after the other, as they go to SQLite and come from it: a byte that says what it is, then a number's eight
//! bytes, or the length of a text or a blob in four and the bytes of it; lowest byte first.

pub const NULL: u8 = 0;
pub const INTEGER: u8 = 1;
pub const REAL: u8 = 2;
pub const TEXT: u8 = 3;
pub const BLOB: u8 = 4;

pub fn push_null(out: &mut Vec<u8>) {
    out.push(NULL);
}

pub fn push_integer(out: &mut Vec<u8>, value: i64) {
    out.push(INTEGER);
    out.extend_from_slice(&value.to_le_bytes());
}

pub fn push_text(out: &mut Vec<u8>, text: &str) {
    push_sized(out, TEXT, text.as_bytes());
}

pub fn push_sized(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    out.push(kind);
    // SQLite's values end at 2 GiB.
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}
