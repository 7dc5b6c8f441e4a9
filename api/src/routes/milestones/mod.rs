//! 零突破、全覆盖: what areas reach once.

mod asking;
pub mod list;
