//! A GraphQL document as a value that prints itself, valid or not.

use serde_json::Value as Json;
use std::fmt::{self, Display, Formatter};

#[derive(Clone, Debug, Default)]
pub struct Document {
    pub operations: Vec<Operation>,
    pub fragments: Vec<Fragment>,
    /// Fragments are printed before the operations.
    pub fragments_first: bool,
    /// Whether to print on one line.
    pub compact: bool,
}

#[derive(Clone, Debug)]
pub struct Operation {
    pub description: Option<String>,
    /// `query`, `mutation` or `subscription`; empty for the shorthand without a keyword.
    pub keyword: String,
    pub name: Option<String>,
    pub variables: Vec<Variable>,
    pub directives: Vec<Directive>,
    pub selections: Vec<Selection>,
}

#[derive(Clone, Debug)]
pub struct Variable {
    pub name: String,
    pub ty: String,
    pub default: Option<Value>,
}

#[derive(Clone, Debug)]
pub struct Fragment {
    pub name: String,
    pub on: String,
    pub directives: Vec<Directive>,
    pub selections: Vec<Selection>,
}

#[derive(Clone, Debug)]
pub enum Selection {
    Field(Field),
    Spread(Spread),
    Inline(Inline),
}

#[derive(Clone, Debug)]
pub struct Field {
    /// Tells fields of the same text apart.
    pub id: usize,
    pub alias: Option<String>,
    pub name: String,
    pub arguments: Vec<Argument>,
    pub directives: Vec<Directive>,
    pub selections: Vec<Selection>,
}

#[derive(Clone, Debug)]
pub struct Spread {
    pub name: String,
    pub directives: Vec<Directive>,
}

#[derive(Clone, Debug)]
pub struct Inline {
    pub on: Option<String>,
    pub directives: Vec<Directive>,
    pub selections: Vec<Selection>,
}

#[derive(Clone, Debug)]
pub struct Directive {
    pub name: String,
    pub arguments: Vec<Argument>,
}

#[derive(Clone, Debug)]
pub struct Argument {
    pub name: String,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Boolean(bool),
    Int(i64),
    String(String),
    Variable(String),
    Enum(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
    /// Printed as it is.
    Raw(String),
}

impl Field {
    /// A field of this name and nothing else.
    pub fn leaf(name: &str) -> Self {
        Self {
            id: 0,
            alias: None,
            name: name.to_owned(),
            arguments: Vec::new(),
            directives: Vec::new(),
            selections: Vec::new(),
        }
    }

    pub fn response_name(&self) -> &str {
        self.alias.as_ref().unwrap_or(&self.name)
    }
}

impl Argument {
    pub fn new(name: &str, value: Value) -> Self {
        let name = name.to_owned();
        Self { name, value }
    }
}

impl Value {
    /// The value as it is sent for a variable. There are no variables in it.
    pub fn json(&self) -> Json {
        match self {
            Value::Null | Value::Variable(_) => Json::Null,
            Value::Boolean(value) => (*value).into(),
            Value::Int(value) => (*value).into(),
            Value::String(text) | Value::Enum(text) | Value::Raw(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Value::json).collect(),
            Value::Object(entries) => {
                let entries = entries.iter();
                let entries = entries.map(|(name, value)| (name.clone(), value.json()));
                Json::Object(entries.collect())
            }
        }
    }

    /// Turns the order of entries around, in all objects there are. It means the same then.
    pub fn reverse_entries(&mut self) {
        self.each(&mut |value| {
            if let Value::Object(entries) = value {
                entries.reverse();
            }
        });
    }

    /// Puts the entries of all objects in the order of their names.
    pub fn sort_entries(&mut self) {
        self.each(&mut |value| {
            if let Value::Object(entries) = value {
                entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            }
        });
    }

    /// Calls the function with the value and all that are in it, innermost last.
    pub fn each(&mut self, visit: &mut dyn FnMut(&mut Value)) {
        visit(self);
        match self {
            Value::List(items) => items.iter_mut().for_each(|item| item.each(visit)),
            Value::Object(entries) => entries.iter_mut().for_each(|(_, item)| item.each(visit)),
            _ => {}
        }
    }
}

impl Document {
    pub fn fragment(&self, name: &str) -> Option<&Fragment> {
        self.fragments.iter().find(|fragment| fragment.name == name)
    }

    /// Calls the function with every selection set, innermost last.
    pub fn each_selection_set(&mut self, visit: &mut dyn FnMut(&mut Vec<Selection>)) {
        fn walk(selections: &mut Vec<Selection>, visit: &mut dyn FnMut(&mut Vec<Selection>)) {
            visit(selections);
            for selection in selections {
                match selection {
                    Selection::Field(field) if field.selections.is_empty() => {}
                    Selection::Field(field) => walk(&mut field.selections, visit),
                    Selection::Inline(inline) => walk(&mut inline.selections, visit),
                    Selection::Spread(_) => {}
                }
            }
        }
        for operation in &mut self.operations {
            walk(&mut operation.selections, visit);
        }
        for fragment in &mut self.fragments {
            walk(&mut fragment.selections, visit);
        }
    }

    pub fn each_field(&mut self, visit: &mut dyn FnMut(&mut Field)) {
        self.each_selection_set(&mut |selections| {
            for selection in selections {
                if let Selection::Field(field) = selection {
                    visit(field);
                }
            }
        });
    }

    /// Calls the function with the values of all arguments of fields, and with all that are in them.
    pub fn each_value(&mut self, visit: &mut dyn FnMut(&mut Value)) {
        self.each_field(&mut |field| {
            for argument in &mut field.arguments {
                argument.value.each(visit);
            }
        });
    }
}

impl Display for Document {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut printer = Printer {
            compact: self.compact,
            depth: 0,
            text: String::new(),
        };
        if self.fragments_first {
            printer.fragments(&self.fragments);
        }
        for operation in &self.operations {
            printer.operation(operation);
        }
        if !self.fragments_first {
            printer.fragments(&self.fragments);
        }
        f.write_str(printer.text.trim())
    }
}

struct Printer {
    compact: bool,
    depth: usize,
    text: String,
}

impl Printer {
    fn line(&mut self) {
        if self.compact {
            self.text.push(' ');
        } else {
            self.text.push('\n');
            self.text.push_str(&"  ".repeat(self.depth));
        }
    }

    fn operation(&mut self, operation: &Operation) {
        if let Some(description) = &operation.description {
            self.text
                .push_str(&Value::String(description.clone()).to_string());
            self.line();
        }
        self.text.push_str(&operation.keyword);
        if let Some(name) = &operation.name {
            self.text.push(' ');
            self.text.push_str(name);
        }
        if !operation.variables.is_empty() {
            let variables: Vec<_> = operation
                .variables
                .iter()
                .map(ToString::to_string)
                .collect();
            self.text.push_str(&format!("({})", variables.join(", ")));
        }
        self.directives(&operation.directives);
        self.selections(&operation.selections);
        self.line();
    }

    fn fragments(&mut self, fragments: &[Fragment]) {
        for fragment in fragments {
            self.text
                .push_str(&format!("fragment {} on {}", fragment.name, fragment.on));
            self.directives(&fragment.directives);
            self.selections(&fragment.selections);
            self.line();
        }
    }

    fn selections(&mut self, selections: &[Selection]) {
        self.text.push_str(" {");
        self.depth += 1;
        for selection in selections {
            self.line();
            match selection {
                Selection::Field(field) => {
                    if let Some(alias) = &field.alias {
                        self.text.push_str(&format!("{alias}: "));
                    }
                    self.text.push_str(&field.name);
                    self.text.push_str(&arguments(&field.arguments));
                    self.directives(&field.directives);
                    if !field.selections.is_empty() {
                        self.selections(&field.selections);
                    }
                }
                Selection::Spread(spread) => {
                    self.text.push_str(&format!("...{}", spread.name));
                    self.directives(&spread.directives);
                }
                Selection::Inline(inline) => {
                    self.text.push_str("...");
                    if let Some(on) = &inline.on {
                        self.text.push_str(&format!(" on {on}"));
                    }
                    self.directives(&inline.directives);
                    self.selections(&inline.selections);
                }
            }
        }
        self.depth -= 1;
        self.line();
        self.text.push('}');
    }

    fn directives(&mut self, directives: &[Directive]) {
        for directive in directives {
            let arguments = arguments(&directive.arguments);
            self.text
                .push_str(&format!(" @{}{arguments}", directive.name));
        }
    }
}

fn arguments(arguments: &[Argument]) -> String {
    if arguments.is_empty() {
        return String::new();
    }
    let arguments: Vec<_> = arguments
        .iter()
        .map(|argument| format!("{}: {}", argument.name, argument.value))
        .collect();
    format!("({})", arguments.join(", "))
}

impl Display for Variable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "${}: {}", self.name, self.ty)?;
        match &self.default {
            Some(default) => write!(f, " = {default}"),
            None => Ok(()),
        }
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Boolean(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            // A JSON string is a GraphQL string.
            Value::String(value) => write!(f, "{}", serde_json::Value::from(value.as_str())),
            Value::Variable(name) => write!(f, "${name}"),
            Value::List(items) => {
                let items: Vec<_> = items.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Value::Object(entries) => {
                let entries = entries.iter();
                let entries: Vec<_> = entries
                    .map(|(name, value)| format!("{name}: {value}"))
                    .collect();
                write!(f, "{{{}}}", entries.join(", "))
            }
            Value::Enum(text) | Value::Raw(text) => f.write_str(text),
        }
    }
}
