//! Comparing opened quotes: scored, disqualified, mended, verified, awarded, objected to; and who comes next.
use crate::support::comparison::*;
use crate::support::purchase::{Asked, NO_CONTENT, line};
use crate::support::trade::organisation;
use crate::support::{Answer, Caller, scaled};
use futures_util::future::join;
use lokapasar::cli::verify_evaluation;
use lokapasar::kernel::{MembershipId, Role};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_lowest_total_delivered_wins_and_its_order_goes_out_at_once() {
    let house = house(3).await;
    house.app.register_for_vat(&house.vendors[1]).await;
    let asked = house.asks(json!({})).await;
    let quotes = [
        house.quote(0, &asked, &[(0, "12000", WITH_VAT)], "100000").await,
        house.quote(1, &asked, &[(0, "11333.55", "tax_exclusive")], "25005").await,
        house.quote(2, &asked, &[(0, "11850", WITH_VAT)], "130000").await,
    ];
    house.pass(&asked.deadline).await;
    let found = house.complete(&asked.request).await.body;
    // 11 % of 1,133,355 is 124,669.05, and of 25,005 it is 2,750.55. Without delivery the third would win.
    let won = ["1133355.00", "25005.00", "127420.00", "1285780.00"];
    assert_eq!(totals(&found["ranking"]["quotes"][1]), won);
    assert_eq!(places(&found["ranking"]["whole"], &quotes), [1, 0, 2]);
    assert_eq!(all(&found, "/ranking/whole", "gross"), ["1285780.00", "1300000.00", "1315000.00"]);
    assert_eq!(totals(&house.awarded(&asked.request).await.body), won);
    let (order, id) = house.order_of(&asked.request, 1).await;
    assert_eq!((totals(&order), house.app.count(AWARDS).await), (won, 1));
    let line = ["unit_price", "goods_amount", "vat_amount"].map(|amount| &order["lines"][0][amount]);
    assert_eq!(line, ["11333.55", "1133355.00", "124669.00"]);
    house.vendors[1].accept(&id).await.expect(200);
    assert_eq!(house.held().await, ["0.00", "1285780.00"]);
    let found = house.evaluation(&asked.request).await.body;
    assert_eq!(all(&found, "/quotes", "status"), ["not_awarded", "awarded", "not_awarded"]);
    let (second, third) = ("peringkat 2 (rank 2)", "peringkat 3 (rank 3)");
    assert_eq!(json!(all(&found, "/quotes", "reason")), json!([second, null, third]));
    assert_eq!(house.told("belum terpilih").await, [1, 0, 1, 0, 0]);
    let mails = house.app.told(&house.vendors[2].owner.contact).await;
    assert!(mails.iter().any(|mail| mail.text.contains(third)));
    assert_eq!(house.told("ditetapkan sebagai pemenang").await, [0, 1, 0, 0, 0]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_totals_go_to_the_smaller_business_and_then_to_the_earlier_final_submission() {
    let mut house = house(0).await;
    for sales in ["9000000000", "90000000000", "120000000", "120000000"] {
        house.join(json!({ "annual_sales": sales }), json!({})).await;
    }
    let asked = house.asks(json!({})).await;
    let quotes = house.quotes(&asked, &["10000"; 4]).await;
    house.vendors[2].owner.act(&of(&quotes[2], "/actions/replace")).await.expect(200);
    house.pass(&asked.deadline).await;
    let found = house.complete(&asked.request).await.body;
    assert_eq!(places(&found["ranking"]["whole"], &quotes), [3, 2, 0, 1]);
    let broken = json!([null, "earlier_submission", "preference", "preference"]);
    assert_eq!(json!(all(&found, "/ranking/whole", "tie_broken_by")), broken);
    assert_eq!(all(&found, "/input/quotes", "size_class"), ["small", "large", "micro", "micro"]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_won_apart_and_those_of_an_order_that_fell_through_are_compared_again() {
    let (house, asked, quotes) = itemised().await;
    let request = &asked.request;
    let found = house.complete(request).await.body;
    // 10,001 × 100,000 ÷ 400,000 is 2,500.25; the last line takes the rest.
    assert_eq!(all(&found, "/ranking/quotes/0/lines", "shipping_share"), ["2500.00", "7501.00"]);
    let ranked = &found["ranking"]["lines"];
    let order = [0, 1, 2].map(|line: usize| places(&ranked[line]["ranked"], &quotes));
    assert_eq!(order, [vec![1, 0], vec![0, 2], vec![]]);
    assert_eq!(all(ranked, "/1/ranked", "gross"), ["307501.00", "307600.00"]);
    let awarded = house.awarded(request).await;
    assert_eq!(totals(&awarded.body), ["401000.00", "8501.00", "0.00", "409501.00"]);
    assert_eq!(awarded.body["lines"].as_array().map(Vec::len), Some(2));
    let (ink, pens) = (house.order_of(request, 0).await, house.order_of(request, 1).await);
    assert_eq!(totals(&ink.0), ["300000.00", "7501.00", "0.00", "307501.00"]);
    assert_eq!(totals(&pens.0), ["101000.00", "1000.00", "0.00", "102000.00"]);
    house.vendors[1].accept(&pens.1).await.expect(200);
    house.vendors[0].decline(&ink.1).await.expect(200);
    let open = house.next_rank(request, &ink.1).await.expect(200);
    assert_eq!(said(&open, ["/status", "/gross_total"]), ["evaluating", "102000.00"]);
    let found = house.complete(request).await.body;
    assert_eq!(all(&found, "/input/lines", "line_id"), asked.lines[1..]);
    // 102,000 as accepted, and 307,000 with a delivery of 600.
    assert_eq!(house.awarded(request).await.text("/gross_total"), "409600.00");
    assert_eq!(totals(&house.order_of(request, 2).await.0)[3], "307600.00");
    let (kept, id) = house.order_of(request, 1).await;
    assert_eq!((id, &kept["status"]), (pens.1, &json!("accepted")));
    assert_eq!((house.held().await[1].as_str(), house.app.count(AWARDS).await), ("409600.00", 112));
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sheet_of_scores_suffices_and_several_are_hidden_from_each_other_until_they_agree() {
    let house = house(2).await;
    let (alone, asked) = (house.asks(weighted()).await, house.asks(weighted()).await);
    let (first, quotes) = (house.quotes(&alone, &TWO).await, house.quotes(&asked, &TWO).await);
    house.pass(&asked.deadline).await;
    let (officer, request) = (&house.office.officer, &asked.request);
    score(officer, &alone.request, &scores(&first, ["60", "50", "100", "90"])).await.expect(200);
    let found = house.complete(&alone.request).await.body;
    // 0.6 × 60 + 0.4 × 50 and 0.6 × 100 + 0.4 × 90; a hundred times the lowest price over one's own.
    assert_eq!(all(&found, "/ranking/quotes", "quality_score"), ["56", "96"]);
    assert_eq!(all(&found, "/ranking/whole", "price_score"), ["83.3333", "100"]);
    // 0.7 × 83.3333 + 0.3 × 96 is 87.13331, and 0.7 × 100 + 0.3 × 56 is 86.8.
    assert_eq!(all(&found, "/ranking/whole", "score"), ["87.1333", "86.8"]);
    let colleague = house.member(Role::ProcurementOfficer).await;
    let holds = |answer: &Answer, words: &str| String::from_utf8_lossy(&answer.bytes).contains(words);
    let (ours, theirs) = ("63.17", "71.93");
    let own = score(officer, request, &scores(&quotes, [ours, "50", "90", "80"])).await.expect(200);
    let other = score(&colleague, request, &scores(&quotes, [theirs, "60", "85", "75"])).await.expect(200);
    assert!(holds(&own, ours) && holds(&other, theirs) && !holds(&other, ours));
    let agreed = scores(&quotes, ["70", "70", "80", "80"]);
    faulty(house.evaluate(request, json!({})).await, "#/scores required");
    faulty(house.evaluate(request, json!({ "scores": agreed })).await, "#/reason required");
    let (approver, vendor) = (&house.office.approver, &house.vendors[0].owner);
    for path in ["", "/evaluation", "/quotes", "/opening"].map(|place| at(request, place)) {
        for (who, hidden) in [(officer, theirs), (&colleague, ours), (approver, ours), (vendor, theirs)] {
            let seen = who.get(&path).await;
            assert!(!holds(&seen, hidden), "{path}: {}", seen.body);
        }
    }
    let reasoned = json!({ "scores": agreed, "reason": "Rata-rata kedua penilai" });
    let complete = recomputed(house.evaluate(request, reasoned).await).body;
    let members = [officer, &colleague].map(|who| json!(who.membership));
    assert_eq!(all(&complete, "/agreed_from", "membership_id"), members);
    // 70 + 0.3 × 70; 0.7 × 83.3333 + 0.3 × 80 is 82.33331.
    assert_eq!(all(&complete, "/ranking/whole", "score"), ["91", "82.3333"]);
    let seen = recomputed(colleague.get(&at(request, "/evaluation")).await);
    assert!(holds(&seen, ours) && holds(&seen, theirs), "{}", seen.body);
    score(&colleague, request, &agreed).await.expect_problem(409, ILLEGAL);
    house.awarded(request).await;
    let seen = recomputed(vendor.get(&at(request, "/evaluation")).await);
    assert!(!holds(&seen, ours) && !holds(&seen, theirs), "{}", seen.body);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_scores_is_told_all_at_once_and_the_lowest_price_has_none() {
    let house = house(2).await;
    let officer = &house.office.officer;
    let (asked, lowest) = (house.asks(weighted()).await, house.asks(json!({})).await);
    let (quotes, others) = (house.quotes(&asked, &TWO).await, house.quotes(&lowest, &TWO).await);
    house.pass(&lowest.deadline).await;
    let one = |quote: &str, code: &str| json!({ "quote_id": quote, "criterion": code, "score": "50" });
    let known = one(&quotes[0], "mutu");
    let wrong = json!([one(&others[0], "mutu"), one(&quotes[0], "rasa"), known, known]);
    let expected = "#/scores/0/quote_id unknown_reference; #/scores/1/criterion unknown_reference; \
         #/scores/3/criterion duplicate_item; #/scores required";
    faulty(score(officer, &asked.request, &wrong).await, expected);
    faulty(house.evaluate(&asked.request, json!({ "scores": wrong })).await, expected);
    let given = scores(&others, ["60", "50", "100", "90"]);
    score(officer, &lowest.request, &given).await.expect_problem(409, ILLEGAL);
    faulty(house.evaluate(&lowest.request, json!({ "scores": given })).await, "#/scores value_not_allowed");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_highest_step_of_the_domestic_ladder_that_somebody_stands_on_competes() {
    let mut house = house(0).await;
    let made = [("import", 0, 0), ("local", 0, 0), ("local", 10, 0), ("local", 25, 0), ("local", 30, 10)];
    for (origin, tkdn, bmp) in made.map(|(origin, tkdn, bmp)| (origin, tkdn.to_string(), bmp.to_string())) {
        house.join(json!({}), json!({ "origin": origin, "tkdn_percent": tkdn, "bmp_percent": bmp })).await;
    }
    let asked = house.asks(json!({})).await;
    let quotes = house.quotes(&asked, &["10000", "11000", "12000", "13000", "14000"]).await;
    house.pass(&asked.deadline).await;
    let (low, out) = ("below_ladder", "disqualified");
    // One reaches 40 together, so whoever has 25 competes; without that one 25 stands alone; then 10 does.
    for (gone, steps, excluded) in [
        (None, [5, 4, 3, 1, 1], json!([low, low, low, null, null])),
        (Some(&quotes[4]), [5, 4, 3, 2, 2], json!([low, low, low, null, out])),
        (Some(&quotes[3]), [5, 4, 3, 2, 2], json!([low, low, null, out, out])),
    ] {
        if let Some(gone) = gone {
            house.turn(gone, "technical").await.expect(200);
        }
        let found = house.complete(&asked.request).await.body;
        let results = &found["ranking"]["quotes"];
        let stood = [0, 1, 2, 3, 4].map(|quote: usize| &results[quote]["lines"][0]["ladder_step"]);
        assert_eq!(stood, steps);
        assert_eq!(json!(all(results, "", "excluded")), excluded);
    }
    assert_eq!(house.awarded(&asked.request).await.text("/gross_total"), "1200000.00");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_out_voids_the_ranking_and_the_next_one_is_looked_at_only_then() {
    let (house, asked, quotes) = stage(&TWO).await;
    let (request, code) = (&asked.request, "technical");
    house.turn(&quotes[0], "verify").await.expect_problem(409, MISSING);
    house.award(request, NO_CONTENT).await.expect_problem(409, MISSING);
    let old = house.complete(request).await.text("/content_hash");
    house.turn(&quotes[1], "verify").await.expect_problem(409, "not_first_ranked");
    house.award(request, &old).await.expect_problem(409, "verification_missing");
    let path = of(&quotes[0], "/actions/disqualify");
    let (bare, blank) = (json!({}), json!({ "code": code, "reason": "      " }));
    faulty(house.office.officer.post(&path, bare).await, "#/code required; #/reason required");
    faulty(house.office.officer.post(&path, blank).await, "#/reason pattern_mismatch");
    house.turn(&quotes[0], "verify").await.expect(200);
    house.turn(&quotes[0], code).await.expect(200);
    house.turn(&quotes[0], code).await.expect_problem(409, ILLEGAL);
    house.award(request, &old).await.expect_problem(409, MISSING);
    house.turn(&quotes[1], "verify").await.expect_problem(409, MISSING);
    let void = house.evaluation(request).await;
    assert_eq!(said(&void, ["/complete", "/content_hash", "/leaders"]), ["false", "", "[]"]);
    assert_eq!(said(&void, ["/quotes/0/disqualified_code", "/quotes/0/reason"]), [code, REASON]);
    assert_eq!(house.told("dinyatakan gugur").await, [1, 0, 0, 0]);
    let mails = house.app.told(&house.vendors[0].owner.contact).await;
    assert!(mails.iter().any(|mail| mail.text.contains(REASON)));
    let found = house.complete(request).await;
    assert_eq!(places(&found.body["ranking"]["whole"], &quotes), [1]);
    house.turn(&quotes[1], "verify").await.expect(200);
    house.award(request, &old).await.expect_problem(409, "content_changed");
    house.award(request, &found.text("/content_hash")).await.expect(200);
    assert_eq!(all(&house.evaluation(request).await.body, "/quotes", "status"), ["disqualified", "awarded"]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_formal_fault_is_mended_in_words_and_in_time_and_the_price_stays() {
    let (house, asked, quotes) = stage(&TWO).await;
    let (officer, owner, answer) = (&house.office.officer, &house.vendors[0].owner, "Berlaku 30 hari");
    let path = of(&quotes[0], "/actions/cure");
    let cure = async |who: &Caller| who.post(&path, json!({ "answer": answer })).await;
    let content = async || officer.get(&of(&quotes[0], "")).await.expect(200).text("/opened");
    let before = content().await;
    cure(owner).await.expect_problem(409, ILLEGAL);
    house.turn(&quotes[0], "ask-cure").await.expect(200);
    house.turn(&quotes[0], "ask-cure").await.expect_problem(409, ILLEGAL);
    assert_eq!(house.told("Perbaiki kekurangan").await, [1, 0, 0, 0]);
    cure(&house.vendors[1].owner).await.expect_problem(404, "not_found");
    cure(owner).await.expect(200);
    assert_eq!(content().await, before);
    assert_eq!(house.told("Penyedia melengkapi").await, [0, 0, 1, 0]);
    house.turn(&quotes[0], "ask-cure").await.expect(200);
    let found = house.evaluation(&asked.request).await;
    assert_eq!(all(&found.body, "/quotes/0/cures", "fault"), [REASON; 2]);
    assert_eq!(json!(all(&found.body, "/quotes/0/cures", "answer")), json!([answer, null]));
    house.app.set_clock(&found.text("/quotes/0/cures/1/due_at")).await;
    cure(owner).await.expect_problem(409, "expired");
    house.turn(&quotes[0], "not_cured").await.expect(200);
    assert_eq!(places(&house.complete(&asked.request).await.body["ranking"]["whole"], &quotes), [1]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_compare_award_and_read_are_those_whom_it_concerns() {
    let house = house(3).await;
    let House { app, office, vendors, .. } = &house;
    let asked = house.asks(json!({})).await;
    let (path, award) = (at(&asked.request, "/evaluation"), at(&asked.request, "/actions/award"));
    let quotes = house.quotes(&asked, &TWO).await;
    vendors[2].owner.post(&at(&asked.request, "/quotes"), json!({})).await.expect(201);
    house.pass(&asked.deadline).await;
    let head = app.member(Some(office.agency), Role::BudgetUser, &[]).await;
    let stand_in = async |person: &Caller, officer: &Caller| {
        let letter = json!({ "officer_id": officer.membership, "person_id": person.membership, "kind": "plh",
            "valid_from": "2021-01-01", "valid_to": "2035-12-31", "letter_number": "821/031/2035" });
        let deputy = head.post("/api/v1/deputies", letter).await.expect(201).id();
        let deputy = deputy.parse().map(MembershipId).expect("an id");
        app.log_in(person.user.unwrap(), &person.contact, Some(deputy)).await
    };
    let (both, clean) = (house.member(Role::Receiver).await, house.member(Role::Receiver).await);
    let (buys, decides) = (stand_in(&both, &office.officer).await, stand_in(&both, &office.approver).await);
    let hash = recomputed(buys.post(&path, json!({})).await).text("/content_hash");
    house.turn(&quotes[0], "verify").await.expect(200);
    let colleague = house.member(Role::ProcurementOfficer).await;
    colleague.post(&path, json!({})).await.expect_problem(422, "officer_not_suitable");
    // A second hat: both are staff of a vendor that quoted.
    for person in [&office.approver, &colleague] {
        app.grant(person.user.unwrap(), Some(organisation(&vendors[1])), Role::VendorStaff, &[]).await;
    }
    let (given, own) = (scores(&quotes, ["60", "50", "100", "90"]), "pair_official_vendor_owner");
    score(&colleague, &asked.request, &given).await.expect_problem(409, own);
    let (elsewhere, unnamed) = (app.office().await, house.member(Role::CommitmentOfficer).await);
    let body = json!({ "content_hash": hash });
    for (who, status, code) in [
        (&office.officer, 403, "role_forbidden"),
        (&unnamed, 422, "officer_not_suitable"),
        (&decides, 422, "pair_procurement_commitment"),
        (&office.approver, 409, own),
        (&elsewhere.approver, 404, "not_found"),
    ] {
        who.post(&award, body.clone()).await.expect_problem(status, code);
    }
    vendors[1].owner.get(&path).await.expect_problem(409, ILLEGAL);
    let deputy = stand_in(&clean, &office.approver).await;
    assert_eq!(deputy.post(&award, body).await.expect(200).text("/status"), "ordered");
    assert_ne!(recomputed(vendors[1].owner.get(&path).await).text("/awarded_at"), "");
    let unit = app.another_unit(office.agency).await;
    let neighbour = app.member(Some(office.agency), Role::ProcurementOfficer, &[unit]).await;
    for who in [&vendors[2].owner, &app.vendor().await.owner, &elsewhere.officer, &neighbour] {
        who.get(&path).await.expect_problem(404, "not_found");
    }
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_award_waits_for_objections_and_is_void_once_one_is_upheld() {
    let (house, asked, quotes) = stage(&["600000", "610000", "620000"]).await;
    let House { app, office, vendors, .. } = &house;
    let (request, named) = (&asked.request, &office.approver);
    object(&vendors[1], request).await.expect_problem(409, ILLEGAL);
    let awarded = house.awarded(request).await;
    let [status, until] = said(&awarded, ["/status", "/quotation/objections_until"]);
    assert_eq!((status.as_str(), house.held().await[0].as_str()), ("awarded", "60000000.00"));
    object(&vendors[0], request).await.expect_problem(409, ILLEGAL);
    let first = object(&vendors[1], request).await.expect(201).id();
    object(&vendors[1], request).await.expect_problem(409, ILLEGAL);
    let second = object(&vendors[2], request).await.expect(201).id();
    object(&app.vendor().await, request).await.expect_problem(404, "not_found");
    for (who, count) in [(&office.officer, 2), (&vendors[1].owner, 1), (&vendors[0].owner, 0)] {
        assert_eq!(who.get(&at(request, "/objections")).await.expect(200).items().len(), count);
    }
    assert_eq!(house.told("Sanggahan atas").await, [0, 0, 0, 2, 2]);
    decide(&office.officer, request, &first, false).await.expect_problem(403, "role_forbidden");
    decide(named, request, &first, false).await.expect(200);
    decide(named, request, &first, true).await.expect_problem(409, ILLEGAL);
    house.pass(&until).await;
    assert_eq!(office.orders(request).await.len(), 0);
    object(&vendors[1], request).await.expect_problem(409, "expired");
    decide(named, request, &second, true).await.expect(200);
    assert_eq!(house.held().await, ["0.00", "0.00"]);
    let void = office.show(request).await;
    assert_eq!(said(&void, ["/status", "/lines", "/gross_total"]), ["evaluating", "[]", "0.00"]);
    assert_eq!(all(&house.evaluation(request).await.body, "/quotes", "status"), ["opened"; 3]);
    house.turn(&quotes[0], "technical").await.expect(200);
    let again = house.awarded(request).await;
    assert_eq!(house.held().await, ["61000000.00", "0.00"]);
    // One that is not upheld holds the orders up until that is said, and no longer.
    let third = object(&vendors[2], request).await.expect(201).id();
    house.pass(&again.text("/quotation/objections_until")).await;
    assert_eq!(office.orders(request).await.len(), 0);
    decide(named, request, &third, false).await.expect(200);
    app.work().await;
    assert_eq!(totals(&house.order_of(request, 1).await.0)[3], "61000000.00");
    assert_eq!(house.held().await, ["0.00", "61000000.00"]);
    assert_eq!(house.told("sudah diputuskan").await[..3], [0, 1, 2]);
    object(&vendors[2], request).await.expect_problem(409, ILLEGAL);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_winner_that_declined_or_stayed_silent_the_next_rank_is_awarded() {
    let house = house(2).await;
    let (app, office, vendors) = (&house.app, &house.office, &house.vendors);
    for (ended, committed) in [("declined", "1200000.00"), ("expired", "2400000.00")] {
        let asked = house.asks(json!({})).await;
        let (request, quotes) = (&asked.request, house.quotes(&asked, &TWO).await);
        house.pass(&asked.deadline).await;
        house.awarded(request).await;
        let (order, first) = house.order_of(request, 0).await;
        house.next_rank(request, &first).await.expect_problem(409, ILLEGAL);
        if ended == "expired" {
            app.set_clock(order["answer_due_at"].as_str().unwrap()).await;
        } else {
            vendors[0].decline(&first).await.expect(200);
        }
        let copy = at(request, "/actions/replace-vendor");
        office.officer.post(&copy, json!({ "order_id": first })).await.expect_problem(409, ILLEGAL);
        let open = house.next_rank(request, &first).await.expect(200);
        assert_eq!(said(&open, ["/status", "/gross_total"]), ["evaluating", "0.00"]);
        let found = house.complete(request).await.body;
        assert_eq!(places(&found["ranking"]["whole"], &quotes), [1]);
        assert_eq!(json!(all(&found, "/input/quotes", "disqualified")), json!(["declined", null]));
        assert_eq!(house.awarded(request).await.text("/gross_total"), "1200000.00");
        vendors[1].accept(&house.order_of(request, 1).await.1).await.expect(200);
        app.work().await;
        assert_eq!(all(&json!(office.orders(request).await), "", "status"), ["accepted", ended]);
        assert_eq!(house.held().await, ["0.00", committed]);
    }
    assert_eq!(app.count(AWARDS).await, 1122);
    assert_eq!(house.told("Peringkat berikutnya").await, [0, 0, 2, 0]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_award_above_a_limit_or_the_money_there_is_changes_nothing() {
    let mut house = house(1).await;
    let whole = "150000000";
    for (ceiling, budget, bought, price, code) in [
        (whole, whole, "0.00", "50000.01", "method_limit_exceeded"),
        ("5000000", "9000000", "0.00", "50000.01", "package_ceiling_exceeded"),
        ("9000000", "5000000", "0.00", "50000.01", "budget_exceeded"),
        (whole, whole, "3000000.00", "20000.01", "split_forbidden"),
    ] {
        house.office = house.app.office_with(ceiling, budget).await;
        let (office, officer) = (&house.office, &house.office.officer);
        if ceiling == whole {
            house.app.policy(office.agency, "limit.direct.goods", "5000000", "IDR").await;
        }
        let request = office.draft_quotation(office.quotation(&house.pens[0], "100", json!({}))).await;
        let (etag, total) = (office.show(&request).await.etag(), json!({ "total": "1000000" }));
        officer.put(&at(&request, "/owner-estimate"), &etag, total).await.expect(200);
        office.submit(&request).await.expect(200);
        let open = officer.act(&at(&request, "/actions/open")).await.expect(200);
        let [first, deadline] = said(&open, ["/quotation/lines/0/id", "/quotation/quote_deadline"]);
        let asked = Asked { request, lines: vec![first], deadline };
        let quotes = house.quotes(&asked, &[price]).await;
        if code == "split_forbidden" {
            let dear = house.app.made(&house.vendors[0], bought).await;
            let direct = office.ordered(vec![line(&dear, "1")]).await;
            house.vendors[0].accept(&office.order(&direct).await).await.expect(200);
        }
        house.pass(&asked.deadline).await;
        let hash = house.complete(&asked.request).await.text("/content_hash");
        house.turn(&quotes[0], "verify").await.expect(200);
        let before = office.show(&asked.request).await;
        house.award(&asked.request, &hash).await.expect_problem(422, code);
        assert_eq!(office.show(&asked.request).await.bytes, before.bytes, "{code}");
        assert_eq!(house.evaluation(&asked.request).await.text("/quotes/0/status"), "opened");
        assert_eq!(house.held().await, ["1000000.00", bought], "{code}");
    }
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_award_of_a_suspended_winner_is_taken_back_and_holds_up_nobody_else() {
    let house = house(2).await;
    let (first, second) = (house.asks(json!({})).await, house.asks(json!({})).await);
    let quotes = house.quotes(&first, &["600000", "610000"]).await;
    house.quotes(&second, &["620000", "610000"]).await;
    house.pass(&second.deadline).await;
    house.awarded(&first.request).await;
    house.app.move_clock(72).await;
    let until = house.awarded(&second.request).await.text("/quotation/objections_until");
    house.app.suspend(&house.vendors[0]).await;
    house.pass(&until).await;
    assert_eq!(house.office.show(&second.request).await.text("/status"), "ordered");
    assert_eq!(house.office.show(&first.request).await.text("/status"), "evaluating");
    assert_eq!(house.told("pesanan tidak dapat terbit").await, [0, 0, 1, 0]);
    assert_eq!(house.held().await, ["0.00", "61000000.00"]);
    // Nobody waits for the vendor: the next rank is awarded.
    let found = house.complete(&first.request).await.body;
    assert_eq!(places(&found["ranking"]["whole"], &quotes), [1]);
    let until = house.awarded(&first.request).await.text("/quotation/objections_until");
    house.pass(&until).await;
    assert_eq!(totals(&house.order_of(&first.request, 1).await.0)[3], "61000000.00");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_recomputes_an_evaluation_tells_what_was_changed_in_it() {
    let (house, asked, _) = stage(&TWO).await;
    let whole = house.complete(&asked.request).await;
    let told = verify_evaluation(&whole.body.to_string()).unwrap();
    assert!(told.starts_with("evaluation: 2 quotes, 2 ranks recomputed and equal, hash "), "{told}");
    let content = "the content hash differs from the one recomputed";
    let formula = "the formula other is unknown here; this program computes lokapasar-evaluation-1";
    let turned: Vec<_> = whole.body["ranking"]["whole"].as_array().unwrap().iter().rev().collect();
    for (place, changed, expected) in [
        ("/input/quotes/1/lines/0/unit_price", json!("9999"), "the amounts differ from those recomputed"),
        ("/ranking/whole", json!(turned), "the order differs from the one recomputed"),
        ("/content_hash", json!(NO_CONTENT), content),
        // What changes neither an amount nor a rank changes the hash.
        ("/input/quotes/1/submitted_at", json!("2035-01-01T00:00:00Z"), content),
        ("/input/formula", json!("other"), formula),
        ("/ranking", json!([]), "this is not the answer of an evaluation"),
    ] {
        let mut body = whole.body.clone();
        *body.pointer_mut(place).expect("a place") = changed;
        assert_eq!(verify_evaluation(&body.to_string()).unwrap_err().to_string(), expected, "{place}");
    }
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_valid_quote_is_enough_and_with_none_left_the_request_fails_and_is_renewed() {
    let (house, one, quotes) = stage(&TWO).await;
    house.turn(&quotes[0], "price_unreasonable").await.expect(200);
    assert_eq!(house.awarded(&one.request).await.text("/gross_total"), "1200000.00");
    let (officer, asked) = (&house.office.officer, house.asks(json!({})).await);
    let (request, quotes) = (&asked.request, house.quotes(&asked, &["10000"]).await);
    house.pass(&asked.deadline).await;
    house.turn(&quotes[0], "price_unreasonable").await.expect(200);
    let hash = house.complete(request).await.text("/content_hash");
    house.award(request, &hash).await.expect_problem(409, "nothing_to_award");
    let failed = house.office.turn(officer, request, "fail").await.expect(200);
    assert!(failed.text("/status") == "failed" && failed.text("/status_reason").contains("Spesifikasi"));
    let renewed = officer.act(&at(request, "/actions/renew")).await.expect(201);
    assert_eq!(said(&renewed, ["/status", "/renewed_from"]), ["draft", request]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_awards_or_an_award_and_its_end_at_once_one_alone_has_its_way() {
    let house = house(2).await;
    let (office, mut field) = (&house.office, Vec::new());
    for _ in 0..3 * scaled(20) {
        let asked = house.asks(json!({})).await;
        let quotes = house.quotes(&asked, &TWO).await;
        field.push((asked, quotes));
    }
    house.pass(&field.last().unwrap().0.deadline).await;
    for (turn, (Asked { request, .. }, quotes)) in field.iter().enumerate() {
        let hash = house.complete(request).await.text("/content_hash");
        house.turn(&quotes[0], "verify").await.expect(200);
        let award = || house.award(request, &hash);
        let (a, b) = match turn % 3 {
            0 => join(award(), award()).await,
            1 => join(office.turn(&office.officer, request, "cancel"), award()).await,
            _ => join(award(), house.turn(&quotes[0], "tax")).await,
        };
        assert_ne!(a.status == 200, b.status == 200, "{} {}", a.body, b.body);
        let loser = if a.status == 200 { b } else { a };
        assert!(loser.status == 409 && [ILLEGAL, MISSING].contains(&loser.code().as_str()), "{}", loser.body);
    }
    let apart = "SELECT count(*) FROM requests r CROSS JOIN LATERAL (
             SELECT count(*) AS n, coalesce(sum(gross_total), 0) AS gross FROM orders WHERE request_id = r.id) AS o
         WHERE o.gross <> r.gross_total OR (r.status = 'ordered')::int <> ANY (ARRAY[o.n,
             (SELECT count(*) FROM request_lines l WHERE l.request_id = r.id),
             (SELECT count(*) FROM quotes q WHERE q.request_id = r.id AND q.status = 'awarded')])";
    let money = "SELECT count(*) FROM (SELECT reserved, committed FROM packages
             UNION ALL SELECT reserved, committed FROM budget_lines) AS b
         WHERE b.reserved <> 0 OR b.committed <> (SELECT coalesce(sum(gross_total), 0) FROM orders)";
    for figure in [apart, money] {
        assert_eq!(house.app.count(figure).await, 0, "{figure}");
    }
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_award_is_rehearsed_without_a_trace_and_repeated_without_a_second_order() {
    let (house, asked, quotes) = stage(&TWO).await;
    let (approver, path) = (&house.office.approver, at(&asked.request, "/actions/award"));
    let hash = house.complete(&asked.request).await.text("/content_hash");
    house.turn(&quotes[0], "verify").await.expect(200);
    let body = json!({ "content_hash": hash });
    let rehearsed = approver.post(&format!("{path}?dry_run=true"), body.clone()).await.expect(200);
    assert_eq!(said(&rehearsed, ["/status", "/gross_total"]), ["ordered", "1000000.00"]);
    assert_eq!(house.evaluation(&asked.request).await.text("/status"), "evaluating");
    assert_eq!(house.app.count("SELECT count(*) FROM number_counters WHERE kind = 'order'").await, 0);
    let first = approver.post_as(&path, "tetapan-1", body.clone()).await.expect(200);
    let again = approver.post_as(&path, "tetapan-1", body.clone()).await.expect(200);
    assert_eq!((&again.bytes, again.header("idempotent-replayed").as_str()), (&first.bytes, "true"));
    approver.post_as(&path, "tetapan-2", body).await.expect_problem(409, ILLEGAL);
    let orders = house.office.orders(&asked.request).await;
    assert!(orders.len() == 1 && orders[0]["number"].as_str().unwrap().ends_with("/0001"), "{orders:?}");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_is_awarded_twice_has_one_delivery_fee_and_loses_only_what_fell_through() {
    let (house, asked, _) = itemised().await;
    let request = &asked.request;
    house.awarded(request).await;
    let (ink, declined) = (house.order_of(request, 0).await, house.order_of(request, 1).await.1);
    house.vendors[0].accept(&ink.1).await.expect(200);
    house.vendors[1].decline(&declined).await.expect(200);
    house.next_rank(request, &declined).await.expect(200);
    house.awarded(request).await;
    house.next_rank(request, &declined).await.expect(409);
    let pens = house.order_of(request, 0).await;
    assert_eq!([totals(&ink.0)[1], totals(&pens.0)[1]], ["7501.00", "2500.00"]);
    house.vendors[0].decline(&pens.1).await.expect(200);
    let open = house.next_rank(request, &pens.1).await.expect(200);
    assert_eq!(open.text("/gross_total"), "307501.00");
    let found = house.complete(request).await.body;
    assert_eq!(all(&found, "/input/lines", "line_id"), [asked.lines[0].as_str(), &asked.lines[2]]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn winners_that_fall_through_together_are_passed_over_one_after_another_and_each_once() {
    let (house, asked, quotes) = itemised().await;
    let request = &asked.request;
    house.awarded(request).await;
    let (ink, pens) = (house.order_of(request, 0).await.1, house.order_of(request, 1).await.1);
    house.vendors[0].decline(&ink).await.expect(200);
    house.vendors[1].decline(&pens).await.expect(200);
    let open = house.next_rank(request, &ink).await.expect(200);
    assert_eq!(open.text("/status"), "evaluating");
    house.next_rank(request, &ink).await.expect_problem(409, ILLEGAL);
    let open = house.next_rank(request, &pens).await.expect(200);
    assert_eq!(said(&open, ["/status", "/gross_total"]), ["evaluating", "0.00"]);
    let found = house.complete(request).await.body;
    let order = [0, 1, 2].map(|line: usize| places(&found["ranking"]["lines"][line]["ranked"], &quotes));
    assert_eq!(order, [vec![], vec![2], vec![]]);
    assert_eq!(house.awarded(request).await.text("/gross_total"), "307600.00");
    house.app.finish().await;
}
