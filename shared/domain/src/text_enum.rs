//! Macros for closed lists of words. The same word is used in the table, the type, the JSON and the documentation.

/// Declares an enum whose variants are represented by fixed words: in text columns, in JSON, in query parameters and in
/// the OpenAPI document.
#[macro_export]
macro_rules! text_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$vmeta:meta])* $variant:ident => $word:literal $(/ $chinese:literal)?,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name { $($(#[$vmeta])* $variant,)+ }

        impl $name {
            /// All variants, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Returns the word as stored and sent.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownWord;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::UnknownWord { word: word.to_owned(), allowed: &[$($word,)+] }),
                }
            }
        }

        impl $crate::serde::Serialize for $name {
            fn serialize<S: $crate::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> $crate::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                word.parse().map_err($crate::serde::de::Error::custom)
            }
        }

        $crate::schema_of_words!($name: $($word),+);
        $crate::labels_of_words!($name: $($variant, $word $(, $chinese)?;)+);
    };
}

/// The labels of a closed list of words, where it has them.
#[doc(hidden)]
#[macro_export]
macro_rules! labels_of_words {
    ($name:ident: $($variant:ident, $word:literal, $chinese:literal;)+) => {
        impl $name {
            /// Every word with its label.
            pub const LABELS: &'static [(&'static str, &'static str)] = &[$(($word, $chinese),)+];

            /// The word in Chinese, as an office writes it.
            pub const fn chinese(self) -> &'static str {
                match self { $(Self::$variant => $chinese,)+ }
            }
        }

        impl $crate::transition::Labelled for $name {
            const ALL: &'static [Self] = Self::ALL;

            fn word(self) -> $crate::transition::Word {
                $crate::transition::Word { code: self.as_str(), chinese: self.chinese() }
            }
        }
    };
    ($name:ident: $($variant:ident, $word:literal;)+) => {};
}

/// The schema of a closed list of words, where the OpenAPI document is wanted.
#[cfg(feature = "utoipa")]
#[doc(hidden)]
#[macro_export]
macro_rules! schema_of_words {
    ($name:ident: $($word:literal),+) => {
        impl $crate::utoipa::PartialSchema for $name {
            fn schema() -> $crate::utoipa::openapi::RefOr<$crate::utoipa::openapi::schema::Schema> {
                $crate::utoipa::openapi::ObjectBuilder::new()
                    .schema_type($crate::utoipa::openapi::schema::Type::String)
                    .enum_values(Some([$($word,)+]))
                    .into()
            }
        }

        impl $crate::utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }
    };
}

/// Does nothing, because without the feature `utoipa` there is no OpenAPI schema.
#[cfg(not(feature = "utoipa"))]
#[doc(hidden)]
#[macro_export]
macro_rules! schema_of_words {
    ($name:ident: $($word:literal),+) => {};
}

/// Declares a [`text_enum!`] that can also be used in text columns if the declaring crate has the feature `diesel`.
#[macro_export]
macro_rules! column_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($variants:tt)+ }) => {
        $crate::text_enum! {
            $(#[$meta])*
            #[cfg_attr(
                feature = "diesel",
                derive(diesel::expression::AsExpression, diesel::deserialize::FromSqlRow),
                diesel(sql_type = diesel::sql_types::Text)
            )]
            $vis enum $name { $($variants)+ }
        }

        #[cfg(feature = "diesel")]
        impl<DB> diesel::serialize::ToSql<diesel::sql_types::Text, DB> for $name
        where
            DB: diesel::backend::Backend,
            str: diesel::serialize::ToSql<diesel::sql_types::Text, DB>,
        {
            fn to_sql<'b>(&'b self, out: &mut diesel::serialize::Output<'b, '_, DB>) -> diesel::serialize::Result {
                self.as_str().to_sql(out)
            }
        }

        #[cfg(feature = "diesel")]
        impl<DB> diesel::deserialize::FromSql<diesel::sql_types::Text, DB> for $name
        where
            DB: diesel::backend::Backend,
            String: diesel::deserialize::FromSql<diesel::sql_types::Text, DB>,
        {
            fn from_sql(value: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
                Ok(String::from_sql(value)?.parse()?)
            }
        }
    };
}
