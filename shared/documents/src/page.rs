//! From frozen content to what a recipient sees: the page and the plain text of one notice, whatever kind its bulletin is.

use qiaojian_domain::access::Post;
use qiaojian_domain::bulletin::BulletinKind;
use qiaojian_domain::digest::canonical;

use super::progress::{Common, Digests, FORMAT, Format, Letterhead, Own};
use super::progress_html::render_html;
use super::progress_text::render_text;

/// What a notice is made of, as kept in the rows of the bulletin and the notice.
#[derive(Debug, Clone, Copy)]
pub struct Frozen<'a> {
    /// What the bulletin is for.
    pub kind: BulletinKind,
    /// The bulletin's figures, canonical JSON.
    pub common: &'a str,
    /// The recipient's own figures, canonical JSON.
    pub own: &'a str,
    /// The digests of both.
    pub digests: Digests<'a>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Nobody has said yet what such a bulletin looks like.
    #[error("there is no document for bulletins of kind {0} yet")]
    NoDocument(BulletinKind),
    /// A later version of this program composed it.
    #[error("the document has format {0}, which a later version of this program wrote")]
    LaterFormat(u32),
    /// The frozen figures are not those of this kind.
    #[error("the frozen figures cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// The page.
///
/// # Errors
/// When there is no document for this kind, or its figures cannot be read.
pub fn html(letterhead: &Letterhead<'_>, frozen: &Frozen<'_>) -> Result<String, PageError> {
    let (common, own) = read(frozen)?;
    Ok(render_html(letterhead, &common, &own, &frozen.digests))
}

/// The plain text.
///
/// # Errors
/// As [`html`].
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

/// The format in which a bulletin's common part was frozen.
///
/// # Errors
/// When it cannot be read, or is later than this version knows.
pub fn format_of(kind: BulletinKind, common: &str) -> Result<u32, PageError> {
    has_document(kind)?;
    let Format { format } = serde_json::from_str(common)?;
    if format > FORMAT {
        return Err(PageError::LaterFormat(format));
    }
    Ok(format)
}

/// A common part that was composed now, as an earlier format has it: canonical JSON again.
///
/// # Errors
/// When it cannot be read.
pub fn common_in_format(common: &str, format: u32) -> Result<String, PageError> {
    let common: Common = serde_json::from_str(common)?;
    Ok(canonical(&common.in_format(format))?)
}

/// A recipient's own part that was composed now, as an earlier format has it: canonical JSON again.
///
/// # Errors
/// When it cannot be read.
pub fn own_in_format(own: &str, format: u32) -> Result<String, PageError> {
    let own: Own = serde_json::from_str(own)?;
    Ok(canonical(&own.in_format(format))?)
}

/// Who a notice is addressed to, as an office writes it: 蚌埠市侨联, 蚌埠市委组织部.
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
