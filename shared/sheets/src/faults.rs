//! Faults of a file as a whole, each with a message that says what to do.

use qiaojian_domain::Violation;

use super::cell::shortened;
use super::{MOST_CELLS, MOST_COLUMNS, MOST_KEPT_UNITS, MOST_SHEETS, MOST_TEXT, MOST_UNPACKED};

fn of_file(
    code: &'static str,
    zh: impl Into<std::borrow::Cow<'static, str>>,
    en: impl Into<std::borrow::Cow<'static, str>>,
) -> Violation {
    Violation::new("", code, zh, en)
}

pub(super) fn no_header() -> Violation {
    of_file(
        "no_header",
        "文件中没有表头；请用模板填写。",
        "The file has no header. Use the template.",
    )
}

pub(super) fn old_format() -> Violation {
    of_file(
        "old_format",
        "这是 .et、.xls 或设有密码的文件；请用 WPS 或 Excel 另存为不设密码的 .xlsx 或 .csv。",
        "This is an .et or .xls file, or one with a password. Save it as .xlsx or .csv, without a password.",
    )
}

pub(super) fn unknown_format() -> Violation {
    of_file(
        "unknown_format",
        "既不是 CSV 也不是 XLSX；请另存为 .xlsx 或 .csv。",
        "This is neither CSV nor XLSX. Save it as .xlsx or .csv.",
    )
}

/// The file has another format, which is named.
pub(super) fn other_format((zh, en): (&str, &str)) -> Violation {
    of_file(
        "unknown_format",
        format!("这是{zh}，不是 CSV 或 XLSX 表格；请另存为 .xlsx 或 .csv。"),
        format!("This is {en}, not a table in CSV or XLSX. Save the table as .xlsx or .csv."),
    )
}

/// The file has rows with content that are hidden from the user.
pub(super) fn hidden_rows(first: u32, count: usize) -> Violation {
    of_file(
        "hidden_rows",
        format!("第 {first} 行等 {count} 行有内容，却被筛选或隐藏；请取消筛选和隐藏，不需要的行请删除。"),
        format!(
            "{count} rows with content, from row {first} on, are hidden or filtered out. Show them, and delete those that are not needed."
        ),
    )
}

pub(super) fn unknown_encoding() -> Violation {
    of_file(
        "unknown_encoding",
        "文字既不是 UTF-8 也不是 GB18030；请另存为“CSV UTF-8”。",
        "The text is neither UTF-8 nor GB18030. Save it as CSV in UTF-8.",
    )
}

pub(super) fn damaged() -> Violation {
    of_file(
        "damaged_file",
        "工作簿已损坏，或不是 XLSX；请重新另存为 .xlsx。",
        "The workbook is damaged or is not XLSX. Save it as .xlsx again.",
    )
}

pub(super) fn too_large_unpacked() -> Violation {
    let mib = MOST_UNPACKED / 1024 / 1024;
    of_file(
        "unpacks_too_large",
        format!("工作簿解压后超过 {mib} MiB；请只保留数据，另存为新的文件。"),
        format!("The workbook is larger than {mib} MiB when unpacked. Save only the data in a new file."),
    )
}

pub(super) fn too_many_formats() -> Violation {
    of_file(
        "too_many_formats",
        "工作簿的单元格格式、名称或链接过多或过长；请只将数据粘贴（选择性粘贴为数值）到新的文件。",
        "The workbook has too many formats, names or links, or one that is too long. Paste only the values into a new file.",
    )
}

pub(super) fn too_many_sheets() -> Violation {
    of_file(
        "too_many_sheets",
        format!("最多 {MOST_SHEETS} 个工作表；请只保留数据表。"),
        format!("At most {MOST_SHEETS} sheets are allowed. Keep only the data sheet."),
    )
}

pub(super) fn too_many_cells() -> Violation {
    of_file(
        "too_many_cells",
        format!("填写的单元格超过 {MOST_CELLS} 个；请分成几个文件。"),
        format!("More than {MOST_CELLS} cells are filled in. Split the file."),
    )
}

pub(super) fn cell_too_long(row: u32) -> Violation {
    of_file(
        "cell_too_long",
        format!("第 {row} 行有单元格超过 {MOST_KEPT_UNITS} 个字；请改短。"),
        format!("A cell in row {row} has more than {MOST_KEPT_UNITS} characters. Shorten it."),
    )
}

pub(super) fn nul(row: u32) -> Violation {
    of_file(
        "nul_character",
        format!("第 {row} 行有单元格含空字符（NUL）；请删除。"),
        format!("A cell in row {row} contains a NUL character. Remove it."),
    )
}

pub(super) fn too_much_text() -> Violation {
    let mib = MOST_TEXT / 1024 / 1024;
    of_file(
        "too_much_text",
        format!("单元格文字合计超过 {mib} MiB；请分成几个文件。"),
        format!("The cells contain more than {mib} MiB of text. Split the file."),
    )
}

pub(super) fn too_many_rows(most: usize) -> Violation {
    of_file(
        "too_many_rows",
        format!("最多 {most} 行；请分成几个文件。"),
        format!("At most {most} rows are allowed. Split the file."),
    )
}

pub(super) fn too_many_columns() -> Violation {
    of_file(
        "too_many_columns",
        format!("最多 {MOST_COLUMNS} 列；请删除表格以外的内容。"),
        format!("At most {MOST_COLUMNS} columns are allowed. Remove the content outside the table."),
    )
}

pub(super) fn open_quote(row: u32) -> Violation {
    of_file(
        "open_quote",
        format!("第 {row} 行的引号没有闭合；请用表格软件重新保存。"),
        format!(
            "A quotation mark in row {row} is never closed. Save the file again from a spreadsheet program."
        ),
    )
}

pub(super) fn merged_cells(range: &str, is_header: bool) -> Violation {
    if is_header {
        of_file(
            "merged_header",
            format!("表头有合并的单元格（{range}）；表头只能有一行，每列一格。"),
            format!(
                "The header has merged cells ({range}). It must be one row with one cell for each column."
            ),
        )
    } else {
        of_file(
            "merged_cells",
            format!("有合并的单元格（{range}）；请取消合并并逐格填写。"),
            format!("There are merged cells ({range}). Unmerge them and fill each cell."),
        )
    }
}

pub(super) fn hidden_sheet(name: &str) -> Violation {
    let name = shortened(name);
    of_file(
        "hidden_sheet",
        format!("隐藏的工作表“{name}”中有内容，不会导入；请删除，或另存为单独的文件。"),
        format!(
            "The hidden sheet “{name}” has content, which would not be imported. Delete the sheet, or save it as a separate file."
        ),
    )
}

pub(super) fn several_sheets(name: &str) -> Violation {
    let name = shortened(name);
    of_file(
        "several_sheets",
        format!("不止一个工作表有内容：“{name}”不会导入；请每个文件只留一个数据表，放在最前面。"),
        format!(
            "More than one sheet has content: “{name}” would not be imported. Keep only one data sheet in each file, as the first sheet."
        ),
    )
}

pub(super) fn help_first() -> Violation {
    of_file(
        "help_sheet_first",
        "第一个工作表是填写说明；请把数据表移到最前面。",
        "The first sheet contains the instructions. Move the data sheet to the front.",
    )
}

pub(super) fn unknown_column(header: &str) -> Violation {
    let header = shortened(header);
    of_file(
        "unknown_column",
        format!("表头“{header}”不是任何一列；请改用模板的表头，或删除此列。"),
        format!("“{header}” is not a known column. Use the headers of the template, or remove the column."),
    )
}

pub(super) fn column_twice(header: &str) -> Violation {
    let header = shortened(header);
    of_file(
        "column_twice",
        format!("“{header}”列出现了不止一次。"),
        format!("The column “{header}” appears more than once."),
    )
}

pub(super) fn column_missing(header: &str) -> Violation {
    of_file(
        "column_missing",
        format!("缺少必需的列“{header}”。"),
        format!("The column “{header}” is missing."),
    )
}
