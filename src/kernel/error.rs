//! One error for the whole house: refusals with a code, or faults of the machinery.
use super::Code;

/// Where in the input a fault lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// JSON pointer into the body (`#/lines/0/quantity`).
    Pointer(String),
    Parameter(String),
    Header(String),
}

/// One fault of the input; refused values are never part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub place: Place,
    pub code: Code,
    /// A figure or name that the sentence needs (a limit, a field), never the refused value.
    pub limit: Option<String>,
}

impl Fault {
    pub fn at(pointer: impl Into<String>, code: Code) -> Self {
        Self { place: Place::Pointer(pointer.into()), code, limit: None }
    }

    pub fn with_limit(mut self, limit: impl std::fmt::Display) -> Self {
        self.limit = Some(limit.to_string());
        self
    }
}

/// A refusal as the caller will read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub faults: Vec<Fault>,
    /// A figure or name that the sentence needs, never personal data.
    pub limit: Option<String>,
    /// Seconds after which trying again makes sense.
    pub retry_after: Option<u64>,
}

impl Refusal {
    pub fn new(code: Code) -> Self {
        Self { code, faults: Vec::new(), limit: None, retry_after: None }
    }

    pub fn with_limit(mut self, limit: impl std::fmt::Display) -> Self {
        self.limit = Some(limit.to_string());
        self
    }

    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Faults that the typed value has although its shape was right.
    pub fn rules(faults: Vec<Fault>) -> Self {
        Self { faults, ..Self::new(Code::InvalidInput) }
    }
}

/// Why something did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("refused: {}", .0.code)]
    Refused(Box<Refusal>),
    /// The database or another thing we stand on is away; nothing was done.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The transaction lost against another one and may be run again as a whole.
    #[error("serialization conflict")]
    Retry,
    /// A fault of ours.
    #[error("internal: {0}")]
    Internal(String),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        refuse(code)
    }
}

/// A refusal by code alone.
pub fn refuse(code: Code) -> Error {
    Refusal::new(code).into()
}

impl Error {
    /// The same faults with their pointers one level down, where the fields were sent as part of
    /// something larger; those named stay where they are.
    pub fn below(mut self, parent: &str, except: &[&str]) -> Self {
        if let Self::Refused(refusal) = &mut self {
            for fault in &mut refusal.faults {
                if let Place::Pointer(pointer) = &mut fault.place
                    && let Some(rest) = pointer.strip_prefix("#/")
                    && !except.contains(&rest.split('/').next().unwrap_or_default())
                {
                    *pointer = format!("#/{parent}/{rest}");
                }
            }
        }
        self
    }

    /// The code, when it is a refusal.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            Self::Unavailable(_) | Self::Retry | Self::Internal(_) => None,
        }
    }
}
