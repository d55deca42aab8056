//! Sealed quotes of five vendors: two equal ones, the cheapest thrown out, one taken back, one too late.
use super::super::load;
use super::{CLOCK, Journey, Reached, Token, slot};
use crate::cli::verify_evaluation;
use anyhow::{Context, bail};
use chrono::TimeDelta;
use serde_json::{Value, json};

/// Unit prices for fifty pieces; the last vendor comes too late.
const PRICES: [&str; 5] = ["60000", "60000", "55000", "58000", "50000"];

/// One who quotes.
struct Bidder {
    token: Token,
    vendor: String,
    quote: String,
}

impl Journey {
    /// Invitation → quotes → deadline → opening → evaluation → award → order → acceptance.
    pub(super) async fn quotation(&mut self, stranger: &Token) -> anyhow::Result<()> {
        let officer = self.role("procurement_officer").await?;
        let mut bidders = Vec::new();
        for contact in load::bidders() {
            let session = self.session(&contact, None).await?;
            let token = Some(session.text("/access_token")?);
            let vendor = session.text("/membership/organisation_id")?;
            bidders.push(Bidder { token, vendor, quote: String::new() });
        }
        let open = self.asked(&officer, &bidders).await?;
        let path = format!("/api/v1/requests/{}", open.text("/id")?);
        let quotes = format!("{path}/quotes");
        self.post(
            "whoever is not invited does not quote",
            stranger,
            &quotes,
            json!({}),
            (409, "not_invited"),
        )
        .await?;
        let line = open.text("/quotation/lines/0/id")?;
        for (bidder, price) in bidders.iter_mut().zip(PRICES) {
            bidder.quote = self.quote(bidder, &quotes, &line, price).await?;
        }
        for bidder in &bidders[..4] {
            self.act("it is handed in and sealed", &bidder.token, &verb(bidder, "submit"))
                .await?
                .text("/commitment")?;
        }
        self.act("one is taken back", &bidders[3].token, &verb(&bidders[3], "withdraw")).await?;
        let sealed = self.get("the office sees that quotes came in", &officer, &quotes).await?;
        let named =
            sealed.body["items"].as_array().into_iter().flatten().any(|quote| !quote["vendor_id"].is_null());
        if named || sealed.body.to_string().contains("60000") {
            bail!("the office sees more of a sealed quote than it may: {}", sealed.body);
        }
        let opening = format!("{path}/opening");
        self.refused("and cannot open them yet", &officer, &opening, (409, "too_early")).await?;
        // The clock moves by whole seconds and may stop short of what was asked for.
        let after = open.time("/quotation/quote_deadline")? + TimeDelta::seconds(1);
        let after = json!({ "now": after });
        self.post("the clock passes the deadline", &officer, CLOCK, after, (200, "")).await?;
        let late = &bidders[4];
        self.refused(
            "the last one comes too late",
            &late.token,
            &verb(late, "submit"),
            (409, "deadline_passed"),
        )
        .await?;
        self.work().await?;
        self.done("the worker opens what was handed in");
        let minutes = self.get("the minutes name three quotes", &officer, &opening).await?;
        minutes.says("/status", "evaluating")?;
        let found = ids(&minutes.body["quotes"]);
        if found != [0, 1, 2].map(|place: usize| bidders[place].quote.clone()) {
            bail!("the minutes hold {found:?}");
        }
        let why = json!({ "code": "technical", "reason": "Tinta tidak tahan air seperti yang diminta" });
        self.post("the cheapest falls short", &officer, &verb(&bidders[2], "disqualify"), why, (200, ""))
            .await?;
        self.awarded(&officer, &path, &bidders).await
    }

    /// Fifty markers by specification; the five are invited, and it is open for quotes.
    async fn asked(&mut self, officer: &Token, bidders: &[Bidder]) -> anyhow::Result<Reached> {
        let fields = |day| {
            let line = json!({ "name": "Spidol papan tulis hitam", "category_code": "01.01.01", "unit": "H87",
                "attributes": { "warna": "hitam" }, "quantity": "50", "slots": [slot("50", day)] });
            json!({ "method": "quotation", "quotation": { "invitation": "invited", "award": "whole",
                "evaluation": "lowest_price", "window_days": 3, "lines": [line] } })
        };
        let draft = self.draft_of(officer, 45, fields).await?;
        let path = format!("/api/v1/requests/{}", draft.text("/id")?);
        let invited: Vec<&str> = bidders.iter().map(|bidder| bidder.vendor.as_str()).collect();
        let invited = json!({ "vendor_ids": invited });
        self.post("five vendors are invited", officer, &format!("{path}/invitations"), invited, (200, ""))
            .await?;
        let submitted =
            self.act("the request is submitted", officer, &format!("{path}/actions/submit")).await?;
        self.approve("and approved", &submitted).await?.says("/status", "approved")?;
        let open = self.act("quotes are taken", officer, &format!("{path}/actions/open")).await?;
        open.says("/status", "open")?;
        Ok(open)
    }

    /// A quote with one of the vendor's own products, written and not handed in.
    async fn quote(
        &mut self,
        bidder: &Bidder,
        quotes: &str,
        line: &str,
        price: &str,
    ) -> anyhow::Result<String> {
        let own = self.get("a vendor looks at its goods", &bidder.token, "/api/v1/products?limit=1").await?;
        let priced = json!({ "line_id": line, "product_id": own.text("/items/0/id")?, "unit_price": price,
            "price_basis": "tax_inclusive" });
        let body = json!({ "lines": [priced], "shipping_fee": "0", "lead_time_days": 3 });
        self.post("and writes a quote", &bidder.token, quotes, body, (201, "")).await?.text("/id")
    }

    /// Equal totals of equal businesses go to whoever came first; the other is told why not.
    async fn awarded(&mut self, officer: &Token, path: &str, bidders: &[Bidder]) -> anyhow::Result<()> {
        let reason = json!({ "reason": "Harga terendah yang memenuhi syarat" });
        let evaluation = format!("{path}/evaluation");
        self.post("the evaluation is completed", officer, &evaluation, reason, (200, "")).await?;
        let complete = self.get("and read with every step", officer, &evaluation).await?;
        if ids(&complete.body["ranking"]["whole"]) != [0, 1].map(|place: usize| bidders[place].quote.clone())
        {
            bail!("the ranking is {}", complete.body["ranking"]["whole"]);
        }
        for place in 0..2 {
            complete.says(&format!("/ranking/whole/{place}/gross"), "3000000.00")?;
        }
        complete.says("/ranking/whole/1/tie_broken_by", "earlier_submission")?;
        complete.says("/ranking/quotes/2/excluded", "disqualified")?;
        verify_evaluation(&complete.body.to_string())?;
        self.done("anybody recomputes it");
        let note = json!({ "note": "Contoh barang dan alamat diperiksa" });
        self.post("the first is looked at", officer, &verb(&bidders[0], "verify"), note, (200, "")).await?;
        let approver = self.role("commitment_officer").await?;
        let award = json!({ "content_hash": complete.text("/content_hash")? });
        let path = format!("{path}/actions/award");
        let awarded = self.post("and awarded", &approver, &path, award, (200, "")).await?;
        awarded.says("/status", "ordered")?;
        let order = self.order_of(officer, &awarded.text("/id")?).await?;
        order.says("/vendor_id", &bidders[0].vendor)?;
        order.says("/gross_total", "3000000.00")?;
        let accept = format!("/api/v1/orders/{}/actions/accept", order.text("/id")?);
        let accepted = self.act("the winner accepts the order", &bidders[0].token, &accept).await?;
        accepted.says("/status", "accepted")?;
        let told = self.get("the other reads why it was not", &bidders[1].token, &evaluation).await?;
        let quotes = told.body["quotes"].as_array().context("no quotes are named")?;
        let own = quotes.iter().find(|quote| quote["quote_id"] == bidders[1].quote.as_str());
        match own {
            Some(own) if own["status"] == "not_awarded" && own["reason"].is_string() => Ok(()),
            other => bail!("the other is told {other:?}"),
        }
    }
}

fn verb(bidder: &Bidder, verb: &str) -> String {
    format!("/api/v1/quotes/{}/actions/{verb}", bidder.quote)
}

/// Whose quotes stand in a list, in its order.
fn ids(list: &Value) -> Vec<String> {
    let quotes = list.as_array().into_iter().flatten();
    quotes.filter_map(|quote| quote["quote_id"].as_str().map(str::to_owned)).collect()
}
