//! A graph that cannot be served is refused at start: the message names the entity, the variant and the
//! remedy.

use backref::Graph;

use super::shop::*;

fn mistakes(graph: Graph) -> Vec<String> {
    match graph.build() {
        Ok(_) => Vec::new(),
        Err(error) => error.mistakes,
    }
}

#[track_caller]
fn check(graph: Graph, expected: &[&str]) {
    let found = mistakes(graph);
    let [message] = &found[..] else {
        panic!("one mistake, not {found:#?}")
    };
    for part in expected {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn a_relation_to_an_entity_that_is_not_registered() {
    let graph = Graph::new().entity(passport::Entity);
    check(
        graph,
        &[
            "passport::Relation::Employee",
            "table `Employee`",
            "not on the graph",
            "register its entity with `.entity(",
        ],
    );
}

#[test]
fn a_relation_called_as_a_column() {
    let graph = Graph::new()
        .entity(language::Entity)
        .entity(film::Entity)
        .rename(film::Relation::Language1, "title");
    check(
        graph,
        &[
            "film::Relation::Language1",
            "second field `title` of `Film`",
            "`.rename(",
        ],
    );
}

#[test]
fn an_inverse_called_as_a_column() {
    let graph = Graph::new()
        .entity(language::Entity)
        .entity(film::Entity)
        .backref(film::Relation::Language1, "name");
    check(
        graph,
        &[
            "the inverse of",
            "film::Relation::Language1",
            "second field `name` of `Language`",
            "`.backref(",
        ],
    );
}

#[test]
fn two_columns_of_one_name() {
    let graph = Graph::new()
        .entity(specimen::Entity)
        .rename_column(specimen::Column::Small, "big");
    check(
        graph,
        &[
            "specimen",
            "column `big`",
            "second field `big`",
            "`.rename_column(",
        ],
    );
}

#[test]
fn two_entities_of_one_type_name() {
    let graph = Graph::new()
        .entity(language::Entity)
        .entity(specimen::Entity)
        .type_name(specimen::Entity, "Language");
    check(
        graph,
        &[
            "shop::specimen",
            "shop::language",
            "type `Language`",
            "`.type_name(",
        ],
    );
}

#[test]
fn a_reserved_type_name() {
    for name in ["Query", "Node", "String", "DateTime"] {
        let graph = Graph::new()
            .entity(language::Entity)
            .type_name(language::Entity, name);
        check(
            graph,
            &[
                "shop::language",
                &format!("`{name}` is reserved"),
                "`.type_name(",
            ],
        );
    }
}

#[test]
fn a_table_registered_twice() {
    let graph = Graph::new()
        .entity(language::Entity)
        .entity(language::Entity);
    let found = mistakes(graph);
    assert!(
        found[0].contains("table `language` is registered twice; remove one `.entity("),
        "{found:#?}"
    );
}

#[test]
fn definitions_that_match_nothing() {
    let shop = || Graph::new().entity(language::Entity).entity(film::Entity);
    check(
        shop().backref(passport::Relation::Employee, "x"),
        &[
            "`.backref(",
            "passport::Relation::Employee",
            "matches nothing",
        ],
    );
    check(
        shop().through(film::Relation::Language1, "x"),
        &[
            "`.through(",
            "film::Relation::Language1",
            "matches nothing",
            "junction",
        ],
    );
    check(
        shop().rename(passport::Relation::Employee, "x"),
        &[
            "`.rename(",
            "passport::Relation::Employee",
            "matches nothing",
        ],
    );
    check(
        shop().describe_relation(passport::Relation::Employee, "x"),
        &[
            "`.describe_relation(",
            "passport::Relation::Employee",
            "matches nothing",
        ],
    );
    check(
        shop().describe(passport::Entity, "x"),
        &["table `passport`", "not on the graph"],
    );
    check(
        shop().describe_column(passport::Column::Number, "x"),
        &["column `passport.", "not on the graph"],
    );
}

#[test]
fn definitions_on_entities_that_are_not_registered() {
    let shop = || Graph::new().entity(language::Entity).entity(film::Entity);
    check(
        shop().hide(passport::Column::Number),
        &["column `passport.number`", "not on the graph", "`.entity("],
    );
    check(
        shop().rename_column(passport::Column::Number, "x"),
        &["column `passport.number`", "`.entity("],
    );
    check(
        shop().type_name(passport::Entity, "Pass"),
        &["table `passport`", "`.entity("],
    );
    check(
        shop().expose(credit::Entity),
        &["table `Credit`", "`.entity("],
    );
}
