//! What a graph makes of writing: mutations, their inputs, and mistakes in what is declared of them.

use std::fmt::Write as _;

use backref::graph::keys::KeyValue;
use backref::graph::policy::Rule;
use backref::graph::rules::Visibility;
use backref::graph::validate::{Check, Invalid};
use backref::graph::writing::KeyMaker;
use backref::graph::{Catalog, Entity, Preset, Principal, Subject};
use backref::read::plan::Limits;
use backref::schema::Schema;
use backref::{Graph, blog};
use entity::{comment, follow, post, post_tag, profile, tag, user};

use crate::generality;
use crate::generality::shop;

fn built(graph: Graph) -> Catalog {
    graph.build().unwrap_or_else(|e| panic!("{e}"))
}

fn schema(graph: Graph) -> Schema {
    let schema = Schema::new(&built(graph), Limits::default().default_page());
    schema.unwrap_or_else(|e| panic!("{e}"))
}

fn entity<'c>(catalog: &'c Catalog, type_name: &str) -> &'c Entity {
    let id = catalog.entity_of_type(type_name).expect("the type");
    &catalog.entities[id]
}

#[track_caller]
fn refused(graph: Graph, expected: &[&str]) {
    let found = graph.build().map_or_else(|e| e.mistakes, |_| Vec::new());
    let [message] = &found[..] else {
        panic!("one mistake, not {found:#?}")
    };
    for part in expected {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

/// The fields of a type, or of an input, each with its type; those of `Mutation` with their arguments.
fn fields(schema: &Schema, type_name: &str) -> Vec<String> {
    let Some(of_type) = schema.types.types.get(type_name) else {
        return Vec::new();
    };
    if let Some(input) = of_type.as_input_object() {
        let fields = input.fields.values();
        return fields.map(|f| format!("{}: {}", f.name, f.ty)).collect();
    }
    if let Some(of) = of_type.as_enum() {
        return of.values.keys().map(|v| v.to_string()).collect();
    }
    let object = of_type.as_object().expect("an object");
    let fields = object.fields.values().map(|f| {
        let arguments = f.arguments.iter();
        let arguments: Vec<_> = arguments.map(|a| format!("{}: {}", a.name, a.ty)).collect();
        format!("{}({}): {}", f.name, arguments.join(", "), f.ty)
    });
    fields.collect()
}

/// All that is for writing, a line each.
fn surface(schema: &Schema) -> String {
    let mut out = String::new();
    let written = [
        "Create",
        "Update",
        "UpdateOne",
        "Key",
        "Link",
        "With",
        "EdgeInput",
    ];
    let mut names: Vec<&str> = schema.types.types.keys().map(|n| n.as_str()).collect();
    names.sort_unstable();
    let is_written = |name: &&str| written.iter().any(|suffix| name.ends_with(suffix));
    names.retain(|name| is_written(name) && !name.ends_with("AggregateKey"));
    for name in ["Mutation"].into_iter().chain(names) {
        let fields = fields(schema, name);
        let separator = match name {
            "Mutation" => "\n  ",
            _ => " ",
        };
        let fields = fields.iter().map(|f| format!("{separator}{f}"));
        let _ = writeln!(out, "{name}:{}", fields.collect::<String>());
    }
    out
}

#[test]
fn any_folder_of_entities_has_its_inputs() {
    insta::assert_snapshot!(surface(&schema(generality::graph())));
}

#[test]
fn the_blog_has_its_inputs() {
    // What somebody has added to the box has inputs, too.
    let catalog = built(blog::graph());
    if catalog.entities.iter().all(|e| OWN.contains(&&*e.table)) {
        insta::assert_snapshot!(surface(&schema(blog::graph())));
    }
}

/// The tables of the box, beside which somebody may have added others.
const OWN: [&str; 7] = [
    "user", "profile", "post", "tag", "post_tag", "comment", "follow",
];

#[test]
fn keys_defaults_and_lengths_are_read_from_the_entities() {
    let catalog = built(blog::graph());
    let post = entity(&catalog, "Post");
    assert_eq!(post.writing.key, KeyMaker::Database);
    assert_eq!(entity(&catalog, "Profile").writing.key, KeyMaker::Given);
    let required: Vec<_> = post.columns.iter().filter(|c| c.written.required).collect();
    let required: Vec<_> = required.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(required, ["title", "slug", "body"]);
    let version = post.writing.version.expect("a version");
    assert_eq!(post.columns[version].name, "version");
    assert!(
        post.writing
            .preset(version, true)
            .is_some_and(|p| !p.replaceable)
    );
    let owned: Vec<_> = post
        .writing
        .owned
        .iter()
        .map(|&r| &catalog.relations[r].name)
        .collect();
    assert_eq!(owned, ["comments"]);
    let pair = &catalog.pairs[0];
    assert_eq!(catalog.relations[pair.relation].name, "following");
}

#[test]
fn what_is_not_to_be_written_is_not_there() {
    let graph = || generality::graph();
    let none = schema(graph().without_mutations());
    assert!(none.types.get_object("Mutation").is_none());
    let accounts = schema(blog::graph().without_mutations());
    let names: Vec<_> = fields(&accounts, "Mutation");
    assert!(
        names.len() == 2 && names[0].starts_with("signUp"),
        "{names:?}"
    );

    let albums = schema(graph().read_only(shop::album::Entity));
    assert!(
        !fields(&albums, "Mutation")
            .iter()
            .any(|f| f.contains("Album"))
    );
    let artists = schema(graph().read_only(shop::artist::Entity));
    assert_eq!(fields(&artists, "ArtistLink"), ["connect: ID"]);
    // Whoever is in an album's key can be no more than looked at from the artist.
    assert!(
        !fields(&albums, "ArtistUpdate")
            .iter()
            .any(|f| f.starts_with("albums"))
    );

    let title = schema(graph().read_only_column(shop::album::Column::Title));
    // A title is never null and nothing else makes it, so no album can be made.
    assert!(
        !fields(&title, "Mutation")
            .iter()
            .any(|f| f.contains("createAlbum"))
    );
    assert!(
        !fields(&title, "AlbumUpdate")
            .iter()
            .any(|f| f.starts_with("title"))
    );

    let kept = schema(
        blog::graph()
            .without_delete(post::Entity)
            .without_update(tag::Entity),
    );
    let mutations = fields(&kept, "Mutation");
    assert!(!mutations.iter().any(|f| f.starts_with("deletePost")));
    assert!(
        !mutations
            .iter()
            .any(|f| f.starts_with("upsertTag") || f.starts_with("updateTag"))
    );
    assert!(
        !fields(&kept, "UserPostsUpdate")
            .iter()
            .any(|f| f.starts_with("delete"))
    );
    assert!(
        !fields(&kept, "PostTagsUpdate")
            .iter()
            .any(|f| f.starts_with("update"))
    );

    // Links that cannot be made leave what can be done without them.
    let links = schema(blog::graph().read_only(post_tag::Entity));
    assert!(fields(&links, "PostTagsCreate").is_empty());
    assert_eq!(
        fields(&links, "PostTagsUpdate"),
        ["delete: [ID!]", "update: [TagUpdateOne!]"]
    );
}

/// Without a key nothing is found by one.
#[test]
fn a_key_that_is_left_out_finds_no_rows() {
    let whole = schema(blog::graph());
    assert_eq!(fields(&whole, "UserKey"), ["USERNAME", "EMAIL"]);
    let none = schema(
        blog::graph()
            .without_key(tag::Entity, "NAME")
            .without_key(user::Entity, "EMAIL"),
    );
    assert_eq!(fields(&none, "UserKey"), ["USERNAME"]);
    assert!(fields(&none, "TagKey").is_empty());
    let mutations = fields(&none, "Mutation");
    assert!(!mutations.iter().any(|f| f.starts_with("upsertTag")));
    assert!(mutations.iter().any(|f| f.starts_with("upsertUser")));
}

#[test]
fn rules_for_writing_are_asked_for_each_class() {
    let catalog = built(blog::graph());
    let of = |role: &str| {
        let subject = Subject::new("1").with_role(role);
        catalog.rules(catalog.shape(&Principal::subject(subject)))
    };
    let id = |name: &str| catalog.entity_of_type(name).expect("a type");
    let (post, tag, user) = (id("Post"), id("Tag"), id("User"));
    let nobody = catalog.rules(catalog.shape(&Principal::Anonymous));
    let own = (0..catalog.entities.len()).filter(|&e| OWN.contains(&&*catalog.entities[e].table));
    for entity in own {
        let all = [
            nobody.create(entity),
            nobody.update(entity),
            nobody.delete(entity),
        ];
        assert!(
            all.iter().all(|may| **may == Visibility::Nothing),
            "{entity}"
        );
        let admin = of("admin");
        let all = [
            admin.create(entity),
            admin.update(entity),
            admin.delete(entity),
        ];
        assert!(all.iter().all(|may| **may == Visibility::All), "{entity}");
    }
    let mut written = catalog.written_by_anybody();
    assert!(written.all(|e| !OWN.contains(&&*e.table)));
    assert!(matches!(of("author").create(post), Visibility::Where(_)));
    assert_eq!(*of("reader").create(post), Visibility::Nothing);
    assert_eq!(*of("author").create(tag), Visibility::All);
    assert_eq!(*of("author").delete(tag), Visibility::Nothing);
    assert_eq!(*of("reader").connect(tag), Visibility::All);
    let role = catalog.entities[user]
        .columns
        .iter()
        .position(|c| c.name == "role");
    let role = role.expect("a column");
    assert_eq!(*of("author").write_column(user, role), Visibility::Nothing);
    assert_eq!(*of("admin").write_column(user, role), Visibility::All);

    // All rules must hold, and what holds for all is one of them.
    let graph = Graph::new()
        .entity(user::Entity)
        .entity(profile::Entity)
        .entity(post::Entity)
        .entity(comment::Entity)
        .write_policy_of_all(|me, _| Rule::when(!me.is_anonymous()))
        .create_policy(post::Entity, |me, _| Rule::when(me.has("author")))
        .create_policy(post::Entity, |me, _| me.is(post::Column::AuthorId));
    let catalog = built(graph);
    let post = catalog.entity_of_type("Post").expect("a type");
    let rules = |principal| catalog.rules(catalog.shape(&principal));
    let author = Principal::subject(Subject::new("1").with_role("author"));
    let other = Principal::subject(Subject::new("1"));
    assert!(matches!(rules(author).create(post), Visibility::Where(_)));
    assert_eq!(*rules(other.clone()).create(post), Visibility::Nothing);
    assert_eq!(*rules(other).update(post), Visibility::All);
    assert_eq!(
        *rules(Principal::Anonymous).update(post),
        Visibility::Nothing
    );
    assert_eq!(built(generality::graph()).written_by_anybody().count(), 16);
}

#[test]
fn all_that_is_wrong_with_a_row_is_told_at_once() {
    let graph = blog::graph().validate_row(post::Entity, |row, me| {
        let mut wrong = Vec::new();
        if row.is_new() && row.is_null(post::Column::PublishedAt) {
            wrong.push(Invalid::of(post::Column::PublishedAt, "say when"));
        }
        if me.known().is_none() && row.has(post::Column::Title) {
            wrong.push(Invalid::row("sign in first"));
        }
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(wrong),
        }
    });
    let catalog = built(graph);
    let post = entity(&catalog, "Post");
    let at = |name: &str| {
        post.columns
            .iter()
            .position(|c| c.name == name)
            .expect("it")
    };
    let text = |text: &str| KeyValue::Text(text.into());
    let [title, slug, body] = ["a\nb", "No Slug", ""].map(text);
    let values = [
        (at("title"), Some(&title)),
        (at("slug"), Some(&slug)),
        (at("body"), Some(&body)),
        (at("published_at"), None),
    ];
    let problems = post
        .writing
        .problems(post, &values, true, &Principal::Anonymous);
    let told: Vec<_> = problems
        .iter()
        .map(|p| (p.column, p.message.as_str()))
        .collect();
    let expected = [
        (
            Some(at("title")),
            "`title` must be 1 to 200 characters, without breaks of lines",
        ),
        (
            Some(at("slug")),
            "`slug` must be words of the letters a to z and digits, with `-` between them",
        ),
        (Some(at("published_at")), "say when"),
        (None, "sign in first"),
    ];
    assert_eq!(told, expected);
    let user = entity(&catalog, "User");
    let username = user
        .columns
        .iter()
        .position(|c| c.name == "username")
        .expect("it");
    let problems = user.writing.problems(
        user,
        &[(username, Some(&text("Ada")))],
        false,
        &Principal::Anonymous,
    );
    assert!(
        problems[0].message.contains("2 to 32 of the letters"),
        "{problems:?}"
    );
}

#[test]
fn what_cannot_be_declared_is_named() {
    let graph = blog::graph;
    let no_time = graph().on_create(post::Column::Title, Preset::now());
    refused(
        no_time,
        &["preset of column `post.title`", "no date with a time"],
    );
    let no_value = graph().by_default(post::Column::Status, Preset::value("gone"));
    refused(
        no_value,
        &["preset of column `post.status`", "is no value of it"],
    );
    let second = graph().version(post::Column::Id);
    refused(second, &["`.version(post.id)`", "whole number"]);
    let number = graph().validate(post::Column::Version, Check::slug());
    refused(number, &["`.validate(post.version", "no texts"]);
    let text = graph().validate(post::Column::Title, Check::range(1..));
    refused(text, &["`.validate(post.title", "no numbers"]);
    let expression = graph().validate(post::Column::Title, Check::pattern("("));
    refused(expression, &["`.validate(post.title", "expression"]);
    let link = graph().owns(post_tag::Relation::Post);
    refused(link, &["`.owns(post_tag::Relation::Post)`", "foreign key"]);
    let taken = graph().pair(follow::Relation::Follower, "createPost", "unfollowed");
    refused(taken, &["`createPost` is another mutation already"]);
    let no_link = graph().pair(comment::Relation::Post, "a", "b");
    refused(no_link, &["`.pair(comment::Relation::Post", "junction"]);
    let unknown = generality::graph().read_only(post::Entity);
    refused(unknown, &["table `post`", "register it"]);
    let key = graph().unique_key(post::Entity, "no name", [post::Column::Title]);
    refused(key, &["`.unique_key(…)`", "`no name`"]);
    let key = graph().unique_key(post::Entity, "SLUG", [post::Column::Title]);
    refused(key, &["`SLUG` is the name of another key"]);
    let hash = [user::Column::PasswordHash];
    let key = graph().unique_key(user::Entity, "HASH", hash);
    refused(key, &["`HASH` has a column that no new row is given"]);
    let key = graph().without_key(post::Entity, "TITLE");
    refused(key, &["`.without_key(…)`", "no key `TITLE`"]);
    let rule = graph().create_policy(post::Entity, |me, _| me.is(user::Column::Id));
    refused(rule, &["entity::post", "`user.id`", "not of `post`"]);
}
