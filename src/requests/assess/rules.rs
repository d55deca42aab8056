//! Methods, limits, budgets, splitting and comparison.
use super::*;

/// An urgent purchase says why, by a code that the policy knows; nothing else says so.
pub(super) fn urgency(scene: &Scene<'_>, checks: &mut Vec<Check>) -> Result<(), Error> {
    let known: Vec<String> = scene.policies.json("urgent.reasons")?;
    let urgent = scene.row.method == Method::Urgent;
    let refused = match &scene.row.urgent_code {
        None if urgent => Some(Code::Required),
        Some(_) if !urgent => Some(Code::ValueNotAllowed),
        Some(code) if !known.contains(code) => Some(Code::ValueNotAllowed),
        _ => None,
    };
    let figures = json!({ "codes": known, "code": scene.row.urgent_code });
    push(checks, "urgency", refused, "#/urgent", figures, basis(scene, "urgent.reasons"));
    Ok(())
}

#[derive(Deserialize)]
struct Methods {
    methods: Vec<Method>,
}

/// Which methods a value allows; and whether asking for a better price is advised.
pub(super) fn method(scene: &Scene<'_>, whole: Totals, checks: &mut Vec<Check>) -> Result<(), Error> {
    let chosen = scene.row.method;
    let allowed: Option<Methods> = scene.policies.step("method.steps", whole.gross)?;
    let allowed = allowed.map(|step| step.methods).unwrap_or_default();
    let refused = (!allowed.contains(&chosen)).then_some(Code::MethodNotForValue);
    let figures = json!({ "method": chosen, "allowed": allowed, "value": whole.gross });
    push(checks, "method", refused, "#/method", figures, basis(scene, "method.steps"));
    let from = scene.policies.amount("negotiation.prompt_from")?;
    let advised = (chosen == Method::Direct && whole.gross >= from).then_some(Code::NegotiationAdvised);
    checks.push(Check {
        rule: "negotiation",
        refused: None,
        advised,
        pointer: "#/method".into(),
        figures: json!({ "from": from, "value": whole.gross }),
        legal_basis: basis(scene, "negotiation.prompt_from"),
    });
    Ok(())
}

pub(super) fn compared(scene: &Scene<'_>, whole: Totals) -> Result<Amount, Error> {
    let with_vat = scene.policies.flag("limit.includes_vat")?;
    Ok(if with_vat { whole.gross } else { whole.goods + whole.shipping })
}

pub(super) fn limits(scene: &Scene<'_>, whole: Totals, checks: &mut Vec<Check>) -> Result<(), Error> {
    let key = format!("limit.direct.{}", scene.row.procurement_kind);
    let limit = scene.policies.amount(&key)?;
    let value = compared(scene, whole)?;
    let over = (value > limit).then_some(Code::MethodLimitExceeded);
    let figures = json!({ "limit": limit.to_string(), "value": value, "includes_vat": scene.policies.flag("limit.includes_vat")? });
    push(checks, "method_limit", over, "#/lines", figures, basis(scene, &key));
    let package = &scene.package;
    let left = Amount((package.ceiling.0 - package.reserved.0 - package.committed.0).max(Decimal::ZERO));
    let over = (whole.gross > left).then_some(Code::PackageCeilingExceeded);
    let figures = json!({ "limit": left.to_string(), "ceiling": package.ceiling, "value": whole.gross });
    push(checks, "package_ceiling", over, "#/package_id", figures, None);
    Ok(())
}

pub(super) fn budget(scene: &Scene<'_>, gross: Amount, checks: &mut Vec<Check>) -> Result<BudgetMode, Error> {
    let mode: BudgetMode =
        scene.policies.word("budget.mode")?.parse().map_err(|_| Error::Internal("budget.mode".into()))?;
    let legal = basis(scene, "budget.mode");
    match (mode, &scene.budget_line) {
        (BudgetMode::Enforced, Some(line)) => {
            let left = (line.ceiling - line.reserved.0 - line.committed.0 - line.spent.0).max(Decimal::ZERO);
            let over = (gross.0 > left).then_some(Code::BudgetExceeded);
            push(
                checks,
                "budget",
                over,
                "#/budget_line_id",
                json!({ "limit": format!("{left:.2}"), "value": gross, "mode": mode }),
                legal,
            );
        }
        (BudgetMode::Enforced, None) => {
            push(
                checks,
                "budget",
                Some(Code::BudgetLineRequired),
                "#/budget_line_id",
                json!({ "mode": mode }),
                legal,
            );
        }
        (BudgetMode::Declared, _) => {
            let row = scene.row;
            let declared = row.budget_declared && row.account_code.is_some() && row.dpa_number.is_some();
            let missing = (!declared).then_some(Code::BudgetDeclarationRequired);
            push(checks, "budget", missing, "#/budget_declared", json!({ "mode": mode }), legal);
        }
        (BudgetMode::Off, _) => {
            push(checks, "budget", None, "#/budget_line_id", json!({ "mode": mode }), legal)
        }
    }
    Ok(mode)
}

/// Splitting is refused only where purchases on the same package pass the limit of its kind; like
/// goods on other packages ask for a reason (Perpres 16/2018 Pasal 20(2)d forbids the intent).
pub(super) async fn splitting(
    conn: &mut Conn,
    scene: &Scene<'_>,
    whole: Totals,
    priced: &[Option<Priced>],
    checks: &mut Vec<Check>,
) -> Result<(), Error> {
    let key = format!("limit.direct.{}", scene.row.procurement_kind);
    let limit = scene.policies.amount(&key)?;
    let with_vat = scene.policies.flag("limit.includes_vat")?;
    let before = store::on_package(conn, scene.row.package_id, scene.row.id, with_vat, scene.now).await?;
    let together = before + compared(scene, whole)?;
    let over = (before > Amount::ZERO && together > limit).then_some(Code::SplitForbidden);
    let figures = json!({ "limit": limit.to_string(), "before": before, "together": together });
    push(checks, "split_package", over, "#/package_id", figures, basis(scene, &key));
    if !scene.policies.flag("split.same_kbki_reason")? {
        return Ok(());
    }
    let offers = || priced.iter().flatten().map(|priced| &priced.offer);
    let recurring = offers().count() > 0 && offers().all(|offer| offer.recurring_group.is_some());
    let window_key = if recurring { "split.recurring_window_days" } else { "split.window_days" };
    let window = scene.policies.count(window_key)?;
    let prefixes: Vec<String> = offers().map(|offer| offer.kbki_code.chars().take(5).collect()).collect();
    let since = scene.now - TimeDelta::days(window.into());
    let lately =
        store::bought_lately(conn, scene.row.unit_id, scene.row.package_id, &prefixes, since, scene.now)
            .await?;
    let reason = scene.row.split_reason.as_deref().is_some_and(|reason| !reason.trim().is_empty());
    let missing = (lately && !reason).then_some(Code::SplitReasonRequired);
    let figures = json!({ "window_days": window, "bought_lately": lately, "kbki": prefixes });
    push(checks, "split_kbki", missing, "#/split_reason", figures, basis(scene, window_key));
    Ok(())
}

pub(super) async fn comparison(
    conn: &mut Conn,
    scene: &Scene<'_>,
    whole: Totals,
    checks: &mut Vec<Check>,
) -> Result<(), Error> {
    let from = scene.policies.amount("comparison.duty_from")?;
    let minimum = scene.policies.count("comparison.minimum_offers")?;
    let stored: Option<Comparison> =
        scene.row.comparison.clone().and_then(|value| serde_json::from_value(value).ok());
    // Only offers that are there to be seen count.
    let seen = stored.as_ref().map(|stored| stored.product_ids.clone()).unwrap_or_default();
    let offers =
        catalog::offers(conn, scene.row.realm, &seen).await?.iter().filter(|offer| offer.published).count();
    let reason = stored
        .as_ref()
        .and_then(|stored| stored.reason.as_deref())
        .is_some_and(|reason| !reason.trim().is_empty());
    // What is urgent is compared afterwards.
    let later = scene.row.method == Method::Urgent;
    let due = whole.gross >= from && offers < minimum as usize && !reason && !later;
    let figures = json!({ "limit": minimum.to_string(), "from": from, "offers": offers, "reason": reason });
    push(
        checks,
        "comparison",
        due.then_some(Code::ComparisonRequired),
        "#/comparison",
        figures,
        basis(scene, "comparison.duty_from"),
    );
    Ok(())
}
