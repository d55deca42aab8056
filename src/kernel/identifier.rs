//! Identifiers of people and businesses (domain handbook §4.1): NIB, NPWP, NIK, contacts.
use chrono::NaiveDate;

/// Nomor Induk Berusaha: 13 digits, one for each business, issued by OSS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nib(String);

impl Nib {
    pub fn parse(text: &str) -> Option<Self> {
        digits(text).filter(|digits| digits.len() == 13).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Nomor Pokok Wajib Pajak, kept as 16 digits; an old number of 15 gets its leading zero.
#[derive(Clone, PartialEq, Eq)]
pub struct Npwp(String);

/// What is odd about a number that is taken all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NpwpWarning {
    CheckDigit,
}

impl Npwp {
    pub fn parse(text: &str) -> Option<Self> {
        match digits(text)? {
            digits if digits.len() == 15 => Some(Self(format!("0{digits}"))),
            digits if digits.len() == 16 => Some(Self(digits)),
            _ => None,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The Luhn-form check of an old number (weights 1,2,…; sum of the products' digits). Of real
    /// vendors' numbers 0.2 % fail, so it warns and never refuses.
    pub fn warning(&self) -> Option<NpwpWarning> {
        let old: Vec<u32> = self.0.strip_prefix('0')?.chars().filter_map(|c| c.to_digit(10)).collect();
        let sum: u32 = old[..8]
            .iter()
            .enumerate()
            .map(|(place, digit)| digit * (1 + place as u32 % 2))
            .map(|product| product / 10 + product % 10)
            .sum();
        ((10 - sum % 10) % 10 != old[8]).then_some(NpwpWarning::CheckDigit)
    }
}

impl std::fmt::Debug for Npwp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Npwp(…)")
    }
}

/// Nomor Induk Kependudukan: region (6), date of birth (day + 40 for women), serial (4).
#[derive(Clone, PartialEq, Eq)]
pub struct Nik(String);

impl Nik {
    pub fn parse(text: &str) -> Option<Self> {
        let digits = digits(text).filter(|digits| digits.len() == 16)?;
        let part = |range: std::ops::Range<usize>| digits[range].parse::<u32>().ok();
        let (day, month, year) = (part(6..8)?, part(8..10)?, part(10..12)?);
        let day = if day > 40 { day - 40 } else { day };
        // The century is not written: a date that exists in either one will do (29 February).
        let exists = |century| NaiveDate::from_ymd_opt(century + year as i32, month, day).is_some();
        (exists(1900) || exists(2000)).then_some(Self(digits))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Nik {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nik(…)")
    }
}

/// The region of first registration as a Kemendagri code (`33.74.01`); it may be an old one.
pub fn region_prefix_of_nik(nik: &Nik) -> String {
    format!("{}.{}.{}", &nik.0[0..2], &nik.0[2..4], &nik.0[4..6])
}

/// An e-mail address in the form it is compared in; only its shape is checked, since receiving
/// the confirmation is the proof.
pub fn email_address(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let valid = text.len() <= 254 && validator::ValidateEmail::validate_email(&text);
    valid.then_some(text)
}

/// A phone number in E.164; a leading 0 is Indonesian.
pub fn phone_number(text: &str) -> Option<String> {
    let compact: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
    let number = match compact.strip_prefix('0') {
        Some(national) => format!("+62{national}"),
        None => compact,
    };
    let digits = number.strip_prefix('+')?;
    let valid = (8..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    valid.then_some(number)
}

/// Keeps the last four characters; what is shorter than eight is hidden whole.
pub fn mask(value: &str) -> String {
    let length = value.chars().count();
    if length < 8 {
        return "•".repeat(length);
    }
    let tail: String = value.chars().skip(length - 4).collect();
    "•".repeat(length - 4) + &tail
}

fn digits(text: &str) -> Option<String> {
    let compact: String = text.chars().filter(|c| !matches!(c, ' ' | '.' | '-')).collect();
    compact.bytes().all(|byte| byte.is_ascii_digit()).then_some(compact)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_nib_has_thirteen_digits() {
        assert!(Nib::parse("9120001234567").is_some());
        assert!(Nib::parse("912000123456").is_none());
        assert!(Nib::parse("912000123456a").is_none());
    }

    #[test]
    fn an_old_npwp_gets_its_zero_and_its_check_digit_only_warns() {
        let right = Npwp::parse("01.000.013.1-093.000").unwrap();
        assert_eq!(right.as_str(), "0010000131093000");
        assert_eq!(right.warning(), None);
        let odd = Npwp::parse("01.000.013.2-093.000").unwrap();
        assert_eq!(odd.warning(), Some(NpwpWarning::CheckDigit));
        assert!(Npwp::parse("12345").is_none());
    }

    #[test]
    fn a_nik_carries_a_possible_date_and_women_add_forty() {
        assert!(Nik::parse("3374015708900001").is_some());
        assert!(Nik::parse("3374013102900001").is_none());
        let leap = Nik::parse("3374012902000001").unwrap();
        assert_eq!(region_prefix_of_nik(&leap), "33.74.01");
        assert_eq!(format!("{leap:?}"), "Nik(…)");
    }

    #[test]
    fn phone_numbers_are_kept_in_international_form() {
        assert_eq!(phone_number("0812-3456-7890").as_deref(), Some("+6281234567890"));
        assert_eq!(phone_number("+62 812 3456 7890").as_deref(), Some("+6281234567890"));
        assert_eq!(phone_number("12345"), None);
    }

    #[test]
    fn masks_keep_four_characters_of_long_values_only() {
        assert_eq!(mask("3374015708900001"), "••••••••••••0001");
        assert_eq!(mask("1234"), "••••");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parsers_panic(text in "\\PC*") {
            let _ = (Nib::parse(&text), Npwp::parse(&text), Nik::parse(&text), phone_number(&text), email_address(&text));
            let _ = mask(&text);
        }
    }
}
