//! The type system's part of the grammar. A request has no use for it, but what it defines is refused for being a
//! definition, by validation, and only what is none for its syntax.

use super::lexer::Kind;
use super::{Read, Reader, Values, punctuator};

/// Whether a definition of the type system begins with this word.
pub fn is_definition(word: &str) -> bool {
    let words = [
        "schema",
        "scalar",
        "type",
        "interface",
        "union",
        "enum",
        "input",
        "directive",
    ];
    words.contains(&word)
}

impl Reader<'_> {
    /// From the keyword. An extension has at least one part beyond its name.
    pub fn type_definition(&mut self, extends: bool) -> Read {
        let keyword = self.spelled(self.token);
        self.advance()?;
        if keyword == "directive" {
            return self.directive_definition(extends);
        }
        if keyword != "schema" {
            self.name()?;
        }
        let interfaces = matches!(keyword, "type" | "interface") && self.interfaces()?;
        let directives = self.directives(Values::Constant)?;
        let members = match keyword {
            "schema" if !extends => {
                self.many(b'{', b'}', Self::root_operation)?;
                true
            }
            "schema" => self.optional_many(b'{', b'}', Self::root_operation)?,
            "type" | "interface" => self.optional_many(b'{', b'}', Self::field_definition)?,
            "union" => self.union_members()?,
            "enum" => self.optional_many(b'{', b'}', Self::enum_value)?,
            "input" => self.optional_many(b'{', b'}', Self::input_value)?,
            _ => false,
        };
        match extends && !interfaces && !directives && !members {
            true => Err(self.unexpected(self.token)),
            false => Ok(()),
        }
    }

    fn directive_definition(&mut self, extends: bool) -> Read {
        self.expect(punctuator(b'@'))?;
        self.name()?;
        if extends {
            return match self.directives(Values::Constant)? {
                true => Ok(()),
                false => Err(self.unexpected(self.token)),
            };
        }
        self.optional_many(b'(', b')', Self::input_value)?;
        self.directives(Values::Constant)?;
        self.take_word("repeatable")?;
        self.expect_word("on")?;
        self.delimited(b'|', Self::directive_location)
    }

    fn directive_location(&mut self) -> Read {
        let locations = [
            "QUERY",
            "MUTATION",
            "SUBSCRIPTION",
            "FIELD",
            "FRAGMENT_DEFINITION",
            "FRAGMENT_SPREAD",
            "INLINE_FRAGMENT",
            "FRAGMENT_VARIABLE_DEFINITION",
            "VARIABLE_DEFINITION",
            "SCHEMA",
            "SCALAR",
            "OBJECT",
            "FIELD_DEFINITION",
            "ARGUMENT_DEFINITION",
            "INTERFACE",
            "UNION",
            "ENUM",
            "ENUM_VALUE",
            "INPUT_OBJECT",
            "INPUT_FIELD_DEFINITION",
            "DIRECTIVE_DEFINITION",
        ];
        let location = self.token;
        self.name()?;
        match locations.contains(&self.spelled(location)) {
            true => Ok(()),
            false => Err(self.unexpected(location)),
        }
    }

    /// Whether there were any.
    fn interfaces(&mut self) -> Read<bool> {
        let any = self.take_word("implements")?;
        if any {
            self.delimited(b'&', Self::name)?;
        }
        Ok(any)
    }

    /// Whether there were any.
    fn union_members(&mut self) -> Read<bool> {
        let any = self.take(punctuator(b'='))?;
        if any {
            self.delimited(b'|', Self::name)?;
        }
        Ok(any)
    }

    fn root_operation(&mut self) -> Read {
        let operation = self.token;
        self.name()?;
        match self.spelled(operation) {
            "query" | "mutation" | "subscription" => {}
            _ => return Err(self.unexpected(operation)),
        }
        self.expect(punctuator(b':'))?;
        self.name()
    }

    fn field_definition(&mut self) -> Read {
        self.description()?;
        self.name()?;
        self.optional_many(b'(', b')', Self::input_value)?;
        self.expect(punctuator(b':'))?;
        self.type_reference()?;
        self.directives(Values::Constant)?;
        Ok(())
    }

    fn input_value(&mut self) -> Read {
        self.description()?;
        self.name()?;
        self.expect(punctuator(b':'))?;
        self.type_reference()?;
        self.default_value()?;
        self.directives(Values::Constant)?;
        Ok(())
    }

    fn enum_value(&mut self) -> Read {
        self.description()?;
        if self.is(Kind::Name) && matches!(self.spelled(self.token), "true" | "false" | "null") {
            let name = self.described(self.token);
            let message = format!("{name} is reserved and cannot be used for an enum value");
            return Err(self.error(self.token.start, message));
        }
        self.name()?;
        self.directives(Values::Constant)?;
        Ok(())
    }
}
