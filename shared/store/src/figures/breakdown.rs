//! The counts of every metric by group, and the resulting figures.

use qiaojian_documents::percent::percent;

use super::groups::{Groups, Seen};
use super::tree::Tree;
use super::{Figure, GroupBy, GroupKey, Metric, Part, Question};

/// The numbers of one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Tally {
    numerator: i64,
    denominator: i64,
    undetermined: i64,
    unruled: i64,
}

/// The counts of every metric by group.
pub(super) struct Breakdown<'a> {
    groups: Groups<'a>,
    summed: bool,
    /// The numbers of each metric, by group.
    counts: Vec<Vec<Tally>>,
}

impl<'a> Breakdown<'a> {
    pub(super) fn new(question: &Question, tree: &'a Tree, keys: &[GroupBy]) -> Self {
        Self {
            groups: Groups::new(tree, keys),
            summed: keys.is_empty(),
            counts: vec![Vec::new(); question.metrics.len()],
        }
    }

    pub(super) fn add(&mut self, metric: usize, part: Part, seen: &Seen) {
        let group = self.groups.of(seen);
        let Some(counts) = self.counts.get_mut(metric) else {
            return;
        };
        if counts.len() <= group {
            counts.resize(group + 1, Tally::default());
        }
        if let Some(tally) = counts.get_mut(group) {
            match part {
                Part::Numerator => tally.numerator += 1,
                Part::Denominator => tally.denominator += 1,
                Part::Undetermined => tally.undetermined += 1,
                Part::Unruled => tally.unruled += 1,
                // Derived: members of the denominator that are not in the numerator.
                Part::Missing => {}
            }
        }
    }

    pub(super) fn figures(mut self, question: &Question) -> Vec<Figure> {
        let keys: Vec<GroupKey> = (0..self.groups.len())
            .map(|number| self.groups.key(number))
            .collect();
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by(|one, other| keys.get(*one).cmp(&keys.get(*other)));
        let mut figures = Vec::new();
        for (metric, counts) in question.metrics.iter().zip(&mut self.counts) {
            counts.resize(keys.len(), Tally::default());
            for number in &order {
                let (Some(counted), Some(key)) = (counts.get(*number), keys.get(*number)) else {
                    continue;
                };
                if self.summed || *counted != Tally::default() {
                    figures.push(figure(*metric, key.clone(), *counted));
                }
            }
        }
        figures
    }
}

fn figure(metric: Metric, group: GroupKey, tally: Tally) -> Figure {
    let Tally {
        numerator,
        denominator,
        undetermined,
        unruled,
    } = tally;
    let denominator = metric.is_ratio().then_some(denominator);
    #[expect(
        clippy::cast_precision_loss,
        reason = "there are fewer than 2^53 organizations"
    )]
    let value = match denominator {
        Some(denominator) => percent(numerator, denominator),
        None => Some(numerator as f64),
    };
    Figure {
        metric,
        group,
        numerator,
        denominator,
        value,
        undetermined,
        unruled,
    }
}
