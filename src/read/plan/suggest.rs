//! "Did you mean": which of the known names somebody may have meant by one that is none.
//!
//! The names are the schema's, so nothing is suggested where introspection is off. As graphql-js measures it: a name is
//! near if two fifths of its letters, and one, could be mistyped. Upper and lower case are no mistake, and what is much
//! less near than another is not named beside it.

/// Names suggested for one.
const MOST: usize = 3;

/// What follows a message: nothing, or `; did you mean …?`
///
/// What is far longer or shorter than a known name is not compared with it, so no name costs more than the known ones.
pub fn did_you_mean<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> String {
    let most = typed.chars().count() * 2 / 5 + 1;
    let lower = typed.to_lowercase();
    let near = |name: &'a str| {
        let differ = typed.len().abs_diff(name.len());
        if name == typed || differ > most * MAX_UTF_8 {
            return None;
        }
        let distance = strsim::osa_distance(&lower, &name.to_lowercase());
        (distance <= most).then_some((distance, name))
    };
    let mut near: Vec<_> = known.filter_map(near).collect();
    near.sort_unstable();
    near.dedup();
    let nearest = near.first().map_or(0, |n| n.0);
    near.retain(|n| n.0 <= nearest + 1);
    near.truncate(MOST);
    let names: Vec<_> = near.iter().map(|(_, name)| format!("`{name}`")).collect();
    match names.split_last() {
        None => String::new(),
        Some((only, [])) => format!("; did you mean {only}?"),
        Some((last, others)) => format!("; did you mean {} or {last}?", others.join(", ")),
    }
}

/// Bytes that a character takes at most.
const MAX_UTF_8: usize = 4;

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    fn suggested(typed: &str) -> String {
        let known = [
            "title", "tags", "author", "authorId", "id", "status", "Status",
        ];
        did_you_mean(typed, known.into_iter())
    }

    #[test]
    fn what_is_near_is_suggested_the_nearest_first() {
        assert_eq!(suggested("titel"), "; did you mean `title`?");
        assert_eq!(suggested("TITLE"), "; did you mean `title`?");
        assert_eq!(suggested("authr"), "; did you mean `author`?");
        assert_eq!(
            suggested("authorI"),
            "; did you mean `author` or `authorId`?"
        );
        assert_eq!(suggested("statuz"), "; did you mean `Status` or `status`?");
        assert_eq!(suggested("nothing"), "");
        assert_eq!(suggested(""), "");
        assert_eq!(suggested("title"), "");
    }

    #[test]
    fn a_name_without_end_is_not_compared() {
        assert_eq!(suggested(&"title".repeat(200_000)), "");
    }
}
