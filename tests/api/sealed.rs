//! Sealed quotes: who reads what and when, who is in time, what was tampered with, and what a race leaves.
use crate::support::purchase::{Asked, NEEDED_ON, Office, quoted, slot};
use crate::support::{Answer, Caller, TestApp, scaled};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::{join, join_all};
use lokapasar::kernel::{OrganisationId, OrganisationKind, Realm, Role};
use lokapasar::platform::trail::canonical;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio_postgres::NoTls;

const PUBLIC: &str = "/public/v1/quotations";
const ILLEGAL: (u16, &str) = (409, "illegal_transition");
/// Tells a process of these tests that it runs one of them alone.
const ALONE: &str = "LOKAPASAR_TEST_ALONE";

/// A request, or what lies below it.
fn at(request: &str, place: &str) -> String {
    format!("/api/v1/requests/{request}{place}")
}

fn of(quote: &str) -> String {
    format!("/api/v1/quotes/{quote}")
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// One member of everything in a list.
fn all(of: &Value, list: &str, member: &str) -> Vec<Value> {
    let items = of.pointer(list).and_then(Value::as_array).unwrap_or_else(|| panic!("no {list} in {of}"));
    items.iter().map(|item| item[member].clone()).collect()
}

/// Whether a commitment is over a text. This is all that anybody needs who knows salt and text.
fn holds(commitment: &str, salt: &str, text: &str) -> bool {
    let mut bytes = hex::decode(salt).unwrap();
    bytes.extend_from_slice(text.as_bytes());
    hex::encode(digest(&SHA256, &bytes)) == commitment
}

/// Somebody who quotes: a verified vendor of Semarang with a pen.
#[derive(Clone)]
struct Bidder {
    id: String,
    pen: String,
    owner: Caller,
}

/// Vendors put there behind the scenes, since by the front door so many take long.
async fn bidders(app: &TestApp, count: usize) -> Vec<Bidder> {
    let rows = format!(
        "WITH made AS MATERIALIZED (SELECT gen_random_uuid() AS id, gen_random_uuid() AS pen FROM generate_series(1, {count})),
         office AS (INSERT INTO organisations (id, realm, kind, name, time_zone, created_at)
             SELECT id, 'sandbox', 'vendor', 'Warung', 'Asia/Jakarta', now() FROM made),
         vendor AS (INSERT INTO vendors (id, realm, kind, legal_form, name, sells, status, region_code, created_at, updated_at)
             SELECT id, 'sandbox', 'individual', 'perorangan', 'Warung', 'Pulpen', 'verified', '33.74.01', now(), now() FROM made)
         INSERT INTO products (id, realm, vendor_id, status, category_code, name, description, unit, price, price_basis, tax_class,
             kbki_code, origin, attributes, availability, minimum_order, lead_time_days, region_code, created_at, updated_at)
         SELECT pen, 'sandbox', id, 'draft', '01.01.01', 'Pulpen', '', 'H87', 12500, 'tax_inclusive', 'vat_standard',
             '38911', 'domestic', '{{}}', 'made_to_order', 1, 1, '33.74.01', now(), now() FROM made RETURNING vendor_id, id"
    );
    let mut bidders = Vec::new();
    for row in app.sql(&rows).await {
        let [id, pen] = [0, 1].map(|column: usize| row[column].clone().unwrap());
        let organisation = OrganisationId(id.parse().unwrap());
        let owner = app.member(Some(organisation), Role::VendorOwner, &[]).await;
        bidders.push(Bidder { id, pen, owner });
    }
    bidders
}

impl Bidder {
    async fn act(&self, quote: &str, verb: &str) -> Answer {
        self.owner.act(&format!("{}/actions/{verb}", of(quote))).await
    }

    /// What the vendor itself reads of its quote.
    async fn own(&self, quote: &str) -> Answer {
        self.owner.get(&of(quote)).await.expect(200)
    }

    /// A quote that is written, though not handed in.
    async fn writes(&self, asked: &Asked) -> String {
        let body = json!({ "lines": [quoted(&asked.lines[0], &self.pen, "12000")], "shipping_fee": "0", "lead_time_days": 3 });
        self.owner.post(&at(&asked.request, "/quotes"), body).await.expect(201).id()
    }

    async fn quotes(&self, asked: &Asked) -> String {
        let quote = self.writes(asked).await;
        self.act(&quote, "submit").await.expect(200);
        quote
    }
}

/// An office, and vendors that quote to it.
struct Stage {
    app: TestApp,
    office: Office,
    bidders: Vec<Bidder>,
}

async fn stage(count: usize) -> Stage {
    let app = TestApp::start_in(Realm::Sandbox, |settings| settings.database.pool_size = 16).await;
    stage_of(app, count).await
}

async fn stage_of(app: TestApp, count: usize) -> Stage {
    let (office, bidders) = (app.office().await, bidders(&app, count).await);
    Stage { app, office, bidders }
}

impl Stage {
    /// What a quotation for forty pens says.
    fn pens(&self) -> Value {
        let line = json!({ "name": "Pulpen", "category_code": "01.01.01", "quantity": "40", "slots": [slot(NEEDED_ON, "40")] });
        self.office.quotation("", "40", json!({ "lines": [line] }))
    }

    async fn asks(&self) -> Asked {
        self.office.asks(self.pens()).await
    }

    async fn opens(&self, who: &Caller, request: &str) -> Answer {
        who.act(&at(request, "/opening")).await
    }

    async fn addendum(&self, request: &str, deadline: &str) -> Answer {
        let body = json!({ "text": "Warna tutup boleh hitam", "quote_deadline": deadline });
        self.office.officer.post(&at(request, "/addenda"), body).await
    }

    async fn minutes(&self, request: &str) -> Value {
        self.office.officer.get(&at(request, "/opening")).await.expect(200).body
    }

    async fn page(&self, request: &str) -> Value {
        self.app.anonymous().get(&format!("{PUBLIC}/{request}")).await.expect(200).body
    }

    /// The clock passes a deadline, and a worker sees it.
    async fn pass(&self, deadline: &str) {
        self.app.set_clock(deadline).await;
        self.app.work().await;
    }
}

/// The forms in which a text may hold a value: as it is, in hexadecimal or base64, or as a list of bytes.
fn forms(value: &str) -> Vec<String> {
    let bytes = value.as_bytes();
    // Wherever it begins in a base64 text: the letters that are made of nothing else.
    let base64 = (0..3).map(|before: usize| {
        let text = STANDARD.encode([&vec![0; before], bytes].concat());
        text[(before * 8).div_ceil(6)..(before + bytes.len()) * 8 / 6].to_owned()
    });
    let listed = format!("{bytes:?}").replace(['[', ']'], "");
    base64.chain([value.to_owned(), hex::encode(bytes), listed]).collect()
}

/// What a vendor writes at a time: a price, a fee and a note that nobody else has.
fn planted(bidder: usize, step: usize) -> [String; 3] {
    let n = format!("{bidder}{step}");
    [format!("81{n}907.33"), format!("64{n}28.57"), format!("Kurir merpati {n} lewat tengah malam")]
}

/// Every row of every table as text, and what its bytes hold.
async fn dump(app: &TestApp) -> String {
    let rows = "SELECT string_agg(query_to_xml(format('SELECT t::text FROM %I AS t', tablename), true, true, '')::text, '')
         FROM pg_tables WHERE schemaname = 'public'";
    let text = app.sql(rows).await[0][0].clone().unwrap();
    let runs = text.split(|c: char| !c.is_ascii_hexdigit()).filter(|run| run.len() >= 16);
    let bytes = runs.filter_map(|run| hex::decode(run).ok()).flatten().collect::<Vec<u8>>();
    text + &String::from_utf8_lossy(&bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_quote_says_is_readable_anywhere_before_the_opening() {
    if std::env::var_os(ALONE).is_none() {
        // A process has one log, and another test reads this one's.
        let name = "sealed::nothing_that_a_quote_says_is_readable_anywhere_before_the_opening";
        let mut run = tokio::process::Command::new(std::env::current_exe().unwrap());
        let run = run.args(["--exact", name]).env(ALONE, "1").output().await.unwrap();
        let told = [run.stdout, run.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert!(run.status.success() && told.contains("1 passed"), "{told}");
        return;
    }
    let log = std::env::temp_dir().join(format!("lokapasar-log-{}", std::process::id()));
    let filter = "debug,lokapasar=trace,hyper=off,hyper_util=off,reqwest=off";
    let kept = std::fs::File::create(&log).unwrap();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(kept).init();
    let stage = stage(5).await;
    let Stage { app, office, bidders } = &stage;
    let request = office.draft_quotation(stage.pens()).await;
    let shown = office.show(&request).await;
    let line = shown.text("/quotation/lines/0/id");
    let breakdown = json!([{ "line_id": line, "unit_price": "71930.55" }]);
    let estimate = json!({ "total": "9000000", "breakdown": breakdown });
    office.officer.put(&at(&request, "/owner-estimate"), &shown.etag(), estimate).await.expect(200);
    office.submit(&request).await.expect(200);
    office.approve(&request).await.expect(200);
    let open = office.officer.act(&at(&request, "/actions/open")).await.expect(200);
    let mut secrets = vec![(None, "71930.55".to_owned(), forms("71930.55"))];
    let mut quotes = Vec::new();
    let deeds =
        ["write submit write replace write", "write submit write", "write write", "write submit withdraw"];
    for (number, deeds) in deeds.into_iter().enumerate() {
        let (bidder, mut written) = (&bidders[number], 0);
        let quote = bidder.owner.post(&at(&request, "/quotes"), json!({})).await.expect(201).id();
        // A refusal says nothing either.
        bidder.act(&quote, "submit").await.expect(422);
        for verb in deeds.split(' ') {
            if verb != "write" {
                bidder.act(&quote, verb).await.expect(200);
                continue;
            }
            written += 1;
            let [price, fee, note] = planted(number, written);
            secrets.extend([&price, &fee, &note].map(|value| (Some(number), value.clone(), forms(value))));
            let lines = [quoted(&line, &bidder.pen, &price)];
            let fields = json!({ "lines": lines, "shipping_fee": fee, "note": note, "lead_time_days": 3 });
            bidder.owner.change(&of(&quote), fields).await.expect(200);
        }
        quotes.push(quote);
    }
    app.work().await;
    let looked = |text: &str, own: Option<usize>| -> BTreeSet<String> {
        let others = secrets.iter().filter(|(of, ..)| own.is_none() || *of != own);
        let held = others.filter(|(.., forms)| forms.iter().any(|form| text.contains(form)));
        held.map(|(_, value, _)| value.clone()).collect()
    };
    let mut readers = vec![(app.anonymous(), None), (office.officer.clone(), None)];
    readers.extend([0, 1, 2, 3, 4].map(|number: usize| (bidders[number].owner.clone(), Some(number))));
    for role in Role::ALL.iter().copied() {
        let (organisation, units) = match role.organisation_kind() {
            OrganisationKind::Agency => (Some(office.agency), vec![office.unit]),
            OrganisationKind::Platform => (None, Vec::new()),
            OrganisationKind::Vendor => continue,
        };
        readers.push((app.member(organisation, role, &units).await, None));
    }
    let mut paths: Vec<String> = quotes.iter().map(|quote| of(quote)).collect();
    paths.extend(["", "/quotes", "/opening", "/questions", "/negotiations"].map(|place| at(&request, place)));
    let lists = ["requests", "orders", "packages", "products", "vendors", "sandbox/mails"];
    paths.extend(lists.map(|list| format!("/api/v1/{list}")));
    paths.extend([PUBLIC.to_owned(), format!("{PUBLIC}/{request}"), "/metrics".to_owned()]);
    let mut told = 0;
    for (reader, own) in &readers {
        for path in &paths {
            let answer = reader.get(path).await;
            told += usize::from(answer.status == 200);
            assert_eq!(looked(&String::from_utf8_lossy(&answer.bytes), *own), BTreeSet::new(), "{path}");
        }
    }
    assert!(told > 100, "only {told} answers said anything");
    let unit = app.another_unit(office.agency).await;
    let neighbour = app.member(Some(office.agency), Role::ProcurementOfficer, &[unit]).await;
    let elsewhere = app.office().await.officer;
    let hidden = async || {
        for place in [of(&quotes[0]), at(&request, "/quotes"), at(&request, "/opening")] {
            for who in [&bidders[4].owner, &elsewhere, &neighbour] {
                who.get(&place).await.expect_problem(404, "not_found");
            }
        }
        // A rival finds no more than its own.
        bidders[1].owner.get(&of(&quotes[0])).await.expect_problem(404, "not_found");
        bidders[1].act(&quotes[0], "withdraw").await.expect_problem(404, "not_found");
        let own = bidders[1].owner.get(&at(&request, "/quotes")).await.expect(200).body;
        assert_eq!(all(&own, "/items", "vendor_id"), [bidders[1].id.as_str()]);
    };
    hidden().await;
    // A vendor reads its own: what it writes, and what it handed in.
    let own = String::from_utf8(bidders[0].own(&quotes[0]).await.bytes).unwrap();
    assert_eq!(looked(&own, None), BTreeSet::from_iter([planted(0, 2), planted(0, 3)].concat()));
    for mail in app.app.mailer.sent() {
        assert_eq!(looked(&format!("{}\n{}", mail.subject, mail.text), None), BTreeSet::new());
    }
    let logs = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    assert!(logs.contains("/actions/submit"), "the requests were logged");
    assert_eq!(looked(&logs, None), BTreeSet::new(), "in the log");
    assert_eq!(looked(&dump(app).await, None), BTreeSet::new(), "in the database");
    stage.pass(&open.text("/quotation/quote_deadline")).await;
    hidden().await;
    // What counted lies open now, and nothing else does.
    let counting = BTreeSet::from_iter([planted(0, 2), planted(1, 1)].concat());
    assert_eq!(looked(&dump(app).await, None), counting);
    let mut opened = String::new();
    for quote in &quotes {
        opened += &String::from_utf8(office.officer.get(&of(quote)).await.bytes).unwrap();
    }
    assert_eq!(looked(&opened, None), counting);
    let (page, minutes) = (stage.page(&request).await, stage.minutes(&request).await);
    assert_eq!(page["commitments"], json!(all(&minutes, "/quotes", "commitment")));
    for number in 0..2 {
        let (bidder, quote) = (&bidders[number], &quotes[number]);
        let [commitment, salt] =
            ["commitment", "salt"].map(|of: &str| minutes["quotes"][number][of].as_str().unwrap());
        let text = bidder.own(quote).await.text("/sent/text");
        assert!(holds(commitment, salt, &text));
        assert!(!holds(commitment, salt, &text.replace("81", "82")));
        // The office knows the text too: what was opened, its keys in order.
        let opened = office.officer.get(&of(quote)).await.expect(200).body["opened"].clone();
        assert_eq!(canonical(&opened), text);
    }
    stage.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extended_deadline_keeps_earlier_quotes_closed_until_the_new_one() {
    let stage = stage(2).await;
    let (app, officer) = (&stage.app, &stage.office.officer);
    let asked = stage.asks().await;
    let later = (instant(&asked.deadline) + TimeDelta::days(1)).to_rfc3339();
    let early = stage.bidders[0].quotes(&asked).await;
    stage.addendum(&asked.request, &later).await.expect(200);
    stage.bidders[0].act(&early, "confirm").await.expect(200);
    let late = stage.bidders[1].quotes(&asked).await;
    stage.pass(&asked.deadline).await;
    stage.opens(officer, &asked.request).await.expect_problem(409, "too_early");
    let keys = app.sql("SELECT number, quote_deadline = (SELECT quote_deadline FROM requests) FROM quotation_keys ORDER BY 1").await;
    let text = |value: &str| Some(value.to_owned());
    assert_eq!(keys, [[text("1"), text("f")], [text("2"), text("t")]]);
    let sealed = app.sql("SELECT quote_id, key_number FROM quote_submissions ORDER BY key_number").await;
    assert_eq!(sealed, [[text(&early), text("1")], [text(&late), text("2")]]);
    assert_eq!(app.count("SELECT count(*) FROM opened_quotes").await, 0);
    stage.pass(&later).await;
    let minutes = stage.minutes(&asked.request).await;
    assert_eq!(all(&minutes, "/quotes", "quote_id"), [early, late]);
    assert_eq!(all(&minutes, "/quotes", "status"), ["opened", "opened"]);
    stage.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_put_back_behind_the_scenes_unwraps_no_key_before_its_own() {
    let stage = stage(1).await;
    let asked = stage.asks().await;
    let quote = stage.bidders[0].quotes(&asked).await;
    let back = "UPDATE requests SET quote_deadline = submitted_at WHERE quote_deadline IS NOT NULL";
    stage.app.sql(back).await;
    // A key of the request still lies ahead, so nobody opens: neither an officer nor the worker.
    stage.opens(&stage.office.officer, &asked.request).await.expect_problem(409, "too_early");
    stage.app.work().await;
    assert_eq!(stage.minutes(&asked.request).await["opened_at"], Value::Null);
    stage.office.officer.get(&of(&quote)).await.expect_problem(404, "not_found");
    assert!(!dump(&stage.app).await.contains("12000.00"));
    stage.pass(&asked.deadline).await;
    stage.app.work().await;
    let told = stage.office.officer.get(&of(&quote)).await.expect(200).body;
    assert_eq!(told["status"], "opened");
    stage.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_that_was_tampered_with_is_reported_and_the_others_are_opened() {
    let stage = stage(6).await;
    let asked = stage.asks().await;
    let mut quotes = Vec::new();
    for bidder in &stage.bidders {
        quotes.push(bidder.quotes(&asked).await);
    }
    let [_, altered, one, other, bound, _] = quotes.as_slice() else { panic!("six quotes") };
    let tampering = format!(
        "UPDATE quote_submissions SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) WHERE quote_id = '{altered}';
         UPDATE quote_submissions s SET sealed = o.sealed FROM quote_submissions o
             WHERE (s.quote_id, o.quote_id) IN (('{one}', '{other}'), ('{other}', '{one}'));
         UPDATE quote_submissions SET commitment = sha256('lain') WHERE quote_id = '{bound}'"
    );
    stage.app.sql(&tampering).await;
    stage.pass(&asked.deadline).await;
    let minutes = stage.minutes(&asked.request).await;
    assert_eq!(minutes["status"], "evaluating");
    assert_eq!(all(&minutes, "/quotes", "quote_id"), quotes);
    let (unread, differs) = (json!("does_not_decrypt"), json!("commitment_differs"));
    let faults = [Value::Null, unread.clone(), unread.clone(), unread, differs, Value::Null];
    assert_eq!(all(&minutes, "/quotes", "fault"), faults);
    for (quote, fault) in quotes.iter().zip(faults) {
        let told = stage.office.officer.get(&of(quote)).await.expect(200).body;
        let read = told["status"] == "opened" && !told["opened"].is_null() && !told["salt"].is_null();
        let unread = told["status"] == "unreadable" && told["opened"].is_null() && told["salt"].is_null();
        assert!(if fault.is_null() { read } else { unread }, "{told}");
    }
    stage.app.finish().await;
}

/// Hands a quote in, and then in again and again until that is refused; answers every receipt.
async fn until_late(bidder: Bidder, quote: String, mut verb: &'static str) -> Vec<Answer> {
    let mut receipts = Vec::new();
    loop {
        let answer = bidder.act(&quote, verb).await;
        if answer.status == 409 {
            answer.expect_problem(409, "deadline_passed");
            return receipts;
        }
        if answer.status != 503 {
            receipts.push(answer.expect(200));
            verb = "replace";
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_time_is_decided_by_the_databases_clock_however_many_come_at_once() {
    let stage = stage(scaled(200).max(8)).await;
    let Stage { app, bidders, .. } = &stage;
    let asked = stage.asks().await;
    let deadline = instant(&asked.deadline);
    let mut quotes = Vec::new();
    for bidder in bidders {
        quotes.push(bidder.writes(&asked).await);
    }
    // Two of those who are held up had handed in before, two had not.
    let mut receipts: Vec<Vec<Answer>> = quotes.iter().map(|_| Vec::new()).collect();
    for number in 0..2 {
        receipts[number].push(bidders[number].act(&quotes[number], "submit").await.expect(200));
    }
    let (held, connection) = tokio_postgres::connect(app.app.db.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let rows = format!("BEGIN; SELECT FROM quotes WHERE id IN ('{}') FOR UPDATE", quotes[..4].join("', '"));
    held.batch_execute(&rows).await.unwrap();
    // The sandbox's clock moves by whole seconds; begin early in one, so that some are in time.
    let within = "SELECT extract(microseconds FROM clock_timestamp())::bigint % 1000000";
    while app.count(within).await > 300_000 {}
    app.set_clock(&(deadline - TimeDelta::seconds(1)).to_rfc3339()).await;
    let racers = bidders.iter().zip(&quotes).enumerate().map(|(number, (bidder, quote))| {
        let verb = if number < 2 { "replace" } else { "submit" };
        tokio::spawn(until_late(bidder.clone(), quote.clone(), verb))
    });
    let racers: Vec<_> = racers.collect();
    let over = format!(
        "SELECT count(*) FROM realms WHERE realm = 'sandbox'
           AND clock_timestamp() + make_interval(secs => clock_offset_seconds) >= '{deadline}'"
    );
    while app.count(&over).await == 0 {}
    held.batch_execute("COMMIT").await.unwrap();
    for (own, more) in receipts.iter_mut().zip(join_all(racers).await) {
        own.extend(more.expect("nobody panics"));
    }
    app.work().await;
    assert_eq!([receipts[0].len(), receipts[1].len(), receipts[2].len(), receipts[3].len()], [1, 1, 0, 0]);
    let minutes = stage.minutes(&asked.request).await;
    let opened = minutes["quotes"].as_array().unwrap();
    for (quote, own) in quotes.iter().zip(&receipts) {
        assert!(own.iter().all(|receipt| instant(&receipt.text("/submitted_at")) < deadline));
        let found = opened.iter().find(|found| found["quote_id"] == *quote);
        let last = own.last().map(|receipt| [&receipt.body["submission"], &receipt.body["commitment"]]);
        assert_eq!(found.map(|found| [&found["submission"], &found["commitment"]]), last);
        assert!(found.is_none_or(|found| found["status"] == "opened"));
    }
    let given: usize = receipts.iter().map(Vec::len).sum();
    println!("{} vendors, {given} receipts, {} quotes in time", bidders.len(), opened.len());
    let in_time = receipts.iter().filter(|own| !own.is_empty()).count();
    let counts = "SELECT count(*), count(*) FILTER (WHERE ended_at IS NULL), (SELECT count(*) FROM opened_quotes) FROM quote_submissions";
    assert_eq!(app.sql(counts).await, [[given, in_time, in_time].map(|count| Some(count.to_string()))]);
    stage.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_whose_own_clock_is_wrong_takes_and_opens_quotes_at_the_same_instant() {
    let app = TestApp::start().await;
    // Five minutes slow, then five fast; log-ins come after the first.
    app.app.clock.advance(TimeDelta::minutes(-5));
    let stage = stage_of(app, 3).await;
    for _ in 0..2 {
        let asked = stage.asks().await;
        let (first, second) = (stage.bidders[0].writes(&asked).await, stage.bidders[1].writes(&asked).await);
        let before = instant(&asked.deadline) - TimeDelta::minutes(1);
        stage.app.set_clock(&before.to_rfc3339()).await;
        stage.bidders[0].act(&first, "submit").await.expect(200);
        stage.opens(&stage.office.officer, &asked.request).await.expect_problem(409, "too_early");
        stage.app.set_clock(&asked.deadline).await;
        stage.bidders[1].act(&second, "submit").await.expect_problem(409, "deadline_passed");
        let late = stage.bidders[2].owner.post(&at(&asked.request, "/quotes"), json!({})).await;
        late.expect_problem(409, "deadline_passed");
        stage.app.work().await;
        assert_eq!(all(&stage.minutes(&asked.request).await, "/quotes", "quote_id"), [first]);
        stage.app.app.clock.advance(TimeDelta::minutes(10));
    }
    stage.app.finish().await;
}

/// Whoever starts first changes from turn to turn.
async fn cross<A: Future, B: Future>(turn: usize, a: A, b: B) -> (A::Output, B::Output) {
    if turn.is_multiple_of(2) {
        return join(a, b).await;
    }
    let (b, a) = join(b, a).await;
    (a, b)
}

#[track_caller]
fn expect_one_of(answer: &Answer, expected: &[(u16, &str)]) {
    let found = (answer.status, answer.code());
    assert!(expected.contains(&(found.0, &found.1)), "{}", String::from_utf8_lossy(&answer.bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_openings_at_once_one_opens_and_every_quote_lies_open_once() {
    let stage = stage(2).await;
    let Stage { app, office, bidders } = &stage;
    let mut asked = Vec::new();
    for _ in 0..scaled(20) {
        asked.push(stage.asks().await);
        for bidder in bidders {
            bidder.quotes(asked.last().unwrap()).await;
        }
    }
    app.set_clock(&asked.last().unwrap().deadline).await;
    let (by_officers, with_worker) = asked.split_at(asked.len() / 2);
    for Asked { request, .. } in by_officers {
        let (officer, approver) =
            (stage.opens(&office.officer, request), stage.opens(&office.approver, request));
        let mut answers: [Answer; 2] = join(officer, approver).await.into();
        answers.sort_by_key(|answer| answer.status);
        assert_eq!(answers[0].status, 200);
        expect_one_of(&answers[1], &[ILLEGAL]);
    }
    let openings = with_worker.iter().map(|asked| stage.opens(&office.officer, &asked.request));
    for answer in join(join_all(openings), app.work()).await.0 {
        expect_one_of(&answer, &[(200, ""), ILLEGAL]);
    }
    for Asked { request, .. } in &asked {
        let minutes = stage.minutes(request).await;
        assert_eq!(all(&minutes, "/quotes", "status"), ["opened", "opened"]);
        assert_eq!(minutes["status"], "evaluating");
    }
    let whole = asked.len() as i64;
    assert_eq!(app.count("SELECT count(*) FROM opened_quotes").await, 2 * whole);
    assert_eq!(app.count("SELECT count(*) FROM opening_attempts WHERE outcome = 'opened'").await, whole);
    assert_eq!(app.count("SELECT count(*) FROM events WHERE kind = 'request.quotes_opened'").await, whole);
    stage.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_addendum_and_a_quote_that_cross_agree_on_which_came_first() {
    let stage = stage(1).await;
    let asked = stage.asks().await;
    let (bidder, mut deadline) = (&stage.bidders[0], instant(&asked.deadline));
    let quote = bidder.quotes(&asked).await;
    let mut needed = false;
    for turn in 0..scaled(20) {
        deadline += TimeDelta::hours(1);
        let later = deadline.to_rfc3339();
        let (replace, addendum) = (bidder.act(&quote, "replace"), stage.addendum(&asked.request, &later));
        let (receipt, told) = cross(turn, replace, addendum).await;
        told.expect(200);
        let page = stage.page(&asked.request).await;
        let issued = page["addenda"].as_array().unwrap().last().unwrap()["issued_at"].clone();
        needed = instant(&receipt.expect(200).text("/submitted_at")) < instant(issued.as_str().unwrap());
        assert_eq!(bidder.own(&quote).await.text("/confirmation_needed"), needed.to_string());
    }
    assert_eq!(stage.app.count("SELECT count(*) FROM quotation_keys").await, 1 + scaled(20) as i64);
    stage.pass(&deadline.to_rfc3339()).await;
    let status = if needed { "unconfirmed" } else { "opened" };
    assert_eq!(all(&stage.minutes(&asked.request).await, "/quotes", "status"), [status]);
    stage.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_that_crosses_a_quote_or_an_opening_leaves_nothing_half_done() {
    let stage = stage(1).await;
    let (office, bidder) = (&stage.office, &stage.bidders[0]);
    let cancel = async |request: &str| office.turn(&office.officer, request, "cancel").await.expect(200);
    for turn in 0..scaled(20) {
        let asked = stage.asks().await;
        let quote = bidder.writes(&asked).await;
        let (submit, cancel) = (bidder.act(&quote, "submit"), cancel(&asked.request));
        let submitted = cross(turn, submit, cancel).await.0;
        // A request that was cancelled is no longer published.
        expect_one_of(&submitted, &[(200, ""), (404, "not_found"), ILLEGAL]);
        let status = if submitted.status == 200 { "submitted" } else { "draft" };
        assert_eq!(bidder.own(&quote).await.text("/status"), status);
        expect_one_of(&stage.opens(&office.officer, &asked.request).await, &[ILLEGAL]);
    }
    assert_eq!(stage.app.count("SELECT count(*) FROM opened_quotes").await, 0);
    let mut closed = Vec::new();
    for _ in 0..scaled(20) {
        closed.push(stage.asks().await);
        bidder.quotes(closed.last().unwrap()).await;
    }
    stage.app.set_clock(&closed.last().unwrap().deadline).await;
    for (turn, Asked { request, .. }) in closed.iter().enumerate() {
        let (open, cancel) = (stage.opens(&office.approver, request), cancel(request));
        let opened = cross(turn, open, cancel).await.0;
        expect_one_of(&opened, &[(200, ""), ILLEGAL]);
        let found = stage.minutes(request).await;
        let statuses = if opened.status == 200 { vec!["opened"] } else { Vec::new() };
        assert_eq!(all(&found, "/quotes", "status"), statuses);
        assert_eq!(found["status"], "cancelled");
        assert_eq!(found["opened_at"].is_null(), opened.status != 200);
    }
    stage.app.work().await;
    let astray = "SELECT count(*) FROM requests r WHERE r.status <> 'cancelled'
         OR EXISTS (SELECT FROM budget_reservations b WHERE b.request_id = r.id AND b.released_at IS NULL)";
    assert_eq!(stage.app.count(astray).await, 0);
    stage.app.finish().await;
}
