//! Random sequences of attempts by everybody against a reference model: what it allows is accepted, what it
//! does not allow is refused for one of its reasons, and stock and budget always add up.
//!
//! Sequences run side by side, each with a package, goods and people of its own, under one clock: after every
//! round of attempts they meet, the clock may move, the worker may come by, and the books are read.
//! `MODEL_SEQUENCE=17` runs one sequence alone, with the clock that it had among the others.
mod actions;
mod books;
mod effects;
mod rules;
mod wire;
mod world;

use crate::support::trade::PENS;
use crate::support::{Answer, TestApp, scaled};
use actions::{Step, draw, pause};
use futures_util::future::join_all;
use lokapasar::kernel::{Realm, Role};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::{Cast, contradiction, difference};
use world::{Good, World};

const SEED: u64 = 0x10ca_9a5a;
/// How many sequences are played with `TEST_SCALE=full`.
const SEQUENCES: usize = 2_000;
/// How many sequences run side by side.
const LANES: usize = 8;
/// How many attempts a sequence makes between two looks at the books, and how many such rounds it has.
const ATTEMPTS: usize = 10;
const ROUNDS: usize = 20;
/// After so many batches another database takes over, so that its clock stays before the day of need.
const BATCHES: usize = 25;
/// How many days of the clock a batch has; it needs fewer.
const DAYS: i64 = 105;
/// A Monday morning in Semarang.
const BEGINNING: i64 = 1_803_866_400;

/// One sequence as it runs.
struct Lane<'c> {
    cast: &'c Cast,
    number: usize,
    rng: StdRng,
    world: World,
    trail: Vec<String>,
    tally: Tally,
}

/// How often each kind of attempt was accepted, and each code was answered.
type Tally = BTreeMap<String, usize>;

fn rng(number: usize, salt: u64) -> StdRng {
    StdRng::seed_from_u64(SEED ^ salt ^ ((number as u64) << 20))
}

#[tokio::test(flavor = "multi_thread")]
async fn random_sequences_follow_the_reference_model() {
    let alone: Option<usize> = std::env::var("MODEL_SEQUENCE").ok().and_then(|number| number.parse().ok());
    // Each takes over a second: where tests must be quick, a fortieth is played.
    let whole = scaled(SEQUENCES) == SEQUENCES;
    let batches = if whole { SEQUENCES } else { SEQUENCES / 40 }.div_ceil(LANES);
    let wanted: Vec<usize> = match alone {
        Some(number) => vec![number / LANES],
        None => (0..batches).collect(),
    };
    let mut tally = Tally::new();
    for some in wanted.chunks(BATCHES) {
        let app = TestApp::start_in(Realm::Sandbox, |settings| settings.workers = 2).await;
        let mut casts = casts(&app).await;
        for batch in some {
            let numbers: Vec<usize> = (batch * LANES..(batch + 1) * LANES)
                .filter(|number| alone.is_none_or(|it| it == *number))
                .collect();
            for (name, count) in run(&app, &mut casts, *batch, &numbers).await.into_iter().flatten() {
                *tally.entry(name).or_default() += count;
            }
        }
        app.finish().await;
    }
    let unmet: Vec<&&str> = TO_BE_MET.iter().filter(|name| !tally.contains_key(**name)).collect();
    assert!(!whole || alone.is_some() || unmet.is_empty(), "no sequence met {unmet:?}, but {tally:?}");
    println!("{} kinds of attempts and refusals were met", tally.len());
}

/// What all the sequences meet together, so that none of the model stands idle: attempts that were accepted,
/// and reasons for refusing.
const TO_BE_MET: [&str; 68] = [
    "AcceptChange",
    "AcceptOrder",
    "AcceptRound",
    "Addendum",
    "Adjust",
    "Approve",
    "AskForQuotes",
    "Award",
    "Cancel",
    "CancelOrder",
    "ConfirmQuote",
    "Create",
    "Decide",
    "DeclineOrder",
    "Disqualify",
    "Edit",
    "EndTalks",
    "Evaluate",
    "Fail",
    "NextRank",
    "Object",
    "OpenQuotes",
    "Propose",
    "ProposeChange",
    "ReadEvaluation",
    "Reject",
    "RejectChange",
    "Renew",
    "Replace",
    "ReplaceQuote",
    "Return",
    "Submit",
    "SubmitQuote",
    "Verify",
    "Withdraw",
    "WithdrawQuote",
    "WriteQuote",
    "already_replaced",
    "authentication_required",
    "budget_exceeded",
    "content_changed",
    "deadline_passed",
    "evaluation_missing",
    "expired",
    "illegal_transition",
    "method_limit_exceeded",
    "negotiation_still_active",
    "not_first_ranked",
    "not_found",
    "nothing_to_award",
    "nothing_to_confirm",
    "officer_not_suitable",
    "out_of_stock",
    "package_ceiling_exceeded",
    "pair_same_person",
    "price_above_list",
    "quote_exists",
    "role_forbidden",
    "round_expired",
    "round_not_latest",
    "split_forbidden",
    "stock_below_reserved",
    "too_early",
    "too_many_rounds",
    "total_would_rise",
    "unknown_reference",
    "verification_missing",
    "version_stale",
];

/// What an answer adds to the tally: the kind of attempt that was accepted, or why it was refused.
fn met(step: &Step, answer: &Answer) -> Vec<String> {
    if answer.status < 300 {
        let action = format!("{:?}", step.action);
        return vec![action.split([' ', '(']).next().unwrap_or_default().to_owned()];
    }
    let faults = answer.faults().into_iter().map(|(_, code)| code);
    faults.chain([answer.code()]).collect()
}

/// The people of each lane; its neighbour's officer is a stranger to it.
async fn casts(app: &TestApp) -> Vec<Cast> {
    let client = reqwest::Client::builder().build().expect("a client");
    let vendors = Arc::new(vec![app.vendor().await, app.vat_vendor().await, app.vendor().await]);
    let mut casts: Vec<Cast> = Vec::new();
    for lane in 0..LANES {
        let office = app.office().await;
        let units = [office.unit];
        let of = |role: Role| app.member(Some(office.agency), role, &units);
        let (colleague, second) = (of(Role::ProcurementOfficer).await, of(Role::CommitmentOfficer).await);
        let (head, stranger) = (of(Role::BudgetUser).await, office.officer.clone());
        let steps = r#"[{"up_to":"1000000","roles":[]},{"up_to":"6000000","roles":["commitment_officer"]},{"up_to":null,"roles":["commitment_officer","budget_user"]}]"#;
        let opening = if lane % 2 == 0 { "automatic_at_deadline" } else { "two_officers" };
        for (key, value, unit) in [
            ("approval.steps", steps, "json"),
            ("negotiation.max_rounds", &rules::ROUNDS.to_string(), "count"),
            ("objection.from", &rules::OBJECTIONS_FROM.to_string(), "IDR"),
            ("limit.direct.goods", &LIMIT.to_string(), "IDR"),
            ("opening.mode", opening, "word"),
        ] {
            app.policy(office.agency, key, value, unit).await;
        }
        let mut goods = Vec::new();
        for (vendor, price, on_hand) in SHELF {
            let kind = if on_hand.is_some() { "counted" } else { "made_to_order" };
            let fields = json!({ "availability": kind, "unit": "H87", "price_basis": "tax_inclusive" });
            goods.push(app.goods(&vendors[vendor], PENS, &format!("{price}.00"), fields).await);
        }
        let (client, base, vendors) = (client.clone(), app.base.clone(), vendors.clone());
        casts.push(Cast { client, base, office, colleague, second, head, stranger, vendors, goods });
    }
    for lane in 0..LANES {
        casts[lane].stranger = casts[(lane + 1) % LANES].office.officer.clone();
    }
    casts
}

/// What purchases on one package may come to, for the agencies of this test.
const LIMIT: i64 = 10_000_000;

/// What a lane's vendors sell: whose it is, its price, and how many there are; none: as many as wanted.
const SHELF: [(usize, i64, Option<i64>); 4] =
    [(0, 400_000, Some(16)), (0, 650_000, None), (1, 350_000, Some(14)), (2, 500_000, Some(5))];

/// The shelf and the money of a new sequence.
async fn world(app: &TestApp, cast: &mut Cast, lane: usize, now: i64, rng: &mut StdRng) -> World {
    let ceiling = [9_000_000, 40_000_000][rng.random_range(0..2)];
    let budget = [8_000_000, 40_000_000][rng.random_range(0..2)];
    let (agency, unit) = (cast.office.agency, cast.office.unit);
    let made = app.package(agency, unit, &ceiling.to_string(), &budget.to_string()).await;
    (cast.office.package, cast.office.budget_line) = made;
    let mut goods = Vec::new();
    for ((vendor, price, on_hand), id) in SHELF.into_iter().zip(&cast.goods) {
        let mut good = Good { id: id.clone(), vendor, price, on_hand, sold: 0 };
        if let Some(wanted) = on_hand {
            let left = "SELECT (on_hand - reserved)::bigint, reserved::bigint FROM stock WHERE product_id";
            let rows = app.sql(&format!("{left} = '{id}'")).await;
            let [left, sold] =
                [0, 1].map(|cell| rows[0][cell].as_deref().map_or(0, |it| it.parse().expect("a count")));
            let by: i64 = wanted - left;
            let direction = if by > 0 { "add" } else { "take" };
            let body =
                json!({ "direction": direction, "quantity": by.abs().to_string(), "reason": "Stok awal" });
            let path = format!("/api/v1/products/{id}/actions/adjust-stock");
            if by != 0 {
                cast.vendors[vendor].owner.post(&path, body).await.expect(200);
            }
            good.sold = sold;
        }
        goods.push(good);
    }
    World {
        now,
        ceiling,
        budget,
        limit: LIMIT,
        two_open: lane % 2 == 1,
        goods,
        requests: Vec::new(),
        orders: Vec::new(),
        quotes: Vec::new(),
        holds: Vec::new(),
    }
}

/// Runs the sequences of a batch side by side.
async fn run(app: &TestApp, casts: &mut [Cast], batch: usize, numbers: &[usize]) -> Vec<Tally> {
    let mut clock = rng(batch, 0xc10c);
    let beginning = BEGINNING + i64::try_from(batch % BATCHES).unwrap_or_default() * DAYS * world::DAY;
    // What the batch before left behind lapses and lets go of what it held: its last awards go out first, then
    // nobody answers their orders.
    for before in [30, 0] {
        set_clock(app, beginning - before * world::DAY).await;
        work(app).await;
    }
    let mut lanes = Vec::new();
    for cast in casts.iter_mut().enumerate().filter(|(lane, _)| numbers.iter().any(|it| it % LANES == *lane))
    {
        let (lane, cast) = cast;
        let number = batch * LANES + lane;
        let mut rng = rng(number, 0);
        let world = world(app, cast, lane, beginning, &mut rng).await;
        lanes.push(Lane { cast, number, rng, world, trail: Vec::new(), tally: Tally::new() });
    }
    for _ in 0..ROUNDS {
        join_all(lanes.iter_mut().map(Lane::attempts)).await;
        let (moved, works) = pause(&mut clock);
        if moved > 0 {
            let now = lanes[0].world.now + moved;
            set_clock(app, now).await;
            for lane in &mut lanes {
                lane.world.now = now;
                lane.trail.push(format!("{} days pass", moved / world::DAY));
            }
        }
        if works {
            // Who may not trade just then has its awards taken back.
            let one = clock.random_bool(0.35).then(|| clock.random_range(0..3));
            let winner = || lanes.iter().find_map(|lane| lane.world.winner_due());
            let stopped = if batch.is_multiple_of(2) { winner().or(one) } else { one };
            if let Some(vendor) = stopped {
                let id = lanes[0].cast.vendors[vendor].id.to_string();
                app.sql(&format!(
                    "UPDATE vendors SET status = 'suspended', status_reason = 'Diperiksa' WHERE id = '{id}'"
                ))
                .await;
                work(app).await;
                app.sql(&format!(
                    "UPDATE vendors SET status = 'verified', status_reason = NULL WHERE id = '{id}'"
                ))
                .await;
            } else {
                work(app).await;
            }
            join_all(lanes.iter_mut().map(|lane| lane.worked(stopped))).await;
        }
        books::audit(app).await;
        let worlds: Vec<(&World, &str)> =
            lanes.iter().map(|lane| (&lane.world, lane.cast.office.package.as_str())).collect();
        let told = books::differences(app, &worlds).await;
        if !told.is_empty() {
            let trails: Vec<String> = lanes.iter().map(Lane::told).collect();
            panic!("the database differs from the model:\n{}\n{}", told.join("\n"), trails.join("\n"));
        }
    }
    lanes.into_iter().map(|lane| lane.tally).collect()
}

/// Lets the worker announce whatever lapsed; the notices may wait.
async fn work(app: &TestApp) {
    while lokapasar::cli::step_worker(&app.app).await.expect("the worker works").expired > 0 {}
}

async fn set_clock(app: &TestApp, now: i64) {
    app.sql(&format!(
        "UPDATE realms SET clock_offset_seconds = {now} - extract(epoch FROM clock_timestamp())::bigint WHERE realm = 'sandbox'"
    ))
    .await;
}

impl Lane<'_> {
    async fn attempts(&mut self) {
        for _ in 0..ATTEMPTS {
            let step = draw(&self.world, &mut self.rng);
            let expected = self.world.judge(&step);
            let line = format!("{:?} {:?}{}", step.who, step.action, if step.stale { " stale" } else { "" });
            self.trail.push(format!(
                "{line} → {}",
                if expected.is_empty() { "yes".into() } else { format!("{expected:?}") }
            ));
            let (answer, told) = self.cast.attempt(&self.world, &step).await;
            if let Some(why) = contradiction(&expected, &answer) {
                panic!("{}\n{why}", self.told());
            }
            for name in met(&step, &answer) {
                *self.tally.entry(name).or_default() += 1;
            }
            if answer.status < 300 {
                self.world.apply(step.who, &step.action, &told);
                if let Some(why) = difference(&self.world, &step.action, &answer) {
                    panic!("{}\n{why}", self.told());
                }
            }
        }
    }

    /// The worker came by.
    async fn worked(&mut self, stopped: Option<usize>) {
        let without =
            stopped.map_or_else(String::new, |vendor| format!(" while vendor {vendor} may not trade"));
        self.trail.push(format!("the worker comes by{without}"));
        for request in self.world.work() {
            let wins =
                |vendor: &usize| self.world.requests[request].parts.iter().any(|part| part.vendor == *vendor);
            if let Some(vendor) = stopped.filter(wins) {
                self.world.take_back(request, vendor);
                *self.tally.entry("TakenBack".into()).or_default() += 1;
                continue;
            }
            let orders = self.cast.orders(&self.world, request).await;
            assert!(!orders.is_empty(), "{}\nno order of an award that is due", self.told());
            self.world.issue(request, &orders);
        }
    }

    fn told(&self) -> String {
        format!("MODEL_SEQUENCE={}\n{}", self.number, self.trail.join("\n"))
    }
}
