//! What is frozen and sent: the content of a bulletin as data, and the page and the plain text made from it. Pure functions:
//! the same content always gives the same bytes.

pub mod page;
pub mod percent;
pub mod progress;
mod progress_added;
mod progress_cells;
mod progress_gaps;
pub mod progress_html;
#[cfg(any(test, feature = "sample"))]
pub mod progress_sample;
#[cfg(test)]
mod progress_tests;
pub mod progress_text;
mod progress_words;
mod words;
