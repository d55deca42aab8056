//! What a negotiation may become, and what a proposal may say. Pure.
use crate::kernel::{Amount, Code, Error, Fault, LineId, RoundId, refuse};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::ToSchema;

crate::kernel::kept_as_text!(
    NegotiationStatus { Open = "open", Agreed = "agreed", Failed = "failed" }
);
crate::kernel::kept_as_text!(
    /// Which side of a negotiation acts.
    Side { Office = "office", Vendor = "vendor" }
);

/// A price for a line, as the vendor types its prices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinePrice {
    pub line_id: LineId,
    pub unit_price: Amount,
}

/// A price of a proposal with what it comes to, by the rates of the day it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PricedLine {
    pub line_id: LineId,
    pub unit_price: Amount,
    pub goods_amount: Amount,
    pub vat_amount: Amount,
}

/// The latest round as far as answering it goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latest {
    pub id: RoundId,
    pub number: i32,
    pub by: Side,
    pub expires_at: DateTime<Utc>,
}

/// Whether a side may propose: in an open negotiation that has rounds left.
pub fn may_propose(status: NegotiationStatus, rounds: i32, maximum: u32) -> Result<(), Error> {
    if status != NegotiationStatus::Open {
        return Err(refuse(Code::IllegalTransition));
    }
    if i64::from(rounds) >= i64::from(maximum) { Err(refuse(Code::TooManyRounds)) } else { Ok(()) }
}

/// Whether a side may accept a round: the latest one, made by the other side, while it holds.
///
/// # Errors
/// `round_not_latest`, `round_expired`, `illegal_transition` for one's own or in an ended negotiation.
pub fn may_accept(
    status: NegotiationStatus,
    latest: Option<Latest>,
    round: RoundId,
    by: Side,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let open = (status == NegotiationStatus::Open).then_some(latest).flatten();
    let latest = open.ok_or_else(|| refuse(Code::IllegalTransition))?;
    if latest.id != round {
        return Err(refuse(Code::RoundNotLatest));
    }
    if latest.by == by {
        return Err(refuse(Code::IllegalTransition));
    }
    if latest.expires_at <= now { Err(refuse(Code::RoundExpired)) } else { Ok(()) }
}

/// Every line has one price, above zero and never above the list.
pub fn price_faults(list: &[(LineId, Amount)], prices: &[LinePrice]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut named = HashMap::new();
    for (place, price) in prices.iter().enumerate() {
        let at = |field: &str| format!("#/unit_prices/{place}/{field}");
        let listed = list.iter().find(|(line, _)| *line == price.line_id).map(|(_, listed)| *listed);
        match listed {
            None => faults.push(Fault::at(at("line_id"), Code::UnknownReference)),
            Some(_) if named.insert(price.line_id, ()).is_some() => {
                faults.push(Fault::at(at("line_id"), Code::DuplicateItem));
            }
            Some(listed) if price.unit_price > listed => {
                faults.push(Fault::at(at("unit_price"), Code::PriceAboveList).with_limit(listed));
            }
            Some(_) if price.unit_price == Amount::ZERO => {
                faults.push(Fault::at(at("unit_price"), Code::OutOfRange).with_limit("> 0"));
            }
            Some(_) => {}
        }
    }
    if list.iter().any(|(line, _)| !named.contains_key(line)) {
        faults.push(Fault::at("#/unit_prices", Code::Required).with_limit(list.len()));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn line(number: u128) -> LineId {
        LineId(Uuid::from_u128(number))
    }

    fn price(line_id: LineId, price: i64) -> LinePrice {
        LinePrice { line_id, unit_price: Amount(price.into()) }
    }

    fn codes(prices: &[LinePrice]) -> Vec<Code> {
        let list = [(line(1), Amount(1000.into())), (line(2), Amount(500.into()))];
        price_faults(&list, prices).into_iter().map(|fault| fault.code).collect()
    }

    #[test]
    fn a_proposal_prices_every_line_once_and_never_above_the_list() {
        assert!(codes(&[price(line(1), 1000), price(line(2), 1)]).is_empty());
        assert_eq!(codes(&[price(line(1), 1001), price(line(2), 500)]), [Code::PriceAboveList]);
        assert_eq!(codes(&[price(line(1), 900)]), [Code::Required]);
        assert_eq!(
            codes(&[price(line(1), 900), price(line(1), 900), price(line(3), 1), price(line(2), 0)]),
            [Code::DuplicateItem, Code::UnknownReference, Code::OutOfRange]
        );
    }

    #[test]
    fn only_the_latest_proposal_of_the_other_side_is_accepted_and_only_while_it_holds() {
        let now: DateTime<Utc> = "2035-06-01T00:00:00Z".parse().unwrap();
        let (first, second) = (RoundId(Uuid::from_u128(1)), RoundId(Uuid::from_u128(2)));
        let latest =
            Latest { id: second, number: 2, by: Side::Vendor, expires_at: now + chrono::TimeDelta::hours(1) };
        let open = NegotiationStatus::Open;
        let code = |outcome: Result<(), Error>| outcome.err().and_then(|error| error.code());
        assert_eq!(code(may_accept(open, Some(latest), second, Side::Office, now)), None);
        assert_eq!(
            code(may_accept(open, Some(latest), first, Side::Office, now)),
            Some(Code::RoundNotLatest)
        );
        assert_eq!(
            code(may_accept(open, Some(latest), second, Side::Vendor, now)),
            Some(Code::IllegalTransition)
        );
        let later = now + chrono::TimeDelta::hours(1);
        assert_eq!(
            code(may_accept(open, Some(latest), second, Side::Office, later)),
            Some(Code::RoundExpired)
        );
        assert_eq!(code(may_accept(open, None, second, Side::Office, now)), Some(Code::IllegalTransition));
        for ended in [NegotiationStatus::Agreed, NegotiationStatus::Failed] {
            assert_eq!(
                code(may_accept(ended, Some(latest), second, Side::Office, now)),
                Some(Code::IllegalTransition)
            );
            assert_eq!(code(may_propose(ended, 0, 20)), Some(Code::IllegalTransition));
        }
        assert_eq!(code(may_propose(open, 20, 20)), Some(Code::TooManyRounds));
    }
}
