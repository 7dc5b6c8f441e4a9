//! Updates from one edition of the list to the next.

use super::*;

fn parent_of(code: &str) -> Option<String> {
    let above = match code.len() {
        6 if code.ends_with("0000") => return None,
        6 if code.ends_with("00") => format!("{}0000", &code[..2]),
        6 => format!("{}00", &code[..4]),
        9 => code[..6].to_owned(),
        12 => code[..9].to_owned(),
        _ => code.rsplit_once('-').unwrap().0.to_owned(),
    };
    Some(above)
}

fn registered(rows: &[(&str, &str)]) -> Vec<Registered> {
    rows.iter()
        .map(|(code, name)| Registered {
            code: (*code).to_owned(),
            level: Level::of_code(code).unwrap(),
            parent: parent_of(code),
            name: (*name).to_owned(),
            kind: AreaKind::Administrative,
        })
        .collect()
}

/// Code, name, predecessors.
fn listed(rows: &[(&str, &str, &[&str])]) -> Vec<Listed> {
    rows.iter()
        .map(|(code, name, predecessors)| Listed {
            code: (*code).to_owned(),
            level: Level::of_code(code).unwrap(),
            parent: parent_of(code),
            name: (*name).to_owned(),
            kind: AreaKind::Administrative,
            origin: Origin::of(&predecessors.join(";")),
            valid_from: None,
        })
        .collect()
}

/// The rows below 蚌埠, with their ancestors.
fn of_bengbu(rows: &[(&str, &str, &[&str])]) -> Vec<Listed> {
    let above: [(&str, &str, &[&str]); 2] = [("340000", "安徽省", &[]), ("340300", "蚌埠市", &[])];
    listed(&[&above, rows].concat())
}

fn told(listed: &[Listed], registered: &[Registered]) -> Vec<String> {
    let tell = |step: &Step| match step {
        Step::Add { code, came_out_of } => format!("add {code} {}", came_out_of.join("+")),
        Step::Rename { code, name, new_code } => format!(
            "rename {code} {} {}",
            name.as_deref().unwrap_or("-"),
            new_code.as_deref().unwrap_or("-")
        ),
        Step::Vacate { code } => format!("vacate {code}"),
        Step::Recode { changes } => {
            let told = changes.iter().map(|change| {
                let name = change.name.as_deref().unwrap_or("-");
                format!("{} {name} {}", change.code, change.new_code)
            });
            format!("recode {}", told.collect::<Vec<_>>().join(", "))
        }
        Step::Rekind { code, kind } => format!("rekind {code} {kind}"),
        Step::Move { code, parent } => format!("move {code} {parent}"),
        Step::Merge { code, into } => format!("merge {code} {into}"),
        Step::Close { code } => format!("close {code}"),
    };
    steps(listed, registered)
        .iter()
        .map(|dated| tell(&dated.step))
        .collect()
}

const BEFORE: &[(&str, &str)] = &[
    ("340000", "安徽省"),
    ("340300", "蚌埠市"),
    ("340304", "禹会区"),
    ("340304001", "大庆街道"),
    ("340304001001", "燕山社区"),
    ("340304002", "张公山街道"),
    ("340304-P01", "产业园"),
    ("340322", "五河县"),
    ("320000", "江苏省"),
];

#[test]
fn the_same_list_again_changes_nothing() {
    let same = of_bengbu(&[
        ("340304", "禹会区", &[]),
        ("340304001", "大庆街道", &[]),
        ("340304001001", "燕山社区", &[]),
        ("340304002", "张公山街道", &[]),
        ("340322", "五河县", &[]),
    ]);
    assert_eq!(
        told(&same, &registered(BEFORE)),
        [""; 0],
        "parks and other provinces stay"
    );
}

#[test]
fn what_is_new_otherwise_or_gone_is_a_step_in_an_order_that_can_be_taken() {
    let list = of_bengbu(&[
        // The county has a new code, and one street has another name.
        ("340305", "禹会区", &["340304"]),
        ("340305001", "大庆镇", &["340304001"]),
        ("340305001001", "燕山社区", &["340304001001"]),
        // A new town.
        ("340305003", "新镇", &[]),
    ]);
    assert_eq!(
        told(&list, &registered(BEFORE)),
        [
            "rename 340304 - 340305",
            "rename 340304001 大庆镇 340305001",
            "add 340305003 ",
            "rename 340304001001 - 340305001001",
            "close 340304002",
            "close 340322",
        ]
    );
}

#[test]
fn a_zone_becomes_a_county() {
    let mut list = of_bengbu(&[
        ("340304", "禹会区", &[]),
        ("340304001", "大庆街道", &[]),
        ("340304001001", "燕山社区", &[]),
        ("340304002", "张公山街道", &[]),
        ("340323", "五河新区", &["340322"]),
    ]);
    let mut before = registered(BEFORE);
    before[7].kind = AreaKind::Statistical;
    list[5].kind = AreaKind::Statistical;
    assert_eq!(
        told(&list, &before),
        [
            "rename 340322 五河新区 340323",
            "rekind 340323 administrative",
            "rekind 340304002 statistical",
        ]
    );
}

#[test]
fn several_become_one_and_one_becomes_several() {
    let mut list = of_bengbu(&[
        ("340304", "禹会区", &[]),
        ("340304003", "合并街道", &["340304001", "340304002"]),
        ("340304001001", "燕山社区", &[]),
        ("340322", "五河县", &[]),
        ("340323", "固镇县", &["340322"]),
    ]);
    list[4].parent = Some("340304003".to_owned());
    assert_eq!(
        told(&list, &registered(BEFORE)),
        [
            "add 340323 340322",
            "add 340304003 ",
            "move 340304001001 340304003",
            "merge 340304001 340304003",
            "merge 340304002 340304003",
        ]
    );
    let divided = of_bengbu(&[
        ("340304", "禹会区", &[]),
        ("340304001", "大庆街道", &[]),
        ("340304001001", "燕山社区", &[]),
        ("340304002", "张公山街道", &[]),
        ("340324", "五河北县", &["340322"]),
        ("340325", "五河南县", &["340322"]),
    ]);
    assert_eq!(
        told(&divided, &registered(BEFORE)),
        ["add 340324 340322", "add 340325 340322", "close 340322"]
    );
}

#[test]
fn a_list_says_nothing_of_another_province() {
    let there = [
        ("320000", "江苏省"),
        ("320100", "南京市"),
        ("320105", "建邺区"),
        ("320105001", "某街道"),
        ("340000", "安徽省"),
        ("340300", "蚌埠市"),
        ("340304", "禹会区"),
    ];
    let list = of_bengbu(&[("340304", "禹会区", &[]), ("340304009", "某街道", &["320105001"])]);
    assert_eq!(told(&list, &registered(&there)), ["add 340304009 320105001"]);
}

/// The registered villages of a street.
const STREET: &[(&str, &str)] = &[
    ("340000", "安徽省"),
    ("340300", "蚌埠市"),
    ("340304", "禹会区"),
    ("340304001", "大庆街道"),
    ("340304001001", "甲社区"),
    ("340304001002", "乙社区"),
    ("340304001003", "丙社区"),
    ("340304001004", "丁社区"),
];

fn of_street(villages: &[(&str, &str, &[&str])]) -> Vec<Listed> {
    let above: [(&str, &str, &[&str]); 2] = [("340304", "禹会区", &[]), ("340304001", "大庆街道", &[])];
    of_bengbu(&[&above, villages].concat())
}

#[test]
fn codes_that_go_from_one_area_to_the_next_go_at_once() {
    let list = of_street(&[
        // Two areas exchange their codes; the third gets a new code, and the fourth gets the third's code under a new
        // name.
        ("340304001001", "乙社区", &["340304001002"]),
        ("340304001002", "甲社区", &["340304001001"]),
        ("340304001003", "丁新社区", &["340304001004"]),
        ("340304001005", "丙社区", &["340304001003"]),
    ]);
    assert_eq!(
        told(&list, &registered(STREET)),
        [
            "recode 340304001002 - 340304001001, 340304001001 - 340304001002",
            "recode 340304001004 丁新社区 340304001003, 340304001003 - 340304001005",
        ]
    );
}

#[test]
fn an_area_that_ends_gives_way_to_the_one_that_gets_its_code() {
    let list = of_street(&[
        // The first is closed; the second gets its code, and the third gets the second's code.
        ("340304001001", "乙社区", &["340304001002"]),
        ("340304001002", "丙社区", &["340304001003"]),
        ("340304001004", "丁社区", &[]),
    ]);
    assert_eq!(
        told(&list, &registered(STREET)),
        [
            "vacate 340304001001",
            "recode 340304001002 - 340304001001, 340304001003 - 340304001002",
            "close 340304001001~",
        ]
    );
    let list = of_street(&[
        // A new area gets the code of the first one, which was merged into the second.
        ("340304001001", "新社区", &["新设"]),
        ("340304001002", "乙社区", &["340304001002", "340304001001"]),
        ("340304001003", "丙社区", &[]),
        ("340304001004", "丁社区", &[]),
    ]);
    assert_eq!(
        told(&list, &registered(STREET)),
        [
            "vacate 340304001001",
            "add 340304001001 ",
            "merge 340304001001~ 340304001002",
        ]
    );
}

fn wrong(listed: &[Listed], registered: &[Registered]) -> Vec<(String, &'static str)> {
    unusable_predecessors(listed, registered)
        .into_iter()
        .map(|(place, violation)| (listed[place].code.clone(), violation.code))
        .collect()
}

#[test]
fn predecessors_that_do_not_tell_who_is_who_are_wrong() {
    let known = registered(STREET);
    let stay: (&str, &str, &[&str]) = ("340304001004", "丁社区", &[]);
    // The first continues and a new area was split off, unless the first suddenly has another name.
    let parted = of_street(&[
        ("340304001001", "甲社区", &[]),
        ("340304001009", "新社区", &["340304001001"]),
        stay,
    ]);
    assert_eq!(wrong(&parted, &known), []);
    assert_eq!(told(&parted, &known)[0], "add 340304001009 340304001001");
    let unsaid = of_street(&[
        ("340304001001", "另一社区", &[]),
        ("340304001009", "新社区", &["340304001001"]),
        stay,
    ]);
    assert_eq!(
        wrong(&unsaid, &known),
        [("340304001009".to_owned(), "predecessor_shared")]
    );
    let said = of_street(&[
        ("340304001001", "另一社区", &["340304001001"]),
        ("340304001009", "新社区", &["340304001001"]),
        stay,
    ]);
    assert_eq!(wrong(&said, &known), []);
    assert!(told(&said, &known).contains(&"add 340304001009 340304001001".to_owned()));
    // A closed area must be merged into only one of the continuing areas; otherwise the successor of its organizations
    // is unknown.
    let both = of_street(&[
        ("340304001001", "甲社区", &["340304001001", "340304001003"]),
        ("340304001002", "乙社区", &["340304001002", "340304001003"]),
        stay,
    ]);
    let of = |code: &str| (code.to_owned(), "predecessor_shared");
    assert_eq!(wrong(&both, &known), [of("340304001001"), of("340304001002")]);
    // The row does not name itself, but has its registered name.
    let without = of_street(&[("340304001001", "甲社区", &["340304001003"]), stay]);
    assert_eq!(
        wrong(&without, &known),
        [("340304001001".to_owned(), "own_code_missing")]
    );
}

#[test]
fn a_known_name_at_another_code_is_a_doubt_unless_it_is_said_who_it_is() {
    let known = registered(STREET);
    let found = |list: &[Listed]| -> Vec<String> {
        doubts(list, &known)
            .into_iter()
            .map(|doubt| format!("{} {} {}", doubt.code, doubt.name, doubt.known_as))
            .collect()
    };
    let list = of_street(&[
        ("340304001001", "丁社区", &[]),
        ("340304001002", "乙社区", &[]),
        ("340304001003", "丙新社区", &[]),
        ("340304001009", "丙社区", &[]),
    ]);
    assert_eq!(
        found(&list),
        [
            "340304001001 丁社区 340304001004",
            "340304001009 丙社区 340304001003"
        ]
    );
    let list = of_street(&[
        ("340304001001", "丁社区", &["340304001004"]),
        ("340304001002", "乙社区", &[]),
        // A second area with the name of a continuing area is a different area.
        ("340304001009", "乙社区", &[]),
    ]);
    assert_eq!(found(&list), [""; 0]);
}

#[test]
fn codes_are_read_however_they_are_separated() {
    let cell =
        "340304001001、340304001002，340304001003,340304001004；340304001005\r\n340304001006 340304001007";
    assert_eq!(Origin::of(cell).predecessors.len(), 7);
    assert!(Origin::of("新设").is_new && Origin::of("NEW").is_new && !Origin::of("").is_new);
}
