//! Documents by the grammar, damaged by a token or a character, are valid, wrong or no documents as graphql-js says,
//! and what is no document is so at the same place.
//!
//! Some thousand each time. To search further, with other documents:
//! `DAMAGED_DOCUMENTS=1000000 DAMAGED_SEED=7 cargo test --release --test integration damaged`.

use std::collections::BTreeSet;

use backref::error::Code;
use backref::read::plan::{Document, DocumentLimits, Limits};
use backref::schema::Schema;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::generate::{self, Dice};
use crate::harness::blog;
use crate::validity_peer::{GraphqlJs, Kind, Verdict};

/// Documents damaged, where nobody asks for more.
const DOCUMENTS: usize = 4_000;
/// Documents made of one.
const OF_EACH: usize = 8;
/// Documents judged at a time.
const BATCH: usize = 400;
/// Differences shown.
const SHOWN: usize = 20;

#[test]
fn damaged_documents_are_what_graphql_js_says() {
    let schema = schema();
    let Some(mut peer) = GraphqlJs::of(&schema.sdl) else {
        return;
    };
    let asked = |name: &str| std::env::var(name).ok().and_then(|n| n.parse().ok());
    let documents = asked("DAMAGED_DOCUMENTS").unwrap_or(DOCUMENTS);
    let seed = asked("DAMAGED_SEED").unwrap_or(1);
    let mut dice = Dice::new(seed as u64);
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(seed as u64),
        ..Config::default()
    });
    let valid = generate::valid_document();
    let mut counts = [0; 3];
    let mut differences = Vec::new();
    let mut texts = Vec::new();
    let mut done = 0;
    while done < documents {
        while texts.len() < BATCH.min(documents - done) {
            let tokens = match dice.below(3) {
                0 => generate::by_grammar(&mut dice),
                _ => {
                    let tree = valid.new_tree(&mut runner).expect("a document");
                    generate::tokens(&tree.current())
                }
            };
            texts.extend((0..OF_EACH).map(|_| generate::damaged(&tokens, &mut dice)));
        }
        let judge = || texts.iter().map(|text| judged(&schema, text)).collect();
        let (verdicts, own): (Vec<Verdict>, Vec<Own>) = peer.verdicts(&texts, judge);
        for ((text, theirs), own) in texts.drain(..).zip(verdicts).zip(own) {
            done += 1;
            counts[own.0 as usize] += 1;
            if !agree(&text, &own, &theirs) {
                differences.push(text);
            }
        }
        differences.truncate(SHOWN);
        if done % 100_000 < BATCH {
            eprintln!("{done}: {counts:?}, {} differ", differences.len());
        }
    }
    let shown = differences.into_iter().map(|text| {
        let text = smallest(text, |text| {
            !agree(text, &judged(&schema, text), &peer.verdict(text))
        });
        let (own, theirs) = (judged(&schema, &text), peer.verdict(&text));
        format!("{text:?}\nserver: {own:?}\ngraphql-js: {theirs:?}")
    });
    let shown: BTreeSet<_> = shown.collect();
    let all = shown.iter().cloned().collect::<Vec<_>>().join("\n\n");
    assert!(shown.is_empty(), "{all}");
    let [valid, parse, validation] = counts;
    let fair = documents / 50;
    assert!(
        valid > fair && parse > fair && validation > fair,
        "{valid} valid, {parse} no documents, {validation} break rules"
    );
}

/// What is left of a text when nothing of it can go for it to be as it is.
fn smallest(mut text: String, mut is_so: impl FnMut(&str) -> bool) -> String {
    let mut size = text.len() / 2;
    while size > 0 {
        let (mut at, mut smaller) = (0, false);
        while at < text.len() {
            let end = text.ceil_char_boundary((at + size).min(text.len()));
            let without = format!("{}{}", &text[..at], &text[end..]);
            if is_so(&without) {
                (text, smaller) = (without, true);
            } else {
                at = end;
            }
        }
        if !smaller || size > 1 {
            size /= 2;
        }
    }
    text
}

/// What is too large is another matter.
const UNLIMITED: DocumentLimits = DocumentLimits {
    tokens: usize::MAX,
    fields: u64::MAX,
    aliases: u64::MAX,
    directives: u64::MAX,
    introspection: true,
};

/// What the server says of a document; where it is none, at which line and column, and why.
type Own = (Kind, Option<(usize, usize)>, Vec<String>);

fn judged(schema: &Schema, text: &str) -> Own {
    let errors = match Document::parse(schema, text, &UNLIMITED) {
        Ok(_) => return (Kind::Valid, None, Vec::new()),
        Err(errors) => errors,
    };
    let at = errors[0].locations.first().map(|l| (l.line, l.column));
    let kind = match errors[0].code {
        Code::GraphqlParseFailed => Kind::Parse,
        Code::GraphqlValidationFailed => Kind::Validation,
        code => panic!("{code:?}: {text}"),
    };
    let at = at.filter(|_| kind == Kind::Parse);
    (kind, at, errors.into_iter().map(|e| e.message).collect())
}

fn agree(text: &str, (kind, at, messages): &Own, theirs: &Verdict) -> bool {
    // By SameResponseShape `a: __typename` is no `a: bio`, since one may be null; graphql-js does not look at the type
    // of `__typename`.
    let of_typename = |e: &String| e.contains("different types using the same name");
    if *kind == Kind::Validation && theirs.valid && messages.iter().all(of_typename) {
        return text.contains("__typename");
    }
    *kind == theirs.kind && *at == theirs.at
}

/// What was found once, and is held without graphql-js.
#[test]
fn documents_that_were_judged_wrongly_stay_judged_rightly() {
    let schema = schema();
    let found = [
        ("{ posts(limit) { id } }", Kind::Parse),
        (
            "{ a: posts { id } } query { posts { id } }",
            Kind::Validation,
        ),
        ("subscription { posts { id } }", Kind::Validation),
        (
            "{ users { __typename ...F } } fragment F on Node { ... on Profile { __typename: bio } }",
            Kind::Validation,
        ),
        ("{ ...,F } fragment F on Query { __typename }", Kind::Valid),
        ("{ ...,on Query { __typename } }", Kind::Valid),
        ("{ ...,@include(if: true) { __typename } }", Kind::Valid),
        ("{ ..., { __typename } }", Kind::Valid),
        ("{ a,: posts { id } }", Kind::Valid),
        (
            "{ a ,,, # , \n , : posts { ...,# ,\n,on Post { id } } }",
            Kind::Valid,
        ),
        (
            "query ($t,: String = \"a,b\") { posts(where,: { title,: { eq,: $t } }) { id } }",
            Kind::Valid,
        ),
        (
            r#"{ a: tags(where: { id: { in: ["1", "2"] } }) @skip(if: true) { id } a: tags(where: { id: { in: ["1"] } }) { id } }"#,
            Kind::Validation,
        ),
        (
            r#"query A { viewer { id } } query B { a: nodes(ids: ["Tag:1", "Tag:2"]) { id } a: nodes(ids: ["Tag:1"]) { id } }"#,
            Kind::Validation,
        ),
        (
            r#"{ a: user(username: "ada") { id } a: user(username: """ada""") { id } }"#,
            Kind::Validation,
        ),
        (
            r#"{ a: tags(where: { name: { in: ["""a"""] } }) { id } a: tags(where: { name: { in: ["a"] } }) { id } }"#,
            Kind::Validation,
        ),
        (
            "{ users { ...F posts(where: { or: [] }) { id } } } fragment F on User { posts(where: { or: [{}] }) { id } }",
            Kind::Validation,
        ),
        (
            "{ users { ...F } ...G } fragment F on User { posts(orderBy: []) { id } } fragment G on Query { users { posts(orderBy: [{ id: ASC }]) { id } } }",
            Kind::Validation,
        ),
        (
            r#"{ a: tags(where: { name: { in: ["a"], eq: """b""" } }) { id } a: tags(where: { name: { eq: """b""", in: ["a"] } }) { name } }"#,
            Kind::Valid,
        ),
        (
            "{ nodes(ids: []) { ... on User { posts(orderBy: [{ id: ASC }]) { id } } ... on Tag { posts(orderBy: []) { id } } } }",
            Kind::Valid,
        ),
    ];
    for (text, kind) in found {
        assert_eq!(judged(&schema, text).0, kind, "{text:?}");
    }
}

fn schema() -> Schema {
    let catalog = blog::graph().build().unwrap_or_else(|e| panic!("{e}"));
    Schema::new(&catalog, Limits::default().default_page()).unwrap_or_else(|e| panic!("{e}"))
}
