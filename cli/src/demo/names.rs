//! The names of organizations and of the offices that approve them.

/// Suffixes of village names as written by the bureau, and their replacements in everyday use. The first match applies.
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

/// Returns a village's everyday name: `马城村村民委员会` is 马城村. Returns `None` if the bureau's name follows no pattern
/// (`…社区居委会（筹备组）`); the demo founds nothing there.
pub fn village(name: &str) -> Option<String> {
    VILLAGE_ENDINGS.iter().find_map(|(ending, short)| {
        let stem = name.strip_suffix(ending)?;
        (!stem.is_empty()).then(|| format!("{stem}{short}"))
    })
}

/// Returns the name of the federation of a province, city, county or district, preceded by the area above as on its
/// seal: 蚌埠市禹会区归国华侨联合会.
pub fn federation(above: &str, area: &str) -> String {
    format!("{above}{area}归国华侨联合会")
}

/// Returns the name of a township's or park's federation: 望江县太慈镇侨联.
pub fn township_federation(county: &str, township: &str) -> String {
    format!("{county}{township}侨联")
}

/// Returns the name of a village's work station: 太慈镇X村侨联工作站.
pub fn work_station(township: &str, village: &str) -> String {
    format!("{township}{village}侨联工作站")
}

/// Returns the name of a township's Party organization as in documents. It includes the county, because every county
/// has a 城关镇.
pub fn township_committee(county: &str, township: &str) -> String {
    let committee = if township.ends_with("街道") {
        "党工委"
    } else {
        "党委"
    };
    format!("{county}{township}{committee}")
}

/// Returns a document number that cannot be mistaken for a real one.
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
