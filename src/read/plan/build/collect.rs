//! CollectFields and CollectSubfields of the specification, with the Booleans of `@skip` and `@include` known.

use std::collections::HashSet;

use apollo_compiler::ast::Value;
use apollo_compiler::collections::IndexMap;
use apollo_compiler::executable::{Field, Selection as Syntax, SelectionSet};
use apollo_compiler::{Name, Node};

use super::Builder;

pub(super) type Grouped<'a> = IndexMap<&'a Name, Vec<&'a Node<Field>>>;

impl<'a> Builder<'a> {
    /// CollectFields over several selection sets of one object type. A fragment is visited once: a second
    /// visit would add fields to groups that have them. The fields of a group have the same name and arguments.
    pub(super) fn collect(&self, type_name: &str, sets: &[&'a SelectionSet]) -> Grouped<'a> {
        let mut grouped = Grouped::default();
        let mut visited = HashSet::new();
        for set in sets {
            self.collect_into(type_name, set, &mut visited, &mut grouped);
        }
        grouped
    }

    fn collect_into(
        &self,
        type_name: &str,
        set: &'a SelectionSet,
        visited: &mut HashSet<&'a Name>,
        grouped: &mut Grouped<'a>,
    ) {
        for selection in &set.selections {
            if !self.included(selection) {
                continue;
            }
            match selection {
                Syntax::Field(field) => grouped
                    .entry(field.response_name())
                    .or_default()
                    .push(field),
                Syntax::InlineFragment(fragment) => {
                    let condition = fragment.type_condition.as_ref();
                    if condition.is_none_or(|c| applies(c, type_name)) {
                        self.collect_into(type_name, &fragment.selection_set, visited, grouped);
                    }
                }
                Syntax::FragmentSpread(spread) => {
                    if visited.insert(&spread.fragment_name)
                        && let Some(fragment) = self
                            .document
                            .executable
                            .fragments
                            .get(&spread.fragment_name)
                        && applies(fragment.type_condition(), type_name)
                    {
                        self.collect_into(type_name, &fragment.selection_set, visited, grouped);
                    }
                }
            }
        }
    }

    fn included(&self, selection: &Syntax) -> bool {
        let condition = |name: &str| {
            let directive = selection.directives().get(name)?;
            match &**directive.specified_argument_by_name("if")? {
                Value::Boolean(b) => Some(*b),
                Value::Variable(v) => self
                    .conditions
                    .iter()
                    .find(|(n, _)| n == v)
                    .map(|(_, b)| *b),
                _ => None,
            }
        };
        condition("skip") != Some(true) && condition("include") != Some(false)
    }
}

/// Whether a fragment on `condition` applies to an object type. The only abstract type is `Node`, which
/// every object type but the root implements.
fn applies(condition: &Name, type_name: &str) -> bool {
    condition == type_name || (condition == "Node" && type_name != "Query")
}
