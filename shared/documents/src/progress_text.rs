//! Renders the progress bulletin as plain text, for the text part of a mail.

use super::progress::{Common, Digests, Letterhead, Own};
use super::progress_words::{BANNER, body, footer};
use super::words::{Block, Set, Table};

/// Renders the whole text, with lines ended by `\n`. The same arguments render to the same bytes.
pub fn render_text(letterhead: &Letterhead<'_>, common: &Common, own: &Own, digests: &Digests<'_>) -> String {
    let mut lines = Vec::new();
    if common.illustrative {
        lines.extend([format!("【{BANNER}】"), String::new()]);
    }
    lines.extend([
        format!("进展情况通报　{}", letterhead.serial_words()),
        format!("{}　{}", common.issuer, letterhead.published_words()),
        String::new(),
        letterhead.title.to_owned(),
        String::new(),
        format!("{}：", letterhead.recipient_name),
    ]);
    for block in body(letterhead, common, own) {
        push_block(&mut lines, &block);
    }
    lines.extend([
        String::new(),
        common.issuer.clone(),
        letterhead.published_words(),
        String::new(),
        "——".to_owned(),
    ]);
    lines.extend(
        footer(common, digests)
            .into_iter()
            .map(|(head, text)| format!("{head}：{text}")),
    );
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn push_block(lines: &mut Vec<String>, block: &Block) {
    match block {
        Block::Heading(text) => {
            open_line(lines);
            lines.push(text.clone());
        }
        Block::Subheading(text) => lines.push(text.clone()),
        Block::Paragraph(text) => lines.push(format!("　　{text}")),
        Block::Table(table) => push_table(lines, table),
    }
}

/// Adds an empty line unless there is one already.
fn open_line(lines: &mut Vec<String>) {
    if lines.last().is_some_and(|line| !line.is_empty()) {
        lines.push(String::new());
    }
}

/// Renders each row as one line: its first cell, then each column title with its cell. Aligned columns would be
/// unreadable on a phone.
fn push_table(lines: &mut Vec<String>, table: &Table) {
    open_line(lines);
    lines.push(table.caption.clone());
    for row in &table.rows {
        let mut cells = table.columns.iter().zip(&row.cells);
        let Some((_, first)) = cells.next() else {
            continue;
        };
        let rest: Vec<String> = cells
            .map(|(column, cell)| match column.set {
                Set::Text => cell.clone(),
                Set::Name | Set::Short => format!("{} {cell}", column.title),
            })
            .collect();
        lines.push(format!("· {first}：{}", rest.join("；")));
    }
    lines.extend(table.note.iter().map(|note| format!("注：{note}")));
    lines.push(String::new());
}
