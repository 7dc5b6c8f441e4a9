//! The two languages of a reply.

use std::borrow::Cow;

use actix_web::http::header::HeaderValue;
use qiaojian_domain::Violation;

/// The language of the sentences in a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// The default.
    Chinese,
    /// Requested by `Accept-Language`.
    English,
}

impl Language {
    /// Returns the language that an `Accept-Language` header prefers: Chinese unless English comes first.
    pub fn of(header: Option<&HeaderValue>) -> Self {
        let text = header.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let weight = |tag: &str| {
            text.split(',')
                .filter_map(|part| {
                    let (name, parameters) = part.split_once(';').unwrap_or((part, ""));
                    let quality = parameters
                        .trim()
                        .strip_prefix("q=")
                        .map_or(Some(1.0), |q| q.parse::<f32>().ok());
                    name.trim()
                        .to_ascii_lowercase()
                        .starts_with(tag)
                        .then_some(quality.unwrap_or(0.0))
                })
                .fold(0.0_f32, f32::max)
        };
        if weight("en") > weight("zh") {
            Self::English
        } else {
            Self::Chinese
        }
    }

    /// Returns the language tag for `Content-Language`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        }
    }

    /// Returns the sentence of a violation in this language.
    pub fn sentence(self, violation: &Violation) -> &str {
        match self {
            Self::Chinese => &violation.zh,
            Self::English => &violation.en,
        }
    }
}

/// A sentence in both languages.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) zh: Cow<'static, str>,
    pub(super) en: Cow<'static, str>,
}

impl Text {
    pub(super) fn new(zh: impl Into<Cow<'static, str>>, en: impl Into<Cow<'static, str>>) -> Self {
        Self {
            zh: zh.into(),
            en: en.into(),
        }
    }

    pub(super) fn in_language(&self, language: Language) -> &str {
        match language {
            Language::Chinese => &self.zh,
            Language::English => &self.en,
        }
    }
}
