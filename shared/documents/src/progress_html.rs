//! Renders the progress bulletin as a self-contained page without scripts and external resources, with one `<style>`
//! element. It is designed for phones, desktop screens and A4 paper.
//! It has the elements of an official document (GB/T 9704—2012 §7): head, title, recipient, text, signature.
//!
//! Mail programs drop the `<style>` element. Essential formatting is therefore also given by attributes: table borders,
//! alignment, the head, indentation. Sizes are not, so that the style sheet can choose them by the width of the screen.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::progress::{Common, Digests, Letterhead, Own};
use super::progress_words::{BANNER, body, footer};
use super::words::{Block, Column, Row, Set, Table};

/// The maximum number of rows of a table that is not split across pages.
const ROWS_TOGETHER: usize = 12;

const STYLE: &str = include_str!("progress.css");

/// Renders the whole page. The same arguments render to the same bytes.
pub fn render_html(letterhead: &Letterhead<'_>, common: &Common, own: &Own, digests: &Digests<'_>) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="zh-CN" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="format-detection" content="telephone=no";
                title { (letterhead.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main class="page" {
                    @if common.illustrative {
                        p class="banner" role="note" { (BANNER) }
                    }
                    (head(letterhead, common))
                    h1 style="text-align:center" { (title(letterhead.title)) }
                    p class="to" { (letterhead.recipient_name) "：" }
                    @for block in body(letterhead, common, own) { (render_block(&block)) }
                    div class="sign" style="text-align:right" {
                        p { (common.issuer) }
                        p { (letterhead.published_words()) }
                    }
                    (small_print(common, digests))
                }
            }
        }
    };
    page.into_string()
}

fn head(letterhead: &Letterhead<'_>, common: &Common) -> Markup {
    html! {
        header class="head" style="text-align:center;border-bottom:3px solid #c8161d" {
            p class="mast" style="color:#c8161d;font-weight:bold" { "进展情况通报" }
            p class="serial" { (letterhead.serial_words()) }
            p class="line" {
                span { (common.issuer) }
                " "
                span { (letterhead.published_words()) }
            }
        }
    }
}

fn render_block(block: &Block) -> Markup {
    match block {
        Block::Heading(text) => html! { h2 { (text) } },
        Block::Subheading(text) => html! { h3 { (text) } },
        Block::Paragraph(text) => html! { p class="p" style="text-indent:2em" { (text) } },
        Block::Table(table) => render_table(table),
    }
}

fn render_table(table: &Table) -> Markup {
    let is_short = table.rows.len() <= ROWS_TOGETHER;
    html! {
        table class=[is_short.then_some("together")] border="1" cellspacing="0" cellpadding="5" width="100%" style="border-collapse:collapse" {
            caption { (table.caption) }
            thead {
                tr { @for column in &table.columns { th scope="col" bgcolor="#f6f4f0" { (column.title) } } }
            }
            tbody {
                @for row in &table.rows { (render_row(&table.columns, row)) }
            }
        }
        @if let Some(note) = &table.note { p class="note" { "注：" (note) } }
    }
}

fn render_row(columns: &[Column], row: &Row) -> Markup {
    html! {
        tr class=[row.strong.then_some("strong")] {
            @for (column, cell) in columns.iter().zip(&row.cells) {
                @match column.set {
                    Set::Name => td class="name" align="left" { (cell) },
                    Set::Text => td class="text" align="left" { (cell) },
                    Set::Short => td align="center" { (short(cell)) },
                }
            }
        }
    }
}

/// Renders a title that may only break between its phrases.
fn title(title: &str) -> Markup {
    html! {
        @for (place, words) in phrases(title).into_iter().enumerate() {
            @if place > 0 { wbr; }
            span class="whole" style="white-space:nowrap" { (words) }
        }
    }
}

/// Splits a title into phrases that must not be broken.
fn phrases(title: &str) -> Vec<&str> {
    /// A phrase starts with one of these.
    const HEADS: [&str; 6] = ["“", "试点工作", "20", "进展情况", "的通报", "【"];
    /// A phrase ends with one of these.
    const TAILS: [&str; 4] = ["关于", "、", "”", "】"];
    let mut parts = Vec::new();
    let mut rest = title;
    while !rest.is_empty() {
        let heads = HEADS
            .iter()
            .filter_map(|head| rest.match_indices(head).map(|(at, _)| at).find(|at| *at > 0));
        let tails = TAILS
            .iter()
            .filter_map(|tail| rest.find(tail).map(|at| at + tail.len()));
        let end = heads.chain(tails).min().unwrap_or(rest.len());
        let (part, left) = rest.split_at(end);
        parts.push(part);
        rest = left;
    }
    parts
}

/// Renders a short cell that may only break before its bracket.
fn short(cell: &str) -> Markup {
    match cell.split_once('（') {
        Some((value, parts)) => {
            html! { span class="whole" { (value) } wbr; span class="whole" { "（" (parts) } }
        }
        None => html! { span class="whole" { (cell) } },
    }
}

fn small_print(common: &Common, digests: &Digests<'_>) -> Markup {
    html! {
        footer {
            dl {
                @for (head, text) in footer(common, digests) {
                    dt { (head) }
                    dd { (text) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::phrases;

    #[test]
    fn a_title_breaks_at_its_words() {
        for (title, parts) in [
            (
                "关于“党建带侨建、侨建促党建”试点工作2022年6月进展情况的通报",
                &[
                    "关于",
                    "“党建带侨建、",
                    "侨建促党建”",
                    "试点工作",
                    "2022年6月",
                    "进展情况",
                    "的通报",
                ][..],
            ),
            (
                "【演示】关于试点工作2022年第21周进展情况的通报",
                &[
                    "【演示】",
                    "关于",
                    "试点工作",
                    "2022年第21周",
                    "进展情况",
                    "的通报",
                ],
            ),
            ("通报", &["通报"]),
            ("", &[]),
        ] {
            assert_eq!(phrases(title), parts);
        }
    }
}
