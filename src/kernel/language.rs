//! The two languages that every text for people exists in.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Indonesian (the default) or English.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
    diesel::deserialize::FromSqlRow,
    diesel::expression::AsExpression,
)]
#[diesel(sql_type = diesel::sql_types::Text)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    #[default]
    Id,
    En,
}

super::id::text_enum!(Language { Id = "id", En = "en" });

impl Language {
    /// The better of the two by an `Accept-Language` header (RFC 9110 §12.5.4); Indonesian on a tie.
    pub fn preferred(header: Option<&str>) -> Self {
        let weight = |tag: &str| -> f32 {
            header
                .unwrap_or_default()
                .split(',')
                .filter_map(|part| {
                    let mut fields = part.split(';').map(str::trim);
                    let range = fields.next()?.to_ascii_lowercase();
                    let matches = range == tag || range.starts_with(&format!("{tag}-"));
                    let quality = fields
                        .find_map(|field| field.strip_prefix("q="))
                        .map_or(Some(1.0), |q| q.parse().ok())?;
                    matches.then_some(quality)
                })
                .fold(0.0, f32::max)
        };
        if weight("en") > weight("id") { Self::En } else { Self::Id }
    }

    /// The text in this language.
    pub fn choose<'t>(self, indonesian: &'t str, english: &'t str) -> &'t str {
        match self {
            Self::Id => indonesian,
            Self::En => english,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heavier_language_wins_and_indonesian_is_the_default() {
        assert_eq!(Language::preferred(None), Language::Id);
        assert_eq!(Language::preferred(Some("fr")), Language::Id);
        assert_eq!(Language::preferred(Some("en-GB,id;q=0.5")), Language::En);
        assert_eq!(Language::preferred(Some("en;q=0.4, id;q=0.5")), Language::Id);
    }
}
