//! What is read of the rows that a mutation gives.

use super::draw::Draw;
use super::tables::Table;

/// A selection of a type's fields, so deep.
pub fn selection(draw: &mut Draw, table: Table, depth: usize) -> String {
    let (columns, relations): (&[&str], &[(&str, Table)]) = match table {
        Table::User => (
            &[
                "username",
                "name",
                "email",
                "role",
                "createdAt",
                "updatedAt",
            ],
            &[
                ("posts", Table::Post),
                ("profile", Table::Profile),
                ("followers(limit: 3)", Table::User),
                ("following", Table::User),
                ("comments(limit: 4)", Table::Comment),
            ],
        ),
        Table::Post => (
            &[
                "title",
                "slug",
                "body",
                "status",
                "publishedAt",
                "createdAt",
                "updatedAt",
                "version",
                "authorId",
            ],
            &[
                ("author", Table::User),
                ("tags", Table::Tag),
                ("comments", Table::Comment),
            ],
        ),
        Table::Tag => (&["name"], &[("posts(limit: 5)", Table::Post)]),
        Table::Comment => (
            &["body", "createdAt", "updatedAt", "postId", "parentId"],
            &[
                ("post", Table::Post),
                ("author", Table::User),
                ("parent", Table::Comment),
                ("replies", Table::Comment),
            ],
        ),
        _ => (&["bio", "website", "location"], &[("user", Table::User)]),
    };
    let mut fields = vec!["id".to_owned()];
    for _ in 0..draw.below(4) {
        let column = draw.pick(columns);
        if !fields.iter().any(|field| field == column) {
            fields.push(column.to_owned());
        }
    }
    if depth > 0 {
        for (field, to) in relations {
            if draw.below(4) == 3 {
                let below = selection(draw, *to, depth - 1);
                fields.push(format!("{field} {{ {below} }}"));
            }
        }
    }
    fields.join(" ")
}
