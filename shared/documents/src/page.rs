//! Renders the HTML page and the plain text of a notice from its frozen content, for every kind of bulletin.

use qiaojian_domain::access::Post;
use qiaojian_domain::bulletin::BulletinKind;
use qiaojian_domain::digest::canonical;

use super::progress::{Common, Digests, FORMAT, Format, Letterhead, Own};
use super::progress_html::render_html;
use super::progress_text::render_text;

/// The frozen content of a notice, as stored in the rows of the bulletin and the notice.
#[derive(Debug, Clone, Copy)]
pub struct Frozen<'a> {
    /// The kind of the bulletin.
    pub kind: BulletinKind,
    /// The common part of the bulletin, as canonical JSON.
    pub common: &'a str,
    /// The recipient's own part, as canonical JSON.
    pub own: &'a str,
    /// The digests of both parts.
    pub digests: Digests<'a>,
}

/// The reason why a document cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// There is no document template for this kind yet.
    #[error("there is no document template for bulletins of kind {0} yet")]
    NoDocument(BulletinKind),
    /// The content was composed by a later version of this program.
    #[error("the document has format {0}, written by a later version of this program")]
    LaterFormat(u32),
    /// The frozen content is not valid for this kind.
    #[error("the frozen figures cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// Renders the HTML page.
///
/// # Errors
/// Returns an error if there is no document template for this kind, the content cannot be read, or its format is later
/// than this version supports.
pub fn html(letterhead: &Letterhead<'_>, frozen: &Frozen<'_>) -> Result<String, PageError> {
    let (common, own) = read(frozen)?;
    Ok(render_html(letterhead, &common, &own, &frozen.digests))
}

/// Renders the plain text.
///
/// # Errors
/// See [`html`].
pub fn text(letterhead: &Letterhead<'_>, frozen: &Frozen<'_>) -> Result<String, PageError> {
    let (common, own) = read(frozen)?;
    Ok(render_text(letterhead, &common, &own, &frozen.digests))
}

fn read(frozen: &Frozen<'_>) -> Result<(Common, Own), PageError> {
    has_document(frozen.kind)?;
    let common: Common = serde_json::from_str(frozen.common)?;
    let own: Own = serde_json::from_str(frozen.own)?;
    for format in [common.format, own.format] {
        if format > FORMAT {
            return Err(PageError::LaterFormat(format));
        }
    }
    Ok((common, own))
}

fn has_document(kind: BulletinKind) -> Result<(), PageError> {
    match kind {
        BulletinKind::Progress => Ok(()),
        other => Err(PageError::NoDocument(other)),
    }
}

/// Returns the format in which the common part of a bulletin was frozen.
///
/// # Errors
/// Returns an error if there is no document template for this kind, the content cannot be read, or its format is later
/// than this version supports.
pub fn format_of(kind: BulletinKind, common: &str) -> Result<u32, PageError> {
    has_document(kind)?;
    let Format { format } = serde_json::from_str(common)?;
    if format > FORMAT {
        return Err(PageError::LaterFormat(format));
    }
    Ok(format)
}

/// Converts a newly composed common part to an earlier format. Takes and returns canonical JSON.
///
/// # Errors
/// Returns an error if the content cannot be read.
pub fn common_in_format(common: &str, format: u32) -> Result<String, PageError> {
    let common: Common = serde_json::from_str(common)?;
    Ok(canonical(&common.in_format(format))?)
}

/// Converts a newly composed own part of a recipient to an earlier format. Takes and returns canonical JSON.
///
/// # Errors
/// Returns an error if the content cannot be read.
pub fn own_in_format(own: &str, format: u32) -> Result<String, PageError> {
    let own: Own = serde_json::from_str(own)?;
    Ok(canonical(&own.in_format(format))?)
}

/// Returns the official name of a recipient: 蚌埠市侨联, 蚌埠市委组织部.
pub fn addressee(area_name: &str, post: Post) -> String {
    let office = match post {
        Post::Federation => "侨联",
        Post::PartyCommittee => "委",
        Post::OrganizationDept => "委组织部",
        Post::UnitedFrontDept => "委统战部",
        Post::StaffingOffice => "委编办",
        Post::FinanceBureau => "财政局",
        Post::LeadingGroup => "试点工作领导小组",
        Post::Other => "",
    };
    format!("{area_name}{office}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_office_is_named_as_it_signs() {
        for (area, post, name) in [
            ("蚌埠市", Post::Federation, "蚌埠市侨联"),
            ("安徽省", Post::OrganizationDept, "安徽省委组织部"),
            ("禹会区", Post::FinanceBureau, "禹会区财政局"),
            ("安庆市", Post::LeadingGroup, "安庆市试点工作领导小组"),
        ] {
            assert_eq!(addressee(area, post), name);
        }
    }

    #[test]
    fn a_kind_without_a_document_says_so() {
        let letterhead = Letterhead {
            serial: None,
            title: "催办",
            published_on: None,
            late_since: None,
            recipient_name: "蚌埠市侨联",
        };
        let digests = Digests { common: "", own: "" };
        let frozen = |kind| Frozen {
            kind,
            common: "{}",
            own: "{}",
            digests,
        };
        assert!(matches!(
            html(&letterhead, &frozen(BulletinKind::Chase)),
            Err(PageError::NoDocument(BulletinKind::Chase))
        ));
        assert!(matches!(
            text(&letterhead, &frozen(BulletinKind::Progress)),
            Err(PageError::Unreadable(_))
        ));
    }
}
