//! The office's side while quotes are asked for: open, invite, answer, change, give up; and the
//! vendors' questions.
use super::super::sealed::QuoteStatus;
use super::super::store::{self, Addendum, Question, Quote};
use crate::kernel::{Code, Ctx, Error, Fault, QuestionId, Refusal, RequestId, VendorId, refuse};
use crate::platform::db::Tx;
use crate::platform::new_id;
use crate::platform::sealing::KeyRing;
use crate::platform::trail::{Audience, Notice};
use crate::requests::{self, Invitation, State};
use crate::{accounts, policies, vendors};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::json;

/// How many vendors one call tells at most; the rest find it in the public list.
const TOLD_AT_MOST: i64 = 200;
const QUESTIONS_AT_MOST: i64 = 20;

/// Begins to take quotes: the deadline is set, the first key made, those concerned are told.
///
/// # Errors
/// `needed_too_soon` where quotes would be taken past the time that preparing leaves.
pub async fn open_for_quotes(
    tx: &mut Tx,
    ctx: &Ctx,
    ring: &KeyRing,
    id: RequestId,
) -> Result<requests::Row, Error> {
    let row = requests::lock(tx, &requests::member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    require_desk(tx, ctx, &row).await?;
    let quotation = requests::quotation_of(tx.conn(), id).await?;
    let now = tx.now().await?;
    let zone = accounts::time_zone_of(tx.conn(), row.agency_id).await?;
    let policies = policies::at(tx.conn(), zone.date_of(now), Some(row.agency_id)).await?;
    let calendar = policies::calendar(tx.conn()).await?;
    let days = u32::try_from(quotation.window_days).unwrap_or_default();
    let deadline = calendar.working_days_after(now, days, zone).at;
    let state = row.state()?.at(now).open(deadline)?;
    let first = first_delivery(tx, &row).await?;
    let latest = calendar.working_days_before(first, policies.count("clock.preparation_days")?, zone);
    if deadline >= latest.at {
        return Err(Refusal::rules(vec![Fault::at("#/needed_on", Code::NeededTooSoon)]).into());
    }
    let ceiling = crate::packages::Sight { agency: row.agency_id, units: Vec::new() };
    let ceiling = crate::packages::package(tx.conn(), &ceiling, row.package_id).await?.ceiling;
    let large = quotation.estimate_total.unwrap_or(ceiling) > policies.amount("opening.automatic_up_to")?;
    let mode = if large { "two_officers" } else { policies.word("opening.mode")? };
    store::add_key(tx, ring, id, 1, deadline).await?;
    let next = requests::QuotationRow {
        opening_mode: Some(mode.to_owned()),
        opened_for_quotes_at: Some(now),
        ..quotation.clone()
    };
    requests::save_quotation(tx, &next).await?;
    let saved = requests::settle(tx, row.clone(), state).await?;
    let (template, told) = match quotation.invitation {
        Invitation::Invited => ("quotation_invited", requests::invited_vendors(tx.conn(), id).await?),
        Invitation::Open => {
            ("quotation_opportunity", store::fitting_vendors(tx.conn(), id, TOLD_AT_MOST).await?)
        }
    };
    let due = Some(zone.printed(deadline));
    let notices =
        told.into_iter().map(|vendor| requests::to_vendor(template, &saved, vendor, due.clone())).collect();
    requests::record(tx, ctx, "request.opened_for_quotes", Some(&row), &saved, notices).await?;
    Ok(saved)
}

/// The first day on which something is to be delivered.
async fn first_delivery(tx: &mut Tx, row: &requests::Row) -> Result<NaiveDate, Error> {
    let lines = requests::asked_lines(tx.conn(), row.id).await?;
    let ids: Vec<_> = lines.iter().map(|line| line.id).collect();
    let slots = requests::asked_slots(tx.conn(), &ids).await?;
    Ok(slots.iter().map(|slot| slot.day).min().unwrap_or(row.needed_on))
}

/// Invites vendors to a draft, or to a request that takes quotes.
pub async fn invite(
    tx: &mut Tx,
    ctx: &Ctx,
    id: RequestId,
    invited: &[VendorId],
) -> Result<requests::Row, Error> {
    let row = requests::lock(tx, &requests::member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    require_desk(tx, ctx, &row).await?;
    let now = tx.now().await?;
    let state = row.state()?.at(now);
    if state.editable().is_err() {
        state.takes_quotes()?;
    }
    requests::quotation_of(tx.conn(), id).await?;
    let known = vendors::trading(tx.conn(), row.realm, invited, now).await?;
    let mut faults = Vec::new();
    for (place, vendor) in invited.iter().enumerate() {
        let at = format!("#/vendor_ids/{place}");
        match known.iter().find(|known| known.id == *vendor) {
            None => faults.push(Fault::at(at, Code::UnknownReference)),
            Some(known) if !known.open => faults.push(Fault::at(at, Code::VendorNotVerified)),
            Some(_) => {}
        }
    }
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    if requests::any_member_of(tx.conn(), ctx.actor()?.user, invited).await? {
        return Err(refuse(Code::PairOfficialVendorOwner));
    }
    let new = requests::invite(tx, id, row.realm, invited, now).await?;
    let saved = requests::touch(tx, row.clone()).await?;
    let mut notices = Vec::new();
    if let State::Open { deadline } = state {
        let zone = accounts::time_zone_of(tx.conn(), row.agency_id).await?;
        let due = Some(zone.printed(deadline));
        notices.extend(
            new.iter().map(|vendor| requests::to_vendor("quotation_invited", &saved, *vendor, due.clone())),
        );
    }
    requests::record(tx, ctx, "request.vendors_invited", Some(&row), &saved, notices).await?;
    Ok(saved)
}

/// A vendor asks; who asked is told to nobody.
pub async fn ask_question(
    tx: &mut Tx,
    ctx: &Ctx,
    id: RequestId,
    text: &str,
) -> Result<(requests::Row, Question), Error> {
    let vendor = super::own_vendor(ctx)?;
    let row = store::hold_published(tx, id).await?;
    super::quote::require_may_quote(tx, ctx, &row, vendor).await?;
    let now = tx.now().await?;
    row.state()?.at(now).takes_quotes()?;
    if store::count_questions(tx.conn(), id, vendor).await? >= QUESTIONS_AT_MOST {
        return Err(refuse(Code::TooManyQuestions));
    }
    let question = Question {
        id: new_id(),
        request_id: id,
        vendor_id: vendor,
        question: text.to_owned(),
        asked_at: now,
        answer: None,
        answered_at: None,
        answered_by_membership_id: None,
    };
    store::insert_question(tx, &question).await?;
    let notice = to_officer("quotation_question", &row);
    let after = json!({ "request_id": id, "question_id": question.id });
    super::record(tx, ctx, "request.question_asked", &row, after, None, vec![notice]).await?;
    Ok((row, question))
}

/// The office answers; question and answer are there for everybody.
pub async fn answer_question(
    tx: &mut Tx,
    ctx: &Ctx,
    id: RequestId,
    question: QuestionId,
    answer: &str,
) -> Result<Question, Error> {
    let row = requests::lock(tx, &requests::member_sight(ctx)?, id).await?;
    require_desk(tx, ctx, &row).await?;
    let asked = store::question(tx.conn(), id, question).await?;
    let now = tx.now().await?;
    row.state()?.at(now).takes_quotes()?;
    if asked.answer.is_some() {
        return Err(refuse(Code::IllegalTransition));
    }
    let answered = store::answer_question(tx, question, answer, ctx.member()?.id, now).await?;
    let mut told = requests::taking_part(tx.conn(), id).await?;
    told.push(asked.vendor_id);
    told.sort_unstable();
    told.dedup();
    let notices =
        told.into_iter().map(|vendor| requests::to_vendor("quotation_answer", &row, vendor, None)).collect();
    let after = json!({ "request_id": id, "question_id": question, "answer": answer });
    super::record(tx, ctx, "request.question_answered", &row, after, None, notices).await?;
    Ok(answered)
}

/// What an addendum says, and the deadline that it moves to.
#[derive(Clone, Debug)]
pub struct NewAddendum {
    pub text: String,
    pub quote_deadline: Option<DateTime<Utc>>,
}

/// Issues an addendum. It may move the deadline later, never earlier; later submissions are then sealed to
/// a key of their own. Who had submitted is told and must confirm or replace.
pub async fn issue_addendum(
    tx: &mut Tx,
    ctx: &Ctx,
    ring: &KeyRing,
    id: RequestId,
    input: &NewAddendum,
) -> Result<requests::Row, Error> {
    let row = requests::lock(tx, &requests::member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    require_desk(tx, ctx, &row).await?;
    let quotation = requests::quotation_of(tx.conn(), id).await?;
    let now = tx.now().await?;
    let state = row.state()?.at(now);
    let before = state.takes_quotes()?;
    let deadline = input.quote_deadline.unwrap_or(before);
    let state = state.extend(deadline).map_err(|error| match error.code() {
        Some(Code::DeadlineNotLater) => {
            Refusal::rules(vec![Fault::at("#/quote_deadline", Code::DeadlineNotLater)]).into()
        }
        _ => error,
    })?;
    let zone = accounts::time_zone_of(tx.conn(), row.agency_id).await?;
    let policies = policies::at(tx.conn(), zone.date_of(now), Some(row.agency_id)).await?;
    let calendar = policies::calendar(tx.conn()).await?;
    let first = first_delivery(tx, &row).await?;
    let latest = calendar.working_days_before(first, policies.count("clock.preparation_days")?, zone);
    if deadline >= latest.at {
        return Err(Refusal::rules(vec![Fault::at("#/quote_deadline", Code::NeededTooSoon)]).into());
    }
    if deadline > before {
        let (number, _) = store::current_key(tx.conn(), id).await?;
        store::add_key(tx, ring, id, number + 1, deadline).await?;
    }
    let number = quotation.addenda + 1;
    let addendum = Addendum {
        id: new_id(),
        request_id: id,
        number,
        text: input.text.clone(),
        quote_deadline: deadline,
        issued_at: now,
        membership_id: ctx.member()?.id,
    };
    store::insert_addendum(tx, &addendum).await?;
    requests::save_quotation(tx, &requests::QuotationRow { addenda: number, ..quotation }).await?;
    let saved = requests::settle(tx, row.clone(), state).await?;
    let due = Some(zone.printed(deadline));
    let submitted = store::vendors_with_quotes(tx.conn(), id).await?;
    let mut notices: Vec<Notice> = submitted
        .iter()
        .map(|vendor| requests::to_vendor("quote_confirmation_needed", &saved, *vendor, due.clone()))
        .collect();
    let others =
        requests::taking_part(tx.conn(), id).await?.into_iter().filter(|vendor| !submitted.contains(vendor));
    notices
        .extend(others.map(|vendor| requests::to_vendor("quotation_addendum", &saved, vendor, due.clone())));
    for notice in &mut notices {
        notice.arguments["number"] = json!(number);
    }
    requests::record(tx, ctx, "request.addendum_issued", Some(&row), &saved, notices).await?;
    Ok(saved)
}

/// Gives up: no vendor was found, or none for what is left. The quotes stay sealed where they were not opened.
pub async fn fail(tx: &mut Tx, ctx: &Ctx, id: RequestId, reason: &str) -> Result<requests::Row, Error> {
    let row = requests::lock(tx, &requests::member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    require_desk(tx, ctx, &row).await?;
    let now = tx.now().await?;
    let state = row.state()?.at(now).fail(reason.to_owned())?;
    if requests::standing_orders(tx.conn(), id).await?.is_empty() {
        return end_without_award(tx, ctx, row, state).await;
    }
    // What an earlier award ordered stays bought; the rest is given up.
    crate::packages::release_request(tx, id, now).await?;
    let saved = requests::settle(tx, row.clone(), State::Ordered).await?;
    let told = requests::Row { status_reason: Some(reason.to_owned()), ..saved.clone() };
    let waiting = store::handed_in(tx.conn(), id).await?;
    let mut notices = Vec::new();
    for quote in waiting.into_iter().filter(|quote| quote.status == QuoteStatus::Opened) {
        notices.push(requests::to_vendor("quotation_failed", &told, quote.vendor_id, None));
        store::save_quote(
            tx,
            Quote { status: QuoteStatus::NotAwarded, status_reason: Some(reason.to_owned()), ..quote },
        )
        .await?;
    }
    requests::record(tx, ctx, "request.rest_given_up", Some(&row), &told, notices).await?;
    Ok(saved)
}

/// Lets go of what was reserved and tells everybody who took part.
pub(super) async fn end_without_award(
    tx: &mut Tx,
    ctx: &Ctx,
    row: requests::Row,
    state: State,
) -> Result<requests::Row, Error> {
    let now = tx.now().await?;
    crate::packages::release_request(tx, row.id, now).await?;
    let saved = requests::settle(tx, row.clone(), state).await?;
    let mut notices: Vec<Notice> = requests::taking_part(tx.conn(), saved.id)
        .await?
        .into_iter()
        .map(|vendor| requests::to_vendor("quotation_failed", &saved, vendor, None))
        .collect();
    notices.push(to_officer("quotation_failed", &saved));
    requests::record(tx, ctx, "request.quotation_failed", Some(&row), &saved, notices).await?;
    Ok(saved)
}

/// The officer in charge, or a deputy, who belongs to none of the vendors that take part.
async fn require_desk(tx: &mut Tx, ctx: &Ctx, row: &requests::Row) -> Result<(), Error> {
    requests::require_officer(ctx, row)?;
    let vendors = requests::taking_part(tx.conn(), row.id).await?;
    if requests::any_member_of(tx.conn(), ctx.actor()?.user, &vendors).await? {
        return Err(refuse(Code::PairOfficialVendorOwner));
    }
    Ok(())
}

/// A notice to the officer in charge and whoever acts in that place.
pub(super) fn to_officer(template: &str, row: &requests::Row) -> Notice {
    Notice {
        template: template.into(),
        audience: Audience::Membership(row.officer_id.0),
        arguments: json!({ "title": row.title, "reason": row.status_reason, "organisation_id": row.agency_id }),
    }
}
