//! Editions of the list, in which codes go from one area to another.

use chrono::{Days, NaiveDate};
use qiaojian_domain::area::update::{Listed, Origin, Step};
use qiaojian_domain::area::{AreaKind, Level};
use qiaojian_domain::ids::AreaId;
use qiaojian_store::areas::{self, Edition};
use qiaojian_store::{Recording, StoreResult, Subtree};
use uuid::Uuid;

use super::act::{Act, Area};
use super::perform::Told;

impl Told {
    /// An edition of the whole list, in which nothing is otherwise but the codes of two areas.
    pub fn edition(&self, recording: &mut Recording<'_, '_>) -> StoreResult<()> {
        let (Act::ExchangeCodes { on, .. } | Act::PassCode { on, .. }) = &self.act else {
            panic!("{:?}", self.act)
        };
        let listed = self.listed(*on);
        let edition = Edition {
            on: *on,
            reason: "新版区划代码".to_owned(),
            today: self.today,
        };
        let everything = Subtree::everything();
        let registered = areas::registered_of(recording.conn(), &everything, &listed)?;
        let none_is_new = || AreaId(Uuid::nil());
        let plan = edition.plan(recording.conn(), &listed, &registered, none_is_new)?;
        if let Some((_, violation)) = plan.wrong.into_iter().next() {
            return Err(violation.into());
        }
        for step in &plan.steps {
            let recodes = matches!(
                step.dated.step,
                Step::Recode { .. } | Step::Rename { name: None, .. }
            );
            assert!(recodes, "{:?}", plan.steps);
        }
        let refused = areas::take_steps(recording, &plan.steps)?;
        refused.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
    }

    fn listed(&self, on: NaiveDate) -> Vec<Listed> {
        let codes = self.world.codes_after(&self.act, self.place, self.today);
        let code = |area: Area| {
            let new = codes.iter().find(|(changed, _)| *changed == area);
            new.map_or_else(|| self.world.code(area, self.today), |(_, code)| code.clone())
        };
        let standing = self.world.areas.iter().filter(|(_, life)| life.ended.is_none());
        standing
            .filter(|(_, life)| life.level != Level::Park)
            .map(|(area, life)| {
                let before = self.world.code(*area, on - Days::new(1));
                let is_changed = codes.iter().any(|(changed, _)| changed == area);
                Listed {
                    code: code(*area),
                    level: life.level,
                    parent: self.world.under(*area, self.today).map(code),
                    name: area.name(),
                    kind: AreaKind::Administrative,
                    origin: Origin {
                        predecessors: if is_changed { vec![before] } else { Vec::new() },
                        is_new: false,
                    },
                    valid_from: None,
                }
            })
            .collect()
    }
}
