//! The tree of one day as an array in path order: a subtree is a contiguous range.

use std::ops::Range;

use qiaojian_domain::area::{AreaKind, Level};
use qiaojian_domain::ids::AreaId;

use crate::Subtree;

/// The index of an area in its tree's array.
pub type Place = u32;

/// The parent of a province.
const NOWHERE: Place = Place::MAX;

/// An input row of a tree.
#[derive(Debug, Clone)]
pub struct TreeRow {
    pub id: AreaId,
    /// The codes from the province down, each followed by `/`.
    pub path: String,
    pub level: Level,
    pub kind: AreaKind,
}

/// An area in its tree.
#[derive(Debug, Clone, Copy)]
struct Node {
    id: AreaId,
    above: Place,
    /// The exclusive end of its subtree.
    end: Place,
    /// The position and length of its code in `Tree::codes`.
    code_at: u32,
    code_len: u8,
}

/// The areas of one day, by path. A country of 665,000 areas takes about 40 MB.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    nodes: Vec<Node>,
    /// The level and kind of each area, stored separately: for most areas a fold reads only these two bytes.
    sorts: Vec<(Level, AreaKind)>,
    codes: String,
    /// Places sorted by area id, for lookups.
    by_id: Vec<Place>,
    /// Ended areas, by id, each with the place where its organizations count.
    ended: Vec<(AreaId, Place)>,
}

impl Tree {
    /// Builds a tree from rows in path order. Rows whose parent is missing become roots.
    pub fn build(rows: impl IntoIterator<Item = TreeRow>) -> Self {
        let mut builder = Builder::default();
        for row in rows {
            builder.push(&row);
        }
        builder.finish()
    }

    /// Returns the number of areas.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns whether the tree is empty.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn node(&self, place: Place) -> Option<&Node> {
        self.nodes.get(place as usize)
    }

    /// Returns the area's id.
    pub fn id(&self, place: Place) -> Option<AreaId> {
        self.node(place).map(|node| node.id)
    }

    /// Returns the area's code; empty for an invalid place.
    pub fn code(&self, place: Place) -> &str {
        self.node(place)
            .and_then(|node| {
                let start = node.code_at as usize;
                self.codes.get(start..start + usize::from(node.code_len))
            })
            .unwrap_or_default()
    }

    /// Returns the area's level.
    pub fn level(&self, place: Place) -> Option<Level> {
        self.sorts.get(place as usize).map(|(level, _)| *level)
    }

    /// Returns the area's kind.
    pub fn kind(&self, place: Place) -> Option<AreaKind> {
        self.sorts.get(place as usize).map(|(_, kind)| *kind)
    }

    /// Returns the place of the area with this id.
    pub fn place_of(&self, id: AreaId) -> Option<Place> {
        self.by_id
            .binary_search_by_key(&Some(id), |place| self.id(*place))
            .ok()
            .and_then(|at| self.by_id.get(at).copied())
    }

    /// Returns the place where the organizations of an area count: its own, or, for an ended area, that of the nearest
    /// existing area that it was merged into or was below.
    pub fn home_of(&self, id: AreaId) -> Option<Place> {
        self.place_of(id).or_else(|| {
            let at = self.ended.binary_search_by_key(&id, |(area, _)| *area).ok()?;
            self.ended.get(at).map(|(_, home)| *home)
        })
    }

    /// Returns the ended areas whose home is one of these places.
    pub fn ended_within(&self, places: Range<Place>) -> impl Iterator<Item = AreaId> {
        let ended = self.ended.iter();
        ended
            .filter(move |(_, home)| places.contains(home))
            .map(|(area, _)| *area)
    }

    /// Adds the ended areas, each with its heir: the area it was merged into, or else its parent. They must be in order
    /// of ids.
    #[must_use]
    pub fn with_ended(mut self, heirs: &[(AreaId, AreaId)]) -> Self {
        let heir_of = |area: AreaId| {
            let at = heirs.binary_search_by_key(&area, |(ended, _)| *ended).ok()?;
            heirs.get(at).map(|(_, heir)| *heir)
        };
        let ended = heirs.iter().filter_map(|(area, heir)| {
            // A chain cannot be longer than the number of ended areas.
            let line = std::iter::successors(Some(*heir), |next| heir_of(*next));
            let home = line.take(heirs.len()).find_map(|next| self.place_of(next))?;
            Some((*area, home))
        });
        self.ended = ended.collect();
        self
    }

    /// Returns the area and its ancestors, nearest first.
    pub fn upwards(&self, place: Place) -> impl Iterator<Item = Place> {
        std::iter::successors(self.node(place).map(|_| place), |place| {
            self.node(*place)
                .map(|node| node.above)
                .filter(|above| *above != NOWHERE)
        })
    }

    /// Returns the area of `level` that `place` is or belongs to.
    pub fn at_level(&self, place: Place, level: Level) -> Option<Place> {
        self.upwards(place)
            .find(|above| self.level(*above) == Some(level))
    }

    /// Returns the area and all its descendants.
    pub fn below(&self, place: Place) -> Range<Place> {
        self.node(place).map_or(0..0, |node| place..node.end)
    }

    /// Returns all areas.
    pub fn all(&self) -> Range<Place> {
        0..Place::try_from(self.nodes.len()).unwrap_or(NOWHERE)
    }

    /// Returns the places of a subtree; empty if its root is not in this tree.
    pub fn range(&self, within: &Subtree) -> Range<Place> {
        if within.lower().is_empty() {
            return self.all();
        }
        self.find(within.lower()).map_or(0..0, |place| self.below(place))
    }

    /// Returns the place with this path.
    fn find(&self, path: &str) -> Option<Place> {
        let mut rest = self.all();
        let mut written = String::new();
        while !rest.is_empty() {
            let middle = rest.start + (rest.end - rest.start) / 2;
            self.write_path(middle, &mut written);
            match written.as_str().cmp(path) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => rest.start = middle + 1,
                std::cmp::Ordering::Greater => rest.end = middle,
            }
        }
        None
    }

    /// Returns the path of an area: the codes from the province down, each followed by `/`.
    pub fn path(&self, place: Place) -> String {
        let mut path = String::new();
        self.write_path(place, &mut path);
        path
    }

    fn write_path(&self, place: Place, path: &mut String) {
        path.clear();
        let mut places: Vec<Place> = self.upwards(place).collect();
        places.reverse();
        for place in places {
            path.push_str(self.code(place));
            path.push('/');
        }
    }

    /// Returns the children of an area, in path order.
    pub fn children(&self, place: Place) -> impl Iterator<Item = Place> {
        let range = self.below(place);
        let mut next = range.start.saturating_add(1);
        std::iter::from_fn(move || {
            let child = next;
            if child >= range.end {
                return None;
            }
            next = self.below(child).end;
            Some(child)
        })
    }
}

#[derive(Default)]
struct Builder {
    tree: Tree,
    /// The areas whose subtrees are still open, each with its path.
    open: Vec<(Place, String)>,
}

impl Builder {
    fn push(&mut self, row: &TreeRow) {
        let place = Place::try_from(self.tree.nodes.len()).unwrap_or(NOWHERE);
        while self
            .open
            .last()
            .is_some_and(|(_, path)| !row.path.starts_with(path))
        {
            self.close(place);
        }
        let code = row
            .path
            .strip_suffix('/')
            .and_then(|path| path.rsplit('/').next())
            .unwrap_or_default();
        self.tree.nodes.push(Node {
            id: row.id,
            above: self.open.last().map_or(NOWHERE, |(above, _)| *above),
            end: NOWHERE,
            code_at: u32::try_from(self.tree.codes.len()).unwrap_or(u32::MAX),
            code_len: u8::try_from(code.len()).unwrap_or(u8::MAX),
        });
        self.tree.sorts.push((row.level, row.kind));
        self.tree.codes.push_str(code);
        self.open.push((place, row.path.clone()));
    }

    fn close(&mut self, end: Place) {
        if let Some((place, _)) = self.open.pop()
            && let Some(node) = self.tree.nodes.get_mut(place as usize)
        {
            node.end = end;
        }
    }

    fn finish(mut self) -> Tree {
        let end = self.tree.all().end;
        while !self.open.is_empty() {
            self.close(end);
        }
        let mut tree = self.tree;
        tree.nodes.shrink_to_fit();
        tree.sorts.shrink_to_fit();
        tree.codes.shrink_to_fit();
        let mut by_id: Vec<Place> = tree.all().collect();
        by_id.sort_unstable_by_key(|place| tree.id(*place));
        tree.by_id = by_id;
        tree
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn tree(paths: &[&str]) -> Tree {
        Tree::build(paths.iter().zip(1_u128..).map(|(path, number)| {
            let code = path.trim_end_matches('/').rsplit('/').next().unwrap();
            TreeRow {
                // Ids in a different order than paths.
                id: AreaId(Uuid::from_u128(1000 - number)),
                path: (*path).to_owned(),
                level: Level::of_code(code).unwrap(),
                kind: AreaKind::Administrative,
            }
        }))
    }

    const PATHS: [&str; 8] = [
        "340000/",
        "340000/340300/",
        "340000/340300/340304-P01/",
        "340000/340300/340304/",
        "340000/340300/340304/340304001/",
        "340000/340300/340304/340304001/340304001001/",
        "340000/340300/340304/340304002/",
        "340000/341800/",
    ];

    #[test]
    fn a_subtree_is_a_range_and_a_path_comes_back() {
        let tree = tree(&PATHS);
        for (place, path) in (0..).zip(PATHS) {
            assert_eq!(tree.path(place), path);
            assert_eq!(tree.range(&Subtree::rooted_at(path)), tree.below(place), "{path}");
            assert_eq!(tree.place_of(tree.id(place).unwrap()), Some(place));
        }
        assert_eq!(tree.range(&Subtree::everything()), 0..8);
        assert_eq!(tree.range(&Subtree::rooted_at("340000/340300/")), 1..7);
        assert_eq!(tree.range(&Subtree::rooted_at("340000/340399/")), 0..0);
        assert_eq!(tree.children(1).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(tree.children(5).count(), 0);
        assert_eq!(tree.at_level(5, Level::County), Some(3));
        assert_eq!(
            tree.at_level(2, Level::County),
            None,
            "a park stands beside the counties"
        );
        assert_eq!(tree.at_level(0, Level::City), None);
    }

    #[test]
    fn an_empty_tree_and_a_part_of_one() {
        assert!(tree(&[]).range(&Subtree::rooted_at("340000/")).is_empty());
        let part = tree(&PATHS[3..7]);
        assert_eq!(part.children(0).count(), 2);
        assert_eq!(part.path(0), "340304/", "what stands above is not there");
    }
}
