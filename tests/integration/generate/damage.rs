//! Documents of which one token is not as it was, or one character.

/// Numbers that are the same for the same seed, and quicker to draw than a strategy's.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    pub fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// The tokens of a text that is a document.
pub fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            ' ' | '\t' | '\n' | '\r' | ',' | '\u{FEFF}' => {
                rest = &rest[first.len_utf8()..];
                continue;
            }
            '#' => {
                rest = &rest[rest.find(['\n', '\r']).unwrap_or(rest.len())..];
                continue;
            }
            '.' => 3,
            '"' if rest.starts_with("\"\"\"") => {
                let mut end = 3;
                while !rest[end..].starts_with("\"\"\"") {
                    let step = if rest[end..].starts_with("\\\"\"\"") {
                        4
                    } else {
                        1
                    };
                    end = rest.ceil_char_boundary(end + step);
                }
                end + 3
            }
            '"' => {
                let mut escaped = false;
                let ends = |c: char| {
                    let ends = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    ends
                };
                2 + rest[1..].find(ends).expect("the string ends")
            }
            c if c == '-' || c.is_ascii_alphanumeric() || c == '_' => {
                let of_word = |c: char| c.is_ascii_alphanumeric() || "_+-.".contains(c);
                let is_number = c == '-' || c.is_ascii_digit();
                let ends = |c: char| match is_number {
                    true => !of_word(c),
                    false => !(c.is_ascii_alphanumeric() || c == '_'),
                };
                rest.find(ends).unwrap_or(rest.len())
            }
            c => c.len_utf8(),
        };
        tokens.push(rest[..length].to_owned());
        rest = &rest[length..];
    }
    tokens
}

/// What stands where another token should.
const TOKENS: [&str; 80] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ":",
    "=",
    "@",
    "$",
    "!",
    "|",
    "&",
    "...",
    "{",
    "}",
    ":",
    "...",
    "on",
    "query",
    "mutation",
    "subscription",
    "fragment",
    "true",
    "false",
    "null",
    "type",
    "schema",
    "extend",
    "input",
    "enum",
    "directive",
    "repeatable",
    "implements",
    "id",
    "posts",
    "title",
    "Post",
    "Int",
    "__typename",
    "0",
    "-0",
    "7",
    "01",
    "1.",
    "1.e",
    "1e",
    "1e5",
    "1.5",
    "1a",
    "0x1",
    "00",
    "-",
    "--1",
    "1_0",
    ".5",
    "1.2.3",
    "1..2",
    "+1",
    "99999999999999999999",
    "1e999",
    "\"\"",
    "\"a\"",
    "\"\\u{1F600}\"",
    "\"\\u{}\"",
    "\"\\uD83D\"",
    "\"\\x\"",
    "\"\"\"b\"\"\"",
    "\"\"\" \\\"\"\" \"\"\"",
    "\"",
    "\"\"\"",
    "'a'",
    "..",
    "....",
    "?",
    "\u{FEFF}",
    "é",
    "\0",
    "#",
    "$a",
];

/// What stands between characters.
const CHARACTERS: [&str; 52] = [
    "\0",
    "\u{1}",
    "\u{7}",
    "\u{8}",
    "\t",
    "\n",
    "\u{B}",
    "\u{C}",
    "\r",
    "\r\n",
    "\u{1F}",
    "\u{7F}",
    "\u{80}",
    "\u{85}",
    "\u{A0}",
    "é",
    "\u{2028}",
    "\u{2029}",
    "\u{200B}",
    "\u{FEFF}",
    "\u{FFFE}",
    "\u{FFFF}",
    "\u{10FFFF}",
    "\u{1F600}",
    "\\",
    "\\u",
    "\\u{",
    "\\u{}",
    "\\u{41}",
    "\\u{D800}",
    "\\u{110000}",
    "\\u0041",
    "\\uD83D",
    "\\uD83D\\uDE00",
    "\\uDE00",
    "\\n",
    "\\\"",
    "\\\"\"\"",
    "\"",
    "\"\"",
    "\"\"\"",
    "'",
    "`",
    "#",
    ",",
    ".",
    "-",
    "0",
    "1",
    "e",
    "_",
    "~",
];

const SEPARATORS: [&str; 16] = [
    " ",
    " ",
    " ",
    " ",
    " ",
    " ",
    "\n",
    "\n  ",
    ", ",
    ",",
    "\t",
    "\r\n",
    "\r",
    " # é\u{1F600}\n",
    "\u{FEFF}",
    "",
];

/// The document with one change: of its tokens, of how they are set apart, or of a character.
pub fn damaged(tokens: &[String], dice: &mut Dice) -> String {
    let mut tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let at = dice.below(tokens.len());
    let of_characters = dice.below(5) == 0;
    if !of_characters {
        match dice.below(6) {
            0 => {
                tokens.remove(at);
            }
            1 => tokens.insert(at, tokens[at]),
            2 if at > 0 => tokens.swap(at - 1, at),
            2 => {}
            3 => tokens[at] = dice.pick(&TOKENS),
            4 => tokens[at] = tokens[dice.below(tokens.len())],
            _ => tokens.insert(at, dice.pick(&TOKENS)),
        }
    }
    let wide = dice.below(3) > 0;
    let mut text = String::new();
    for token in tokens {
        text += token;
        text += if wide { " " } else { dice.pick(&SEPARATORS) };
    }
    if of_characters {
        let at = text.floor_char_boundary(dice.below(text.len() + 1));
        let next = text.ceil_char_boundary((at + 1).min(text.len()));
        match dice.below(6) {
            0 => text.truncate(at),
            1 => text.replace_range(at..next, ""),
            2 => text.replace_range(at..next, dice.pick(&CHARACTERS)),
            _ => text.insert_str(at, dice.pick(&CHARACTERS)),
        }
    }
    text
}
