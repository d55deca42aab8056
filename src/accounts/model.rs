//! Rules of accounts. Pure.
use crate::kernel::{Code, Fault, Role, email_address, phone_number};
use crate::platform::personal::PersonalKind;
use chrono::TimeDelta;

/// An e-mail address or phone number in the form it is compared in.
#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    pub kind: PersonalKind,
    pub value: String,
}

impl Contact {
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains('@') {
            return email_address(text).map(|value| Self { kind: PersonalKind::Email, value });
        }
        phone_number(text).map(|value| Self { kind: PersonalKind::Phone, value })
    }
}

impl Contact {
    /// Stands for a text that is no contact: found nowhere, delayed like any other.
    pub fn nobody(text: &str) -> Self {
        Self { kind: PersonalKind::Address, value: text.to_lowercase() }
    }
}

impl std::fmt::Debug for Contact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Contact({})", self.kind)
    }
}

crate::kernel::kept_as_text!(
    /// How somebody acts for an officer: for a daily absence (pelaksana harian) or a vacancy (pelaksana tugas).
    DeputyKind { Plh = "plh", Plt = "plt" }
);

/// Length and strength (`zxcvbn`); no composition rules. `about` are words an attacker knows.
pub fn password_fault(
    password: &str,
    about: &[&str],
    minimum_length: u32,
    minimum_score: u32,
) -> Option<Fault> {
    let known: Vec<String> = about
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()))
        .filter(|word| word.len() > 2)
        .map(str::to_lowercase)
        .collect();
    // What an attacker knows of the person counts for nothing.
    let own = known.iter().fold(password.to_lowercase(), |rest, word| rest.replace(word.as_str(), ""));
    let long_enough = own.chars().count() >= minimum_length as usize;
    // Strength is judged on a bounded prefix: the estimate is not linear in length.
    let judged: String = password.chars().take(100).collect();
    let strong = u32::from(u8::from(
        zxcvbn::zxcvbn(&judged, &known.iter().map(String::as_str).collect::<Vec<_>>()).score(),
    )) >= minimum_score;
    (!long_enough || !strong)
        .then(|| Fault::at("#/password", Code::PasswordTooWeak).with_limit(minimum_length))
}

/// How long further attempts wait after so many refused ones: none for three, then doubling from
/// one second to a quarter of an hour; never for ever.
pub fn delay_after(failures: i32) -> TimeDelta {
    match failures {
        ..=3 => TimeDelta::zero(),
        4..=13 => TimeDelta::seconds(1 << (failures - 4)).min(TimeDelta::minutes(15)),
        _ => TimeDelta::minutes(15),
    }
}

/// The same for an address, behind which a whole office may sit: fifty cost nothing, and none waits
/// longer than a minute.
pub fn delay_of_address(failures: i32) -> TimeDelta {
    match failures {
        ..=50 => TimeDelta::zero(),
        51..=56 => TimeDelta::seconds(1 << (failures - 51)),
        _ => TimeDelta::minutes(1),
    }
}

/// Roles that are held by an appointment letter.
pub fn needs_letter(role: Role) -> bool {
    matches!(
        role,
        Role::ProcurementOfficer
            | Role::CommitmentOfficer
            | Role::ActivityOfficer
            | Role::Treasurer
            | Role::AssistantTreasurer
            | Role::PaymentVerifier
            | Role::BudgetUser
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn contacts_are_compared_in_one_form() {
        assert_eq!(Contact::parse(" Budi@Example.ID ").unwrap().value, "budi@example.id");
        assert_eq!(Contact::parse("0812 3456 7890"), Contact::parse("+62-812-3456-7890"));
        assert!(Contact::parse("budi").is_none());
        assert_eq!(format!("{:?}", Contact::parse("a@b.id").unwrap()), "Contact(email)");
    }

    #[test]
    fn guessable_passwords_are_refused_and_long_phrases_taken() {
        assert!(password_fault("password123", &[], 10, 3).is_some());
        assert!(password_fault("short", &[], 10, 3).is_some());
        assert!(password_fault("gerobak-lumpia-melintas-senja", &[], 10, 3).is_none());
    }

    #[test]
    fn three_mistakes_cost_nothing_and_no_number_of_them_locks_for_ever() {
        assert_eq!(delay_after(3), TimeDelta::zero());
        assert_eq!(delay_after(4), TimeDelta::seconds(1));
        assert_eq!(delay_after(8), TimeDelta::seconds(16));
        assert_eq!(delay_after(i32::MAX), TimeDelta::minutes(15));
    }

    #[test]
    fn an_address_of_many_people_is_delayed_late_and_little() {
        assert_eq!(delay_of_address(50), TimeDelta::zero());
        assert_eq!(delay_of_address(51), TimeDelta::seconds(1));
        assert_eq!(delay_of_address(55), TimeDelta::seconds(16));
        assert_eq!(delay_of_address(i32::MAX), TimeDelta::minutes(1));
    }

    proptest! {
        #[test]
        fn delays_never_shrink(failures in 0i32..100) {
            prop_assert!(delay_after(failures + 1) >= delay_after(failures));
        }
    }
}
