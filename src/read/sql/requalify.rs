//! Join conditions that name their tables, in statements that call them otherwise.

use super::quoted;

/// A condition with its tables called otherwise. SeaORM's attribute `on_condition = "…"` names columns by
/// their table's own name, while its builder is given aliases; where both ends are one table, the name
/// means the far one, which comes first in `renamed`.
pub(super) fn requalified(text: &str, renamed: &[(&str, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\'', '"']) {
        let (before, quoted_on) = rest.split_at(at);
        out.push_str(before);
        let quote = &quoted_on[..1];
        let end = closing(quoted_on, quote == "'" && before.ends_with('E'));
        let (token, after) = quoted_on.split_at(end);
        let table = renamed.iter().find(|(table, _)| token == quoted(table));
        match table {
            Some((_, alias)) if after.starts_with('.') && !before.ends_with('.') => {
                out.push_str(alias)
            }
            _ => out.push_str(token),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The end of the quoted token that `text` starts with. Doubled quotes in it come out as two tokens side by
/// side, which is as good.
fn closing(text: &str, backslashes: bool) -> usize {
    let bytes = text.as_bytes();
    let mut i = 1;
    while i < bytes.len() && bytes[i] != bytes[0] {
        i += if backslashes && bytes[i] == b'\\' {
            2
        } else {
            1
        };
    }
    (i + 1).min(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::requalified;

    #[test]
    fn a_condition_follows_its_tables_to_their_aliases() {
        let renamed = [("fruit", "t1".to_owned()), ("cake", "t0".to_owned())];
        for (condition, expected) in [
            (
                r#"("fruit"."name" = "cake"."name")"#,
                r#"(t1."name" = t0."name")"#,
            ),
            (
                r#"("t1"."cake" LIKE '"fruit".''"cake".')"#,
                r#"("t1"."cake" LIKE '"fruit".''"cake".')"#,
            ),
            (
                r#"("a" = E'\'"fruit".' AND "fruit"."cake")"#,
                r#"("a" = E'\'"fruit".' AND t1."cake")"#,
            ),
            (r#"("other"."fruit"."name")"#, r#"("other"."fruit"."name")"#),
        ] {
            assert_eq!(requalified(condition, &renamed), expected);
        }
    }
}
