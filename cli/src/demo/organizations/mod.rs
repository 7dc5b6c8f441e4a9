//! The organizations: those before the campaign, those named in the article, and those that make up its totals.

mod added;
mod baseline;
mod draft;
mod register;

use super::areas::Tree;
use super::plan::OrganizationSpec;
pub use draft::month_of;
use register::Register;

/// The pilot cities, in the article's order.
pub const PILOTS: [&str; 4] = [BENGBU, FUYANG, MAANSHAN, ANQING];
/// 蚌埠市
pub const BENGBU: &str = "340300";
/// 阜阳市
pub const FUYANG: &str = "341200";
/// 马鞍山市
pub const MAANSHAN: &str = "340500";
/// 安庆市
pub const ANQING: &str = "340800";
/// 宣城市: not a pilot city, and the only one that had no municipal federation before.
pub const XUANCHENG: &str = "341800";
/// 禹会区 of 蚌埠
pub const YUHUI: &str = "340304";
/// The park of the demo, in which the article's one park organization is located.
pub const YUHUI_PARK: &str = "340304-P01";
/// 太慈镇 of 望江县, 安庆
pub const TAICI: &str = "340827107";

/// Part of every note, so that nobody takes these for the real register.
pub const ILLUSTRATIVE: &str = "示例数据，非真实登记。";

/// Returns all organizations, in the order of their founding.
///
/// # Errors
/// Returns an error if the table of areas is not that of Anhui.
pub fn all(tree: &Tree<'_>) -> anyhow::Result<Vec<OrganizationSpec>> {
    let mut register = Register::over(tree);
    baseline::establish(&mut register)?;
    added::name_what_the_article_names(&mut register)?;
    added::fill_up_to_the_totals(&mut register)?;
    Ok(register.into_specs())
}
