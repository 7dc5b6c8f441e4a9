//! Characters that are invisible or change the rendering of the surrounding text. They are not allowed in a name, a
//! number or a title.
//!
//! Based on Unicode 16: the default ignorable code points, the bidirectional controls, line and paragraph separators,
//! blank letters (Hangul fillers, braille blank), tags and non-characters. Ideographic variation selectors are allowed
//! because rare names are written with them.

/// Returns whether a character is not allowed in a one-line text.
pub fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            u32::from(character),
            0x00AD
                | 0x034F
                | 0x061C
                | 0x115F..=0x1160
                | 0x17B4..=0x17B5
                | 0x180B..=0x180F
                | 0x200B..=0x200F
                | 0x2028..=0x202E
                | 0x2060..=0x206F
                | 0x2800
                | 0x3164
                | 0xFDD0..=0xFDEF
                | 0xFE00..=0xFE0F
                | 0xFEFF
                | 0xFFA0
                | 0xFFF0..=0xFFFB
                | 0xE0000..=0xE007F
        )
        || u32::from(character) & 0xFFFE == 0xFFFE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_told_from_what_is_written() {
        for unseen in [
            '\u{200B}',
            '\u{3164}',
            '\u{202E}',
            '\u{2066}',
            '\u{FEFF}',
            '\u{E0041}',
            '\u{FFFE}',
            '\u{1FFFF}',
            '\u{FDD0}',
            '\n',
            '\t',
            '\u{2028}',
            '\u{7F}',
            '\u{85}',
        ] {
            assert!(is_unseen(unseen), "{unseen:?}");
        }
        // A space, full-width signs, a rare ideograph with its variation selector, and a private-use character of
        // GB18030.
        for seen in [
            '侨',
            ' ',
            '\u{3000}',
            '（',
            'A',
            '·',
            '\u{20000}',
            '\u{E0100}',
            '\u{E5E5}',
            '\u{FFFD}',
        ] {
            assert!(!is_unseen(seen), "{seen:?}");
        }
    }
}
