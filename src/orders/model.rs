//! What an order may become. Pure.
use crate::kernel::{Amount, Code, Error, Fault, LineId, OrganisationKind, refuse};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::ToSchema;

crate::kernel::kept_as_text!(
    OrderStatus {
        Issued = "issued", Accepted = "accepted", Declined = "declined", Expired = "expired",
        ChangeProposed = "change_proposed", Cancelled = "cancelled",
    }
);
crate::kernel::kept_as_text!(
    /// Which side of an order acts.
    Side { Vendor = "vendor", Agency = "agency" }
);
crate::kernel::kept_as_text!(
    ChangeStatus { Proposed = "proposed", Accepted = "accepted", Rejected = "rejected" }
);

impl Side {
    pub fn of(kind: OrganisationKind) -> Option<Self> {
        match kind {
            OrganisationKind::Vendor => Some(Self::Vendor),
            OrganisationKind::Agency => Some(Self::Agency),
            OrganisationKind::Platform => None,
        }
    }
}

/// Where an order stands, with what is known only there.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Issued { due: DateTime<Utc> },
    ChangeProposed { due: DateTime<Utc> },
    Accepted,
    Declined { reason: String },
    Expired,
    Cancelled { reason: String },
}

impl State {
    pub fn status(&self) -> OrderStatus {
        match self {
            Self::Issued { .. } => OrderStatus::Issued,
            Self::ChangeProposed { .. } => OrderStatus::ChangeProposed,
            Self::Accepted => OrderStatus::Accepted,
            Self::Declined { .. } => OrderStatus::Declined,
            Self::Expired => OrderStatus::Expired,
            Self::Cancelled { .. } => OrderStatus::Cancelled,
        }
    }

    /// A passed clock is true by itself.
    pub fn at(self, now: DateTime<Utc>) -> Self {
        match self {
            Self::Issued { due } | Self::ChangeProposed { due } if due <= now => Self::Expired,
            state => state,
        }
    }

    pub fn accept(self) -> Result<Self, Error> {
        self.issued().map(|_| Self::Accepted)
    }

    pub fn decline(self, reason: String) -> Result<Self, Error> {
        self.issued().map(|_| Self::Declined { reason })
    }

    /// The office has until `due` to answer.
    pub fn propose_change(self, due: DateTime<Utc>) -> Result<Self, Error> {
        self.issued().map(|_| Self::ChangeProposed { due })
    }

    pub fn accept_change(self) -> Result<Self, Error> {
        self.proposed().map(|()| Self::Accepted)
    }

    /// The order stands as it was issued, and the vendor answers it anew until `due`.
    pub fn reject_change(self, due: DateTime<Utc>) -> Result<Self, Error> {
        self.proposed().map(|()| Self::Issued { due })
    }

    /// The first side asks, the other agrees.
    ///
    /// # Errors
    /// `illegal_transition` where nothing is left to cancel, or the same side asks again.
    pub fn cancel(self, asked_by: Option<Side>, by: Side, reason: String) -> Result<Self, Error> {
        match self {
            Self::Issued { .. } | Self::Accepted => match asked_by {
                Some(side) if side == by => Err(refuse(Code::IllegalTransition)),
                Some(_) => Ok(Self::Cancelled { reason }),
                None => Ok(self),
            },
            Self::Expired => Err(refuse(Code::Expired)),
            Self::ChangeProposed { .. } | Self::Declined { .. } | Self::Cancelled { .. } => {
                Err(refuse(Code::IllegalTransition))
            }
        }
    }

    /// Whether another vendor may take its place.
    pub fn replaceable(&self) -> Result<(), Error> {
        match self {
            Self::Declined { .. } | Self::Expired | Self::Cancelled { .. } => Ok(()),
            Self::Issued { .. } | Self::ChangeProposed { .. } | Self::Accepted => {
                Err(refuse(Code::IllegalTransition))
            }
        }
    }

    fn issued(&self) -> Result<DateTime<Utc>, Error> {
        match self {
            Self::Issued { due } => Ok(*due),
            Self::Expired => Err(refuse(Code::Expired)),
            Self::ChangeProposed { .. } | Self::Accepted | Self::Declined { .. } | Self::Cancelled { .. } => {
                Err(refuse(Code::IllegalTransition))
            }
        }
    }

    fn proposed(&self) -> Result<(), Error> {
        match self {
            Self::ChangeProposed { .. } => Ok(()),
            Self::Expired => Err(refuse(Code::Expired)),
            Self::Issued { .. } | Self::Accepted | Self::Declined { .. } | Self::Cancelled { .. } => {
                Err(refuse(Code::IllegalTransition))
            }
        }
    }
}

/// Another price for a line of the order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceChange {
    pub line_id: LineId,
    pub unit_price: Amount,
}

/// Prices may fall and never rise; every line that is named must be of the order.
pub fn price_faults(held: &HashMap<LineId, Amount>, changes: &[PriceChange]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (place, change) in changes.iter().enumerate() {
        match held.get(&change.line_id) {
            None => faults.push(Fault::at(format!("#/unit_prices/{place}/line_id"), Code::UnknownReference)),
            Some(_) if !seen.insert(change.line_id) => {
                faults.push(Fault::at(format!("#/unit_prices/{place}/line_id"), Code::DuplicateItem));
            }
            Some(price) if change.unit_price > *price || change.unit_price == Amount::ZERO => {
                faults.push(
                    Fault::at(format!("#/unit_prices/{place}/unit_price"), Code::TotalWouldRise)
                        .with_limit(price),
                );
            }
            Some(_) => {}
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    fn start() -> DateTime<Utc> {
        "2026-11-24T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn one_side_cannot_cancel_alone() {
        let issued = State::Issued { due: start() + TimeDelta::days(3) };
        let asked = issued.clone().cancel(None, Side::Vendor, "x".into()).unwrap();
        assert_eq!(asked, issued);
        assert!(issued.clone().cancel(Some(Side::Vendor), Side::Vendor, "x".into()).is_err());
        assert_eq!(
            issued.cancel(Some(Side::Vendor), Side::Agency, "x".into()).unwrap().status(),
            OrderStatus::Cancelled
        );
    }

    #[test]
    fn a_change_may_lower_prices_of_own_lines_only() {
        let line = LineId(uuid::Uuid::from_u128(1));
        let held = HashMap::from([(line, Amount(1000.into()))]);
        let change = |line_id, price: i64| PriceChange { line_id, unit_price: Amount(price.into()) };
        assert!(price_faults(&held, &[change(line, 900)]).is_empty());
        assert_eq!(price_faults(&held, &[change(line, 1001)])[0].code, Code::TotalWouldRise);
        assert_eq!(
            price_faults(&held, &[change(LineId(uuid::Uuid::from_u128(2)), 1)])[0].code,
            Code::UnknownReference
        );
        assert_eq!(price_faults(&held, &[change(line, 1), change(line, 2)])[0].code, Code::DuplicateItem);
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Accept,
        Decline,
        Propose,
        AcceptChange,
        RejectChange,
        Cancel(bool),
        Wait(u8),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            Just(Step::Accept),
            Just(Step::Decline),
            Just(Step::Propose),
            Just(Step::AcceptChange),
            Just(Step::RejectChange),
            any::<bool>().prop_map(Step::Cancel),
            (0u8..60).prop_map(Step::Wait),
        ];
        prop::collection::vec(step, 0..60)
    }

    proptest! {
        #[test]
        fn nothing_revives_what_lapsed_was_declined_or_cancelled(steps in steps()) {
            let mut now = start();
            let mut state = State::Issued { due: now + TimeDelta::hours(72) };
            let mut asked = None;
            for step in steps {
                state = state.at(now);
                let before = state.clone();
                let outcome = match step {
                    Step::Accept => state.accept(),
                    Step::Decline => state.decline("x".into()),
                    Step::Propose => state.propose_change(now + TimeDelta::hours(48)),
                    Step::AcceptChange => state.accept_change(),
                    Step::RejectChange => state.reject_change(now + TimeDelta::hours(72)),
                    Step::Cancel(vendor) => {
                        let side = if vendor { Side::Vendor } else { Side::Agency };
                        let outcome = state.cancel(asked, side, "x".into());
                        if outcome.is_ok() {
                            asked = asked.or(Some(side));
                        }
                        outcome
                    }
                    Step::Wait(hours) => {
                        now += TimeDelta::hours(hours.into());
                        Ok(state.at(now))
                    }
                };
                state = outcome.unwrap_or_else(|_| before.clone());
                if before.replaceable().is_ok() {
                    prop_assert_eq!(&state, &before);
                }
                if let State::Issued { due } | State::ChangeProposed { due } = &before {
                    prop_assert!(*due > now || matches!(step, Step::Wait(_)));
                }
            }
        }
    }
}
