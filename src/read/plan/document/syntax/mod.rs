//! Whether a text is a GraphQL document, by the grammar of the specification of September 2025: a recogniser that decides
//! before anything else reads the text, with the messages of graphql-js and its positions.
//!
//! apollo-parser, which makes the tree afterwards, forgives: an argument or an input field without a value is to it one
//! that was not written. What passes here has nothing that it could forgive. Definitions of types are read, too, since they
//! are wrong by what they are and not by their syntax.
//!
//! **Invariant:** one pass, a token at a time, in proportion to the text; recursion is as deep as brackets nest, which
//! the lexer bounds.

mod lexer;
mod types;

use std::borrow::Cow;

use self::lexer::{Kind, Lexer, Token, syntax_error};
use super::position::line_column;
use super::size::DocumentLimits;
use crate::error::{Code, Error};

type Read<T = ()> = Result<T, Error>;

/// Refuses a text that is no document, or too large a one, whichever is met first; and one that defines types.
pub fn check(text: &str, limits: &DocumentLimits) -> Read {
    let mut lexer = Lexer::new(text, limits);
    let mut reader = Reader {
        token: lexer.next()?,
        lexer,
        defines: None,
    };
    reader.definition()?;
    while reader.token.kind != Kind::End {
        reader.definition()?;
    }
    match reader.defines {
        None => Ok(()),
        Some(at) => {
            let message = "a request consists of operations and fragments; the schema's definitions are not executable";
            let error = Error::new(Code::GraphqlValidationFailed, message);
            Err(error.at(Some(line_column(text, at))))
        }
    }
}

/// A document with blanks for its commas, each at its place. Where apollo-parser looks ahead (behind `...`, and behind a
/// name for a colon) a comma is in its way, though it means nothing there either.
pub fn without_commas<'a>(text: &'a str, limits: &DocumentLimits) -> Read<Cow<'a, str>> {
    if !text.contains(',') {
        return Ok(text.into());
    }
    let mut blank = String::with_capacity(text.len());
    let mut lexer = Lexer::new(text, limits);
    loop {
        let token = lexer.next()?;
        // What is between tokens may be a comment, whose commas nobody misses.
        blank += &text[blank.len()..token.start].replace(',', " ");
        blank += &text[token.start..token.end];
        if token.kind == Kind::End {
            return Ok(blank.into());
        }
    }
}

/// Reads by recursive descent: a method a production, each of which begins at the current token.
struct Reader<'a> {
    lexer: Lexer<'a>,
    token: Token,
    /// Where the first definition of the type system is.
    defines: Option<usize>,
}

const fn punctuator(byte: u8) -> Kind {
    Kind::Punctuator(byte)
}

/// Whether variables may stand in a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    Any,
    Constant,
}

impl<'a> Reader<'a> {
    fn definition(&mut self) -> Read {
        if self.is(punctuator(b'{')) {
            return self.selection_set();
        }
        let description = self.is_string().then_some(self.token.start);
        let keyword = match description {
            Some(_) => self.lookahead()?,
            None => self.token,
        };
        if let Some(at) = description
            && keyword.kind == punctuator(b'{')
        {
            let message =
                "unexpected description, descriptions are not supported on shorthand queries";
            return Err(self.error(at, message));
        }
        if keyword.kind != Kind::Name {
            return Err(self.unexpected(keyword));
        }
        match (self.spelled(keyword), description) {
            ("query" | "mutation" | "subscription", _) => self.operation(),
            ("fragment", _) => self.fragment_definition(),
            (word, _) if types::is_definition(word) => {
                self.defines.get_or_insert(self.token.start);
                self.description()?;
                self.type_definition(false)
            }
            ("extend", None) => {
                let extended = self.lookahead()?;
                match types::is_definition(self.spelled(extended)) {
                    true => {
                        self.defines.get_or_insert(self.token.start);
                        self.advance()?;
                        self.type_definition(true)
                    }
                    false => Err(self.unexpected(extended)),
                }
            }
            (_, None) => Err(self.unexpected(keyword)),
            (_, Some(at)) => {
                let message =
                    "unexpected description, only GraphQL definitions support descriptions";
                Err(self.error(at, message))
            }
        }
    }

    fn operation(&mut self) -> Read {
        self.description()?;
        self.advance()?;
        if self.is(Kind::Name) {
            self.advance()?;
        }
        self.optional_many(b'(', b')', Self::variable_definition)?;
        self.directives(Values::Any)?;
        self.selection_set()
    }

    fn variable_definition(&mut self) -> Read {
        self.description()?;
        self.variable()?;
        self.expect(punctuator(b':'))?;
        self.type_reference()?;
        self.default_value()?;
        self.directives(Values::Constant)?;
        Ok(())
    }

    fn variable(&mut self) -> Read {
        self.expect(punctuator(b'$'))?;
        self.name()
    }

    fn default_value(&mut self) -> Read {
        match self.take(punctuator(b'='))? {
            true => self.value(Values::Constant),
            false => Ok(()),
        }
    }

    fn fragment_definition(&mut self) -> Read {
        self.description()?;
        self.advance()?;
        self.fragment_name()?;
        self.expect_word("on")?;
        self.name()?;
        self.directives(Values::Any)?;
        self.selection_set()
    }

    fn fragment_name(&mut self) -> Read {
        match self.is_word("on") {
            true => Err(self.unexpected(self.token)),
            false => self.name(),
        }
    }

    fn selection_set(&mut self) -> Read {
        self.many(b'{', b'}', Self::selection)
    }

    fn selection(&mut self) -> Read {
        match self.is(Kind::SPREAD) {
            true => self.fragment(),
            false => self.field(),
        }
    }

    fn field(&mut self) -> Read {
        self.name()?;
        if self.take(punctuator(b':'))? {
            self.name()?;
        }
        self.arguments(Values::Any)?;
        self.directives(Values::Any)?;
        match self.is(punctuator(b'{')) {
            true => self.selection_set(),
            false => Ok(()),
        }
    }

    /// A fragment that is spread, or one in place.
    fn fragment(&mut self) -> Read {
        self.advance()?;
        if self.take_word("on")? {
            self.name()?;
        } else if self.is(Kind::Name) {
            self.name()?;
            self.directives(Values::Any)?;
            return Ok(());
        }
        self.directives(Values::Any)?;
        self.selection_set()
    }

    fn arguments(&mut self, values: Values) -> Read {
        self.optional_many(b'(', b')', |reader| reader.named_value(values))?;
        Ok(())
    }

    /// An argument, or a field of an object.
    fn named_value(&mut self, values: Values) -> Read {
        self.name()?;
        self.expect(punctuator(b':'))?;
        self.value(values)
    }

    fn value(&mut self, values: Values) -> Read {
        match self.token.kind {
            Kind::Punctuator(b'[') => self.any(b']', |reader| reader.value(values)),
            Kind::Punctuator(b'{') => self.any(b'}', |reader| reader.named_value(values)),
            Kind::Punctuator(b'$') if values == Values::Constant => {
                let dollar = self.token;
                self.advance()?;
                if !self.is(Kind::Name) {
                    return Err(self.unexpected(dollar));
                }
                let name = self.spelled(self.token);
                let message = format!("unexpected variable \"${name}\" in constant value");
                Err(self.error(dollar.start, message))
            }
            Kind::Punctuator(b'$') => self.variable(),
            Kind::Int | Kind::Float | Kind::String | Kind::BlockString | Kind::Name => {
                self.advance()
            }
            Kind::Punctuator(_) | Kind::End => Err(self.unexpected(self.token)),
        }
    }

    /// Whether there was one.
    fn directives(&mut self, values: Values) -> Read<bool> {
        let any = self.is(punctuator(b'@'));
        while self.take(punctuator(b'@'))? {
            self.name()?;
            self.arguments(values)?;
        }
        Ok(any)
    }

    fn type_reference(&mut self) -> Read {
        if self.take(punctuator(b'['))? {
            self.type_reference()?;
            self.expect(punctuator(b']'))?;
        } else {
            self.name()?;
        }
        self.take(punctuator(b'!'))?;
        Ok(())
    }

    fn name(&mut self) -> Read {
        self.expect(Kind::Name)
    }

    fn description(&mut self) -> Read {
        match self.is_string() {
            true => self.advance(),
            false => Ok(()),
        }
    }

    /// None or more, from an opening token, which is there, to a closing one.
    fn any(&mut self, close: u8, item: impl Fn(&mut Self) -> Read) -> Read {
        self.advance()?;
        while !self.take(punctuator(close))? {
            item(self)?;
        }
        Ok(())
    }

    fn many(&mut self, open: u8, close: u8, item: impl Fn(&mut Self) -> Read) -> Read {
        self.expect(punctuator(open))?;
        item(self)?;
        while !self.take(punctuator(close))? {
            item(self)?;
        }
        Ok(())
    }

    /// Whether there were any.
    fn optional_many(
        &mut self,
        open: u8,
        close: u8,
        item: impl Fn(&mut Self) -> Read,
    ) -> Read<bool> {
        let any = self.is(punctuator(open));
        if any {
            self.many(open, close, item)?;
        }
        Ok(any)
    }

    /// One or more with a punctuator between them, and perhaps before the first.
    fn delimited(&mut self, delimiter: u8, item: impl Fn(&mut Self) -> Read) -> Read {
        self.take(punctuator(delimiter))?;
        item(self)?;
        while self.take(punctuator(delimiter))? {
            item(self)?;
        }
        Ok(())
    }

    fn is(&self, kind: Kind) -> bool {
        self.token.kind == kind
    }

    fn is_string(&self) -> bool {
        matches!(self.token.kind, Kind::String | Kind::BlockString)
    }

    fn is_word(&self, word: &str) -> bool {
        self.is(Kind::Name) && self.spelled(self.token) == word
    }

    fn take(&mut self, kind: Kind) -> Read<bool> {
        let is = self.is(kind);
        if is {
            self.advance()?;
        }
        Ok(is)
    }

    fn take_word(&mut self, word: &str) -> Read<bool> {
        let is = self.is_word(word);
        if is {
            self.advance()?;
        }
        Ok(is)
    }

    fn expect(&mut self, kind: Kind) -> Read {
        match self.is(kind) {
            true => self.advance(),
            false => Err(self.expected(&kind.described())),
        }
    }

    fn expect_word(&mut self, word: &str) -> Read {
        match self.is_word(word) {
            true => self.advance(),
            false => Err(self.expected(&format!("\"{word}\""))),
        }
    }

    fn advance(&mut self) -> Read {
        self.token = self.lexer.next()?;
        Ok(())
    }

    fn lookahead(&self) -> Read<Token> {
        self.lexer.clone().next()
    }

    fn spelled(&self, token: Token) -> &'a str {
        &self.lexer.text()[token.start..token.end]
    }

    fn expected(&self, what: &str) -> Error {
        let found = self.described(self.token);
        self.error(self.token.start, format!("expected {what}, found {found}"))
    }

    fn unexpected(&self, token: Token) -> Error {
        let message = format!("unexpected {}", self.described(token));
        self.error(token.start, message)
    }

    /// A token with what is written, as graphql-js says it, but that escapes stay as they are.
    fn described(&self, token: Token) -> String {
        let kind = token.kind.described();
        let text = self.spelled(token);
        match token.kind {
            Kind::Punctuator(_) | Kind::End => kind,
            Kind::String => format!("{kind} {text}"),
            Kind::BlockString => format!("{kind} \"{}\"", text.trim_matches('"').trim()),
            Kind::Name | Kind::Int | Kind::Float => format!("{kind} \"{text}\""),
        }
    }

    fn error(&self, at: usize, message: impl std::fmt::Display) -> Error {
        syntax_error(self.lexer.text(), at, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a text, and where.
    fn problem(text: &str) -> Option<String> {
        let error = check(text, &DocumentLimits::default()).err()?;
        if error.code != Code::GraphqlParseFailed {
            return Some(format!("{:?}", error.code));
        }
        let at = error.locations[0];
        let message = error.message.strip_prefix("syntax error: ");
        Some(format!("{}:{} {}", at.line, at.column, message.unwrap()))
    }

    #[test]
    fn what_is_left_out_is_missed() {
        for (text, expected) in [
            (
                "{ posts(where: { status }) { id } }",
                "1:25 expected \":\", found \"}\"",
            ),
            (
                "{ posts(limit) { id } }",
                "1:14 expected \":\", found \")\"",
            ),
            (
                "{ post(id: 1 slug) { id } }",
                "1:18 expected \":\", found \")\"",
            ),
            (
                "query ($w: PostWhere = { title }) { id }",
                "1:32 expected \":\", found \"}\"",
            ),
            ("{ a @skip(if) }", "1:13 expected \":\", found \")\""),
            ("{ a(b:) }", "1:7 unexpected \")\""),
            ("{ a() }", "1:5 expected Name, found \")\""),
            ("{ a { } }", "1:7 expected Name, found \"}\""),
            ("query () { a }", "1:8 expected \"$\", found \")\""),
            (
                "query ($a Int) { a }",
                "1:11 expected \":\", found Name \"Int\"",
            ),
            (
                "query ($a: Int = $b) { a }",
                "1:18 unexpected variable \"$b\" in constant value",
            ),
            ("query ($a: [Int) { a }", "1:16 expected \"]\", found \")\""),
            ("fragment on on T { a }", "1:10 unexpected Name \"on\""),
            (
                "fragment F T { a }",
                "1:12 expected \"on\", found Name \"T\"",
            ),
            ("{ ...on }", "1:9 expected Name, found \"}\""),
            ("{ ... }", "1:7 expected \"{\", found \"}\""),
            ("{ a: }", "1:6 expected Name, found \"}\""),
            ("{ a } }", "1:7 unexpected \"}\""),
            ("{ a", "1:4 expected Name, found <EOF>"),
            ("", "1:1 unexpected <EOF>"),
            (
                "\"d\" { a }",
                "1:1 unexpected description, descriptions are not supported on shorthand queries",
            ),
            (
                "\"d\" extend type A { b: C }",
                "1:1 unexpected description, only GraphQL definitions support descriptions",
            ),
            ("extend type A", "1:14 unexpected <EOF>"),
            ("extend query A { a }", "1:8 unexpected Name \"query\""),
            (
                "enum A { true }",
                "1:10 Name \"true\" is reserved and cannot be used for an enum value",
            ),
            ("directive @a on FIELDS", "1:17 unexpected Name \"FIELDS\""),
        ] {
            assert_eq!(problem(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn tokens_are_told_from_what_is_none() {
        for (token, expected) in [
            ("0", None),
            ("-0.0e-1", None),
            ("01", Some("unexpected digit after 0: \"1\"")),
            ("1.", Some("expected digit but got: \")\"")),
            ("1e", Some("expected digit but got: \")\"")),
            ("1x", Some("expected digit but got: \"x\"")),
            (".5", Some("did you mean \"0.5\"?")),
            ("\"\\u{1F600}\\uD83D\\uDE00\\/\u{1F600}\0\"", None),
            ("\"\\u{D800}\"", Some("invalid Unicode escape sequence")),
            ("\"\\uD800\"", Some("invalid Unicode escape sequence")),
            (
                "\"\\u{000000041}\"",
                Some("invalid Unicode escape sequence"),
            ),
            (
                "\"\\x\"",
                Some("invalid character escape sequence: \"\\x\""),
            ),
            ("\"a\nb\"", Some("unterminated string")),
            ("\"\"\"a\n\\\"\"\" \"\" b\"\"\"", None),
            ("\"\"\"a\\\"\"\"", Some("unterminated string")),
            ("'a'", Some("double quote")),
            ("\0", Some("unexpected character: U+0000")),
            ("é", Some("unexpected character: U+00E9")),
        ] {
            let found = problem(&format!("{{ a(b: {token}) }}"));
            match expected {
                None => assert_eq!(found, None, "{token}"),
                Some(expected) => assert!(found.unwrap().contains(expected), "{token}"),
            }
        }
    }

    #[test]
    fn all_productions_are_read() {
        let text = "\u{FEFF}\"what\" query A(\"d\" $a: [Int!]! = [1, {b: \"x\"}] @d(e: null), $b: T) @f { a: b(c: $d) @e { ...F @g ... on T { a } ... @h { b } ... { c } } # end
            } fragment F on T @i(j: ENUM) { on fragment query type }
            mutation { a } subscription S { a } { b }
            \"\"\"d\"\"\" schema @a { query: Q mutation: M } scalar A @b
            type B implements & C & D @e { f(\"d\" g: H = 1 @i): J @k } type L
            interface M implements N { o: P } union Q = | R | S union T @u
            enum V { \"d\" A @b B } input W { x: Y = {z: 1} } directive @a(b: C) repeatable on | QUERY | FIELD
            extend schema @a extend schema { query: Q } extend scalar A @b extend type B implements C
            extend interface M @a extend union Q = R extend enum V { C } extend input W { a: B }";
        assert_eq!(problem(text).as_deref(), Some("GraphqlValidationFailed"));
        let executable = &text[..text.find("\"\"\"").unwrap()];
        assert_eq!(problem(executable), None);
    }
}
