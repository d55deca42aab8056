//! What a request may become. Pure.
mod quotation;
mod recorded;

pub use quotation::{AskedLineFields, AwardMode, Criterion, EvaluationMethod, Invitation, QuotationFields};
pub use recorded::RecordedFields;

use crate::kernel::Method;
use crate::kernel::ProcurementKind;
use crate::kernel::{
    Amount, BudgetLineId, Code, Error, MembershipId, PackageId, ProductId, Quantity, VendorId, refuse,
};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

crate::kernel::kept_as_text!(
    RequestStatus {
        Draft = "draft", Negotiating = "negotiating", Agreed = "agreed", NegotiationFailed = "negotiation_failed",
        Open = "open", QuotesClosed = "quotes_closed", Evaluating = "evaluating", Awarded = "awarded", Failed = "failed",
        PendingApproval = "pending_approval", Returned = "returned", Withdrawn = "withdrawn",
        Approved = "approved", Ordered = "ordered", PartiallyOrdered = "partially_ordered", Recorded = "recorded", Closed = "closed",
        Rejected = "rejected", Cancelled = "cancelled", Expired = "expired",
    }
);
crate::kernel::kept_as_text!(
    /// How the office pays (domain handbook §8.3).
    PaymentWay { Up = "up", Gu = "gu", Tu = "tu", Ls = "ls", Card = "card", Blud = "blud", Outside = "outside" }
);
crate::kernel::kept_as_text!(
    /// Which duty on a request is given to somebody else.
    Duty { ProcurementOfficer = "procurement_officer", CommitmentOfficer = "commitment_officer" }
);

/// What the officer says of a purchase; everything may be missing while it is a draft.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "split_reason": "Kebutuhan mendadak kegiatan lain", "payment_way": "up" }))]
pub struct RequestFields {
    #[schema(min_length = 3, max_length = 200, pattern = "\\S")]
    pub title: Option<String>,
    /// How the office buys; direct unless told.
    pub method: Option<Method>,
    pub package_id: Option<PackageId>,
    pub budget_line_id: Option<BudgetLineId>,
    pub procurement_kind: Option<ProcurementKind>,
    pub payment_way: Option<PaymentWay>,
    /// Membership of the paying treasurer.
    pub treasurer_id: Option<MembershipId>,
    /// Membership of the PPTK.
    pub activity_officer_id: Option<MembershipId>,
    /// Membership of the PPK who is to approve; any of the unit when left out.
    pub commitment_officer_id: Option<MembershipId>,
    #[schema(max_length = 80)]
    pub dpa_number: Option<String>,
    #[schema(max_length = 80)]
    pub sub_activity: Option<String>,
    #[schema(max_length = 80)]
    pub account_code: Option<String>,
    #[schema(max_length = 20)]
    pub fund_source: Option<String>,
    /// The officer declares that money is available (budget mode `declared`).
    pub budget_declared: Option<bool>,
    pub comparison: Option<Comparison>,
    /// Why like goods are bought again so soon.
    #[schema(max_length = 500)]
    pub split_reason: Option<String>,
    /// Last day on which the goods are of use.
    pub needed_on: Option<NaiveDate>,
    #[schema(max_items = 100)]
    pub lines: Option<Vec<LineFields>>,
    /// For the method quotation, in the place of `lines`.
    pub quotation: Option<QuotationFields>,
    /// For the method urgent: why it cannot wait.
    pub urgent: Option<UrgentFields>,
    /// For the method recorded, in the place of `lines`: what was bought already.
    pub recorded: Option<RecordedFields>,
}

/// Why a purchase cannot wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UrgentFields {
    /// One of the codes of the policy `urgent.reasons`.
    #[schema(pattern = "^[a-z][a-z0-9_]{1,39}$", example = "service_failure")]
    pub code: String,
    #[schema(
        min_length = 10,
        max_length = 1000,
        pattern = "\\S",
        example = "Listrik kantor padam sejak pagi"
    )]
    pub reason: String,
}

/// The offers that were seen, or why only one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "product_ids": [], "reason": "Hanya satu penyedia yang siap hari itu" }))]
pub struct Comparison {
    #[serde(default)]
    #[schema(max_items = 20)]
    pub product_ids: Vec<ProductId>,
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

/// A product, how much of it, and where to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineFields {
    pub product_id: ProductId,
    pub quantity: Quantity,
    #[schema(min_items = 1, max_items = 50)]
    pub slots: Vec<SlotFields>,
}

/// One delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SlotFields {
    pub day: NaiveDate,
    #[schema(value_type = String, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$", example = "09:00")]
    #[serde(with = "time_of_day")]
    pub time_from: NaiveTime,
    #[schema(value_type = String, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$", example = "12:00")]
    #[serde(with = "time_of_day")]
    pub time_to: NaiveTime,
    #[schema(pattern = "^[0-9]{2}(\\.[0-9]{2}){1,2}$")]
    pub region_code: String,
    #[schema(min_length = 3, max_length = 300)]
    pub address: String,
    #[schema(min_length = 1, max_length = 120)]
    pub contact_name: String,
    #[schema(max_length = 30)]
    pub contact_phone: Option<String>,
    pub quantity: Quantity,
}

/// `HH:MM`, with or without seconds.
mod time_of_day {
    use chrono::NaiveTime;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(time: &NaiveTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&time.format("%H:%M"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        NaiveTime::parse_from_str(&text, "%H:%M").or_else(|_| text.parse()).map_err(D::Error::custom)
    }
}

/// What was agreed with one vendor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgreedTerms {
    pub vendor_id: VendorId,
    /// The number of the round that both accepted.
    pub round: i32,
    pub shipping_fee: Amount,
    pub lead_time_days: Option<i32>,
    pub note: Option<String>,
}

/// Where a request stands, with what is known only there.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Draft,
    /// The list price is reserved while rounds go back and forth.
    Negotiating {
        due: DateTime<Utc>,
    },
    /// Every vendor agreed; the officer hands the agreement in until `due`.
    Agreed {
        due: DateTime<Utc>,
    },
    NegotiationFailed {
        reason: String,
    },
    /// Quotes are taken until the deadline.
    Open {
        deadline: DateTime<Utc>,
    },
    /// The deadline passed; nothing was opened yet.
    QuotesClosed,
    /// The quotes lie open and are compared.
    Evaluating,
    /// Those not chosen may object until then; orders follow.
    Awarded {
        objections_until: DateTime<Utc>,
    },
    /// No vendor was found.
    Failed {
        reason: String,
    },
    Returned {
        reason: String,
    },
    Withdrawn,
    PendingApproval {
        due: DateTime<Utc>,
    },
    Approved,
    Ordered,
    PartiallyOrdered,
    /// A purchase that was made already is approved and public.
    Recorded,
    Closed,
    Rejected {
        reason: String,
    },
    Cancelled {
        reason: String,
    },
    Expired,
}

impl State {
    pub fn status(&self) -> RequestStatus {
        match self {
            Self::Draft => RequestStatus::Draft,
            Self::Negotiating { .. } => RequestStatus::Negotiating,
            Self::Agreed { .. } => RequestStatus::Agreed,
            Self::NegotiationFailed { .. } => RequestStatus::NegotiationFailed,
            Self::Open { .. } => RequestStatus::Open,
            Self::QuotesClosed => RequestStatus::QuotesClosed,
            Self::Evaluating => RequestStatus::Evaluating,
            Self::Awarded { .. } => RequestStatus::Awarded,
            Self::Failed { .. } => RequestStatus::Failed,
            Self::Returned { .. } => RequestStatus::Returned,
            Self::Withdrawn => RequestStatus::Withdrawn,
            Self::PendingApproval { .. } => RequestStatus::PendingApproval,
            Self::Approved => RequestStatus::Approved,
            Self::Ordered => RequestStatus::Ordered,
            Self::PartiallyOrdered => RequestStatus::PartiallyOrdered,
            Self::Recorded => RequestStatus::Recorded,
            Self::Closed => RequestStatus::Closed,
            Self::Rejected { .. } => RequestStatus::Rejected,
            Self::Cancelled { .. } => RequestStatus::Cancelled,
            Self::Expired => RequestStatus::Expired,
        }
    }

    /// A passed deadline is true by itself.
    pub fn at(self, now: DateTime<Utc>) -> Self {
        match self {
            Self::PendingApproval { due } | Self::Negotiating { due } | Self::Agreed { due }
                if due <= now =>
            {
                Self::Expired
            }
            Self::Open { deadline } if deadline <= now => Self::QuotesClosed,
            state => state,
        }
    }

    pub fn editable(&self) -> Result<(), Error> {
        match self {
            Self::Draft | Self::Returned { .. } | Self::Withdrawn => Ok(()),
            Self::Negotiating { .. }
            | Self::Agreed { .. }
            | Self::NegotiationFailed { .. }
            | Self::Open { .. }
            | Self::QuotesClosed
            | Self::Evaluating
            | Self::Awarded { .. }
            | Self::Failed { .. }
            | Self::PendingApproval { .. }
            | Self::Approved
            | Self::Ordered
            | Self::PartiallyOrdered
            | Self::Recorded
            | Self::Closed
            | Self::Rejected { .. }
            | Self::Cancelled { .. }
            | Self::Expired => Err(refuse(Code::IllegalTransition)),
        }
    }

    /// Whether it may be handed in now: a draft by its method, or what was agreed.
    ///
    /// # Errors
    /// `expired` once the time for handing in an agreement has passed.
    pub fn submittable(&self) -> Result<(), Error> {
        match self {
            Self::Agreed { .. } => Ok(()),
            Self::Expired => Err(refuse(Code::Expired)),
            state => state.editable(),
        }
    }

    /// Submitted; without approval steps it is approved by that.
    pub fn submit(self, due: DateTime<Utc>, steps: usize) -> Result<Self, Error> {
        self.submittable()?;
        Ok(if steps == 0 { Self::Approved } else { Self::PendingApproval { due } })
    }

    /// Asks the vendors to negotiate until `due`.
    pub fn negotiate(self, due: DateTime<Utc>) -> Result<Self, Error> {
        self.editable().map(|()| Self::Negotiating { due })
    }

    /// The last vendor agreed; the officer has until `due` to hand it in.
    pub fn agree(self, due: DateTime<Utc>) -> Result<Self, Error> {
        self.negotiating().map(|()| Self::Agreed { due })
    }

    pub fn fail_negotiation(self, reason: String) -> Result<Self, Error> {
        self.negotiating().map(|()| Self::NegotiationFailed { reason })
    }

    /// What was bought already is on record.
    pub fn record(self) -> Result<Self, Error> {
        match self {
            Self::Approved => Ok(Self::Recorded),
            _ => Err(refuse(Code::IllegalTransition)),
        }
    }

    /// Takes quotes from now until the deadline.
    pub fn open(self, deadline: DateTime<Utc>) -> Result<Self, Error> {
        match self {
            Self::Approved => Ok(Self::Open { deadline }),
            _ => Err(refuse(Code::IllegalTransition)),
        }
    }

    /// Whether quotes are taken now.
    ///
    /// # Errors
    /// `deadline_passed` once it has.
    pub fn takes_quotes(&self) -> Result<DateTime<Utc>, Error> {
        match self {
            Self::Open { deadline } => Ok(*deadline),
            Self::QuotesClosed | Self::Evaluating => Err(refuse(Code::DeadlinePassed)),
            _ => Err(refuse(Code::IllegalTransition)),
        }
    }

    /// Moves the deadline, never to an earlier time.
    pub fn extend(self, deadline: DateTime<Utc>) -> Result<Self, Error> {
        match self.takes_quotes()? {
            before if deadline < before => Err(refuse(Code::DeadlineNotLater)),
            _ => Ok(Self::Open { deadline }),
        }
    }

    /// Opens the quotes.
    ///
    /// # Errors
    /// `too_early` before the deadline.
    pub fn open_quotes(self) -> Result<Self, Error> {
        match self {
            Self::QuotesClosed => Ok(Self::Evaluating),
            Self::Open { .. } => Err(refuse(Code::TooEarly)),
            _ => Err(refuse(Code::IllegalTransition)),
        }
    }

    /// Chooses; those not chosen may object until then.
    pub fn award(self, objections_until: DateTime<Utc>) -> Result<Self, Error> {
        match self {
            Self::Evaluating => Ok(Self::Awarded { objections_until }),
            _ => Err(refuse(Code::IllegalTransition)),
        }
    }

    /// Ends a quotation without a vendor.
    pub fn fail(self, reason: String) -> Result<Self, Error> {
        match self {
            Self::Open { .. } | Self::QuotesClosed | Self::Evaluating => Ok(Self::Failed { reason }),
            _ => Err(refuse(Code::IllegalTransition)),
        }
    }

    /// Whether rounds go back and forth now.
    ///
    /// # Errors
    /// `expired` once the time has passed.
    pub fn negotiating(&self) -> Result<(), Error> {
        match self {
            Self::Negotiating { .. } => Ok(()),
            Self::Expired => Err(refuse(Code::Expired)),
            Self::Draft
            | Self::Agreed { .. }
            | Self::NegotiationFailed { .. }
            | Self::Open { .. }
            | Self::QuotesClosed
            | Self::Evaluating
            | Self::Awarded { .. }
            | Self::Failed { .. }
            | Self::Returned { .. }
            | Self::Withdrawn
            | Self::PendingApproval { .. }
            | Self::Approved
            | Self::Ordered
            | Self::PartiallyOrdered
            | Self::Recorded
            | Self::Closed
            | Self::Rejected { .. }
            | Self::Cancelled { .. } => Err(refuse(Code::IllegalTransition)),
        }
    }

    /// One more step taken.
    ///
    /// # Errors
    /// `expired` once the deadline has passed.
    pub fn approve(self, steps_left: usize) -> Result<Self, Error> {
        match self {
            Self::PendingApproval { .. } if steps_left > 0 => Ok(self),
            Self::PendingApproval { .. } => Ok(Self::Approved),
            Self::Expired => Err(refuse(Code::Expired)),
            Self::Draft
            | Self::Negotiating { .. }
            | Self::Agreed { .. }
            | Self::NegotiationFailed { .. }
            | Self::Open { .. }
            | Self::QuotesClosed
            | Self::Evaluating
            | Self::Awarded { .. }
            | Self::Failed { .. }
            | Self::Returned { .. }
            | Self::Withdrawn
            | Self::Approved
            | Self::Ordered
            | Self::PartiallyOrdered
            | Self::Recorded
            | Self::Closed
            | Self::Rejected { .. }
            | Self::Cancelled { .. } => Err(refuse(Code::IllegalTransition)),
        }
    }

    /// Back to the desk, out of a negotiation too.
    pub fn withdraw(self) -> Result<Self, Error> {
        match self {
            Self::Negotiating { .. } | Self::Agreed { .. } => Ok(Self::Withdrawn),
            state => state.pending().map(|()| Self::Withdrawn),
        }
    }

    pub fn send_back(self, reason: String) -> Result<Self, Error> {
        self.pending().map(|()| Self::Returned { reason })
    }

    pub fn reject(self, reason: String) -> Result<Self, Error> {
        self.pending().map(|()| Self::Rejected { reason })
    }

    pub fn cancel(self, reason: String) -> Result<Self, Error> {
        match self {
            Self::Draft
            | Self::Negotiating { .. }
            | Self::Agreed { .. }
            | Self::Returned { .. }
            | Self::Withdrawn
            | Self::PendingApproval { .. }
            | Self::Approved
            | Self::Open { .. }
            | Self::QuotesClosed
            | Self::Evaluating => Ok(Self::Cancelled { reason }),
            Self::NegotiationFailed { .. }
            | Self::Awarded { .. }
            | Self::Failed { .. }
            | Self::Ordered
            | Self::PartiallyOrdered
            | Self::Recorded
            | Self::Closed
            | Self::Rejected { .. }
            | Self::Cancelled { .. }
            | Self::Expired => Err(refuse(Code::IllegalTransition)),
        }
    }

    /// Whether a copy may take its place.
    pub fn renewable(&self) -> Result<(), Error> {
        match self {
            Self::Rejected { .. }
            | Self::Cancelled { .. }
            | Self::NegotiationFailed { .. }
            | Self::Failed { .. }
            | Self::Expired
            | Self::Closed => Ok(()),
            Self::Draft
            | Self::Negotiating { .. }
            | Self::Agreed { .. }
            | Self::Open { .. }
            | Self::QuotesClosed
            | Self::Evaluating
            | Self::Awarded { .. }
            | Self::Returned { .. }
            | Self::Withdrawn
            | Self::PendingApproval { .. }
            | Self::Approved
            | Self::Ordered
            | Self::PartiallyOrdered
            | Self::Recorded => Err(refuse(Code::IllegalTransition)),
        }
    }

    /// Whether somebody else may take over a duty on it.
    pub fn running(&self) -> Result<(), Error> {
        match self {
            Self::Draft
            | Self::Negotiating { .. }
            | Self::Agreed { .. }
            | Self::Open { .. }
            | Self::QuotesClosed
            | Self::Evaluating
            | Self::Awarded { .. }
            | Self::Returned { .. }
            | Self::Withdrawn
            | Self::PendingApproval { .. }
            | Self::Approved
            | Self::Ordered
            | Self::PartiallyOrdered => Ok(()),
            Self::NegotiationFailed { .. }
            | Self::Failed { .. }
            | Self::Recorded
            | Self::Closed
            | Self::Rejected { .. }
            | Self::Cancelled { .. }
            | Self::Expired => Err(refuse(Code::IllegalTransition)),
        }
    }

    fn pending(&self) -> Result<(), Error> {
        match self {
            Self::PendingApproval { .. } => Ok(()),
            Self::Expired => Err(refuse(Code::Expired)),
            Self::Draft
            | Self::Negotiating { .. }
            | Self::Agreed { .. }
            | Self::NegotiationFailed { .. }
            | Self::Open { .. }
            | Self::QuotesClosed
            | Self::Evaluating
            | Self::Awarded { .. }
            | Self::Failed { .. }
            | Self::Returned { .. }
            | Self::Withdrawn
            | Self::Approved
            | Self::Ordered
            | Self::PartiallyOrdered
            | Self::Recorded
            | Self::Closed
            | Self::Rejected { .. }
            | Self::Cancelled { .. } => Err(refuse(Code::IllegalTransition)),
        }
    }
}

/// What the orders make of an ordered request: `ended_badly` declined, expired or cancelled.
pub fn by_orders(state: State, orders: usize, ended_badly: usize) -> State {
    match state {
        State::Ordered | State::PartiallyOrdered | State::Closed => match ended_badly {
            0 => State::Ordered,
            bad if bad == orders => State::Closed,
            _ => State::PartiallyOrdered,
        },
        state => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_deadline_passes_by_itself() {
        let state = State::PendingApproval { due: at("2026-11-26T17:00:00Z") };
        assert_eq!(state.clone().at(at("2026-11-26T16:59:59Z")), state);
        assert_eq!(state.clone().at(at("2026-11-26T17:00:00Z")), State::Expired);
        assert_eq!(State::Expired.approve(0).unwrap_err().code(), Some(Code::Expired));
    }

    #[test]
    fn orders_that_fell_through_show_in_the_request() {
        assert_eq!(by_orders(State::Ordered, 2, 0), State::Ordered);
        assert_eq!(by_orders(State::Ordered, 2, 1), State::PartiallyOrdered);
        assert_eq!(by_orders(State::Ordered, 2, 2), State::Closed);
        assert_eq!(by_orders(State::Draft, 0, 0), State::Draft);
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Submit(usize),
        Approve(usize),
        Negotiate,
        Agree,
        FailNegotiation,
        Withdraw,
        Return,
        Reject,
        Cancel,
        Wait,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0usize..3).prop_map(Step::Submit),
            (0usize..2).prop_map(Step::Approve),
            Just(Step::Negotiate),
            Just(Step::Agree),
            Just(Step::FailNegotiation),
            Just(Step::Withdraw),
            Just(Step::Return),
            Just(Step::Reject),
            Just(Step::Cancel),
            Just(Step::Wait),
        ];
        prop::collection::vec(step, 0..80)
    }

    proptest! {
        #[test]
        fn only_a_pending_request_within_its_time_is_ever_approved_by_a_step(steps in steps()) {
            let mut now = at("2026-11-24T00:00:00Z");
            let mut state = State::Draft;
            for step in steps {
                let before = state.clone();
                let outcome = match step {
                    Step::Submit(count) => state.submit(now + chrono::TimeDelta::hours(3), count),
                    Step::Approve(left) => state.approve(left),
                    Step::Negotiate => state.negotiate(now + chrono::TimeDelta::hours(5)),
                    Step::Agree => state.agree(now + chrono::TimeDelta::hours(3)),
                    Step::FailNegotiation => state.fail_negotiation("x".into()),
                    Step::Withdraw => state.withdraw(),
                    Step::Return => state.send_back("x".into()),
                    Step::Reject => state.reject("x".into()),
                    Step::Cancel => state.cancel("x".into()),
                    Step::Wait => {
                        now += chrono::TimeDelta::hours(2);
                        Ok(state.at(now))
                    }
                };
                let next = outcome.unwrap_or_else(|_| before.clone());
                if let (State::Approved, Step::Approve(_)) = (&next, step) {
                    let in_time = matches!(before, State::PendingApproval { due } if due > now);
                    prop_assert!(in_time || before == State::Approved);
                }
                let ended = State::renewable(&before).is_ok();
                if ended {
                    prop_assert_eq!(&next, &before);
                }
                state = next.at(now);
            }
        }
    }
}
