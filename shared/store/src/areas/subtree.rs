//! The areas that a caller can see, as a range of paths.

/// A subtree of areas: what a caller can see, or the scope of a query. Every query on rows that areas own starts from
/// one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subtree {
    path: String,
}

impl Subtree {
    /// Returns the whole tree: only for the worker and the command line.
    pub fn everything() -> Self {
        Self { path: String::new() }
    }

    /// Returns the subtree whose root has this path.
    pub fn rooted_at(path: &str) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Returns the first path of the range.
    pub fn lower(&self) -> &str {
        &self.path
    }

    /// Returns the exclusive end of the range: '/' is followed by '0', and no path starts with a letter.
    pub fn upper(&self) -> String {
        self.path
            .strip_suffix('/')
            .map_or_else(|| "~".to_owned(), |stem| format!("{stem}0"))
    }

    /// Returns whether an area with this path belongs to the subtree.
    pub fn contains(&self, path: &str) -> bool {
        path.starts_with(&self.path)
    }

    /// Returns whether an area with this path belongs to the subtree or is an ancestor of its root: what a caller may
    /// refer to, but not necessarily change.
    pub fn reaches(&self, path: &str) -> bool {
        self.contains(path) || self.is_below(path)
    }

    /// Returns whether an area with this path is an ancestor of the root.
    pub fn is_below(&self, path: &str) -> bool {
        self.path.len() > path.len() && self.path.starts_with(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subtree_is_one_range_of_paths() {
        let city = Subtree::rooted_at("340000/340300/");
        for (path, inside) in [
            ("340000/340300/", true),
            ("340000/340300/340304/", true),
            ("340000/340300/340304-P01/", true),
            ("340000/", false),
            ("340000/340301/", false),
            ("340000/3403000/", false),
        ] {
            assert_eq!(city.contains(path), inside, "{path}");
            assert_eq!((city.lower()..&*city.upper()).contains(&path), inside, "{path}");
        }
        assert!(city.is_below("340000/") && city.reaches("340000/") && city.reaches("340000/340300/340304/"));
        assert!(!city.reaches("341000/"));
        assert!(!city.is_below("340000/340300/") && !city.is_below("341000/"));
        let all = Subtree::everything();
        assert!((all.lower()..&*all.upper()).contains(&"340000/"));
    }
}
