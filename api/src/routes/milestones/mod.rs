//! 零突破、全覆盖: milestones, each of which an area reaches once.

mod asking;
pub mod list;
