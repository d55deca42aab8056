//! What must never be read in clear: in the database, in logs and metrics, in files.
use crate::support::purchase::line;
use crate::support::trade::PDF;
use crate::support::{PASSWORD, TestApp};
use lokapasar::kernel::{MembershipId, Role, VendorId};
use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

const LOG_IN_PHONE: &str = "+6281390071121";
const VENDOR_PHONE: &str = "+6281390071132";
const SLOT_PHONE: &str = "+6281390071143";
const INVITED: &str = "undangan.rahasia@example.id";
const REGISTERED: &str = "pendaftar.rahasia@example.id";
const NIK: &str = "3374015708907719";
const NPWP: &str = "091730462508000";
const BANK_ACCOUNT: &str = "7730194428516";
const FIRST_PASSWORD: &str = "kereta-uap-menyeberangi-rawa-pening";
const WRONG_PASSWORD: &str = "sepeda-onthel-menanjak-gunung-ungaran";
const NEW_PASSWORD: &str = "perahu-nelayan-kembali-sebelum-subuh";
const PAPER: &str = "Isi KTP yang tidak boleh terbaca di cakram: Sri Wahyuni, Pandanaran";

#[tokio::test(flavor = "multi_thread")]
async fn no_planted_secret_is_readable_in_tables_logs_metrics_or_files() {
    let logged = capture_logs();
    let app = TestApp::start().await;
    let mut secrets = vec![
        // By their digits alone, however a number is written.
        ("log-in phone", LOG_IN_PHONE[3..].to_owned()),
        ("vendor phone", VENDOR_PHONE[3..].to_owned()),
        ("slot phone", SLOT_PHONE[3..].to_owned()),
        ("invited contact", INVITED.to_owned()),
        ("registered contact", REGISTERED.to_owned()),
        ("NIK", NIK.to_owned()),
        ("NPWP", NPWP.to_owned()),
        ("bank account", BANK_ACCOUNT.to_owned()),
        ("password", PASSWORD.to_owned()),
        ("registered password", FIRST_PASSWORD.to_owned()),
        ("refused password", WRONG_PASSWORD.to_owned()),
        ("new password", NEW_PASSWORD.to_owned()),
    ];
    sign_up(&app, &mut secrets).await;
    trade(&app, &mut secrets).await;
    app.work().await;
    assert_eq!(secrets.len(), 23);
    assert!(secrets.iter().all(|(_, secret)| secret.len() > 8), "a secret is too short to look for");

    let look = |place: &str, text: &str| {
        // Bytes are dumped in hexadecimal.
        let held = |secret: &str| text.contains(secret) || text.contains(&hex::encode(secret));
        let names =
            secrets.iter().filter(|(_, secret)| held(secret)).map(|(name, _)| format!("{name} in {place}"));
        names.collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    let tables =
        app.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename").await;
    let (mut filled, mut rows, mut public) = (0, 0, 0);
    for table in tables.iter().filter_map(|row| row[0].as_deref()) {
        let dump = app.sql(&format!("SELECT t::text FROM \"{table}\" t")).await;
        filled += usize::from(!dump.is_empty());
        rows += dump.len();
        for row in &dump {
            public += usize::from(row[0].as_ref().is_some_and(|text| text.contains("Warung Rahasia")));
            found.extend(look(&format!("table {table}"), row[0].as_deref().unwrap_or_default()));
        }
    }
    assert!(filled > 30, "only {filled} tables hold anything");
    assert!(public > 0, "what is no secret is there to be read");
    let metrics = app.anonymous().get("/metrics").await.expect(200);
    let metrics = String::from_utf8(metrics.bytes).unwrap();
    assert!(metrics.contains("/api/v1/auth/sessions"));
    found.extend(look("metrics", &metrics));
    if logged {
        let logs = LOGS.lock().unwrap().clone();
        let logs = String::from_utf8_lossy(&logs);
        assert!(logs.contains("/api/v1/auth/sessions"), "the requests were logged");
        for line in logs.lines() {
            found.extend(look(&format!("log line {}", line.chars().take(200).collect::<String>()), line));
        }
    }
    let files = files_below(&app.directory.join("files"));
    assert!(files.len() >= 2, "the papers were stored");
    for bytes in &files {
        for part in [PAPER.as_bytes(), PDF] {
            if bytes.windows(part.len()).any(|window| window == part) {
                found.push("document in a file".into());
            }
        }
        found.extend(look("a file", &String::from_utf8_lossy(bytes)));
    }
    println!("{} secrets, {} tables, {rows} rows, {} files", secrets.len(), tables.len(), files.len());
    found.sort();
    found.dedup();
    assert!(found.is_empty(), "{found:#?}");
    app.finish().await;
}

/// Sign-up, wrong and right log-ins, refresh, reset.
async fn sign_up(app: &TestApp, secrets: &mut Vec<(&'static str, String)>) {
    let guest = app.anonymous();
    let body = json!({ "contact": REGISTERED, "full_name": "Pendaftar", "password": FIRST_PASSWORD });
    guest.post("/api/v1/auth/registrations", body).await.expect(202);
    let token = app.token_sent_to(REGISTERED).await;
    guest.post("/api/v1/auth/contact-confirmations", json!({ "token": token })).await.expect(204);
    secrets.push(("confirmation token", token));
    guest
        .post("/api/v1/auth/sessions", json!({ "contact": REGISTERED, "password": WRONG_PASSWORD }))
        .await
        .expect(401);
    let session = guest
        .post("/api/v1/auth/sessions", json!({ "contact": REGISTERED, "password": FIRST_PASSWORD }))
        .await
        .expect(200);
    let refreshed = json!({ "refresh_token": session.text("/refresh_token") });
    let fresh = guest.post("/api/v1/auth/sessions/refresh", refreshed).await.expect(200);
    for tokens in [session, fresh] {
        secrets.push(("access token", tokens.text("/access_token")));
        secrets.push(("refresh token", tokens.text("/refresh_token")));
    }
    guest.post("/api/v1/auth/password-resets", json!({ "contact": REGISTERED })).await.expect(202);
    let token = app.token_sent_to(REGISTERED).await;
    let body = json!({ "token": token, "password": NEW_PASSWORD });
    guest.post("/api/v1/auth/password-resets/actions/complete", body).await.expect(204);
    secrets.push(("reset token", token));
    guest
        .post("/api/v1/auth/sessions", json!({ "contact": REGISTERED, "password": NEW_PASSWORD }))
        .await
        .expect(200);
}

/// A vendor from draft to accepted order, with an invitation on the way.
async fn trade(app: &TestApp, secrets: &mut Vec<(&'static str, String)>) {
    let user = app.account_with(LOG_IN_PHONE).await;
    let founder = app.log_in(user, LOG_IN_PHONE, None).await;
    let fields = json!({ "sells": "Alat tulis", "phone": VENDOR_PHONE, "nik": NIK, "npwp": NPWP, "address": "Jl. Pandanaran 1",
        "region_code": "33.74.01", "bank_code": "008", "bank_account": BANK_ACCOUNT });
    let created = founder
        .post("/api/v1/vendors", json!({ "kind": "individual", "name": "Warung Rahasia", "fields": fields }))
        .await
        .expect(201);
    let id = VendorId(created.text("/vendor/id").parse().unwrap());
    let owner = app
        .log_in(user, LOG_IN_PHONE, Some(MembershipId(created.text("/membership_id").parse().unwrap())))
        .await;
    let vendor = crate::support::trade::Vendor { owner, id };
    let path = format!("/api/v1/vendors/{id}");
    let paper = [PDF, PAPER.as_bytes()].concat();
    let document = vendor
        .owner
        .upload(&format!("{path}/documents"), paper, &[("kind", "identity_card")])
        .await
        .expect(201)
        .id();
    vendor.owner.post("/api/v1/vendors/prechecks", json!({ "vendor_id": id })).await.expect(200);
    vendor.owner.act(&format!("{path}/actions/submit")).await.expect(200);
    let verifier = app.member(None, Role::Verifier, &[]).await;
    verifier.act(&format!("{path}/actions/claim")).await.expect(200);
    let read = verifier.get(&format!("{path}/documents/{document}")).await.expect(200);
    assert!(read.bytes.ends_with(PAPER.as_bytes()));
    verifier.act(&format!("{path}/actions/verify")).await.expect(200);
    let invitation = json!({ "contact": INVITED, "role": "vendor_staff", "valid_from": "2026-01-01" });
    let invitation = vendor.owner.post("/api/v1/invitations", invitation).await.expect(201).id();
    let token = app.token_sent_to(INVITED).await;
    let invited = app.account_with(INVITED).await;
    let invited = app.log_in(invited, INVITED, None).await;
    invited
        .post(&format!("/api/v1/invitations/{invitation}/actions/accept"), json!({ "token": token }))
        .await
        .expect(200);
    secrets.push(("invitation token", token));
    let printer = app.product(&vendor, "1500000.00", 10).await;
    let office = app.office().await;
    let mut bought = line(&printer, "1");
    bought["slots"][0]["contact_phone"] = json!(SLOT_PHONE);
    let request = office.ordered(vec![bought]).await;
    vendor.accept(&office.order(&request).await).await.expect(200);
    let read = office.officer.get(&format!("/api/v1/requests/{request}")).await.expect(200);
    assert_eq!(read.text("/lines/0/slots/0/contact_phone"), SLOT_PHONE);
    for caller in [&vendor.owner, &office.officer] {
        secrets.push(("access token", caller.token.clone().unwrap()));
        secrets.push(("refresh token", caller.refresh_token.clone().unwrap()));
    }
}

fn files_below(directory: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path());
    files
        .flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![std::fs::read(path).unwrap()] })
        .collect()
}

static LOGS: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Where the process's logs go, kept in memory.
struct Kept;

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGS.lock().map_err(|_| std::io::ErrorKind::Other)?.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Whether the logs of this process are ours to read: somebody else may have set another subscriber.
fn capture_logs() -> bool {
    static CAPTURED: OnceLock<bool> = OnceLock::new();
    // Everything of ours, and of the libraries what an operator would turn on to find a fault.
    let filter = "debug,lokapasar=trace,hyper=off,hyper_util=off,reqwest=off";
    *CAPTURED.get_or_init(|| {
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(|| Kept)
            .try_init()
            .is_ok()
    })
}
