//! Validation of mail addresses, with the same parser that the mailer uses: every recorded address can be used for
//! sending.

use lettre::Address;

use super::Violation;

/// The maximum length of an address that mail servers accept (RFC 5321).
const MOST_BYTES: usize = 254;

/// Normalizes a mail address as typed: converts it to half-width, removes invisible characters and converts the domain
/// to lower case.
///
/// # Errors
/// Returns a violation at `/address` that says what to write.
pub fn read_mail_address(text: &str) -> Result<String, Violation> {
    let plain: String = text.chars().filter_map(plain).collect();
    let plain = plain.trim();
    // Includes a person's name. Endpoints belong to posts, not to persons.
    if plain.contains(['<', '>', '"', '(']) {
        return Err(Violation::new(
            "/address",
            "display_name",
            "请只填写电子邮件地址本身，不要写姓名、引号或尖括号，例如 office@example.org。",
            "Give only the email address, without a name, quotes or angle brackets, such as office@example.org.",
        ));
    }
    if plain.contains([',', ';', '、']) {
        return Err(Violation::new(
            "/address",
            "several_addresses",
            "一个接收端只能填写一个地址；其他地址请另设接收端。",
            "An endpoint has only one address. Record a separate endpoint for each other address.",
        ));
    }
    let address = plain.parse::<Address>().map_err(|_| bad_address())?;
    if plain.len() > MOST_BYTES {
        return Err(bad_address());
    }
    Ok(format!("{}@{}", address.user(), address.domain().to_lowercase()))
}

/// Returns the key by which two addresses are recognized as the same mailbox. It ignores case, because mail servers
/// with case-sensitive mailbox names do not occur in practice.
pub fn mailbox_key(address: &str) -> String {
    address.to_lowercase()
}

fn bad_address() -> Violation {
    Violation::new(
        "/address",
        "bad_address",
        "请填写电子邮件地址，例如 office@example.org。",
        "Give an email address, such as office@example.org.",
    )
}

/// Converts the character to half-width, or returns `None` if it is invisible.
fn plain(character: char) -> Option<char> {
    match character {
        // Full-width forms of ASCII.
        '\u{FF01}'..='\u{FF5E}' => u32::from(character).checked_sub(0xFEE0).and_then(char::from_u32),
        '\u{3000}' | '\u{A0}' => Some(' '),
        '。' | '｡' => Some('.'),
        // Soft hyphens, joiners, directional marks, fillers, variation selectors, tags and the byte order mark.
        '\u{AD}'
        | '\u{34F}'
        | '\u{61C}'
        | '\u{115F}'
        | '\u{1160}'
        | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}'
        | '\u{FFA0}'
        | '\u{E0000}'..='\u{E0FFF}' => None,
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_read_as_it_is_meant() {
        for (typed, read) in [
            ("office@example.org", "office@example.org"),
            (" Office@Example.ORG\t", "Office@example.org"),
            ("ｏｆｆｉｃｅ＠ｅｘａｍｐｌｅ．ｏｒｇ", "office@example.org"),
            ("office@example。org", "office@example.org"),
            ("\u{200B}office@\u{2060}example.org\u{FEFF}", "office@example.org"),
            ("\u{202A}office@example.org\u{202C}", "office@example.org"),
            ("qiao+lian@mail.bengbu.gov.cn", "qiao+lian@mail.bengbu.gov.cn"),
            ("侨联@example.org", "侨联@example.org"),
            ("office@127.0.0.1", "office@127.0.0.1"),
        ] {
            assert_eq!(read_mail_address(typed), Ok(read.to_owned()), "{typed}");
        }
        assert_eq!(
            mailbox_key("Office@example.org"),
            mailbox_key("office@example.org")
        );
    }

    #[test]
    fn what_the_mailer_could_not_write_to_is_refused() {
        let long = format!("{}@example.org", "a".repeat(250));
        for (typed, code) in [
            ("", "bad_address"),
            ("\u{3164}", "bad_address"),
            ("office", "bad_address"),
            ("office@", "bad_address"),
            ("@example.org", "bad_address"),
            ("a@b@c", "bad_address"),
            ("a..b@example.org", "bad_address"),
            (".a@example.org", "bad_address"),
            ("a b@example.org", "bad_address"),
            ("a@exa mple.org", "bad_address"),
            ("a@example.org\r\nBcc: b@example.org", "bad_address"),
            ("a@-example-.org", "bad_address"),
            (&long, "bad_address"),
            ("张三 <zhang@example.org>", "display_name"),
            ("<office@example.org>", "display_name"),
            ("＂张三＂ zhang@example.org", "display_name"),
            ("a@example.org, b@example.org", "several_addresses"),
            ("a@example.org；b@example.org", "several_addresses"),
        ] {
            let refused = read_mail_address(typed).err().map(|refused| refused.code);
            assert_eq!(refused, Some(code), "{typed}");
        }
    }
}
