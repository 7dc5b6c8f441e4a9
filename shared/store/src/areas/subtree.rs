//! What a caller sees, as one range of paths.

/// A subtree of areas: what a caller sees, or what a question is about. Every query on rows that areas own starts from one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subtree {
    path: String,
}

impl Subtree {
    /// Everything: for the worker, the command line, and nobody else.
    pub fn everything() -> Self {
        Self { path: String::new() }
    }

    /// The subtree whose root has this path.
    pub fn rooted_at(path: &str) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// The first path of the range.
    pub fn lower(&self) -> &str {
        &self.path
    }

    /// The first path behind the range: '/' is followed by '0', and no path starts with a letter.
    pub fn upper(&self) -> String {
        self.path
            .strip_suffix('/')
            .map_or_else(|| "~".to_owned(), |stem| format!("{stem}0"))
    }

    /// Whether an area of this path belongs to it.
    pub fn contains(&self, path: &str) -> bool {
        path.starts_with(&self.path)
    }

    /// Whether an area of this path belongs to it or stands above its root: what a caller may name, if not change.
    pub fn reaches(&self, path: &str) -> bool {
        self.contains(path) || self.is_below(path)
    }

    /// Whether an area of this path stands above its root.
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
