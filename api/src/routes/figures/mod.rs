//! Figures, and the rows behind them.

pub mod answer;
pub mod members;
pub mod question;
