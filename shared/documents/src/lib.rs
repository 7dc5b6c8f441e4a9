//! The content of bulletins as data, and the HTML page and the plain text rendered from it. All functions are pure: the
//! same content always renders to the same bytes.

pub mod page;
pub mod percent;
pub mod progress;
mod progress_added;
mod progress_cells;
mod progress_gaps;
pub mod progress_html;
#[cfg(any(test, feature = "sample"))]
#[expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a sample for tests, which fail if it is wrong"
)]
pub mod progress_sample;
#[cfg(test)]
mod progress_tests;
pub mod progress_text;
mod progress_words;
mod words;
