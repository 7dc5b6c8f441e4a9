//! The errors of an area table and its differences from the register, each with its row.

use std::collections::HashMap;

use qiaojian_domain::area::update::{self, Listed};
use qiaojian_store::areas::AreaVersion;

use super::Row;

/// Returns all errors in the file.
pub fn problems(rows: &[Row], known: &HashMap<String, AreaVersion>) -> Vec<String> {
    let listed: Vec<Listed> = rows.iter().map(|(_, row)| row.clone()).collect();
    let registered = known
        .iter()
        .map(|(code, area)| (code.as_str(), area.level))
        .collect();
    update::problems(&listed, &registered)
        .into_iter()
        .filter_map(|(place, problem)| Some(about(rows.get(place)?, &problem.en)))
        .collect()
}

/// Returns the rows whose area is registered under the same code but with different data.
pub fn differences(rows: &[Row], known: &HashMap<String, AreaVersion>) -> Vec<String> {
    rows.iter()
        .filter_map(|row| {
            let what = difference(&row.1, known.get(&row.1.code)?)?;
            Some(about(row, &format!("it differs and was left unchanged: {what}")))
        })
        .collect()
}

/// Returns the difference. The level is derived from the code, so it cannot differ.
fn difference(row: &Listed, area: &AreaVersion) -> Option<String> {
    let above = area.ancestor_codes().last().copied();
    let differing: Vec<String> = [
        ("name", Some(row.name.as_str()), Some(area.name.as_str())),
        ("parent", row.parent.as_deref(), above),
        ("kind", Some(row.kind.as_str()), Some(area.kind.as_str())),
    ]
    .into_iter()
    .filter(|(_, in_file, in_register)| in_file != in_register)
    .map(|(field, in_file, in_register)| {
        let (in_file, in_register) = (in_file.unwrap_or("none"), in_register.unwrap_or("none"));
        format!("{field} is {in_file} in the file, {in_register} in the register")
    })
    .collect();
    (!differing.is_empty()).then(|| differing.join("; "))
}

fn about((number, row): &Row, what: &str) -> String {
    format!("row {number}: {}: {what}", row.code)
}

#[cfg(test)]
mod tests {
    use qiaojian_domain::area::{AreaKind, Level, path_under};
    use qiaojian_domain::clock::UtcTime;
    use qiaojian_domain::ids::AreaId;

    use super::*;

    fn rows<const N: usize>(rows: [(&str, Option<&str>, Level); N]) -> Vec<Row> {
        let listed = rows.into_iter().map(|(code, parent, level)| Listed {
            code: code.to_owned(),
            level,
            parent: parent.map(str::to_owned),
            name: "某地".to_owned(),
            kind: AreaKind::Administrative,
            origin: update::Origin::default(),
            valid_from: None,
        });
        (2..).zip(listed).collect()
    }

    /// Returns the area as it would be in the register.
    fn registered(row: &Listed, name: &str, path_above: &str) -> (String, AreaVersion) {
        let area = AreaVersion {
            area_id: AreaId(uuid::Uuid::nil()),
            version: 1,
            recorded_seq: 1,
            recorded_at: UtcTime::EPOCH,
            superseded_seq: None,
            superseded_at: None,
            valid_from: chrono::NaiveDate::default(),
            valid_to: None,
            code: row.code.clone(),
            name: name.to_owned(),
            parent_id: None,
            path: path_under(path_above, &row.code),
            level: row.level,
            kind: row.kind,
            reason: None,
            ended: false,
        };
        (row.code.clone(), area)
    }

    #[test]
    fn every_bad_row_is_named_with_its_reason() {
        let rows = rows([
            ("340000", None, Level::Province),
            ("340300", Some("340000"), Level::City),
            ("340300", Some("340000"), Level::City),
            ("340304", Some("340000"), Level::County),
            ("340304001", Some("340399"), Level::Township),
            ("34030", Some("340300"), Level::County),
            ("340305", None, Level::County),
        ]);
        assert_eq!(
            problems(&rows, &HashMap::new()),
            [
                "row 4: 340300: Duplicate code.",
                "row 5: 340304: A county cannot be below a province.",
                "row 6: 340304001: The parent 340399 does not exist.",
                "row 7: 34030: The code does not fit the level county.",
                "row 8: 340305: The parent is missing.",
            ]
        );
        assert!(problems(&rows[..2], &HashMap::new()).is_empty());
    }

    #[test]
    fn a_row_that_is_registered_otherwise_is_told_field_by_field() {
        let rows = rows([
            ("340000", None, Level::Province),
            ("340300", Some("340000"), Level::City),
            ("340304", Some("340300"), Level::County),
            ("340305", Some("340300"), Level::County),
        ]);
        let known = HashMap::from([
            registered(&rows[0].1, "某地", ""),
            registered(&rows[1].1, "别处", "340000/"),
            registered(&rows[2].1, "某地", "340000/340400/"),
        ]);
        assert_eq!(
            differences(&rows, &known),
            [
                "row 3: 340300: it differs and was left unchanged: name is 某地 in the file, 别处 in the register",
                "row 4: 340304: it differs and was left unchanged: parent is 340300 in the file, 340400 in the register",
            ]
        );
        let elsewhere = Listed {
            kind: AreaKind::Statistical,
            ..rows[0].1.clone()
        };
        let (_, area) = registered(&rows[0].1, "别处", "");
        assert_eq!(
            difference(&elsewhere, &area).unwrap(),
            "name is 某地 in the file, 别处 in the register; kind is statistical in the file, administrative in the register"
        );
    }
}
