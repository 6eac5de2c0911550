//! Whether the values of variables already are what coercion makes of them, as they nearly always are: then nothing of
//! them is copied. Whatever is in doubt is coerced, which also says what is wrong with it.
//!
//! The rules are those of the specification, "Input Coercion" of each type.

use apollo_compiler::Schema;
use apollo_compiler::ast::Type;
use apollo_compiler::executable::Operation;
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::schema::{ExtendedType, InputObjectType};

/// Whether coercion would give these very values, but for those that the operation does not define.
pub fn are_coerced(schema: &Schema, operation: &Operation, values: &JsonMap) -> bool {
    let mut variables = operation.variables.iter();
    variables.all(|variable| match values.get(variable.name.as_str()) {
        Some(value) => is_coerced(schema, &variable.ty, value),
        None => variable.default_value.is_none() && !variable.ty.is_non_null(),
    })
}

fn is_coerced(schema: &Schema, ty: &Type, value: &JsonValue) -> bool {
    if value.is_null() {
        return !ty.is_non_null();
    }
    let name = match ty {
        // One value alone is made a list of it.
        Type::List(of) | Type::NonNullList(of) => {
            let mut items = value.as_array().into_iter().flatten();
            return value.is_array() && items.all(|item| is_coerced(schema, of, item));
        }
        Type::Named(name) | Type::NonNullNamed(name) => name,
    };
    match schema.types.get(name) {
        Some(ExtendedType::Scalar(_)) => match name.as_str() {
            "Int" => value.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
            // A whole number is one as well; how large, coercion knows.
            "Float" => value.is_f64() || value.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
            "String" => value.is_string(),
            "Boolean" => value.is_boolean(),
            "ID" => value.is_string() || value.is_i64(),
            _ => true,
        },
        Some(ExtendedType::Enum(of)) => value.as_str().is_some_and(|v| of.values.contains_key(v)),
        Some(ExtendedType::InputObject(of)) => {
            let fields = value.as_object();
            fields.is_some_and(|fields| is_object(schema, of, fields))
        }
        _ => false,
    }
}

fn is_object(schema: &Schema, of: &InputObjectType, fields: &JsonMap) -> bool {
    if of.is_one_of() && (fields.len() != 1 || fields.values().any(JsonValue::is_null)) {
        return false;
    }
    let mut given = fields.iter();
    let mut left_out = of
        .fields
        .iter()
        .filter(|(_, field)| field.ty.is_non_null() || field.default_value.is_some());
    given.all(|(name, value)| {
        let field = of.fields.get(name.as_str());
        field.is_some_and(|field| is_coerced(schema, &field.ty, value))
    }) && left_out.all(|(name, _)| fields.contains_key(name.as_str()))
}

#[cfg(test)]
mod tests {
    use apollo_compiler::ExecutableDocument;
    use apollo_compiler::request::coerce_variable_values;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const SCHEMA: &str = "
        type Query { f(a: In, b: [[Int!]], c: [One!], d: Float, e: ID!, g: Color): Int }
        input In { i: Int, s: String! = \"s\", r: Boolean!, n: In, l: [In!], x: Any, c: Color = RED }
        input One @oneOf { i: Int, n: In }
        enum Color { RED GREEN }
        scalar Any
        directive @oneOf on INPUT_OBJECT";
    const QUERY: &str =
        "query($a: In, $b: [[Int!]], $c: [One!], $d: Float, $e: ID!, $g: Color = GREEN) {
        f(a: $a, b: $b, c: $c, d: $d, e: $e, g: $g) }";

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|b| json!(b)),
            prop_oneof![Just(0i64), Just(7), Just(1 << 40), any::<i64>()].prop_map(|n| json!(n)),
            Just(json!(1.5)),
            prop_oneof![Just("RED"), Just("BLUE"), Just("a")].prop_map(|s| json!(s)),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let name = prop_oneof!["i", "s", "r", "n", "l", "x", "c", "z"];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
                prop::collection::hash_map(name, inner, 0..5).prop_map(|fields| json!(fields)),
            ]
        })
    }

    /// Values of which many are right.
    fn input() -> impl Strategy<Value = serde_json::Value> {
        let leaf = (any::<bool>(), prop_oneof![Just(json!("RED")), value()])
            .prop_map(|(r, c)| json!({ "r": r, "s": "s", "c": c }));
        leaf.prop_recursive(3, 8, 3, |inner| {
            (any::<bool>(), prop::collection::vec(inner, 0..3))
                .prop_map(|(r, l)| json!({ "r": r, "s": "", "c": "GREEN", "l": l }))
        })
    }

    proptest! {
        #[test]
        fn what_is_not_copied_is_what_coercion_gives(
            a in prop_oneof![input(), value()],
            b in value(),
            c in prop_oneof![input().prop_map(|n| json!([{ "n": n }])), value()],
            d in value(),
            e in prop_oneof![Just(json!("1")), value()],
            g in prop_oneof![Just(json!("RED")), value()],
        ) {
            let schema = apollo_compiler::Schema::parse_and_validate(SCHEMA, "s").expect("a schema");
            let document = ExecutableDocument::parse_and_validate(&schema, QUERY, "q");
            let document = document.expect("a document");
            let operation = document.operations.get(None).expect("an operation");
            let values = json!({ "a": a, "b": b, "c": c, "d": d, "e": e, "g": g });
            let values: JsonMap = serde_json::from_value(values).expect("an object");
            if are_coerced(&schema, operation, &values) {
                let coerced = coerce_variable_values(&schema, operation, &values);
                prop_assert_eq!(coerced.map(|c| c.into_inner()).ok(), Some(values));
            }
        }
    }

    #[test]
    fn what_is_usual_is_not_copied() {
        let schema = apollo_compiler::Schema::parse_and_validate(SCHEMA, "s").expect("a schema");
        let document = ExecutableDocument::parse_and_validate(&schema, QUERY, "q");
        let document = document.expect("a document");
        let operation = document.operations.get(None).expect("an operation");
        let is = |values: serde_json::Value| {
            let values: JsonMap = serde_json::from_value(values).expect("an object");
            are_coerced(&schema, operation, &values)
        };
        let a = json!({ "r": true, "s": "", "c": "RED", "i": 1, "l": [], "x": { "y": [1.5] } });
        assert!(is(
            json!({ "a": a, "b": [[1], null], "c": [{ "n": a }], "d": 1.5, "e": 7, "g": null })
        ));
        // A default is to be put in, a value to be made a list, something is missing or too much.
        assert!(!is(json!({ "e": "1" })));
        assert!(!is(json!({ "e": "1", "g": "RED", "b": [1] })));
        assert!(!is(
            json!({ "e": "1", "g": "RED", "a": { "r": true, "c": "RED" } })
        ));
        assert!(!is(
            json!({ "e": "1", "g": "RED", "c": [{ "i": 1, "n": null }] })
        ));
        assert!(!is(json!({ "g": "RED" })));
    }
}
