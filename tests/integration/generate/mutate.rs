//! Valid documents with a few changes, after which they may or may not be valid.

use super::{
    document::{
        Argument, Directive, Document, Field, Fragment, Inline, Operation, Selection, Spread,
        Value, Variable,
    },
    operation::program,
};
use proptest::{collection::vec, prelude::*};

/// A change, as numbers: which one, where, and with what.
#[derive(Clone, Copy, Debug)]
struct Change {
    kind: u8,
    place: u8,
    with: u8,
}

/// Documents of which nobody knows whether they are valid.
pub fn mutated() -> impl Strategy<Value = String> {
    let change =
        || any::<(u8, u8, u8)>().prop_map(|(kind, place, with)| Change { kind, place, with });
    let changes = prop_oneof![
        12 => vec(change(), 1),
        4 => vec(change(), 2..=3),
    ];
    let edits = prop_oneof![
        4 => Just(Vec::new()),
        1 => vec(change(), 1..=2),
    ];
    let changed = (program(false, true), changes, edits).prop_map(|(program, changes, edits)| {
        let mut document = program.document;
        for change in changes {
            change.apply(&mut document);
        }
        let text = document.to_string();
        edits
            .into_iter()
            .fold(text, |text, edit| edit.apply_to_text(text))
    });
    let conflicting = program(false, false).prop_map(|program| program.document.to_string());
    prop_oneof![8 => changed, 1 => conflicting]
}

impl Change {
    /// Changes the document. Where there is no place for the change it stays as it is.
    fn apply(self, document: &mut Document) {
        match self.kind % 36 {
            0 => self.field(document, |field, with| {
                let names = [
                    "bogus",
                    "title",
                    "id",
                    "posts",
                    "__typename",
                    "Name",
                    "__type",
                    "edges",
                    "node",
                    "nodes",
                    "totalCount",
                    "count",
                    "key",
                    "postsConnection",
                    "postsAggregate",
                ];
                field.name = pick(&names, with).to_owned();
                field.alias = field.alias.take().filter(|_| field.name != "__typename");
            }),
            1 => {
                if !document.fragments.is_empty() {
                    let index = usize::from(self.place) % document.fragments.len();
                    document.fragments.remove(index);
                }
            }
            2 | 3 => self.argument(document, |argument, with| {
                argument.value = any_value(with);
            }),
            4 => self.field(document, |field, with| {
                let names = [
                    "bogus", "limit", "id", "if", "Limit", "first", "after", "by",
                ];
                let argument = Argument::new(pick(&names, with), any_value(with / 8));
                field.arguments.push(argument);
            }),
            5 => self.selections(document, |selections, with| {
                let alias = pick(&["x", "id", "title"], with).to_owned();
                for selection in selections {
                    if let Selection::Field(field) = selection
                        && field.name != "__typename"
                    {
                        field.alias = Some(alias.clone());
                    }
                }
            }),
            6 => self.operation(document, |operation, with| {
                let types = [
                    "Int",
                    "[ID!]!",
                    "Boolean",
                    "Bogus",
                    "Post",
                    "UserRole",
                    "[[Int]]",
                    "Node",
                    "PostWhere",
                    "[PostOrder!]",
                    "CountOrder",
                    "[PostColumn!]",
                    "PostConnection",
                ];
                operation.variables.push(Variable {
                    name: "extra".to_owned(),
                    ty: pick(&types, with).to_owned(),
                    default: (with > 127).then(|| any_value(with / 8)),
                });
            }),
            7 => document.fragments.push(Fragment {
                name: "Extra".to_owned(),
                on: pick(&ANY_TYPES, self.with).to_owned(),
                directives: Vec::new(),
                selections: vec![Selection::Field(Field::leaf("__typename"))],
            }),
            8 => {
                let names = document
                    .fragments
                    .iter()
                    .map(|fragment| fragment.name.clone());
                let names: Vec<_> = names.chain(["Missing".to_owned()]).collect();
                self.selections(document, |selections, with| {
                    selections.push(Selection::Spread(Spread {
                        name: names[usize::from(with) % names.len()].clone(),
                        directives: Vec::new(),
                    }));
                });
            }
            9 => self.field(document, |field, with| {
                let name = pick(&["id", "__typename", "length"], with);
                field.selections = vec![Selection::Field(Field::leaf(name))];
            }),
            10 => self.field(document, |field, _| field.selections.clear()),
            11 => self.operation(document, |operation, with| {
                operation.directives.push(any_directive(with));
            }),
            12 => {
                if !document.fragments.is_empty() {
                    let index = usize::from(self.place) % document.fragments.len();
                    let fragment = &mut document.fragments[index];
                    fragment.directives.push(any_directive(self.with));
                }
            }
            13 => self.selections(document, |selections, with| {
                let index = usize::from(with) % selections.len().max(1);
                let directives = match selections.get_mut(index) {
                    Some(Selection::Field(field)) => &mut field.directives,
                    Some(Selection::Spread(spread)) => &mut spread.directives,
                    Some(Selection::Inline(inline)) => &mut inline.directives,
                    None => return,
                };
                directives.push(any_directive(with / 4));
            }),
            14 => self.field(document, |field, _| {
                field.arguments.extend(field.arguments.first().cloned());
            }),
            15 => self.operation(document, |operation, _| {
                operation
                    .variables
                    .extend(operation.variables.first().cloned());
            }),
            16 => document
                .operations
                .extend(document.operations.first().cloned()),
            17 => document
                .fragments
                .extend(document.fragments.first().cloned()),
            18 => self.operation(document, |operation, with| {
                if !operation.variables.is_empty() {
                    let index = usize::from(with) % operation.variables.len();
                    operation.variables.remove(index);
                }
            }),
            19 => self.operation(document, |operation, with| {
                if let Some(variable) = operation.variables.first_mut() {
                    let types = [
                        "String",
                        "ID",
                        "Int!",
                        "[Int]",
                        "Boolean",
                        "Float",
                        "[ID]",
                        "ID!",
                        "PostWhere",
                        "PostOrder!",
                        "OrderDirection!",
                        "[PostColumn!]",
                        "[UserColumn!]!",
                    ];
                    variable.ty = pick(&types, with).to_owned();
                }
            }),
            20 => self.operation(document, |operation, with| {
                if let Some(variable) = operation.variables.last_mut() {
                    variable.default = Some(any_value(with));
                }
            }),
            21 => self.operation(document, |operation, with| {
                let texts = ["what it does", "", "\"\"\"", "\\"];
                operation.description = Some(pick(&texts, with).to_owned());
            }),
            22 => self.operation(document, |operation, with| {
                let keywords = ["mutation", "subscription", "", "query", "Query"];
                operation.keyword = pick(&keywords, with).to_owned();
            }),
            23 => self.operation(document, |operation, with| {
                operation.name = match with % 3 {
                    0 => None,
                    1 => Some("First".to_owned()),
                    _ => Some("on".to_owned()),
                };
            }),
            24 => self.selections(document, |selections, with| {
                selections.push(Selection::Inline(Inline {
                    on: Some(pick(&ANY_TYPES, with).to_owned()),
                    directives: Vec::new(),
                    selections: vec![Selection::Field(Field::leaf("__typename"))],
                }));
            }),
            25 => {
                if let Some(fragment) = document.fragments.first_mut() {
                    fragment.on = pick(&ANY_TYPES, self.with).to_owned();
                }
            }
            26 => self.selections(document, |selections, with| match with % 4 {
                0 => selections.clear(),
                _ => selections.extend(selections.first().cloned()),
            }),
            27 | 28 => self.refine(document),
            29 => self.value(
                document,
                |_| true,
                |value, with| {
                    *value = any_value(with);
                },
            ),
            30..=32 => self.value(document, is_object, change_object),
            33 => self.value(
                document,
                |value| matches!(value, Value::List(_)),
                |value, with| {
                    if let Value::List(items) = value {
                        items.push(any_value(with));
                    }
                },
            ),
            34 => self.operation(document, |operation, with| {
                // Null is let in where perhaps it must not be.
                if !operation.variables.is_empty() {
                    let index = usize::from(with) % operation.variables.len();
                    let ty = &mut operation.variables[index].ty;
                    *ty = ty.trim_end_matches('!').to_owned();
                }
            }),
            _ => {
                if let Some(fragment) = document.fragments.first_mut() {
                    let old = std::mem::replace(&mut fragment.name, "on".to_owned());
                    document.each_selection_set(&mut |selections| {
                        for selection in selections {
                            if let Selection::Spread(spread) = selection
                                && spread.name == old
                            {
                                spread.name = "on".to_owned();
                            }
                        }
                    });
                }
            }
        }
    }

    /// Changes the text as if it were no document at all.
    fn apply_to_text(self, text: String) -> String {
        let replace_first = |from: &str, to: &str| text.replacen(from, to, 1);
        let number = text.find(": ").map(|start| start + 2);
        match self.kind % 14 {
            0 => {
                // One character goes.
                let index = usize::from(self.place) * text.chars().count() / 256;
                let mut characters: Vec<_> = text.chars().collect();
                characters.remove(index.min(characters.len() - 1));
                characters.into_iter().collect()
            }
            1 => {
                // One comes.
                let texts = [
                    "{", "}", "(", ")", "\"", "...", "@", "$", "!", ":", ",", "#", "&", "|", "=",
                    "\u{feff}", "\0", "\u{7f}", "é", "😀", "\\", "-", "0", "a", "\"\"", "\"\"\"",
                    "?", ".", "\u{a0}", "\r",
                ];
                let index = usize::from(self.place) * text.chars().count() / 256;
                let mut characters: Vec<_> = text.chars().map(String::from).collect();
                characters.insert(index, pick(&texts, self.with).to_owned());
                characters.concat()
            }
            2 => replace_first("{", "{}"),
            3 => replace_first(" {", " () {"),
            4 => text.replacen("...", "... on ", 1),
            5 => text.replacen("fragment ", "\"what it is\" fragment ", 1),
            6 => text.replacen("query", "\"\"\"what\nit does\"\"\" query", 1),
            7 => text.replacen('$', "\"a variable\" $", 1),
            8 | 9 => match number {
                // A value that is not quite one, where the first argument or alias ends.
                Some(start) => {
                    let values = [
                        "03 ", "3x ", "-0 ", "-", "1. ", ".5 ", "0x1 ", "1e3 ", "1_0 ", "+1 ",
                        "00", "3_a: ", "1e ", "-1 ", "0.0.0 ", "1...A ", "$ ", "$$a ", "true! ",
                    ];
                    format!(
                        "{}{}{}",
                        &text[..start],
                        pick(&values, self.with),
                        &text[start..]
                    )
                }
                None => text,
            },
            10 | 11 => {
                // Escapes in the first string.
                let strings = [
                    r"\u{1F600}",
                    r"\uD83D\uDE00",
                    r"\uD83D",
                    r"\uDE00\uD83D",
                    r"\u{110000}",
                    r"\u{D800}",
                    r"\u{}",
                    r"\u{00000041}",
                    r"\u0041",
                    r"\u41",
                    r"\x41",
                    r"\'",
                    r"\/",
                    "\n",
                    "\t",
                    "\u{1}",
                    r"\u{41",
                    r"\U0041",
                    r"\u{000000000041}",
                ];
                text.replacen('"', &format!("\"{}", pick(&strings, self.with)), 1)
            }
            12 => format!(
                "{text}{}",
                pick(
                    &[
                        " #",
                        " {",
                        " }",
                        " query",
                        " type Extra { id: ID }",
                        " schema { query: Query }",
                        " extend type Post { id: ID }",
                        " { __typename }",
                        "\0",
                        " fragment",
                        " fragment F on Query { __typename ...F }",
                        " query Z",
                        " \"what\"",
                    ],
                    self.with
                )
            ),
            _ => text[..text.floor_char_boundary(usize::from(self.place) * text.len() / 256)]
                .to_owned(),
        }
    }

    /// Changes one field of the document.
    fn field(self, document: &mut Document, change: impl Fn(&mut Field, u8)) {
        self.some_field(document, |_| true, change);
    }

    /// Changes one of the fields that the function selects.
    fn some_field(
        self,
        document: &mut Document,
        selects: impl Fn(&Field) -> bool,
        change: impl Fn(&mut Field, u8),
    ) {
        let mut count = 0;
        document.each_field(&mut |field| count += usize::from(selects(field)));
        let mut left = usize::from(self.place) % count.max(1);
        let mut done = false;
        document.each_field(&mut |field| {
            if !selects(field) {
                return;
            }
            if left == 0 && !done {
                change(field, self.with);
                done = true;
            }
            left = left.saturating_sub(1);
        });
    }

    /// Changes one argument of a field.
    fn argument(self, document: &mut Document, change: impl Fn(&mut Argument, u8)) {
        let mut count = 0;
        document.each_field(&mut |field| count += field.arguments.len());
        let mut left = usize::from(self.place) % count.max(1);
        let mut done = false;
        document.each_field(&mut |field| {
            for argument in &mut field.arguments {
                if left == 0 && !done {
                    change(argument, self.with);
                    done = true;
                }
                left = left.saturating_sub(1);
            }
        });
    }

    /// Gives one field a condition or an order that is perhaps none, and defines the variable that
    /// may be in it in every operation.
    fn refine(self, document: &mut Document) {
        let types = [
            "OrderDirection",
            "OrderDirection!",
            "OrderDirection = ASC",
            "OrderDirection! = ASC",
            "String!",
            "[ID!]",
        ];
        let (name, value) = match self.with % 2 {
            0 => ("where", any_condition(self.with / 2)),
            _ => ("orderBy", any_order(self.with / 2)),
        };
        if value.contains("$refining") {
            for operation in &mut document.operations {
                operation.variables.push(Variable {
                    name: "refining".to_owned(),
                    ty: pick(&types, self.place).to_owned(),
                    default: None,
                });
            }
        }
        let lists = [
            "posts",
            "comments",
            "users",
            "tags",
            "followers",
            "replies",
            "postsConnection",
            "usersAggregate",
        ];
        let is_list = |field: &Field| lists.contains(&field.name.as_str());
        self.some_field(document, is_list, |field, _| {
            field.arguments.retain(|argument| argument.name != name);
            let value = Value::Raw(value.to_owned());
            field.arguments.push(Argument::new(name, value));
        });
    }

    /// Changes one of the values that the function selects, in the arguments of fields.
    fn value(
        self,
        document: &mut Document,
        selects: impl Fn(&Value) -> bool,
        change: impl Fn(&mut Value, u8),
    ) {
        let mut count = 0;
        document.each_value(&mut |value| count += usize::from(selects(value)));
        let mut left = usize::from(self.place) % count.max(1);
        let mut done = false;
        document.each_value(&mut |value| {
            if !selects(value) {
                return;
            }
            if left == 0 && !done {
                change(value, self.with);
                done = true;
            }
            left = left.saturating_sub(1);
        });
    }

    fn selections(self, document: &mut Document, change: impl Fn(&mut Vec<Selection>, u8)) {
        let mut count = 0;
        document.each_selection_set(&mut |_| count += 1);
        let mut left = usize::from(self.place) % count.max(1);
        let mut done = false;
        document.each_selection_set(&mut |selections| {
            if left == 0 && !done {
                change(selections, self.with);
                done = true;
            }
            left = left.saturating_sub(1);
        });
    }

    fn operation(self, document: &mut Document, change: impl Fn(&mut Operation, u8)) {
        let index = usize::from(self.place) % document.operations.len();
        change(&mut document.operations[index], self.with);
    }
}

const ANY_TYPES: [&str; 17] = [
    "Post",
    "User",
    "Tag",
    "Node",
    "Query",
    "String",
    "Bogus",
    "UserRole",
    "on",
    "DateTime",
    "_",
    "Comment",
    "PostConnection",
    "UserFollowersEdge",
    "PageInfo",
    "PostAggregate",
    "PostColumn",
];

fn any_value(with: u8) -> Value {
    let raw = [
        "\"x\"",
        "3.5",
        "true",
        "{a: 1}",
        "[1]",
        "[]",
        "null",
        "ENUM",
        "99999999999",
        "3",
        "$missing",
        "$if0",
        "$id",
        "$limit0",
        "[null]",
        "[[1]]",
        "{}",
        "[\"Post:1\", 3]",
        "-3",
        "2147483648",
        "-2147483648",
        "1e2",
        "{a: 1, a: 2}",
        "[$missing]",
        "[$id]",
        "\"\"",
        "\"\"\"block\"\"\"",
        "[true]",
        "123456789012345678901234567890",
        "[$limit0]",
        "{a: $id}",
        "false",
        "STATUS",
        "[STATUS, TITLE]",
        "[STATUS, 1]",
        "[\"STATUS\"]",
        "[EMAIL, STATUS]",
    ];
    Value::Raw(pick(&raw, with).to_owned())
}

fn is_object(value: &Value) -> bool {
    matches!(value, Value::Object(_))
}

/// Renames, repeats, empties or adds an entry.
fn change_object(value: &mut Value, with: u8) {
    let names = [
        "id", "eq", "in", "title", "isNull", "some", "count", "and", "Bogus",
    ];
    let Value::Object(entries) = value else {
        return;
    };
    let name = pick(&names, with / 4).to_owned();
    match (with % 4, &mut entries[..]) {
        (0, [(first, _), ..]) => *first = name,
        (1, [(_, first), ..]) => *first = Value::Null,
        (2, [first, ..]) => {
            let first = first.clone();
            entries.push(first);
        }
        _ => entries.push((name, any_value(with))),
    }
}

/// A condition on a row of any type, often not quite one.
fn any_condition(with: u8) -> &'static str {
    let raw = [
        "{id: {eq: 1}}",
        "{id: {is: 1}}",
        "{ID: {eq: 1}}",
        "{id: {eq: 1.5}}",
        "{id: {eq: [1]}}",
        "{id: {in: 1}}",
        "{id: {in: [1, null]}}",
        "{id: {in: [1, [2]]}}",
        "{id: {in: $refining}}",
        "{id: {in: [$refining]}}",
        "{id: {isNull: 1}}",
        "{id: {isNull: null}}",
        "{id: {eq: 1, eq: 1}}",
        "{id: {eq: 1}, id: {ne: 1}}",
        "{id: 1}",
        "{id: null}",
        "{id: {}}",
        "{id: [{eq: 1}]}",
        "{id: {lt: 1}}",
        "{and: {or: {not: {}}}}",
        "{and: [{}, null]}",
        "{not: [{}]}",
        "{title: {eq: 1}}",
        "{title: {eq: ENUM}}",
        "{title: {eq: $refining}}",
        "{title: {iContains: \"a\", gt: \"\"}}",
        "{status: {eq: PUBLISHED}}",
        "{status: {eq: \"PUBLISHED\"}}",
        "{status: {in: [DRAFT, GONE]}}",
        "{createdAt: {gt: \"2025-03-01T12:00:00Z\"}}",
        "{createdAt: {gt: 3}}",
        "{version: {gt: 1, lt: 2147483648}}",
        "{version: {gt: \"1\"}}",
        "{posts: {some: {}}}",
        "{posts: {}}",
        "{posts: {id: {eq: 1}}}",
        "{author: {some: {}}}",
        "{author: {id: {eq: 1}}}",
        "[]",
        "[{}]",
        "\"id = 1\"",
        "null",
        "$refining",
    ];
    pick(&raw, with)
}

/// An order of rows of any type, often not quite one.
fn any_order(with: u8) -> &'static str {
    let raw = [
        "{id: ASC}",
        "[{id: ASC}, {id: DESC_NULLS_LAST}]",
        "{id: ASC, createdAt: DESC}",
        "{id: ASC, id: ASC}",
        "[{id: ASC}, {}]",
        "{}",
        "{id: null}",
        "[null]",
        "[[{id: ASC}]]",
        "{id: \"ASC\"}",
        "{id: SIDEWAYS}",
        "{id: asc}",
        "{id: $refining}",
        "[{id: $refining}]",
        "{id: $refining, title: ASC}",
        "[$refining]",
        "{bogus: ASC}",
        "{bogus: ASC, id: ASC}",
        "{posts: {count: ASC}}",
        "{posts: {count: $refining}}",
        "{posts: {}}",
        "{posts: ASC}",
        "{author: {id: ASC, name: ASC}}",
        "{author: {id: DESC}}",
        "{author: null}",
        "{author: {id: null}}",
        "ASC",
        "[]",
        "null",
        "$refining",
    ];
    pick(&raw, with)
}

fn any_directive(with: u8) -> Directive {
    let names = [
        "skip",
        "include",
        "bogus",
        "deprecated",
        "specifiedBy",
        "oneOf",
        "defer",
        "stream",
    ];
    let condition = |value: &str| vec![Argument::new("if", Value::Raw(value.to_owned()))];
    let (name, arguments) = match with % 16 {
        0 => ("skip", vec![]),
        1 => ("skip", condition("1")),
        2 => ("include", condition("null")),
        3 => ("include", condition("$missing")),
        4 => ("skip", condition("$limit0")),
        5 => ("include", [condition("true"), condition("true")].concat()),
        6 => ("skip", vec![Argument::new("unless", Value::Boolean(true))]),
        _ => (pick(&names, with / 16), condition("true")),
    };
    Directive {
        name: name.to_owned(),
        arguments,
    }
}

fn pick<'a>(from: &[&'a str], choice: u8) -> &'a str {
    from[usize::from(choice) % from.len()]
}
