//! 零突破、全覆盖: what areas reach once.

pub mod list;
