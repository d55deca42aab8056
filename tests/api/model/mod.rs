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

use crate::support::{TestApp, scaled};
use actions::{draw, pause};
use futures_util::future::join_all;
use lokapasar::kernel::Role;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use wire::{Cast, contradiction, difference};
use world::{Good, World};

const SEED: u64 = 0x10ca_9a5a;
/// How many sequences run side by side.
const LANES: usize = 8;
/// How many attempts a sequence makes between two looks at the books, and how many such rounds it has.
const ATTEMPTS: usize = 10;
const ROUNDS: usize = 20;
/// After so many batches another database takes over, so that its clock stays before the day of need.
const BATCHES: usize = 25;
/// How many days of the clock a batch has; it needs fewer.
const DAYS: i64 = 91;
/// A Monday morning in Semarang.
const BEGINNING: i64 = 1_803_866_400;

/// One sequence as it runs.
struct Lane<'c> {
    cast: &'c Cast,
    number: usize,
    rng: StdRng,
    world: World,
    trail: Vec<String>,
    accepted: usize,
}

fn rng(number: usize, salt: u64) -> StdRng {
    StdRng::seed_from_u64(SEED ^ salt ^ ((number as u64) << 20))
}

#[tokio::test(flavor = "multi_thread")]
async fn random_sequences_follow_the_reference_model() {
    let alone: Option<usize> = std::env::var("MODEL_SEQUENCE").ok().and_then(|number| number.parse().ok());
    let batches = scaled(2_000).div_ceil(LANES);
    let wanted: Vec<usize> = match alone {
        Some(number) => vec![number / LANES],
        None => (0..batches).collect(),
    };
    for some in wanted.chunks(BATCHES) {
        let app = TestApp::start().await;
        let mut casts = casts(&app).await;
        for batch in some {
            let numbers: Vec<usize> = (batch * LANES..(batch + 1) * LANES)
                .filter(|number| alone.is_none_or(|it| it == *number))
                .collect();
            run(&app, &mut casts, *batch, &numbers).await;
        }
        app.finish().await;
    }
}

/// The people of each lane; its neighbour's officer is a stranger to it.
async fn casts(app: &TestApp) -> Vec<Cast> {
    let client = reqwest::Client::builder().build().expect("a client");
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
        let vendors = vec![app.vendor().await, app.vat_vendor().await, app.vendor().await];
        let (client, base) = (client.clone(), app.base.clone());
        casts.push(Cast { client, base, office, colleague, second, head, stranger, vendors });
    }
    for lane in 0..LANES {
        casts[lane].stranger = casts[(lane + 1) % LANES].office.officer.clone();
    }
    casts
}

/// What purchases on one package may come to, for the agencies of this test.
const LIMIT: i64 = 30_000_000;

/// The shelf and the money of a new sequence.
async fn world(app: &TestApp, cast: &mut Cast, lane: usize, now: i64, rng: &mut StdRng) -> World {
    let ceiling = [15_000_000, 60_000_000][rng.random_range(0..2)];
    let budget = [12_000_000, 60_000_000][rng.random_range(0..2)];
    let (agency, unit) = (cast.office.agency, cast.office.unit);
    let made = app.package(agency, unit, &ceiling.to_string(), &budget.to_string()).await;
    (cast.office.package, cast.office.budget_line) = made;
    let mut goods = Vec::new();
    // Of the first vendor's second goods no stock is counted.
    for (vendor, price, on_hand) in
        [(0, 400_000, Some(25)), (0, 650_000, None), (1, 350_000, Some(18)), (2, 500_000, Some(5))]
    {
        let seller = &cast.vendors[vendor];
        let fields = match on_hand {
            Some(_) => {
                serde_json::json!({ "availability": "counted", "unit": "H87", "price_basis": "tax_inclusive" })
            }
            None => serde_json::json!({ "availability": "made_to_order", "price_basis": "tax_inclusive" }),
        };
        let id = app.goods(seller, crate::support::trade::PENS, &format!("{price}.00"), fields).await;
        if let Some(on_hand) = on_hand {
            let some = serde_json::json!({ "direction": "add", "quantity": on_hand.to_string(), "reason": "Stok awal" });
            seller.owner.post(&format!("/api/v1/products/{id}/actions/adjust-stock"), some).await.expect(200);
        }
        goods.push(Good { id, vendor, price, on_hand });
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
async fn run(app: &TestApp, casts: &mut [Cast], batch: usize, numbers: &[usize]) {
    let mut clock = rng(batch, 0xc10c);
    let beginning = BEGINNING + i64::try_from(batch % BATCHES).unwrap_or_default() * DAYS * world::DAY;
    set_clock(app, beginning).await;
    let mut lanes = Vec::new();
    for cast in casts.iter_mut().enumerate().filter(|(lane, _)| numbers.iter().any(|it| it % LANES == *lane))
    {
        let (lane, cast) = cast;
        let number = batch * LANES + lane;
        let mut rng = rng(number, 0);
        let world = world(app, cast, lane, beginning, &mut rng).await;
        lanes.push(Lane { cast, number, rng, world, trail: Vec::new(), accepted: 0 });
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
            let step = || async { lokapasar::cli::step_worker(&app.app).await.expect("the worker works") };
            while step().await.expired > 0 {}
            join_all(lanes.iter_mut().map(Lane::worked)).await;
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
    assert!(lanes.iter().all(|lane| lane.accepted > ATTEMPTS * ROUNDS / 4), "the sequences came nowhere");
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
            if answer.status < 300 {
                self.accepted += 1;
                self.world.apply(step.who, &step.action, &told);
                if let Some(why) = difference(&self.world, &step.action, &answer) {
                    panic!("{}\n{why}", self.told());
                }
            }
        }
    }

    /// The worker came by.
    async fn worked(&mut self) {
        self.trail.push("the worker comes by".into());
        for request in self.world.work() {
            let orders = self.cast.orders(&self.world, request).await;
            assert!(!orders.is_empty(), "{}\nno order of an award that is due", self.told());
            self.world.issue(request, &orders);
        }
    }

    fn told(&self) -> String {
        format!("MODEL_SEQUENCE={}\n{}", self.number, self.trail.join("\n"))
    }
}
