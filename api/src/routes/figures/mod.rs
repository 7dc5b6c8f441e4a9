//! Figures and the rows behind them.

pub mod answer;
pub mod members;
mod program;
pub mod question;
