//! A price that office and vendor agree on, round by round.
use super::{Journey, Token, line};
use serde_json::json;

impl Journey {
    /// Invitation → rounds → agreement → approval → order → acceptance.
    pub(super) async fn negotiated(&mut self, owner: &Token, pens: &str) -> anyhow::Result<()> {
        let officer = self.role("procurement_officer").await?;
        let fields = |day| json!({ "method": "negotiated", "lines": [line(pens, "100", day)] });
        let draft = self.draft_of(&officer, 45, fields).await?;
        let (path, item) = (format!("/api/v1/requests/{}", draft.text("/id")?), draft.text("/lines/0/id")?);
        let submit = format!("{path}/actions/submit");
        let begun = self.act("the vendor is asked to negotiate", &officer, &submit).await?;
        begun.says("/status", "negotiating")?;
        begun.says("/gross_total", "2400000.00")?;
        let rounds = format!("{path}/negotiation-rounds");
        let price = |price: &str| json!({ "unit_prices": [{ "line_id": item, "unit_price": price }], "shipping_fee": "0", "lead_time_days": 5 });
        self.post("nobody goes above the list", &officer, &rounds, price("24001"), (422, "price_above_list"))
            .await?;
        let mut proposed = Vec::new();
        for (number, (what, who, asked, side)) in [
            ("the office proposes Rp20,000", &officer, "20000", "office"),
            ("the vendor Rp22,500", owner, "22500", "vendor"),
            ("the office Rp21,500", &officer, "21500", "office"),
        ]
        .into_iter()
        .enumerate()
        {
            let told = self.post(what, who, &rounds, price(asked), (201, "")).await?;
            told.says(&format!("/rounds/{number}/proposed_by"), side)?;
            proposed.push(told.text(&format!("/rounds/{number}/id"))?);
        }
        let accept = |round: usize| format!("{rounds}/{}/actions/accept", proposed[round]);
        self.refused("the first round counts no more", owner, &accept(0), (409, "round_not_latest")).await?;
        self.refused("nobody accepts an own proposal", &officer, &accept(2), (409, "illegal_transition"))
            .await?;
        let agreed = self.act("the vendor accepts the last", owner, &accept(2)).await?;
        agreed.says("/status", "agreed")?;
        agreed.says("/agreed_round", "3")?;
        agreed.says("/request_status", "agreed")?;
        let handed_in = self.act("the agreement is handed in", &officer, &submit).await?;
        handed_in.says("/status", "pending_approval")?;
        handed_in.says("/gross_total", "2150000.00")?;
        self.approve("and approved", &handed_in).await?.says("/status", "ordered")?;
        let order = self.order_of(&officer, &handed_in.text("/id")?).await?;
        order.says("/gross_total", "2150000.00")?;
        let accept = format!("/api/v1/orders/{}/actions/accept", order.text("/id")?);
        self.act("the vendor accepts the order", owner, &accept).await?.says("/status", "accepted")
    }
}
