//! The lexical grammar: a text, token by token. What is between tokens is counted, too, so that no text is long for free.

use crate::error::{Code, Error};
use crate::read::plan::document::position::line_column;
use crate::read::plan::document::size::{DocumentLimits, MAX_NESTING, refused, too_deep};

/// What a token is. A punctuator is its first byte, of which no two have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    End,
    Name,
    Int,
    Float,
    String,
    BlockString,
    Punctuator(u8),
}

impl Kind {
    pub const SPREAD: Kind = Kind::Punctuator(b'.');

    /// As graphql-js calls it.
    pub fn described(self) -> String {
        match self {
            Kind::End => "<EOF>".to_owned(),
            Kind::Name => "Name".to_owned(),
            Kind::Int => "Int".to_owned(),
            Kind::Float => "Float".to_owned(),
            Kind::String => "String".to_owned(),
            Kind::BlockString => "BlockString".to_owned(),
            Kind::SPREAD => "\"...\"".to_owned(),
            Kind::Punctuator(byte) => format!("\"{}\"", char::from(byte)),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Token {
    pub kind: Kind,
    /// Where it begins and ends, in bytes.
    pub start: usize,
    pub end: usize,
}

/// Reads tokens from a text. A clone reads on from the same place.
#[derive(Debug, Clone)]
pub struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Tokens, commas and comments so far, and how many there may be.
    count: usize,
    most: usize,
    nesting: usize,
}

/// A syntax error at this byte.
pub fn syntax_error(text: &str, at: usize, message: impl std::fmt::Display) -> Error {
    let message = format!("syntax error: {message}");
    Error::new(Code::GraphqlParseFailed, message).at(Some(line_column(text, at)))
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str, limits: &DocumentLimits) -> Self {
        Lexer {
            text,
            at: 0,
            count: 0,
            most: limits.tokens,
            nesting: 0,
        }
    }

    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The next token; for ever the end, once it is reached.
    pub fn next(&mut self) -> Result<Token, Error> {
        self.skip_ignored()?;
        let start = self.at;
        let kind = match self.byte(start) {
            None => Kind::End,
            Some(byte @ (b'!' | b'$' | b'&' | b':' | b'=' | b'@' | b'|')) => self.punctuator(byte),
            Some(byte @ (b'(' | b'[' | b'{')) => {
                self.nesting += 1;
                if self.nesting > MAX_NESTING {
                    return Err(too_deep("brackets").at(Some(line_column(self.text, start))));
                }
                self.punctuator(byte)
            }
            Some(byte @ (b')' | b']' | b'}')) => {
                self.nesting = self.nesting.saturating_sub(1);
                self.punctuator(byte)
            }
            Some(b'.') => self.spread()?,
            Some(b'"') if self.text[start..].starts_with("\"\"\"") => self.block_string()?,
            Some(b'"') => self.string()?,
            Some(b'0'..=b'9' | b'-') => self.number()?,
            Some(byte) if is_name_start(byte) => self.name(),
            Some(b'\'') => {
                let message = "unexpected single quote character ('), did you mean to use a double quote (\")?";
                return Err(self.error(start, message));
            }
            Some(_) => {
                let message = format!("unexpected character: {}", self.shown(start));
                return Err(self.error(start, message));
            }
        };
        if kind != Kind::End {
            self.counted()?;
        }
        Ok(Token {
            kind,
            start,
            end: self.at,
        })
    }

    /// Passes white space, commas, comments and byte order marks.
    fn skip_ignored(&mut self) -> Result<(), Error> {
        loop {
            match self.byte(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(b',') => {
                    self.at += 1;
                    self.counted()?;
                }
                Some(b'#') => {
                    let rest = &self.text[self.at..];
                    self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
                    self.counted()?;
                }
                Some(0xEF) if self.text[self.at..].starts_with('\u{FEFF}') => {
                    self.at += '\u{FEFF}'.len_utf8();
                }
                _ => return Ok(()),
            }
        }
    }

    fn counted(&mut self) -> Result<(), Error> {
        self.count += 1;
        let most = self.most;
        if self.count > most {
            return Err(refused(format!(
                "the document has more than {most} tokens, and {most} are allowed; give long values as variables, or ask in several requests"
            )));
        }
        Ok(())
    }

    fn punctuator(&mut self, byte: u8) -> Kind {
        self.at += 1;
        Kind::Punctuator(byte)
    }

    fn spread(&mut self) -> Result<Kind, Error> {
        let start = self.at;
        let rest = &self.text[start..];
        if rest.starts_with("...") {
            self.at += 3;
            return Ok(Kind::SPREAD);
        }
        Err(match self.byte(start + 1) {
            Some(b'.') => self.error(start, "unexpected \"..\", did you mean \"...\"?"),
            Some(b'0'..=b'9') => {
                let digits = &rest[1..1 + digits(&rest.as_bytes()[1..])];
                let message = format!(
                    "invalid number, expected digit before \".\", did you mean \"0.{digits}\"?"
                );
                self.error(start, message)
            }
            _ => self.error(start, "unexpected character: \".\""),
        })
    }

    fn name(&mut self) -> Kind {
        let rest = &self.text.as_bytes()[self.at..];
        let is_over = |byte: &u8| !is_name_start(*byte) && !byte.is_ascii_digit();
        self.at += rest.iter().position(is_over).unwrap_or(rest.len());
        Kind::Name
    }

    fn number(&mut self) -> Result<Kind, Error> {
        let mut kind = Kind::Int;
        if self.byte(self.at) == Some(b'-') {
            self.at += 1;
        }
        if self.byte(self.at) == Some(b'0') {
            self.at += 1;
            if self.byte(self.at).is_some_and(|b| b.is_ascii_digit()) {
                let found = self.shown(self.at);
                let message = format!("invalid number, unexpected digit after 0: {found}");
                return Err(self.error(self.at, message));
            }
        } else {
            self.digits()?;
        }
        if self.byte(self.at) == Some(b'.') {
            kind = Kind::Float;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte(self.at) {
            kind = Kind::Float;
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        match self.byte(self.at) {
            Some(byte) if byte == b'.' || is_name_start(byte) => Err(self.no_digit()),
            _ => Ok(kind),
        }
    }

    /// At least one digit.
    fn digits(&mut self) -> Result<(), Error> {
        match digits(&self.text.as_bytes()[self.at..]) {
            0 => Err(self.no_digit()),
            n => {
                self.at += n;
                Ok(())
            }
        }
    }

    fn no_digit(&self) -> Error {
        let found = self.shown(self.at);
        let message = format!("invalid number, expected digit but got: {found}");
        self.error(self.at, message)
    }

    fn string(&mut self) -> Result<Kind, Error> {
        self.at += 1;
        loop {
            match self.byte(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Kind::String);
                }
                Some(b'\\') => self.at += self.escape()?,
                None | Some(b'\n' | b'\r') => {
                    return Err(self.error(self.at, "unterminated string"));
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// How many bytes the escape sequence here takes.
    fn escape(&self) -> Result<usize, Error> {
        let rest = &self.text.as_bytes()[self.at..];
        match rest.get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
            Some(b'u') if rest.get(2) == Some(&b'{') => {
                let length = rest[3..].iter().take(9).position(|&b| b == b'}');
                length
                    .filter(|&n| scalar(&rest[3..3 + n]).is_some())
                    .map(|n| n + 4)
                    .ok_or_else(|| {
                        let hex = rest[3..].iter().take(8);
                        let digits = hex.take_while(|b| b.is_ascii_hexdigit()).count();
                        self.no_escape("Unicode", digits + 4)
                    })
            }
            Some(b'u') => {
                let unit = |at: usize| rest.get(at..at + 4).and_then(hex);
                match unit(2) {
                    Some(0xD800..=0xDBFF)
                        if rest.get(6..8) == Some(b"\\u")
                            && matches!(unit(8), Some(0xDC00..=0xDFFF)) =>
                    {
                        Ok(12)
                    }
                    Some(unit) if char::from_u32(unit).is_some() => Ok(6),
                    _ => Err(self.no_escape("Unicode", 6)),
                }
            }
            _ => Err(self.no_escape("character", 2)),
        }
    }

    fn no_escape(&self, what: &str, length: usize) -> Error {
        let shown: String = self.text[self.at..].chars().take(length).collect();
        let message = format!("invalid {what} escape sequence: \"{shown}\"");
        self.error(self.at, message)
    }

    fn block_string(&mut self) -> Result<Kind, Error> {
        self.at += 3;
        loop {
            let rest = &self.text[self.at..];
            let Some(next) = rest.find("\"\"\"") else {
                return Err(self.error(self.text.len(), "unterminated string"));
            };
            self.at += next + 3;
            if !rest[..next].ends_with('\\') {
                return Ok(Kind::BlockString);
            }
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// The character here, as graphql-js shows it.
    fn shown(&self, at: usize) -> String {
        match self.text[at..].chars().next() {
            None => "<EOF>".to_owned(),
            Some('"') => "'\"'".to_owned(),
            Some(c @ ' '..='~') => format!("\"{c}\""),
            Some(c) => format!("U+{:04X}", u32::from(c)),
        }
    }

    fn error(&self, at: usize, message: impl std::fmt::Display) -> Error {
        syntax_error(self.text, at, message)
    }
}

fn is_name_start(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphabetic()
}

/// How many of the first bytes are digits.
fn digits(bytes: &[u8]) -> usize {
    let is_other = |b: &u8| !b.is_ascii_digit();
    bytes.iter().position(is_other).unwrap_or(bytes.len())
}

/// A Unicode scalar value in hexadecimal digits, at least one and at most eight.
fn scalar(digits: &[u8]) -> Option<char> {
    let is_short = (1..=8).contains(&digits.len());
    is_short
        .then(|| hex(digits))
        .flatten()
        .and_then(char::from_u32)
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |value, &digit| {
        Some((value << 4) | char::from(digit).to_digit(16)?)
    })
}
