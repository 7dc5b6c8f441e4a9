//! What organizations, and the offices that agree to them, are called.

/// Endings by which the bureau names a village, and what an office writes instead. The first that fits is taken.
const VILLAGE_ENDINGS: [(&str, &str); 11] = [
    ("社区居民委员会", "社区"),
    ("社区居委会", "社区"),
    ("社区委员会", "社区"),
    ("村村民委员会", "村"),
    ("村民委员会", "村"),
    ("村村委会", "村"),
    ("村委会", "村"),
    ("居民委员会", "社区"),
    ("居委会", "社区"),
    ("社区", "社区"),
    ("村", "村"),
];

/// A village's everyday name: `马城村村民委员会` is 马城村. None where the bureau's name follows no pattern
/// (`…社区居委会（筹备组）`): the demo founds nothing there.
pub fn village(name: &str) -> Option<String> {
    VILLAGE_ENDINGS.iter().find_map(|(ending, short)| {
        let stem = name.strip_suffix(ending)?;
        (!stem.is_empty()).then(|| format!("{stem}{short}"))
    })
}

/// The federation of a province, city, county or district, with what stands above it as its seal has it:
/// 蚌埠市禹会区归国华侨联合会.
pub fn federation(above: &str, area: &str) -> String {
    format!("{above}{area}归国华侨联合会")
}

/// A township's or park's federation: 望江县太慈镇侨联.
pub fn township_federation(county: &str, township: &str) -> String {
    format!("{county}{township}侨联")
}

/// A village's work station: 太慈镇X村侨联工作站.
pub fn work_station(township: &str, village: &str) -> String {
    format!("{township}{village}侨联工作站")
}

/// The Party organization of a township, as documents have it. With the county: every county has a 城关镇.
pub fn township_committee(county: &str, township: &str) -> String {
    let committee = if township.ends_with("街道") {
        "党工委"
    } else {
        "党委"
    };
    format!("{county}{township}{committee}")
}

/// A document number that nobody takes for a real one.
pub fn document(body: &str, year: i32, serial: u32) -> String {
    format!("{body}（示例）〔{year}〕{serial}号")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn villages_are_called_what_people_call_them() {
        for (official, everyday) in [
            ("大庆社区居民委员会", Some("大庆社区")),
            ("一村社区居委会", Some("一村社区")),
            ("柏景湾社区委员会", Some("柏景湾社区")),
            ("马城村村民委员会", Some("马城村")),
            ("落星村委会", Some("落星村")),
            ("五里村村委会", Some("五里村")),
            ("长江村民委员会", Some("长江村")),
            ("东街居委会", Some("东街社区")),
            ("滨河社区", Some("滨河社区")),
            ("月明社区居委会(筹备组）", None),
            ("凌家湖农场", None),
        ] {
            assert_eq!(village(official).as_deref(), everyday, "{official}");
        }
    }

    #[test]
    fn streets_have_a_working_committee() {
        assert_eq!(township_committee("禹会区", "大庆街道"), "禹会区大庆街道党工委");
        assert_eq!(township_committee("禹会区", "马城镇"), "禹会区马城镇党委");
    }
}
