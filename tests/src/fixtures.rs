//! A small province to test on: one pilot and one other city, with what stands below them.

use std::sync::Arc;

use chrono::NaiveDate;
use qiaojian_domain::area::{AreaKind, Level};
use qiaojian_domain::clock::{Clock, ManualClock, SeededEntropy, UtcTime};
use qiaojian_domain::ids::AreaId;
use qiaojian_store::areas::{self, NewArea};
use qiaojian_store::db::Db;
use qiaojian_store::{Actor, Recording, StoreError};

/// The areas of the fixture: code, name.
pub const AREAS: &[(&str, &str)] = &[
    ("340000", "安徽省"),
    ("340300", "蚌埠市"),
    ("340304", "禹会区"),
    ("340304001", "大庆街道"),
    ("340304001001", "燕山社区居委会"),
    ("340304001002", "大庆社区居委会"),
    ("340304002", "张公山街道"),
    ("340304-P01", "禹会产业园"),
    ("340322", "五河县"),
    ("340322100", "城关镇"),
    ("341800", "宣城市"),
    ("341802", "宣州区"),
    ("341802001", "西林街道"),
    ("341802001001", "状元社区居委会"),
];

/// 2022-06-24 16:36 in Shanghai: when the article came out.
pub fn article_time() -> UtcTime {
    "2022-06-24T08:36:00Z".parse().expect("a valid instant")
}

/// A clock that shows the article's time.
pub fn article_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(article_time()))
}

/// A date, from its text.
pub fn date(text: &str) -> NaiveDate {
    text.parse().expect("a valid date")
}

/// The date areas are valid from in tests and in the demo.
pub fn beginning() -> NaiveDate {
    date("1949-10-01")
}

/// Adds the fixture's areas.
pub async fn load_areas(db: &Db, clock: &Arc<ManualClock>) {
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    db.write(move |tx| {
        let entropy = SeededEntropy::new(7);
        let actor = Actor::system("fixture");
        let mut recording = Recording::begin(tx, &actor)?;
        for (code, name) in AREAS {
            let level = Level::of_code(code).expect("a code of the fixture");
            let parent = parent_of(code);
            let parent = match parent {
                Some(parent) => areas::find_anywhere(recording.conn(), &parent)?,
                None => None,
            };
            let new = NewArea {
                id: AreaId::generate(clock.as_ref(), &entropy),
                code: (*code).to_owned(),
                name: (*name).to_owned(),
                level,
                kind: AreaKind::Administrative,
                parent,
                valid_from: beginning(),
            };
            areas::create(&mut recording, &new)?;
        }
        Ok::<_, StoreError>(())
    })
    .await
    .expect("the fixture's areas load");
}

fn parent_of(code: &str) -> Option<String> {
    match Level::of_code(code)? {
        Level::Province => None,
        Level::City => Some(format!("{}0000", &code[..2])),
        Level::County => Some(format!("{}00", &code[..4])),
        Level::Township => Some(code[..6].to_owned()),
        Level::Village => Some(code[..9].to_owned()),
        Level::Park => Some(code[..6].to_owned()),
    }
}
