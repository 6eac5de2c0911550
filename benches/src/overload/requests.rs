//! What is asked: mostly small requests, some that are larger, and a few that are slow.

use crate::queries::QUERIES;

pub const SMALL: &str = "{ posts(limit: 5) { id } }";

/// How many of a thousand requests are slow, where nobody says otherwise.
pub const SLOW: u64 = 2;

/// A sort of requests.
pub struct Class {
    pub name: &'static str,
    /// How many of a thousand requests are of this sort.
    pub share: u64,
    /// Each is asked as often as the others.
    pub documents: Vec<String>,
}

/// The mix, with so many slow ones of a thousand. Of the work, more than half is theirs.
pub fn mix(slow_ones: u64) -> [Class; 4] {
    let class = |name, share, documents| Class {
        name,
        share,
        documents,
    };
    let [medium, large] = [3, 5].map(|q| vec![QUERIES[q].document.to_owned()]);
    let slow = (0..16).map(|number| slow(number, 1)).collect();
    [
        class("small", 850 - slow_ones, vec![SMALL.to_owned()]),
        class("medium", 110, medium),
        class("large", 40, large),
        class("slow", slow_ones, slow),
    ]
}

/// A request that reads every post or comment for each of its fields, which no index helps: one of many, of which no two
/// have the same text.
pub fn slow(number: usize, fields: usize) -> String {
    let fields = (0..fields).map(|field| match field % 2 {
        0 => format!(
            "a{field}: postsAggregate(where: {{ body: {{ iContains: \"none {number} {field}\" }} }}) {{ count }}"
        ),
        _ => format!(
            "a{field}: commentsAggregate(where: {{ body: {{ iContains: \"none {number} {field}\" }} }}) {{ count }}"
        ),
    });
    format!("{{ {} }}", fields.collect::<Vec<_>>().join(" "))
}
