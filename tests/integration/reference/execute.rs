//! The algorithms of section 6 of the specification, under their names.

use super::{
    Data, SURFACE,
    input::{Arguments, coerce_argument_values, coerce_variable_values},
    resolve::{Object, Resolved, resolve_field_value},
};
use async_graphql::{
    Name, Value as ConstValue,
    parser::{
        Positioned, parse_query,
        types::{
            BaseType, Directive, DocumentOperations, ExecutableDocument, Field,
            OperationDefinition, OperationType, Selection, SelectionSet, Type,
        },
    },
};
use async_graphql_value::Value;
use std::collections::{HashMap, HashSet};

/// The coerced variables. One that is missing here was not provided.
pub type Variables = HashMap<Name, ConstValue>;

/// An answer to a request that could be executed.
#[derive(Debug)]
pub struct Response {
    /// The value of `data` as JSON text, keys in the order of the specification.
    pub data: String,
    /// Execution errors. Where several fields of a selection set fail and the error propagates, the
    /// specification lets an executor stop at the first, and this one does.
    pub errors: Vec<ExecutionError>,
}

#[derive(Debug)]
pub struct ExecutionError {
    pub message: String,
    /// Response names and list indices from the root to the field.
    pub path: Vec<String>,
}

/// The whole response of a request in which no field fails: `{"data":…}`, as JSON text. The error is
/// the message of a request error, or of the first execution error.
pub fn execute(
    data: &Data,
    query: &str,
    operation_name: Option<&str>,
    variables: &serde_json::Value,
) -> Result<String, String> {
    let response = respond(data, query, operation_name, variables)?;
    match response.errors.first() {
        Some(error) => Err(format!("{}: {}", error.path.join("."), error.message)),
        None => Ok(format!(r#"{{"data":{}}}"#, response.data)),
    }
}

/// ExecuteRequest(schema, document, operationName, variableValues, initialValue). The error is the
/// message of a request error.
pub fn respond(
    data: &Data,
    query: &str,
    operation_name: Option<&str>,
    variables: &serde_json::Value,
) -> Result<Response, String> {
    let document = parse_query(query).map_err(|error| error.to_string())?;
    let operation = get_operation(&document, operation_name)?;
    let mut execution = Execution {
        data,
        document: &document,
        variables: coerce_variable_values(operation, variables)?,
        path: Vec::new(),
        errors: Vec::new(),
    };
    match operation.ty {
        OperationType::Query => Ok(execution.execute_query(operation)),
        other => Err(format!("there are no {other} fields here")),
    }
}

/// GetOperation(document, operationName).
fn get_operation<'a>(
    document: &'a ExecutableDocument,
    operation_name: Option<&str>,
) -> Result<&'a OperationDefinition, String> {
    let operation = match (&document.operations, operation_name) {
        (DocumentOperations::Single(operation), None) => Some(operation),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next()
        }
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        _ => None,
    };
    match operation {
        Some(operation) => Ok(&operation.node),
        None => Err("there is no operation of that name".to_owned()),
    }
}

/// An execution error is on its way to the nearest nullable parent; it has been noted.
struct Propagating;

type Completion = Result<Completed, Propagating>;

/// The fields that share a response name, in the order in which they are met.
type CollectedFields<'a> = Vec<(&'a str, Vec<&'a Field>)>;

struct Execution<'a> {
    data: &'a Data,
    document: &'a ExecutableDocument,
    variables: Variables,
    path: Vec<String>,
    errors: Vec<ExecutionError>,
}

impl<'a> Execution<'a> {
    /// ExecuteQuery(query, schema, variableValues, initialValue).
    fn execute_query(&mut self, query: &'a OperationDefinition) -> Response {
        let root = self.collect_fields("Query", &query.selection_set.node, &mut HashSet::new());
        let data = self.execute_collected_fields(root, "Query", &Object::Query);
        let mut text = String::new();
        data.unwrap_or(Completed::Null).write(&mut text);
        Response {
            data: text,
            errors: std::mem::take(&mut self.errors),
        }
    }

    /// CollectFields(objectType, selectionSet, variableValues, visitedFragments).
    fn collect_fields(
        &self,
        object_type: &str,
        selection_set: &'a SelectionSet,
        visited_fragments: &mut HashSet<&'a str>,
    ) -> CollectedFields<'a> {
        let mut collected = CollectedFields::new();
        for Positioned {
            node: selection, ..
        } in &selection_set.items
        {
            let directives = selection.directives();
            if self.condition(directives, "skip") == Some(true)
                || self.condition(directives, "include") == Some(false)
            {
                continue;
            }
            match selection {
                Selection::Field(field) => {
                    let response_name = field.node.response_key().node.as_str();
                    append(&mut collected, response_name, vec![&field.node]);
                }
                Selection::FragmentSpread(spread) => {
                    let name = spread.node.fragment_name.node.as_str();
                    if !visited_fragments.insert(name) {
                        continue;
                    }
                    let Some(fragment) = self.document.fragments.get(name) else {
                        continue;
                    };
                    let fragment = &fragment.node;
                    if !does_fragment_type_apply(object_type, &fragment.type_condition.node.on.node)
                    {
                        continue;
                    }
                    let fields = self.collect_fields(
                        object_type,
                        &fragment.selection_set.node,
                        visited_fragments,
                    );
                    for (response_name, fields) in fields {
                        append(&mut collected, response_name, fields);
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let fragment = &fragment.node;
                    if let Some(condition) = &fragment.type_condition
                        && !does_fragment_type_apply(object_type, &condition.node.on.node)
                    {
                        continue;
                    }
                    let fields = self.collect_fields(
                        object_type,
                        &fragment.selection_set.node,
                        visited_fragments,
                    );
                    for (response_name, fields) in fields {
                        append(&mut collected, response_name, fields);
                    }
                }
            }
        }
        collected
    }

    /// The argument `if` of `@skip` or `@include`, where that directive is given.
    fn condition(&self, directives: &[Positioned<Directive>], name: &str) -> Option<bool> {
        let directive = directives
            .iter()
            .find(|directive| directive.node.name.node == *name)?;
        match &directive.node.get_argument("if")?.node {
            Value::Boolean(value) => Some(*value),
            Value::Variable(variable) => {
                Some(self.variables.get(variable) == Some(&ConstValue::Boolean(true)))
            }
            _ => None,
        }
    }

    /// ExecuteCollectedFields(collectedFieldsMap, objectType, objectValue, variableValues).
    fn execute_collected_fields(
        &mut self,
        collected: CollectedFields<'a>,
        object_type: &str,
        object: &Object<'a>,
    ) -> Completion {
        let mut result = Vec::new();
        for (response_name, fields) in collected {
            self.path.push(response_name.to_owned());
            let value = self.execute_field(object_type, object, &fields);
            self.path.pop();
            result.push((response_name.to_owned(), value?));
        }
        Ok(Completed::Object(result))
    }

    /// ExecuteField(objectType, objectValue, fieldType, fields, variableValues).
    fn execute_field(
        &mut self,
        object_type: &str,
        object: &Object<'a>,
        fields: &[&'a Field],
    ) -> Completion {
        let field = fields[0];
        let field_name = field.name.node.as_str();
        if field_name == "__typename" {
            return Ok(Completed::Leaf(object_type.into()));
        }
        let Some(definition) = SURFACE.field(object_type, field_name) else {
            return self.fail(format!("{object_type} has no field {field_name}"));
        };
        let field_type = &definition.ty.node;
        let resolved = coerce_argument_values(definition, field, &self.variables).and_then(
            |arguments: Arguments| {
                resolve_field_value(self.data, object_type, object, field_name, &arguments)
            },
        );
        let completed = match resolved {
            Ok(resolved) => self.complete_value(field_type, fields, resolved),
            Err(message) => self.fail(message),
        };
        handle_error(field_type, completed)
    }

    /// CompleteValue(fieldType, fields, result, variableValues).
    fn complete_value(
        &mut self,
        field_type: &Type,
        fields: &[&'a Field],
        result: Resolved<'a>,
    ) -> Completion {
        match (&field_type.base, result) {
            // Where something can be hidden the server's type is nullable.
            (_, Resolved::Null) if field_type.nullable || self.data.seen.is_some() => {
                Ok(Completed::Null)
            }
            (_, Resolved::Null) => self.fail("a non-null field resolved to null".to_owned()),
            (BaseType::List(inner_type), Resolved::List(items)) => {
                let mut completed = Vec::new();
                for (index, item) in items.into_iter().enumerate() {
                    self.path.push(index.to_string());
                    let item = self.complete_value(inner_type, fields, item);
                    self.path.pop();
                    completed.push(handle_error(inner_type, item)?);
                }
                Ok(Completed::List(completed))
            }
            (BaseType::Named(_), Resolved::Leaf(value)) => Ok(Completed::Leaf(value)),
            (BaseType::Named(name), Resolved::Object(object)) => {
                let abstract_type = object.node_type().filter(|_| !SURFACE.is_object(name));
                let object_type = abstract_type.unwrap_or(name);
                let subfields = self.collect_subfields(object_type, fields);
                self.execute_collected_fields(subfields, object_type, &object)
            }
            _ => self.fail(format!("the resolved value is no {field_type}")),
        }
    }

    /// CollectSubfields(objectType, fields, variableValues).
    fn collect_subfields(&self, object_type: &str, fields: &[&'a Field]) -> CollectedFields<'a> {
        let mut collected = CollectedFields::new();
        for field in fields {
            let selection_set = &field.selection_set.node;
            let subfields = self.collect_fields(object_type, selection_set, &mut HashSet::new());
            for (response_name, subfields) in subfields {
                append(&mut collected, response_name, subfields);
            }
        }
        collected
    }

    fn fail(&mut self, message: String) -> Completion {
        let path = self.path.clone();
        self.errors.push(ExecutionError { message, path });
        Err(Propagating)
    }
}

/// Handling Execution Errors: a nullable position turns the error into null, a non-null one hands
/// it on.
fn handle_error(position: &Type, value: Completion) -> Completion {
    match value {
        Err(Propagating) if position.nullable => Ok(Completed::Null),
        value => value,
    }
}

/// DoesFragmentTypeApply(objectType, fragmentType).
fn does_fragment_type_apply(object_type: &str, fragment_type: &str) -> bool {
    object_type == fragment_type || SURFACE.implements(object_type, fragment_type)
}

/// Adds fields to those of the response name, which takes its place where it is first met. A field
/// that is there already is not added again: the lists of the specification are ordered sets.
fn append<'a>(collected: &mut CollectedFields<'a>, response_name: &'a str, fields: Vec<&'a Field>) {
    let position = collected
        .iter()
        .position(|(name, _)| *name == response_name)
        .unwrap_or_else(|| {
            collected.push((response_name, Vec::new()));
            collected.len() - 1
        });
    let group = &mut collected[position].1;
    for field in fields {
        if !group.iter().any(|other| std::ptr::eq(*other, field)) {
            group.push(field);
        }
    }
}

/// A completed value, its keys in order.
enum Completed {
    Null,
    Leaf(serde_json::Value),
    List(Vec<Completed>),
    Object(Vec<(String, Completed)>),
}

impl Completed {
    fn write(&self, text: &mut String) {
        match self {
            Completed::Null => text.push_str("null"),
            Completed::Leaf(value) => text.push_str(&value.to_string()),
            Completed::List(items) => {
                text.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    item.write(text);
                }
                text.push(']');
            }
            Completed::Object(entries) => {
                text.push('{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    text.push_str(&serde_json::Value::from(key.as_str()).to_string());
                    text.push(':');
                    value.write(text);
                }
                text.push('}');
            }
        }
    }
}
