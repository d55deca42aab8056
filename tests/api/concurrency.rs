//! Many at once: stock, budget, numbers, keys and turns stay right whoever comes first.
use crate::support::purchase::{Office, line};
use crate::support::{Answer, TestApp, scaled};
use futures_util::future::join_all;
use lokapasar::platform::sealing::KeyRing;
use lokapasar::{app, cli};
use serde_json::Value;
use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::Barrier;

/// More repeats than a crowded server could ever ask for.
const REPEATS: usize = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_stock_is_sold_when_more_buyers_race_than_there_are_pieces() {
    let app = TestApp::start().await;
    let (buyers, pieces) = (scaled(64), scaled(50));
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "1000.00", u32::try_from(pieces).unwrap()).await;
    let office = Arc::new(app.office().await);
    let drafts = drafts(&office, buyers, |_| vec![line(&pen, "1")]).await;
    let answers = race(drafts.iter().map(|draft| submit(&office, draft))).await;
    let sold = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(sold, pieces);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.expect_problem(409, "out_of_stock");
    }
    let stock = app.sql("SELECT on_hand = reserved, reserved::bigint FROM stock").await;
    assert_eq!(stock, [[Some("t".to_owned()), Some(pieces.to_string())]]);
    assert_eq!(app.count("SELECT count(*) FROM orders").await, pieces as i64);
    let held = "SELECT sum(quantity)::bigint FROM stock_reservations WHERE released_at IS NULL AND order_id IS NOT NULL";
    assert_eq!(app.count(held).await, pieces as i64);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_race_for_one_budget_line_never_exceed_it() {
    let app = TestApp::start().await;
    let buyers = scaled(100);
    let affordable = buyers / 2;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "100000.00", 1_000).await;
    // Enough for every second one, and half a piece more.
    let budget = (affordable * 100_000 + 50_000).to_string();
    let office = Arc::new(app.office_with("150000000", &budget).await);
    let drafts = drafts(&office, buyers, |_| vec![line(&pen, "1")]).await;
    let answers = race(drafts.iter().map(|draft| submit(&office, draft))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), affordable);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        let told = answer.code() == "budget_exceeded"
            || answer.faults().iter().any(|(_, code)| code == "budget_exceeded");
        assert!([409, 422].contains(&answer.status) && told, "{}", answer.body);
    }
    let bound = (affordable * 100_000) as i64;
    assert_eq!(app.count("SELECT (reserved + committed)::bigint FROM budget_lines").await, bound);
    assert_eq!(app.count("SELECT (reserved + committed)::bigint FROM packages").await, bound);
    assert_eq!(
        app.count("SELECT sum(amount)::bigint FROM budget_reservations WHERE released_at IS NULL").await,
        bound
    );
    assert_eq!(app.count("SELECT reserved::bigint FROM stock").await, affordable as i64);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_race_on_one_package_never_pass_the_limit_together() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let cabinet = app.made(&vendor, "30000000.00").await;
    let office = Arc::new(app.office_with("900000000", "900000000").await);
    let drafts = drafts(&office, 12, |_| vec![line(&cabinet, "1")]).await;
    let answers = race(drafts.iter().map(|draft| submit(&office, draft))).await;
    // Six make Rp180 million; a seventh would pass the Rp200 million of direct purchase.
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 6);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.expect(422).expect_fault("#/package_id", "split_forbidden");
    }
    assert_eq!(app.count("SELECT reserved::bigint FROM packages").await, 180_000_000);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_approval_posted_many_times_under_one_key_makes_one_order() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let printer = app.product(&vendor, "1500000.00", 10).await;
    let office = app.office().await;
    let request = office.submitted(vec![line(&printer, "1")]).await;
    let path = format!("/api/v1/requests/{request}/actions/approve");
    let content = office.content(&request).await;
    let post = || {
        let (approver, path, content) = (office.approver.clone(), path.clone(), content.clone());
        move || {
            let (approver, path, content) = (approver.clone(), path.clone(), content.clone());
            async move { approver.post_as(&path, "the-last-approval", content).await }
        }
    };
    let first = race((0..scaled(200)).map(|_| post()())).await;
    for answer in first.iter().filter(|answer| answer.status != 200) {
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (409, "idempotency_in_progress"),
            "{}",
            answer.body
        );
        assert!(!answer.header("retry-after").is_empty());
    }
    assert!(first.iter().any(|answer| answer.status == 200));
    assert_eq!(
        first
            .iter()
            .filter(|answer| answer.status == 200 && answer.header("idempotent-replayed").is_empty())
            .count(),
        1
    );
    let last = race((0..scaled(200)).map(|_| until_told(post()))).await;
    let stored = &last[0];
    for answer in first.iter().filter(|answer| answer.status == 200).chain(&last) {
        assert_eq!(answer.bytes, stored.bytes);
        assert_eq!(answer.etag(), stored.etag());
    }
    assert_eq!(app.count("SELECT count(*) FROM orders").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM approvals").await, 1);
    assert_eq!(app.count("SELECT committed::bigint FROM budget_lines").await, 1_500_000);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_one_unit_and_year_have_distinct_numbers_that_follow_each_other() {
    let app = TestApp::start().await;
    let count = scaled(500);
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "1000.00", 10_000).await;
    let office = Arc::new(app.office().await);
    let drafts = drafts(&office, count, |_| vec![line(&pen, "1")]).await;
    for answer in race(drafts.iter().map(|draft| submit(&office, draft))).await {
        answer.expect(200);
    }
    let numbers = app.sql("SELECT number FROM orders ORDER BY number").await;
    let mut sequences: Vec<usize> = numbers
        .iter()
        .map(|row| row[0].as_deref().unwrap().rsplit('/').next().unwrap().parse().unwrap())
        .collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=count).collect::<Vec<_>>());
    let whole: HashSet<_> = numbers.into_iter().map(|mut row| row.remove(0)).collect();
    assert_eq!(whole.len(), count);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_races_with_a_withdrawal_has_one_winner() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let printer = app.product(&vendor, "1500000.00", 1_000).await;
    let office = Arc::new(app.office().await);
    let (mut ordered, mut withdrawn) = (0, 0);
    for round in 0..scaled(40) {
        let request = office.submitted(vec![line(&printer, "1")]).await;
        let approve = act(&office, &request, Turn::Approve);
        let withdraw = act(&office, &request, Turn::Withdraw);
        // Whoever is spawned first has a small lead; it changes sides each round.
        let mut answers =
            if round % 2 == 0 { race([approve, withdraw]).await } else { race([withdraw, approve]).await };
        if round % 2 == 1 {
            answers.reverse();
        }
        let statuses = (answers[0].status, answers[1].status);
        match statuses {
            (200, 409) => ordered += 1,
            (409, 200) => withdrawn += 1,
            _ => panic!("{statuses:?}: {} {}", answers[0].body, answers[1].body),
        }
        for loser in answers.into_iter().filter(|answer| answer.status == 409) {
            loser.expect_problem(409, "illegal_transition");
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM orders").await, ordered);
    assert_eq!(app.count("SELECT count(*) FROM requests WHERE status = 'withdrawn'").await, withdrawn);
    assert_eq!(app.count("SELECT reserved::bigint FROM stock").await, ordered);
    assert_eq!(app.count("SELECT committed::bigint FROM budget_lines").await, ordered * 1_500_000);
    assert_eq!(app.count("SELECT reserved::bigint FROM budget_lines").await, 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_piece_of_a_lapsed_order_goes_to_one_of_its_new_buyers_without_a_worker() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 1).await;
    let office = Arc::new(app.office().await);
    let request = office.draft(vec![line(&pen, "1")]).await;
    office.submit(&request).await.expect(200);
    let lapsed = office.order(&request).await;
    app.move_clock(24 * 14).await;
    let drafts = drafts(&office, scaled(50), |_| vec![line(&pen, "1")]).await;
    let answers = race(drafts.iter().map(|draft| submit(&office, draft))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!((answer.status, answer.code().as_str()), (409, "out_of_stock"), "{}", answer.body);
    }
    vendor.accept(&lapsed).await.expect_problem(409, "expired");
    assert_eq!(app.count("SELECT reserved::bigint FROM stock").await, 1);
    let winner = answers.iter().find(|answer| answer.status == 200).unwrap().id();
    vendor.accept(&office.order(&winner).await).await.expect(200);
    app.work().await;
    assert_eq!(app.count("SELECT reserved::bigint FROM stock").await, 1);
    assert_eq!(app.count("SELECT committed::bigint FROM budget_lines").await, 20_000);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_for_two_products_in_opposite_order_never_deadlock() {
    let app = TestApp::start().await;
    let count = scaled(100);
    let (one, other) = (app.vendor().await, app.vendor().await);
    let (pen, ink) =
        (app.product(&one, "1000.00", 100_000).await, app.product(&other, "2000.00", 100_000).await);
    let office = Arc::new(app.office().await);
    let basket = |number: usize, quantity: &str| {
        let mut lines = vec![line(&pen, quantity), line(&ink, quantity)];
        if number % 2 == 1 {
            lines.reverse();
        }
        lines
    };
    // Half of them wait for approval and are withdrawn while the others come in.
    let waiting = drafts(&office, count, |number| basket(number, "400")).await;
    for answer in race(waiting.iter().map(|draft| submit(&office, draft))).await {
        answer.expect(200);
    }
    let fresh = drafts(&office, count, |number| basket(number, "1")).await;
    let withdrawals = waiting.iter().map(|request| act(&office, request, Turn::Withdraw));
    let answers = race(fresh.iter().map(|draft| act(&office, draft, Turn::Submit)).chain(withdrawals)).await;
    for answer in answers {
        answer.expect(200);
    }
    assert_eq!(app.count("SELECT count(*) FROM orders").await, 2 * count as i64);
    assert_eq!(app.count(&format!("SELECT count(*) FROM stock WHERE reserved <> {count}")).await, 0);
    // Counters of a connection are certain once it has ended.
    let others = "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert!(app.count(others).await > 0);
    assert_eq!(
        app.count("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").await,
        0
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_that_step_at_once_send_each_mail_once() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "1000.00", 10_000).await;
    let office = Arc::new(app.office().await);
    let drafts = drafts(&office, scaled(100), |_| vec![line(&pen, "1")]).await;
    for answer in race(drafts.iter().map(|draft| submit(&office, draft))).await {
        answer.expect(200);
    }
    // Notices of issued orders and of lapsed ones, both by two workers.
    let mut sent = work_twice(&app).await;
    app.move_clock(24 * 14).await;
    sent.extend(work_twice(&app).await);
    let ids: HashSet<_> = sent.iter().collect();
    assert_eq!(ids.len(), sent.len(), "a mail was sent twice");
    assert_eq!(sent.len() as i64, app.count("SELECT count(*) FROM deliveries").await);
    assert_eq!(app.count("SELECT count(*) FROM deliveries WHERE sent_at IS NULL OR attempts <> 1").await, 0);
    let once = |template: &str| format!("SELECT count(*) FROM deliveries WHERE template = '{template}'");
    assert_eq!(app.count(&once("order_issued")).await, scaled(100) as i64);
    assert_eq!(app.count(&once("order_expired")).await, scaled(100) as i64);
    assert_eq!(
        app.count("SELECT count(*) FROM event_positions").await,
        app.count("SELECT count(*) FROM events").await
    );
    assert_eq!(app.count("SELECT count(*) - max(position) FROM event_positions").await, 0);
    app.finish().await;
}

/// Two processes work side by side until both are idle and every event has its place, which waits for
/// the oldest transaction of the whole cluster, other tests' among them; answers the ids of the mails
/// they sent.
async fn work_twice(app: &TestApp) -> Vec<String> {
    const UNREAD: &str = "SELECT count(*) FROM events WHERE id NOT IN (SELECT event_id FROM event_positions)";
    let mut sent = work_side_by_side(app).await;
    while app.count(UNREAD).await > 0 {
        sent.extend(work_side_by_side(app).await);
    }
    sent
}

async fn work_side_by_side(app: &TestApp) -> Vec<String> {
    let mut workers = Vec::new();
    for number in 0..2 {
        let file = app.directory.join(format!("keys-{}-{number}.toml", app.unique()));
        app.app.keys.write(&file).unwrap();
        let settings = (*app.app.settings).clone();
        workers.push(app::build(settings, app.app.db.url(), KeyRing::read(&file).unwrap()).unwrap());
    }
    let handle = tokio::runtime::Handle::current();
    let tasks = workers.iter().map(|worker| {
        let (worker, handle) = (worker.clone(), handle.clone());
        // A step's future stays on one thread.
        tokio::task::spawn_blocking(move || {
            handle.block_on(async {
                while !cli::step_worker(&worker).await.expect("the worker works").idle() {}
            });
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    // What one left while the other held it.
    for worker in &workers {
        while !cli::step_worker(worker).await.expect("the worker works").idle() {}
    }
    workers.iter().flat_map(|worker| worker.mailer.sent()).map(|mail| mail.message_id).collect()
}

#[derive(Clone, Copy)]
enum Turn {
    Submit,
    Approve,
    Withdraw,
}

/// Drafts, made a few at a time.
async fn drafts(office: &Arc<Office>, count: usize, lines: impl Fn(usize) -> Vec<Value>) -> Vec<String> {
    let mut drafts = Vec::with_capacity(count);
    for start in (0..count).step_by(4) {
        let some = (start..count.min(start + 4)).map(|number| {
            let (office, lines) = (office.clone(), lines(number));
            async move { office.draft(lines).await }
        });
        drafts.extend(join_all(some).await);
    }
    drafts
}

fn submit(office: &Arc<Office>, request: &str) -> impl Future<Output = Answer> + Send + use<> {
    act(office, request, Turn::Submit)
}

fn act(office: &Arc<Office>, request: &str, turn: Turn) -> impl Future<Output = Answer> + Send + use<> {
    let (office, request) = (office.clone(), request.to_owned());
    until_told(move || {
        let (office, request) = (office.clone(), request.clone());
        async move {
            match turn {
                Turn::Submit => office.submit(&request).await,
                Turn::Approve => office.approve(&request).await,
                Turn::Withdraw => {
                    office.officer.act(&format!("/api/v1/requests/{request}/actions/withdraw")).await
                }
            }
        }
    })
}

/// Asks again where the server says so, and never meets a fault.
async fn until_told<F: Future<Output = Answer>>(ask: impl Fn() -> F) -> Answer {
    for _ in 0..REPEATS {
        let answer = ask().await;
        assert_ne!(answer.status, 500, "{}", answer.body);
        if answer.status == 503 || answer.code() == "idempotency_in_progress" {
            assert!(!answer.header("retry-after").is_empty());
            continue;
        }
        return answer;
    }
    panic!("no answer after {REPEATS} attempts");
}

/// Everybody starts at once; the answers come in the order of the starters.
async fn race<F: Future<Output = Answer> + Send + 'static>(
    racers: impl IntoIterator<Item = F>,
) -> Vec<Answer> {
    let racers: Vec<F> = racers.into_iter().collect();
    let barrier = Arc::new(Barrier::new(racers.len()));
    let tasks = racers.into_iter().map(|racer| {
        let barrier = barrier.clone();
        tokio::spawn(async move {
            barrier.wait().await;
            racer.await
        })
    });
    join_all(tasks.collect::<Vec<_>>())
        .await
        .into_iter()
        .map(|answer| answer.expect("nobody panics"))
        .collect()
}
