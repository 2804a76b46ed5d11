//! Tables for the terminal.

use comfy_table::{Cell, ContentArrangement, Row, Table, presets};

use super::style::{BOLD, paint};

/// Formats a table with a heading row. Cells may contain styles.
pub fn table(heading: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    // An empty heading gets no style, since a style would leave invisible characters at the end of the line.
    let styled = |word: &&str| if word.is_empty() { String::new() } else { paint(BOLD, word) };
    table.set_header(heading.iter().map(|word| Cell::new(styled(word))));
    table.add_rows(rows.into_iter().map(Row::from));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let text = table.to_string();
    text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_align_and_lines_have_no_tail() {
        let rows = [["web-1", "10.0.1.11", ""], ["a-longer-name", "x", "y"]];
        let text = super::table(&["host", "address", "tags"], rows.map(|row| row.map(String::from).to_vec()));
        let plain = anstream::adapter::strip_str(&text).to_string();
        expect_test::expect![[r"
            host           address    tags
            web-1          10.0.1.11
            a-longer-name  x          y
        "]]
        .assert_eq(&plain);
    }
}
