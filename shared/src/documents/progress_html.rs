//! The progress bulletin as a page of its own: no script, nothing to load, one `<style>` element. Written for a phone, a
//! screen and A4 paper, with the parts of an official letter (GB/T 9704—2012 §7): head, title, recipient, text, signature.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::progress::{Common, Digests, Letterhead, Own};
use super::progress_words::{BANNER, body, footer};
use super::words::{Block, Column, Row, Set, Table};

const STYLE: &str = include_str!("progress.css");

/// The whole page. Same arguments, same bytes.
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
                    h1 { (letterhead.title) }
                    p class="to" { (letterhead.recipient_name) "：" }
                    @for block in body(letterhead, common, own) { (render_block(&block)) }
                    div class="sign" {
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
        header class="head" {
            p class="mast" { "进展情况通报" }
            p class="serial" { (letterhead.serial_words()) }
            p class="line" {
                span { (common.issuer) }
                span { (letterhead.published_words()) }
            }
        }
    }
}

fn render_block(block: &Block) -> Markup {
    match block {
        Block::Heading(text) => html! { h2 { (text) } },
        Block::Subheading(text) => html! { h3 { (text) } },
        Block::Paragraph(text) => html! { p class="p" { (text) } },
        Block::Table(table) => render_table(table),
    }
}

fn render_table(table: &Table) -> Markup {
    html! {
        table {
            caption { (table.caption) }
            thead {
                tr { @for column in &table.columns { th scope="col" { (column.title) } } }
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
                    Set::Name => td class="name" { (cell) },
                    Set::Text => td class="text" { (cell) },
                    Set::Short => td { (short(cell)) },
                }
            }
        }
    }
}

/// A short cell: it may break before its bracket, nowhere else.
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
