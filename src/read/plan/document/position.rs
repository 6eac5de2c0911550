//! Where in a text something stands, as graphql-js counts: lines end with `\n`, `\r\n` or `\r`, and columns are UTF-16
//! code units, which is what the editors and tools that read `locations` count.

use apollo_compiler::parser::{LineColumn, SourceMap, SourceSpan};

/// Where a span of a parsed document begins.
pub fn of_span(sources: &SourceMap, span: SourceSpan) -> Option<LineColumn> {
    let source = sources.get(&span.file_id())?;
    Some(line_column(source.source_text(), span.offset()))
}

/// Line and column, from 1, of a byte's offset; one beyond the text is its end.
pub fn line_column(text: &str, offset: usize) -> LineColumn {
    let before = &text[..text.floor_char_boundary(offset)];
    let count = |end: u8| before.bytes().filter(|&byte| byte == end).count();
    let ends = count(b'\n') + count(b'\r') - before.matches("\r\n").count();
    let line_start = before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    LineColumn {
        line: ends + 1,
        column: before[line_start..].encode_utf16().count() + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::line_column;

    #[test]
    fn columns_count_utf_16_and_lines_end_in_three_ways() {
        let text = "é\u{1F600}x\r\ny\rz\n\u{FEFF}end";
        let at = |needle: &str| {
            let found = line_column(text, text.find(needle).unwrap());
            (found.line, found.column)
        };
        assert_eq!(at("é"), (1, 1));
        assert_eq!(at("x"), (1, 4));
        assert_eq!(at("y"), (2, 1));
        assert_eq!(at("z"), (3, 1));
        assert_eq!(at("end"), (4, 2));
        let end = line_column(text, usize::MAX);
        assert_eq!((end.line, end.column), (4, 5));
    }
}
