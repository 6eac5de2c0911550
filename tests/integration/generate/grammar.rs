//! Documents by the grammar alone: every production, with names that mean something and names that do not.

use super::damage::Dice;

/// The tokens of a document of one or a few definitions.
pub fn document(dice: &mut Dice) -> Vec<String> {
    let mut writer = Writer {
        dice,
        tokens: Vec::new(),
    };
    for _ in 0..=writer.dice.below(3) {
        writer.definition();
    }
    writer.tokens
}

struct Writer<'a> {
    dice: &'a mut Dice,
    tokens: Vec<String>,
}

const NAMES: [&str; 24] = [
    "id",
    "posts",
    "title",
    "author",
    "name",
    "a",
    "b",
    "_",
    "Post",
    "User",
    "Query",
    "Int",
    "PostWhere",
    "true",
    "false",
    "null",
    "on",
    "query",
    "fragment",
    "type",
    "extend",
    "repeatable",
    "implements",
    "__typename",
];

const LOCATIONS: [&str; 6] = [
    "QUERY",
    "FIELD",
    "VARIABLE_DEFINITION",
    "OBJECT",
    "ENUM_VALUE",
    "Field",
];

impl Writer<'_> {
    fn put(&mut self, token: &str) {
        self.tokens.push(token.to_owned());
    }

    fn name(&mut self) {
        let name = self.dice.pick(&NAMES);
        self.put(name);
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.dice.below(n) == 0
    }

    fn some(&mut self, most: usize, mut item: impl FnMut(&mut Self)) {
        for _ in 0..=self.dice.below(most) {
            item(self);
        }
    }

    fn description(&mut self) {
        if self.one_in(4) {
            let texts = ["\"what\"", "\"\"\"what\né\"\"\"", "\"\"", "\"\\u00e9\""];
            let text = self.dice.pick(&texts);
            self.put(text);
        }
    }

    fn definition(&mut self) {
        match self.dice.below(9) {
            0..=2 => self.operation(),
            3 => self.selection_set(3),
            4 | 5 => {
                self.description();
                self.put("fragment");
                let name = self.dice.pick(&["F", "on1", "type", "fragment"]);
                self.put(name);
                self.put("on");
                self.name();
                self.directives(false);
                self.selection_set(2);
            }
            _ => self.type_definition(),
        }
    }

    fn operation(&mut self) {
        self.description();
        let keyword = self
            .dice
            .pick(&["query", "query", "mutation", "subscription"]);
        self.put(keyword);
        if self.one_in(2) {
            self.name();
        }
        if self.one_in(2) {
            self.put("(");
            self.some(2, |w| {
                w.description();
                w.put("$");
                w.name();
                w.put(":");
                w.type_reference();
                w.default_value();
                w.directives(true);
            });
            self.put(")");
        }
        self.directives(false);
        self.selection_set(3);
    }

    fn selection_set(&mut self, depth: usize) {
        self.put("{");
        self.some(3, |w| w.selection(depth));
        self.put("}");
    }

    fn selection(&mut self, depth: usize) {
        match self.dice.below(6) {
            0 => {
                self.put("...");
                let name = self.dice.pick(&["F", "on1", "type", "missing"]);
                self.put(name);
                self.directives(false);
            }
            1 if depth > 0 => {
                self.put("...");
                if self.one_in(2) {
                    self.put("on");
                    self.name();
                }
                self.directives(false);
                self.selection_set(depth - 1);
            }
            _ => {
                self.name();
                if self.one_in(4) {
                    self.put(":");
                    self.name();
                }
                self.arguments(false);
                self.directives(false);
                if depth > 0 && self.one_in(2) {
                    self.selection_set(depth - 1);
                }
            }
        }
    }

    fn arguments(&mut self, constant: bool) {
        if self.one_in(3) {
            self.put("(");
            self.some(2, |w| w.named_value(2, constant));
            self.put(")");
        }
    }

    fn named_value(&mut self, depth: usize, constant: bool) {
        self.name();
        self.put(":");
        self.value(depth, constant);
    }

    fn value(&mut self, depth: usize, constant: bool) {
        match self.dice.below(10) {
            0 if !constant => {
                self.put("$");
                self.name();
            }
            1 if depth > 0 => {
                self.put("[");
                for _ in 0..self.dice.below(3) {
                    self.value(depth - 1, constant);
                }
                self.put("]");
            }
            2 | 3 if depth > 0 => {
                self.put("{");
                for _ in 0..self.dice.below(3) {
                    self.named_value(depth - 1, constant);
                }
                self.put("}");
            }
            4 | 5 => self.name(),
            _ => {
                let values = [
                    "0",
                    "-1",
                    "1.5",
                    "1e9",
                    "-0.0E-1",
                    "123456789012345678901234567890",
                    "\"\"",
                    "\"a\"",
                    "\"é\u{1F600}\"",
                    "\"\\u{1F600}\\uD83D\\uDE00\"",
                    "\"\"\"a \\\"\"\" \"b\" \"\"\"",
                ];
                let value = self.dice.pick(&values);
                self.put(value);
            }
        }
    }

    fn default_value(&mut self) {
        if self.one_in(3) {
            self.put("=");
            self.value(2, true);
        }
    }

    fn directives(&mut self, constant: bool) {
        while self.one_in(5) {
            self.put("@");
            let name = self
                .dice
                .pick(&["skip", "include", "deprecated", "a", "on"]);
            self.put(name);
            self.arguments(constant);
        }
    }

    fn type_reference(&mut self) {
        if self.one_in(4) {
            self.put("[");
            self.type_reference();
            self.put("]");
        } else {
            self.name();
        }
        if self.one_in(3) {
            self.put("!");
        }
    }

    fn type_definition(&mut self) {
        let extends = self.one_in(3);
        match extends {
            true => self.put("extend"),
            false => self.description(),
        }
        let keywords = [
            "schema",
            "scalar",
            "type",
            "interface",
            "union",
            "enum",
            "input",
            "directive",
        ];
        let keyword = self.dice.pick(&keywords);
        self.put(keyword);
        match keyword {
            "schema" => {}
            "directive" => {
                self.put("@");
                self.name();
                self.input_values("(", ")");
                if self.one_in(3) {
                    self.put("repeatable");
                }
                self.put("on");
                self.delimited("|", |w| {
                    let location = w.dice.pick(&LOCATIONS);
                    w.put(location);
                });
                return;
            }
            _ => self.name(),
        }
        if matches!(keyword, "type" | "interface") && self.one_in(3) {
            self.put("implements");
            self.delimited("&", Self::name);
        }
        self.directives(true);
        match keyword {
            "schema" => {
                self.put("{");
                self.some(2, |w| {
                    let operation = w.dice.pick(&["query", "mutation", "subscription", "other"]);
                    w.put(operation);
                    w.put(":");
                    w.name();
                });
                self.put("}");
            }
            "type" | "interface" if self.one_in(2) => {
                self.put("{");
                self.some(2, |w| {
                    w.description();
                    w.name();
                    w.input_values("(", ")");
                    w.put(":");
                    w.type_reference();
                    w.directives(true);
                });
                self.put("}");
            }
            "union" if self.one_in(2) => {
                self.put("=");
                self.delimited("|", Self::name);
            }
            "enum" if self.one_in(2) => {
                self.put("{");
                self.some(2, |w| {
                    w.description();
                    w.name();
                    w.directives(true);
                });
                self.put("}");
            }
            "input" => self.input_values("{", "}"),
            _ => {}
        }
    }

    fn input_values(&mut self, open: &str, close: &str) {
        if self.one_in(2) {
            self.put(open);
            self.some(2, |w| {
                w.description();
                w.name();
                w.put(":");
                w.type_reference();
                w.default_value();
                w.directives(true);
            });
            self.put(close);
        }
    }

    fn delimited(&mut self, delimiter: &str, mut item: impl FnMut(&mut Self)) {
        if self.one_in(3) {
            self.put(delimiter);
        }
        item(self);
        while self.one_in(3) {
            self.put(delimiter);
            item(self);
        }
    }
}
