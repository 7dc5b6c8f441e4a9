//! The organizations: those before the campaign, those the article names, and those that make up its totals.

mod added;
mod baseline;
mod draft;
mod register;

use super::areas::Tree;
use super::plan::OrganizationSpec;
pub use draft::month_of;
use register::Register;

/// The cities of the pilot, in the article's order.
pub const PILOTS: [&str; 4] = [BENGBU, FUYANG, MAANSHAN, ANQING];
/// 蚌埠市
pub const BENGBU: &str = "340300";
/// 阜阳市
pub const FUYANG: &str = "341200";
/// 马鞍山市
pub const MAANSHAN: &str = "340500";
/// 安庆市
pub const ANQING: &str = "340800";
/// 宣城市: not a pilot city, and the one without a municipal federation before.
pub const XUANCHENG: &str = "341800";
/// 禹会区 of 蚌埠
pub const YUHUI: &str = "340304";
/// The park of the demo: the article's one park organization stands there.
pub const YUHUI_PARK: &str = "340304-P01";
/// 太慈镇 of 望江县, 安庆
pub const TAICI: &str = "340827107";

/// Stands in every note: nobody shall take these for the real register.
pub const ILLUSTRATIVE: &str = "示例数据，非真实登记。";

/// All organizations, in the order in which they were founded.
///
/// # Errors
/// When the table of areas is not Anhui's.
pub fn all(tree: &Tree<'_>) -> anyhow::Result<Vec<OrganizationSpec>> {
    let mut register = Register::over(tree);
    baseline::establish(&mut register)?;
    added::name_what_the_article_names(&mut register)?;
    added::fill_up_to_the_totals(&mut register)?;
    Ok(register.into_specs())
}
