//! What the database's errors mean for us.
use crate::kernel::{Code, Error, refuse};
use diesel::result::{DatabaseErrorKind, Error as DieselError};

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => Self::Retry,
            DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, info) => {
                Self::Unavailable(info.message().to_owned())
            }
            DieselError::BrokenTransactionManager => Self::Unavailable("the connection broke".into()),
            DieselError::DatabaseError(_, info) => match class(info.message()) {
                Class::Retry => Self::Retry,
                Class::Away => Self::Unavailable(info.message().to_owned()),
                Class::Fault => Self::Internal(format!(
                    "database: {} ({})",
                    info.message(),
                    info.constraint_name().unwrap_or("no constraint")
                )),
            },
            _ => Self::Internal(format!("database: {error}")),
        }
    }
}

enum Class {
    Retry,
    Away,
    Fault,
}

/// diesel keeps no SQLSTATE; our roles run with `lc_messages = C`, so the texts are stable.
fn class(message: &str) -> Class {
    const RETRY: [&str; 2] = ["deadlock detected", "could not serialize"];
    const AWAY: [&str; 10] = [
        "lock timeout",
        "statement timeout",
        "terminating connection",
        "the database system is",
        "connection closed",
        "error communicating with the server",
        "broken pipe",
        "connection reset",
        "too many clients",
        "remaining connection slots",
    ];
    let message = message.to_lowercase();
    let any = |needles: &[&str]| needles.iter().any(|needle| message.contains(needle));
    match (any(&RETRY), any(&AWAY)) {
        (true, _) => Class::Retry,
        (_, true) => Class::Away,
        _ => Class::Fault,
    }
}

/// Turns the verdict of a named constraint into a refusal; all else stays what it was.
pub trait OnConstraint<T> {
    fn on_constraint(self, name: &str, code: Code) -> Result<T, Error>;
}

impl<T> OnConstraint<T> for Result<T, DieselError> {
    fn on_constraint(self, name: &str, code: Code) -> Result<T, Error> {
        self.map_err(|error| match &error {
            DieselError::DatabaseError(_, info) if info.constraint_name() == Some(name) => refuse(code),
            _ => error.into(),
        })
    }
}
