//! Masks mail addresses in messages of other systems, so that the messages can be stored and shown.

/// Replaces the part before the `@`.
const MASK: &str = "***";

/// Masks every mail address in the text: `<office@example.org>: unknown` becomes `<***@example.org>: unknown`.
/// The domain is kept because it identifies the server.
pub fn mask_addresses(text: &str) -> String {
    let mut pieces = text.split('@').peekable();
    let mut masked = String::with_capacity(text.len());
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            masked.push_str(piece);
            break;
        }
        let local = local_part_len(piece);
        masked.push_str(piece.get(..piece.len() - local).unwrap_or_default());
        if local > 0 {
            masked.push_str(MASK);
        }
        masked.push('@');
    }
    masked
}

/// Returns the number of bytes at the end of `text`, the text before an `@`, that form the mailbox name.
fn local_part_len(text: &str) -> usize {
    if let Some(quoted) = text.strip_suffix('"') {
        return text.len() - quoted.rfind('"').unwrap_or(0);
    }
    let ends_name =
        |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\"'`，。；：（）《》“”".contains(c);
    text.rfind(ends_name).map_or(text.len(), |at| {
        let end = text
            .get(at..)
            .and_then(|rest| rest.chars().next())
            .map_or(0, char::len_utf8);
        text.len() - at - end
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_domain_and_nothing_else() {
        for (said, kept) in [
            ("250 taken as 4711", "250 taken as 4711"),
            (
                "550 5.1.1 <qiaolian@bengbu.example>: unknown",
                "550 5.1.1 <***@bengbu.example>: unknown",
            ),
            ("a@b.example", "***@b.example"),
            (
                "to:a.b+c@d.example, e@f.example",
                "to:***@d.example, ***@f.example",
            ),
            (
                "`蚌埠侨联@bengbu.example` is none",
                "`***@bengbu.example` is none",
            ),
            ("收件人：office@x.example。", "收件人：***@x.example。"),
            (r#"<"a b"@c.example>"#, "<***@c.example>"),
            ("a@b@c", "***@***@c"),
            ("at @ sign", "at @ sign"),
            ("@", "@"),
            ("x\"@y", "***@y"),
            ("", ""),
        ] {
            assert_eq!(mask_addresses(said), kept, "{said}");
        }
    }
}
