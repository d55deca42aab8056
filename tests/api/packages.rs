//! Plans and budgets: how files are read, and who sees what came of them.
use crate::support::purchase::{Office, line};
use crate::support::{Caller, TestApp};
use lokapasar::kernel::{Error, OrganisationId, Role, UnitId};
use lokapasar::packages::{self, ImportTarget};
use lokapasar::platform::tabular::Report;
use lokapasar::{accounts, policies};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;

const PLAN: &str = "kd_rup,kd_satker,nama_paket,pagu,metode_pengadaan,jenis_pengadaan,status_pradipa,tgl_awal_kontrak,tgl_akhir_kontrak\n";
const BUDGET: &str = "kd_rup,pagu,mak,sumber_dana\n";

/// An agency whose plans are read from text.
struct Desk<'a> {
    app: &'a TestApp,
    agency: OrganisationId,
    year: Option<i32>,
}

impl<'a> Desk<'a> {
    async fn new(app: &'a TestApp) -> Self {
        let (agency, _) = app.agency().await;
        Self { app, agency, year: None }
    }

    async fn try_plan(&self, file: &[u8]) -> Result<Report, Error> {
        let target = ImportTarget { agency: self.agency, as_fiscal_year: self.year };
        let ctx = self.app.system();
        let db = &self.app.app.db;
        db.transaction(self.app.realm(), async |tx| {
            Ok(packages::import_packages(tx, &ctx, target, file).await?)
        })
        .await
    }

    async fn try_budget(&self, file: &[u8]) -> Result<Report, Error> {
        let target = ImportTarget { agency: self.agency, as_fiscal_year: self.year };
        let ctx = self.app.system();
        let db = &self.app.app.db;
        db.transaction(self.app.realm(), async |tx| {
            Ok(packages::import_budget_lines(tx, &ctx, target, file).await?)
        })
        .await
    }

    async fn plan(&self, rows: &str) -> Report {
        self.try_plan(format!("{PLAN}{rows}").as_bytes()).await.expect("the plan is read")
    }

    async fn budget(&self, rows: &str) -> Report {
        self.try_budget(format!("{BUDGET}{rows}").as_bytes()).await.expect("the budget is read")
    }

    async fn auditor(&self) -> Caller {
        self.app.member(Some(self.agency), Role::Auditor, &[]).await
    }

    async fn unit(&self, source_code: &str) -> UnitId {
        let rows =
            self.app.sql(&format!("SELECT id FROM work_units WHERE source_code = '{source_code}'")).await;
        UnitId(rows[0][0].as_deref().unwrap().parse().unwrap())
    }
}

fn figures(report: &Report) -> [u64; 5] {
    [report.rows, report.taken, report.changed, report.warned, report.refused]
}

/// Findings as (line, column, refused, code).
fn findings(report: &Report) -> Vec<(u64, &str, bool, &str)> {
    report
        .findings
        .iter()
        .map(|found| (found.line, found.column.as_str(), found.refused, found.code))
        .collect()
}

fn told(outcome: Result<Report, Error>) -> String {
    outcome.expect_err("the file as a whole is refused").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_taken_and_read_again_changes_only_what_differs() {
    let app = TestApp::start().await;
    let desk = Desk::new(&app).await;
    let rows = "45643642,264486,Belanja Kertas,1550000,E-Purchasing,Barang,Non-PraDIPA,2024-01-01,2024-12-01\n\
                45643643,264487,  Belanja   Bahan\tKomputer ,2210000,Pengadaan Langsung,Jasa Lainnya,PraDIPA,2024-02-01,2025-01-01\n";
    assert_eq!(figures(&desk.plan(rows).await), [2, 2, 2, 0, 0]);
    assert_eq!(figures(&desk.plan(rows).await), [2, 2, 0, 0, 0]);
    let auditor = desk.auditor().await;
    let listed = auditor.get("/api/v1/packages").await.expect(200);
    let [first, second] = &listed.items()[..] else { panic!("{}", listed.body) };
    assert_eq!(
        (first["rup_code"].as_str(), first["ceiling"].as_str(), first["available"].as_str()),
        (Some("45643642"), Some("1550000.00"), Some("1550000.00"))
    );
    assert_eq!(
        (first["fiscal_year"].as_i64(), first["procurement_kind"].as_str(), first["method"].as_str()),
        (Some(2024), Some("goods"), Some("E-Purchasing"))
    );
    assert_eq!(
        (second["name"].as_str(), second["status_pradipa"].as_str()),
        (Some("Belanja Bahan Komputer"), Some("PraDIPA"))
    );
    assert_eq!(
        (second["contract_start"].as_str(), second["contract_end"].as_str()),
        (Some("2024-02-01"), Some("2025-01-01"))
    );
    let revised = rows.replace("2210000", "2500000");
    assert_eq!(figures(&desk.plan(&revised).await), [2, 2, 1, 0, 0]);
    let path = format!("/api/v1/packages/{}", second["id"].as_str().unwrap());
    let shown = auditor.get(&path).await.expect(200);
    assert_eq!((shown.text("/ceiling"), shown.text("/version")), ("2500000.00".into(), "2".into()));
    // Two units that nobody had named, each made once.
    assert_eq!(
        app.count("SELECT count(*) FROM work_units WHERE source_code IN ('264486', '264487')").await,
        2
    );
    assert_eq!(app.count("SELECT count(*) FROM audit WHERE action = 'agency.packages_imported'").await, 3);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ceiling_below_what_is_held_is_taken_and_blocks_new_requests_alone() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "2000000.00").await;
    let office = app.office_with("5000000", "90000000").await;
    let committed = office.ordered(vec![line(&pen, "1")]).await;
    let reserved = office.submitted(vec![line(&pen, "1")]).await;
    let rows = app
        .sql("SELECT p.rup_code, u.source_code FROM packages p JOIN work_units u ON u.id = p.unit_id")
        .await;
    let (code, unit) = (rows[0][0].clone().unwrap(), rows[0][1].clone().unwrap());
    let desk = Desk { app: &app, agency: office.agency, year: Some(2035) };
    let report = desk.plan(&format!("{code},{unit},Belanja ATK,3000000,E-Purchasing,Barang,,,\n")).await;
    assert_eq!(figures(&report), [1, 1, 1, 0, 0]);
    let path = format!("/api/v1/packages/{}", office.package);
    let shown = office.officer.get(&path).await.expect(200);
    let amounts = ["ceiling", "reserved", "committed", "shortfall", "available"]
        .map(|field| shown.text(&format!("/{field}")));
    assert_eq!(amounts, ["3000000.00", "2000000.00", "2000000.00", "1000000.00", "0.00"]);
    // What is under way goes on, what is new is refused.
    office.approve(&reserved).await.expect(200);
    vendor.accept(&office.order(&committed).await).await.expect(200);
    let next = office.draft(vec![line(&pen, "1")]).await;
    let refusal = office.submit(&next).await.expect_problem(422, "invalid_input");
    assert_eq!(refusal.faults(), [("#/package_id".to_owned(), "package_ceiling_exceeded".to_owned())]);
    // Raised again, there is room for one more and no shortfall.
    desk.plan(&format!("{code},{unit},Belanja ATK,6000000,E-Purchasing,Barang,,,\n")).await;
    assert_eq!(office.officer.get(&path).await.expect(200).text("/shortfall"), "0.00");
    office.submit(&next).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_rows_are_taken_with_a_warning() {
    let app = TestApp::start().await;
    let desk = Desk::new(&app).await;
    let report = desk
        .plan(
            "1,9,Dua jenis,100,E-Purchasing,Barang;Barang,,2024-01-01,\n\
             2,9,Tanpa metode,100,,Barang,,2024-01-01,\n\
             3,9,,100,E-Purchasing,Barang,,2024-01-01,\n\
             4,9,Jenis lain,100,E-Purchasing,Swakelola,,2024-01-01,kapan-kapan\n",
        )
        .await;
    assert_eq!(figures(&report), [4, 4, 4, 4, 0]);
    let expected = [
        (2, "jenis_pengadaan", false, "kind_odd"),
        (3, "metode_pengadaan", false, "method_blank"),
        (4, "nama_paket", false, "name_blank"),
        (5, "jenis_pengadaan", false, "kind_odd"),
        (5, "tgl_akhir_kontrak", false, "date_unreadable"),
    ];
    assert_eq!(findings(&report), expected);
    let kinds = app.sql("SELECT rup_code, procurement_kind, name FROM packages ORDER BY 1").await;
    let kinds: Vec<[&str; 3]> =
        kinds.iter().map(|row| [0, 1, 2].map(|at| row[at].as_deref().unwrap_or("-"))).collect();
    assert_eq!(
        kinds,
        [
            ["1", "goods", "Dua jenis"],
            ["2", "goods", "Tanpa metode"],
            ["3", "goods", "3"],
            ["4", "-", "Jenis lain"]
        ]
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_refused_without_a_code_or_a_readable_ceiling() {
    let app = TestApp::start().await;
    let desk = Desk::new(&app).await;
    let report = desk
        .plan(
            ",9,Tanpa kode,100,E-Purchasing,Barang,,2024-01-01,\n\
             45 64,9,Bukan kode,100,E-Purchasing,Barang,,2024-01-01,\n\
             3,9,Tanpa pagu,,E-Purchasing,Barang,,2024-01-01,\n\
             4,9,Bukan pagu,1 Paket,E-Purchasing,Barang,,2024-01-01,\n\
             5,9,Negatif,-100,E-Purchasing,Barang,,2024-01-01,\n\
             6,9,Titik ribuan,\"1.550.000,50\",E-Purchasing,Barang,,2024-01-01,\n\
             7,9,Rp,Rp 2.000.000,E-Purchasing,Barang,,2024-01-01,\n",
        )
        .await;
    assert_eq!(figures(&report), [7, 2, 2, 0, 5]);
    let expected = [
        (2, "kd_rup", true, "code_missing"),
        (3, "kd_rup", true, "code_missing"),
        (4, "pagu", true, "ceiling_unreadable"),
        (5, "pagu", true, "ceiling_unreadable"),
        (6, "pagu", true, "ceiling_unreadable"),
    ];
    assert_eq!(findings(&report), expected);
    let ceilings = app.sql("SELECT ceiling FROM packages ORDER BY rup_code").await;
    assert_eq!(ceilings, [vec![Some("1550000.50".to_owned())], vec![Some("2000000.00".to_owned())]]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_found_in_the_texts_that_real_plans_hold() {
    let app = TestApp::start().await;
    let desk = Desk::new(&app).await;
    desk.plan("1,9,Belanja,100000000,E-Purchasing,Barang,,2024-01-01,\n").await;
    let texts = [
        "1.02.01.1.10.0001.5.2.06.99.99.9999.0.",
        "2.09.01.1.01.0001.5.1.02.01.01.0025.1.1.1.20.10.30.002.00677",
        "5.1.02.01.01.0024",
        "\"1.02.01.1.01.0001.5.1.02.01.01.0026., 1.02.01.1.01.0002.5.1.02.01.01.0027.\"",
        "Belanja pegawai",
    ];
    let rows: String = texts.iter().map(|text| format!("1,1000,{text},APBD\n")).collect();
    let report = desk.budget(&rows).await;
    assert_eq!(figures(&report), [5, 5, 5, 1, 0]);
    assert_eq!(findings(&report), [(6, "mak", false, "account_not_found")]);
    let auditor = desk.auditor().await;
    let lines = auditor.get("/api/v1/budget-lines").await.expect(200).items();
    let found: Vec<_> =
        lines.iter().map(|line| (line["account_code"].as_str(), line["sub_activity"].as_str())).collect();
    let expected = [
        (Some("5.2.06.99.99.9999"), Some("1.02.01.1.10.0001")),
        (Some("5.1.02.01.01.0025"), Some("2.09.01.1.01.0001")),
        (Some("5.1.02.01.01.0024"), None),
        (Some("5.1.02.01.01.0026"), Some("1.02.01.1.01.0001")),
        (None, None),
    ];
    let mut found = found;
    let mut expected = expected.to_vec();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert!(lines.iter().any(|line| line["account_text"] == "1.02.01.1.10.0001.5.2.06.99.99.9999.0."));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_budget_lines_are_as_many_as_the_file_holds() {
    let app = TestApp::start().await;
    let desk = Desk::new(&app).await;
    desk.plan("1,9,Belanja,100000000,E-Purchasing,Barang,,2024-01-01,\n").await;
    let rows = "1,1000,5.1.02.01.01.0024,APBD\n".repeat(3)
        + "1,1000,5.1.02.01.01.0024,APBDP\n1,1000.00,5.1.02.01.01.0024,APBD\n";
    assert_eq!(figures(&desk.budget(&rows).await), [5, 5, 5, 0, 0]);
    assert_eq!(figures(&desk.budget(&rows).await), [5, 5, 0, 0, 0]);
    let ordinals = app.sql("SELECT fund_source, dpa_version, array_agg(ordinal ORDER BY ordinal) FROM budget_lines GROUP BY 1, 2 ORDER BY 1").await;
    let expected = [["APBD", "murni", "{1,2,3,4}"], ["APBDP", "perubahan", "{1}"]];
    assert_eq!(ordinals, expected.map(|row| row.map(|cell| Some(cell.to_owned())).to_vec()));
    // One more of them is one more line.
    assert_eq!(desk.budget(&(rows + "1,1000,5.1.02.01.01.0024,APBD\n")).await.changed, 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn budget_lines_without_package_are_refused_and_empty_ones_hold_no_money() {
    let app = TestApp::start().await;
    let desk = Desk::new(&app).await;
    desk.plan("1,9,Belanja,100000000,E-Purchasing,Barang,,2024-01-01,\n").await;
    let report = desk.budget("2,1000,5.1.02.01.01.0024,APBD\n1,0,5.1.02.01.01.0024,APBD\n1,-500,5.1.02.01.01.0024,APBD\n1,banyak,5.1.02.01.01.0024,APBD\n").await;
    assert_eq!(figures(&report), [4, 3, 3, 3, 1]);
    let expected = [
        (2, "kd_rup", true, "no_package"),
        (3, "pagu", false, "ceiling_not_positive"),
        (4, "pagu", false, "ceiling_not_positive"),
        (5, "pagu", false, "ceiling_unreadable"),
    ];
    assert_eq!(findings(&report), expected);
    let lines = desk.auditor().await.get("/api/v1/budget-lines").await.expect(200).items();
    let mut shown: Vec<_> = lines
        .iter()
        .map(|line| (line["ceiling"].as_str().unwrap(), line["available"].as_str().unwrap()))
        .collect();
    shown.sort();
    assert_eq!(shown, [("-500.00", "0.00"), ("0.00", "0.00"), ("0.00", "0.00")]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_kept_as_they_came() {
    let app = TestApp::start().await;
    let desk = Desk::new(&app).await;
    let file = "PAGU ,kd_rup,catatan,nama_paket,kd_satker,tgl_awal_kontrak\n\"1.550.000,00\",1,\"dua\nbaris\",  Belanja   ATK,9,2024-01-01\n";
    assert_eq!(figures(&desk.try_plan(file.as_bytes()).await.unwrap())[..3], [1, 1, 1]);
    let raw =
        app.sql("SELECT raw ->> 'pagu', raw ->> 'catatan', raw ->> 'nama_paket', name FROM packages").await;
    assert_eq!(
        raw,
        [["1.550.000,00", "dua\nbaris", "  Belanja   ATK", "Belanja ATK"]
            .map(|cell| Some(cell.to_owned()))
            .to_vec()]
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_plan_can_be_mapped_to_another_year() {
    let app = TestApp::start().await;
    let mut desk = Desk::new(&app).await;
    let rows = "1,9,Belanja,1000,E-Purchasing,Barang,,2024-01-01,\n";
    desk.plan(rows).await;
    desk.year = Some(2035);
    assert_eq!(desk.plan(rows).await.changed, 1);
    assert_eq!(desk.plan(rows).await.changed, 0);
    assert_eq!(desk.budget("1,1000,5.1.02.01.01.0024,APBD\n").await.changed, 1);
    let auditor = desk.auditor().await;
    let mapped = auditor.get("/api/v1/packages?fiscal_year=2035").await.expect(200);
    assert_eq!((mapped.items().len(), mapped.text("/items/0/mapped_from_year")), (1, "2024".into()));
    let own = auditor.get("/api/v1/packages?fiscal_year=2024").await.expect(200);
    assert_eq!((own.items().len(), own.text("/items/0/mapped_from_year")), (1, String::new()));
    // The line went to the package of that year.
    let lines = auditor.get("/api/v1/budget-lines").await.expect(200);
    assert_eq!(
        (lines.text("/items/0/package_id"), lines.text("/items/0/fiscal_year")),
        (mapped.text("/items/0/id"), "2035".into())
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn semicolons_a_byte_order_mark_and_our_own_column_names_are_read() {
    let app = TestApp::start().await;
    let desk = Desk::new(&app).await;
    let file = "\u{feff}rup_code;unit_code;name;ceiling;procurement_kind;method;fiscal_year\r\nR1;9;Belanja, ATK;1.000.000,00;goods;E-Purchasing;2035\r\n";
    assert_eq!(figures(&desk.try_plan(file.as_bytes()).await.unwrap()), [1, 1, 1, 0, 0]);
    let rows = app.sql("SELECT rup_code, name, ceiling, fiscal_year FROM packages").await;
    assert_eq!(
        rows,
        [["R1", "Belanja, ATK", "1000000.00", "2035"].map(|cell| Some(cell.to_owned())).to_vec()]
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_refused_by_line_and_leaves_nothing_behind() {
    let app = TestApp::start().await;
    let desk = Desk::new(&app).await;
    // More than a batch of good rows goes before the broken one.
    let good: String = (1..=600)
        .map(|number| format!("{number},9,Belanja,1000,E-Purchasing,Barang,,2024-01-01,\n"))
        .collect();
    let mut latin = format!("{PLAN}{good}").into_bytes();
    latin.extend(b"601,9,Pesta S\xe9kolah,1000,E-Purchasing,Barang,,2024-01-01,\n");
    let mut endless = PLAN.as_bytes().to_vec();
    endless.extend(std::iter::repeat_n(b'x', 50 << 20));
    for (file, code, line) in [
        (format!("{PLAN}{good}601,9,Belanja").into_bytes(), "row_cut_off", "line 602"),
        (latin, "encoding", "line 602"),
        (endless, "unreadable", "line 2"),
        (b"kd_rup,nama_paket,pagu\n1,Belanja,1000\n".to_vec(), "column_missing", "line 1"),
        (Vec::new(), "column_missing", "line 1"),
    ] {
        let told = told(desk.try_plan(&file).await);
        assert!(told.contains(code) && told.contains(line), "{told}");
    }
    assert_eq!(app.count("SELECT count(*) FROM packages").await, 0);
    assert_eq!(app.count("SELECT count(*) FROM work_units WHERE source_code = '9'").await, 0);
    assert_eq!(app.count("SELECT count(*) FROM audit WHERE action = 'agency.packages_imported'").await, 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_its_columns_swapped_is_no_plan() {
    let app = TestApp::start().await;
    let desk = Desk::new(&app).await;
    let swapped: String = (1..=12)
        .map(|number| format!("{number},9,1000,Belanja ATK,E-Purchasing,Barang,,2024-01-01,\n"))
        .collect();
    let told_plan = told(desk.try_plan(format!("{PLAN}{swapped}").as_bytes()).await);
    assert!(
        told_plan.contains("mostly_refused") && told_plan.contains("12 of 12") && told_plan.contains("pagu"),
        "{told_plan}"
    );
    let good: String = (1..=12)
        .map(|number| format!("{number},9,Belanja ATK,1000,E-Purchasing,Barang,,2024-01-01,\n"))
        .collect();
    desk.plan(&good).await;
    let swapped: String = (1..=12).map(|number| format!("1000,{number},5.1.02.01.01.0024,APBD\n")).collect();
    let told_budget = told(desk.try_budget(format!("{BUDGET}{swapped}").as_bytes()).await);
    assert!(told_budget.contains("mostly_refused") && told_budget.contains("kd_rup"), "{told_budget}");
    assert_eq!(app.count("SELECT count(*) FROM budget_lines").await, 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cells_that_a_spreadsheet_would_run_are_refused() {
    let app = TestApp::start().await;
    let desk = Desk::new(&app).await;
    let report = desk
        .plan(
            "1,9,\"=HYPERLINK(\"\"http://jahat.example\"\")\",1000,E-Purchasing,Barang,,2024-01-01,\n\
             2,9,@SUM(A1:A9),1000,E-Purchasing,Barang,,2024-01-01,\n\
             3,9,+cmd(1),1000,E-Purchasing,Barang,,2024-01-01,\n\
             4,9,Belanja = kegiatan,1000,E-Purchasing,Barang,,2024-01-01,\n",
        )
        .await;
    assert_eq!(figures(&report), [4, 1, 1, 0, 3]);
    assert!(
        findings(&report).iter().all(|found| (found.1, found.2, found.3) == ("nama_paket", true, "formula"))
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_and_budget_lines_are_seen_by_appointment() {
    let app = TestApp::start().await;
    let desk = Desk::new(&app).await;
    desk.plan("1,8,Belanja A,1000,E-Purchasing,Barang,,2024-01-01,\n2,9,Belanja B,1000,E-Purchasing,Barang,,2024-01-01,\n").await;
    desk.budget(
        "1,1000,5.1.02.01.01.0024,APBD\n2,1000,5.1.02.01.01.0024,APBD\n2,500,5.1.02.01.01.0025,APBD\n",
    )
    .await;
    let (one, two) = (desk.unit("8").await, desk.unit("9").await);
    let office = app.office().await;
    let seen = async |who: &Caller, path: &str| who.get(path).await.expect(200).items().len();
    let officer = app.member(Some(desk.agency), Role::ProcurementOfficer, &[one]).await;
    let both = app.member(Some(desk.agency), Role::Treasurer, &[one, two]).await;
    let lent = app.member(Some(office.agency), Role::ProcurementOfficer, &[two]).await;
    let auditor = desk.auditor().await;
    for (who, packages, lines) in
        [(&officer, 1, 1), (&both, 2, 3), (&lent, 1, 2), (&auditor, 2, 3), (&office.officer, 1, 1)]
    {
        assert_eq!(
            (seen(who, "/api/v1/packages").await, seen(who, "/api/v1/budget-lines").await),
            (packages, lines)
        );
    }
    let of_two = auditor.get(&format!("/api/v1/packages?unit_id={two}")).await.expect(200);
    assert_eq!((of_two.items().len(), of_two.text("/items/0/rup_code")), (1, "2".into()));
    let id = of_two.text("/items/0/id");
    officer.get(&format!("/api/v1/packages/{id}")).await.expect_problem(404, "not_found");
    lent.get(&format!("/api/v1/packages/{id}")).await.expect(200);
    assert_eq!(seen(&auditor, &format!("/api/v1/budget-lines?package_id={id}")).await, 2);
    assert_eq!(seen(&officer, &format!("/api/v1/budget-lines?package_id={id}")).await, 0);
    let vendor = app.vendor().await;
    vendor.owner.get("/api/v1/packages").await.expect_problem(403, "role_forbidden");
    app.anonymous().get("/api/v1/budget-lines").await.expect_problem(401, "authentication_required");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_of_packages_are_turned_page_by_page() {
    let app = TestApp::start().await;
    let desk = Desk::new(&app).await;
    let rows: String =
        (1..=7).map(|number| format!("{number},9,Belanja,1000,E-Purchasing,Barang,,2024-01-01,\n")).collect();
    desk.plan(&rows).await;
    let auditor = desk.auditor().await;
    let (mut path, mut codes) = ("/api/v1/packages?limit=3".to_owned(), Vec::new());
    loop {
        let page = auditor.get(&path).await.expect(200);
        assert!(page.items().len() <= 3);
        codes.extend(page.items().iter().map(|item| item["rup_code"].as_str().unwrap().to_owned()));
        match page.text("/next_cursor") {
            cursor if cursor.is_empty() => break,
            cursor => path = format!("/api/v1/packages?limit=3&cursor={cursor}"),
        }
    }
    codes.sort();
    assert_eq!(codes, ["1", "2", "3", "4", "5", "6", "7"]);
    app.finish().await;
}

/// A file of the shared data; none, told aloud, where it is not at hand.
fn shared(path: &str) -> Option<Vec<u8>> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let named = std::env::var_os("LOKAPASAR_SHARED_DATA").map(PathBuf::from);
    let found = [Some(beside), named]
        .into_iter()
        .flatten()
        .map(|folder| folder.join(path))
        .find(|path| path.is_file());
    if found.is_none() {
        println!(
            "SKIPPED: {path} is not at hand; set LOKAPASAR_SHARED_DATA to the folder of the shared data"
        );
    }
    std::fs::read(found?).ok()
}

fn print(kind: &str, report: &Report) {
    let mut by_code: BTreeMap<(&str, &str, bool), u64> = BTreeMap::new();
    for found in &report.findings {
        *by_code.entry((&found.column, found.code, found.refused)).or_default() += 1;
    }
    println!(
        "{kind}: {} rows, {} taken ({} changed), {} warned, {} refused; {by_code:?}",
        report.rows, report.taken, report.changed, report.warned, report.refused
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nations_regions_are_read_whole() {
    let Some(file) = shared("regions/regions_national.csv") else { return };
    let app = TestApp::start().await;
    let read = async || {
        app.app
            .db
            .transaction(app.realm(), async |tx| policies::import_regions(tx, file.as_slice()).await)
            .await
            .unwrap()
    };
    let first = read().await;
    print("regions", &first);
    assert_eq!((first.rows, first.taken, first.warned, first.refused), (7_837, 7_837, 0, 0));
    assert_eq!(app.count("SELECT count(*) FROM regions").await, 7_837);
    assert_eq!(read().await.changed, 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provinces_real_plan_and_budget_are_read() {
    let files = ["satker_d197", "rup_d197_2024", "rup_d197_anggaran_2024"]
        .map(|name| shared(&format!("procurement/{name}.csv")));
    let [Some(units), Some(plan), Some(budget)] = files else { return };
    let app = TestApp::start().await;
    let ctx = app.system();
    let read_units = async || {
        let read = app.app.db.transaction(app.realm(), async |tx| {
            accounts::import_units(tx, &ctx, None, units.as_slice()).await
        });
        read.await.expect("the units are read")
    };
    let first = read_units().await;
    print("work units", &first.report);
    assert_eq!(figures(&first.report), [88, 88, 88, 0, 0]);
    let [agency] = first.agencies[..] else { panic!("{:?}", first.agencies) };
    assert_eq!(figures(&read_units().await.report), [88, 88, 0, 0, 0]);

    let desk = Desk { app: &app, agency, year: None };
    let packages = desk.try_plan(&plan).await.expect("the plan is read");
    print("packages", &packages);
    assert_eq!(packages.rows, 16_975);
    assert_eq!((packages.taken + packages.refused, packages.changed), (16_975, packages.taken));
    assert!(
        packages.refused <= 3,
        "{:?}",
        packages.findings.iter().filter(|found| found.refused).collect::<Vec<_>>()
    );
    assert_eq!(app.count("SELECT count(*) FROM packages").await, i64::try_from(packages.taken).unwrap());
    // No unit had to be made up.
    assert_eq!(app.count("SELECT count(*) FROM work_units WHERE code LIKE 'satker-%'").await, 0);
    assert_eq!(desk.try_plan(&plan).await.expect("the plan is read again").changed, 0);

    let lines = desk.try_budget(&budget).await.expect("the budget is read");
    print("budget lines", &lines);
    assert_eq!(lines.rows, 7_418);
    assert_eq!((lines.taken + lines.refused, lines.changed), (7_418, lines.taken));
    let refused: Vec<_> =
        lines.findings.iter().filter(|found| found.refused).map(|found| found.code).collect();
    assert!(refused.iter().all(|code| *code == "no_package"), "{refused:?}");
    assert_eq!(refused.len(), 4);
    assert_eq!(desk.try_budget(&budget).await.expect("the budget is read again").changed, 0);
    buy_on_a_real_package(&app, agency).await;
    app.finish().await;
}

/// A whole purchase on a package and a budget line of the real plan.
async fn buy_on_a_real_package(app: &TestApp, agency: OrganisationId) {
    let found = app
        .sql(
            "SELECT p.id, p.unit_id, b.id, p.rup_code FROM packages p JOIN budget_lines b ON b.package_id = p.id
             WHERE p.procurement_kind = 'goods' AND p.ceiling >= 5000000 AND b.ceiling >= 5000000
             ORDER BY p.rup_code, b.id LIMIT 1",
        )
        .await;
    let cell = |place: usize| found[0][place].clone().expect("the plan has such a package");
    let unit = UnitId(cell(1).parse().expect("an id"));
    let officer = app.member(Some(agency), Role::ProcurementOfficer, &[unit]).await;
    let approver = app.member(Some(agency), Role::CommitmentOfficer, &[unit]).await;
    let (user, _) = app.account().await;
    let treasurer = app.grant(user, Some(agency), Role::Treasurer, &[unit]).await;
    let office =
        Office { agency, unit, officer, approver, treasurer, package: cell(0), budget_line: cell(2) };
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "20000.00").await;
    let request = office.ordered(vec![line(&pen, "100")]).await;
    let order = office.order(&request).await;
    let accepted = vendor.owner.act(&format!("/api/v1/orders/{order}/actions/accept")).await.expect(200);
    assert_eq!(accepted.text("/gross_total"), "2000000.00");
    let line =
        office.officer.get(&format!("/api/v1/budget-lines?package_id={}", office.package)).await.expect(200);
    let held =
        line.body["items"].as_array().unwrap().iter().find(|item| item["id"] == json!(office.budget_line));
    assert_eq!(held.expect("the line is listed")["committed"], "2000000.00");
    println!("a purchase on the real package {} was accepted", cell(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_a_provinces_real_plan_is_taken() {
    let Some(plan) = shared("procurement/rup_d197_2024.csv") else { return };
    let app = TestApp::start().await;
    let desk = Desk::new(&app).await;
    let report = desk.try_plan(&plan).await.expect("the plan is read");
    assert_eq!(
        report.refused,
        0,
        "{:?}",
        report.findings.iter().filter(|found| found.refused).collect::<Vec<_>>()
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_begins_with_a_dash_is_no_formula() {
    let app = TestApp::start().await;
    let desk = Desk::new(&app).await;
    let report = desk
        .plan("1,9,- Printer (Peralatan Personal Komputer),1000,E-Purchasing,Barang,,2024-01-01,\n")
        .await;
    assert_eq!(figures(&report), [1, 1, 1, 0, 0]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_twice_in_a_file_is_taken_once() {
    let app = TestApp::start().await;
    let desk = Desk::new(&app).await;
    let rows = "1,9,Belanja,1000,E-Purchasing,Barang,,2024-01-01,\n1,9,Belanja,2000,E-Purchasing,Barang,,2024-01-01,\n";
    desk.try_plan(format!("{PLAN}{rows}").as_bytes()).await.expect("the plan is read");
    assert_eq!(app.count("SELECT count(*) FROM packages").await, 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blank_fund_source_loses_no_line() {
    let app = TestApp::start().await;
    let desk = Desk::new(&app).await;
    desk.plan("1,9,Belanja,100000000,E-Purchasing,Barang,,2024-01-01,\n").await;
    let report = desk.budget("1,1000,5.1.02.01.01.0024,APBD\n1,1000,5.1.02.01.01.0024,\n").await;
    assert_eq!((report.taken, report.changed), (2, 2));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revised_budget_line_does_not_stand_beside_the_old_one() {
    let app = TestApp::start().await;
    let desk = Desk::new(&app).await;
    desk.plan("1,9,Belanja,100000000,E-Purchasing,Barang,,2024-01-01,\n").await;
    desk.budget("1,5000,5.1.02.01.01.0024,APBD\n").await;
    desk.budget("1,3000,5.1.02.01.01.0024,APBD\n").await;
    assert_eq!(
        app.count("SELECT sum(ceiling)::bigint FROM budget_lines WHERE ended_at IS NULL").await,
        3_000
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shortfall_goes_when_what_was_held_is_let_go_of() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "2000000.00").await;
    let office = app.office_with("5000000", "90000000").await;
    let request = office.submitted(vec![line(&pen, "1")]).await;
    let rows = app
        .sql("SELECT p.rup_code, u.source_code FROM packages p JOIN work_units u ON u.id = p.unit_id")
        .await;
    let (code, unit) = (rows[0][0].clone().unwrap(), rows[0][1].clone().unwrap());
    let desk = Desk { app: &app, agency: office.agency, year: Some(2035) };
    desk.plan(&format!("{code},{unit},Belanja ATK,500000,E-Purchasing,Barang,,,\n")).await;
    office.officer.act(&format!("/api/v1/requests/{request}/actions/withdraw")).await.expect(200);
    let shown = office.officer.get(&format!("/api/v1/packages/{}", office.package)).await.expect(200);
    assert_eq!((shown.text("/reserved"), shown.text("/shortfall")), ("0.00".into(), "0.00".into()));
    app.finish().await;
}
