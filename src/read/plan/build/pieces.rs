//! Pieces: fields that are written as one.
//!
//! A row's cells lie one after the other. Where only one field of the plan writes a cell, the field's name is kept
//! before it, once for each row that is read; so fields that follow each other as their cells do are copied to the
//! answer together.

use crate::read::plan::own::OwnSelection;
use crate::read::plan::{Lead, Level, LevelId, Output, RootField, RootOutput, Selection};

pub(super) fn join(root: &mut [RootField], levels: &mut [Level]) {
    let mut writers: Vec<Vec<u32>> = levels.iter().map(|l| vec![0; l.cells.len()]).collect();
    for field in &mut *root {
        each(field, &mut |level, selection| {
            for field in &selection.fields {
                match &field.value {
                    Output::Cell { cell, .. } => writers[level][*cell] += 1,
                    Output::CompositeId { cells, .. } => {
                        cells.iter().for_each(|&cell| writers[level][cell] += 1);
                    }
                    Output::Total { level, cell, .. }
                    | Output::StartCursor { level, cell }
                    | Output::EndCursor { level, cell } => writers[*level][*cell] += 1,
                    _ => {}
                }
            }
        });
    }
    for level in &mut *levels {
        level.leads.resize_with(level.cells.len(), || None);
    }
    for field in root {
        each(field, &mut |level, selection| {
            let mut next = None;
            for field in selection.fields.iter_mut().rev() {
                next = match &mut field.value {
                    Output::Cell {
                        cell,
                        nullable,
                        piece,
                    } if writers[level][*cell] == 1 => {
                        *piece = match next {
                            Some((next, rest)) if next == *cell + 1 => rest + 1,
                            _ => 1,
                        };
                        levels[level].leads[*cell] = Some(Lead {
                            json: field.prefix.clone(),
                            nullable: *nullable,
                        });
                        Some((*cell, *piece))
                    }
                    _ => None,
                };
            }
        });
    }
}

/// Every selection of a root field, with the level whose rows it is about.
fn each(field: &mut RootField, act: &mut impl FnMut(LevelId, &mut Selection)) {
    match &mut field.value {
        RootOutput::Typename(_)
        | RootOutput::Introspection
        | RootOutput::Token
        | RootOutput::Count => {}
        RootOutput::Session(fields) | RootOutput::Changed(fields) => {
            fields.iter_mut().for_each(|f| each(f, act))
        }
        RootOutput::Page { level, selection } => within(*level, selection, act),
        // What stands in it is about rows further below.
        RootOutput::Object(selection) => within(0, selection, act),
        RootOutput::Own { selection, .. } => within_own(selection, act),
        RootOutput::Lookup { lookups, .. } => {
            let choices = lookups.iter_mut().map(|l| &mut l.choice);
            choices.for_each(|c| within(c.level, &mut c.selection, act));
        }
        RootOutput::Node { choices, .. } | RootOutput::Nodes { choices, .. } => {
            let choices = choices.iter_mut();
            choices.for_each(|c| within(c.level, &mut c.selection, act));
        }
        RootOutput::Viewer(choice)
        | RootOutput::Written(choice)
        | RootOutput::WrittenMany(choice) => within(choice.level, &mut choice.selection, act),
    }
}

fn within(
    level: LevelId,
    selection: &mut Selection,
    act: &mut impl FnMut(LevelId, &mut Selection),
) {
    act(level, selection);
    for field in &mut selection.fields {
        match &mut field.value {
            Output::One {
                level, selection, ..
            }
            | Output::Many { level, selection }
            | Output::Page { level, selection }
            | Output::Enclosing {
                level, selection, ..
            } => within(*level, selection, act),
            Output::Object(selection) => within(level, selection, act),
            Output::Own { selection, .. } => within_own(selection, act),
            _ => {}
        }
    }
}

/// The rows that a field of one's own gives.
fn within_own(selection: &mut OwnSelection, act: &mut impl FnMut(LevelId, &mut Selection)) {
    if let OwnSelection::Rows(level, selection) = selection {
        within(*level, selection, act);
    }
}
