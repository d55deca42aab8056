//! The schema: reversible step by step, described truly by `schema.rs`, and closed to the
//! application where it is evidence.
use crate::support::{Bench, bench};
use diesel_async::AsyncMigrationHarness;
use diesel_migrations::MigrationHarness;
use lokapasar::cli;
use lokapasar::platform::db::{Db, migrations};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Ident, Token, parenthesized};

/// Everything that a migration can make, one line each: nothing an extension owns.
const CATALOG: &str = r"
WITH owned AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
relations AS (
    SELECT c.* FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT 1 FROM owned WHERE classid = 'pg_class'::regclass AND objid = c.oid)
), functions AS (
    SELECT p.* FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT 1 FROM owned WHERE classid = 'pg_proc'::regclass AND objid = p.oid)
)
SELECT line FROM (
    SELECT format('relation %s %s owner=%s options=%s partition=%s of=%s', relname, relkind, relowner::regrole, reloptions,
        pg_get_expr(relpartbound, oid), (SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = relations.oid)) AS line FROM relations
    UNION ALL
    SELECT format('column %s %s %s %s null=%s default=%s generated=%s identity=%s acl=%s', r.relname,
        row_number() OVER (PARTITION BY r.oid ORDER BY a.attnum), a.attname, format_type(a.atttypid, a.atttypmod),
        NOT a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attgenerated, a.attidentity, a.attacl)
    FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE r.relkind IN ('r', 'p', 'v', 'm')
    UNION ALL
    SELECT format('constraint %s %s %s', r.relname, k.conname, pg_get_constraintdef(k.oid))
    FROM pg_constraint k JOIN relations r ON r.oid = k.conrelid
    UNION ALL
    SELECT format('index %s', pg_get_indexdef(oid)) FROM relations WHERE relkind IN ('i', 'I')
    UNION ALL
    SELECT format('view %s %s', relname, pg_get_viewdef(oid)) FROM relations WHERE relkind IN ('v', 'm')
    UNION ALL
    SELECT format('trigger %s enabled=%s', pg_get_triggerdef(t.oid), t.tgenabled)
    FROM pg_trigger t JOIN relations r ON r.oid = t.tgrelid WHERE t.tgname NOT LIKE 'RI\_%'
    UNION ALL
    SELECT format('policy %s %s %s', r.relname, p.polname, pg_get_expr(p.polqual, p.polrelid)) FROM pg_policy p JOIN relations r ON r.oid = p.polrelid
    UNION ALL
    SELECT format('function %s owner=%s', pg_get_functiondef(oid), proowner::regrole) FROM functions
    UNION ALL
    SELECT format('grant on %s: %s to %s', r.relname, g.privilege_type, CASE g.grantee WHEN 0 THEN 'public' ELSE g.grantee::regrole::text END)
    FROM relations r, aclexplode(coalesce(r.relacl, acldefault('r', r.relowner))) g WHERE r.relkind IN ('r', 'p', 'v', 'm', 'S')
    UNION ALL
    SELECT format('grant on function %s: %s to %s', f.oid::regprocedure, g.privilege_type, CASE g.grantee WHEN 0 THEN 'public' ELSE g.grantee::regrole::text END)
    FROM functions f, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) g
    UNION ALL
    SELECT format('grant on schema %s: %s to %s', n.nspname, g.privilege_type, CASE g.grantee WHEN 0 THEN 'public' ELSE g.grantee::regrole::text END)
    FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) g WHERE n.nspname !~ '^pg_'
    UNION ALL
    SELECT format('default grant %s %s %s', defaclrole::regrole, defaclobjtype, defaclacl) FROM pg_default_acl
    UNION ALL
    SELECT format('extension %s', extname) FROM pg_extension
    UNION ALL
    SELECT format('type %s %s %s', t.typname, t.typtype, (SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid))
    FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd', 'r')
      AND NOT EXISTS (SELECT 1 FROM owned WHERE classid = 'pg_type'::regclass AND objid = t.oid)
) lines ORDER BY line";

async fn catalog(bench: &Bench, database: &str) -> BTreeSet<String> {
    bench
        .sql(database, CATALOG)
        .await
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect()
}

#[track_caller]
fn same(found: &BTreeSet<String>, expected: &BTreeSet<String>, when: &str) {
    let (more, less): (Vec<_>, Vec<_>) =
        (found.difference(expected).collect(), expected.difference(found).collect());
    assert!(more.is_empty() && less.is_empty(), "{when}\nleft behind: {more:#?}\nmissing: {less:#?}");
}

fn pool(url: &str) -> Db {
    Db::new(url, 1, Duration::from_secs(10)).expect("the address is good")
}

/// What PostgreSQL answers to a statement of a role: nothing, or code and message.
async fn attempt(url: &str, statement: &str) -> Result<(), (String, String)> {
    let (client, connection) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("the cluster answers");
    let driver = tokio::spawn(connection);
    let outcome = client.batch_execute(statement).await;
    drop(client);
    let _ = driver.await;
    outcome.map_err(|error| {
        let error = error.as_db_error().expect("the server refuses, not the line");
        (error.code().code().to_owned(), error.message().to_owned())
    })
}

#[track_caller]
fn refused(outcome: Result<(), (String, String)>, code: &str, words: &str, statement: &str) {
    match outcome {
        Err((given, message)) if given == code && message.contains(words) => {}
        other => panic!("{statement}: expected {code} {words}, got {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_migration_is_taken_back_without_a_trace_and_applied_again() {
    let bench = bench().await;
    let database = bench.empty_database().await;
    let owner = pool(&bench.owner_url(&database));
    let waiting = migrations::status(&owner).await.expect("a status").pending;
    assert!(waiting.len() >= 6, "{waiting:?}");
    // Asking makes the list of what is applied, and nothing else.
    let mut harness = AsyncMigrationHarness::new(owner.conn().await.expect("a connection"));
    assert!(harness.applied_migrations().expect("the list").is_empty());
    drop(harness);
    let mut states = vec![catalog(bench, &database).await];
    for name in &waiting {
        let before = states.last().expect("a state").clone();
        assert_eq!(run_next(&owner).await, *name);
        let after = catalog(bench, &database).await;
        assert!(after.difference(&before).next().is_some(), "{name} makes nothing");
        assert_eq!(migrations::down_one(&owner).await.expect("it goes down"), *name);
        same(&catalog(bench, &database).await, &before, &format!("after {name} was taken back"));
        assert_eq!(run_next(&owner).await, *name);
        same(&catalog(bench, &database).await, &after, &format!("after {name} was applied again"));
        states.push(after);
    }
    assert!(migrations::status(&owner).await.expect("a status").pending.is_empty());
    // All the way down, and up in one go.
    let whole = states.pop().expect("the last state");
    for name in waiting.iter().rev() {
        assert_eq!(migrations::down_one(&owner).await.expect("it goes down"), *name);
        same(
            &catalog(bench, &database).await,
            &states.pop().expect("a state"),
            &format!("on the way down past {name}"),
        );
    }
    assert!(states.is_empty(), "down to the empty database");
    assert!(migrations::down_one(&owner).await.is_err(), "there is nothing left to take back");
    assert_eq!(migrations::up(&owner).await.expect("they run"), waiting);
    same(&catalog(bench, &database).await, &whole, "after all were applied in one go");
    assert_eq!(migrations::up(&owner).await.expect("they run"), [""; 0], "a second run has nothing to do");
}

async fn run_next(owner: &Db) -> String {
    let mut harness = AsyncMigrationHarness::new(owner.conn().await.expect("a connection"));
    harness.run_next_migration(migrations::MIGRATIONS).expect("the migration runs").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_migrate_at_once_take_turns() {
    let bench = bench().await;
    let database = bench.empty_database().await;
    let owners: Vec<Db> = (0..4).map(|_| pool(&bench.owner_url(&database))).collect();
    let runs = owners.iter().map(|owner| {
        let owner = owner.clone();
        tokio::spawn(async move { migrations::up(&owner).await.expect("nobody fails") })
    });
    let mut done = Vec::new();
    for run in runs.collect::<Vec<_>>() {
        done.push(run.await.expect("the task ends").len());
    }
    done.sort_unstable();
    let all = migrations::status(&owners[0]).await.expect("a status").applied.len();
    assert_eq!(done, [0, 0, 0, all], "one did all the work");
    assert!(all >= 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_application_sees_where_the_schema_stands() {
    let bench = bench().await;
    let database = bench.clone_database().await;
    let application = pool(&bench.url(&database));
    let status = migrations::status(&application).await.expect("a status");
    assert_eq!(status.pending, [""; 0]);
    migrations::down_one(&pool(&bench.owner_url(&database))).await.expect("it goes down");
    let after = migrations::status(&application).await.expect("a status");
    assert_eq!(after.pending, [status.applied.last().expect("a migration").clone()]);
    assert_eq!(after.applied.len(), status.applied.len() - 1);
}

/// What `schema.rs` says of a table.
#[derive(Debug, Default, PartialEq)]
struct Table {
    key: Vec<String>,
    columns: Vec<(String, String)>,
}

#[derive(Default)]
struct Schema {
    tables: BTreeMap<String, Table>,
    /// Child, column, parent.
    joins: BTreeSet<(String, String, String)>,
}

fn written() -> Schema {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/schema.rs");
    let file =
        syn::parse_file(&std::fs::read_to_string(path).expect("schema.rs is there")).expect("it parses");
    let mut schema = Schema::default();
    for item in &file.items {
        let syn::Item::Macro(item) = item else { continue };
        let tokens = item.mac.tokens.clone();
        match item.mac.path.segments.last().expect("a name").ident.to_string().as_str() {
            "table" => {
                let (name, table) = table.parse2(tokens).expect("a table reads");
                assert!(schema.tables.insert(name.clone(), table).is_none(), "{name} stands there twice");
            }
            "joinable" => drop(schema.joins.insert(join.parse2(tokens).expect("a join reads"))),
            "allow_tables_to_appear_in_same_query" => {}
            other => panic!("schema.rs says {other}!, which this test does not read"),
        }
    }
    schema
}

fn table(input: ParseStream) -> syn::Result<(String, Table)> {
    while input.peek(Token![use]) {
        input.parse::<syn::ItemUse>()?;
    }
    input.call(syn::Attribute::parse_outer)?;
    let name = input.parse::<Ident>()?.to_string();
    let (key, body);
    parenthesized!(key in input);
    let key =
        key.call(Punctuated::<Ident, Token![,]>::parse_terminated)?.iter().map(ToString::to_string).collect();
    syn::braced!(body in input);
    let mut table = Table { key, columns: Vec::new() };
    while !body.is_empty() {
        let attributes = body.call(syn::Attribute::parse_outer)?;
        let mut column = body.parse::<Ident>()?.to_string();
        // A column whose name is a keyword gets another in Rust.
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("sql_name")) {
            if let syn::Meta::NameValue(syn::MetaNameValue { value: syn::Expr::Lit(literal), .. }) =
                &attribute.meta
                && let syn::Lit::Str(text) = &literal.lit
            {
                column = text.value();
            }
        }
        body.parse::<Token![->]>()?;
        table.columns.push((column, type_name(&body.parse::<syn::Type>()?)));
        if body.peek(Token![,]) {
            body.parse::<Token![,]>()?;
        }
    }
    Ok((name, table))
}

/// `Nullable<Array<Text>>`, whatever the paths in front.
fn type_name(kind: &syn::Type) -> String {
    let syn::Type::Path(path) = kind else { panic!("an odd type in schema.rs") };
    let segment = path.path.segments.last().expect("a name");
    match &segment.arguments {
        syn::PathArguments::AngleBracketed(arguments) => {
            let inner = arguments.args.iter().map(|argument| match argument {
                syn::GenericArgument::Type(inner) => type_name(inner),
                _ => panic!("an odd argument in schema.rs"),
            });
            format!("{}<{}>", segment.ident, inner.collect::<Vec<_>>().join(", "))
        }
        _ => segment.ident.to_string(),
    }
}

fn join(input: ParseStream) -> syn::Result<(String, String, String)> {
    let child = input.parse::<Ident>()?.to_string();
    input.parse::<Token![->]>()?;
    let parent = input.parse::<Ident>()?.to_string();
    let column;
    parenthesized!(column in input);
    Ok((child, column.parse::<Ident>()?.to_string(), parent))
}

fn in_rust(udt: &str, nullable: bool) -> String {
    let simple = |udt: &str| match udt {
        "text" => "Text",
        "uuid" => "Uuid",
        "timestamptz" => "Timestamptz",
        "int2" => "Int2",
        "int4" => "Int4",
        "int8" => "Int8",
        "bool" => "Bool",
        "bytea" => "Bytea",
        "jsonb" => "Jsonb",
        "date" => "Date",
        "time" => "Time",
        "numeric" => "Numeric",
        "tsvector" => "Tsvector",
        other => panic!("the schema uses {other}, for which this test knows no Rust type"),
    };
    let name = match udt.strip_prefix('_') {
        Some(element) => format!("Array<{}>", simple(element)),
        None => simple(udt).to_owned(),
    };
    if nullable { format!("Nullable<{name}>") } else { name }
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_rs_describes_the_migrated_database() {
    let bench = bench().await;
    let database = bench.clone_database().await;
    let columns = bench
        .sql(
            &database,
            "SELECT c.table_name, c.column_name, c.udt_name, c.is_nullable
             FROM information_schema.columns c JOIN pg_class r ON r.oid = format('public.%I', c.table_name)::regclass
             WHERE c.table_schema = 'public' AND NOT r.relispartition AND c.table_name <> '__diesel_schema_migrations'
             ORDER BY c.table_name, c.ordinal_position",
        )
        .await;
    let keys = bench
        .sql(
            &database,
            "SELECT r.relname, a.attname FROM pg_constraint k JOIN pg_class r ON r.oid = k.conrelid,
                 unnest(k.conkey) WITH ORDINALITY part (number, place)
                 JOIN pg_attribute a ON a.attnum = part.number
             WHERE k.contype = 'p' AND a.attrelid = k.conrelid ORDER BY r.relname, part.place",
        )
        .await;
    let mut found: BTreeMap<String, Table> = BTreeMap::new();
    let text = |cell: &Option<String>| cell.clone().expect("no nulls here");
    for row in &columns {
        let kind = in_rust(&text(&row[2]), text(&row[3]) == "YES");
        found.entry(text(&row[0])).or_default().columns.push((text(&row[1]), kind));
    }
    for row in &keys {
        if let Some(table) = found.get_mut(&text(&row[0])) {
            table.key.push(text(&row[1]));
        }
    }
    assert!(found.len() >= 45, "only {} tables", found.len());
    let schema = written();
    let names = |tables: &BTreeMap<String, Table>| tables.keys().cloned().collect::<BTreeSet<_>>();
    let (ours, theirs) = (names(&schema.tables), names(&found));
    let lacking: Vec<_> = theirs.difference(&ours).chain(ours.difference(&theirs)).collect();
    assert!(
        lacking.is_empty(),
        "only in schema.rs or only in the database: {lacking:?}; run diesel print-schema"
    );
    let stale: Vec<_> = found.iter().filter(|(name, table)| schema.tables[*name] != **table).collect();
    let stale: Vec<_> = stale
        .iter()
        .map(|(name, table)| format!("{name}: schema.rs {:?}\n  database {table:?}", schema.tables[*name]))
        .collect();
    assert!(stale.is_empty(), "run diesel print-schema:\n{}", stale.join("\n"));
    let links = bench
        .sql(
            &database,
            "SELECT c.relname, a.attname, p.relname FROM pg_constraint k
                 JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class p ON p.oid = k.confrelid
                 JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
             WHERE k.contype = 'f' AND cardinality(k.conkey) = 1",
        )
        .await;
    let links: BTreeSet<_> = links.iter().map(|row| (text(&row[0]), text(&row[1]), text(&row[2]))).collect();
    let loose: Vec<_> = schema.joins.difference(&links).collect();
    assert!(
        loose.is_empty() && schema.joins.len() > 30,
        "joins without a foreign key behind them: {loose:?}"
    );
}

#[test]
fn the_reader_of_schema_rs_reads_every_form() {
    let text = "#[doc = \"x\"] orders (id, realm) { /// n
        id -> diesel::sql_types::Uuid, #[sql_name = \"type\"] type_ -> Nullable<Array<Text>>, #[max_length = 3] code -> Varchar }";
    let (name, read) = table.parse_str(text).expect("it reads");
    let column = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());
    assert_eq!(name, "orders");
    assert_eq!(read.key, ["id", "realm"]);
    assert_eq!(
        read.columns,
        [column("id", "Uuid"), column("type", "Nullable<Array<Text>>"), column("code", "Varchar")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_applications_role_owns_nothing_and_is_no_master() {
    let bench = bench().await;
    let database = bench.clone_database().await;
    let owned = bench
        .sql(
            &database,
            "SELECT pg_describe_object(classid, objid, objsubid) FROM pg_shdepend
             WHERE deptype = 'o' AND refobjid = 'lokapasar_app'::regrole",
        )
        .await;
    assert!(owned.is_empty(), "{owned:?}");
    let owners = bench
        .sql(
            &database,
            "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'public'::regnamespace",
        )
        .await;
    assert_eq!(owners, [[Some("lokapasar_owner".to_owned())]], "all belongs to the owner");
    for role in ["lokapasar_app", "lokapasar_owner"] {
        let flags = format!(
            "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = '{role}'"
        );
        assert_eq!(bench.sql(&database, &flags).await, [[Some("f".to_owned())]], "{role}");
    }
    let memberships = "SELECT roleid::regrole FROM pg_auth_members WHERE member = 'lokapasar_app'::regrole";
    assert!(bench.sql(&database, memberships).await.is_empty());
    let application = bench.url(&database);
    for statement in ["SET ROLE lokapasar_owner", "CREATE TABLE mine (id int)", "CREATE SCHEMA mine"] {
        refused(attempt(&application, statement).await, "42501", "permission denied", statement);
    }
    for statement in [
        "ALTER TABLE users ADD COLUMN x text",
        "DROP TABLE users",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "DROP FUNCTION refuse_change() CASCADE",
    ] {
        refused(attempt(&application, statement).await, "42501", "must be owner", statement);
    }
}

/// The application's own way of adding to the trail.
const RECORD: &str = "
    INSERT INTO audit (id, recorded_at, realm, trade_time, action, subject_kind, subject_id, request_id)
    VALUES (gen_random_uuid(), clock_timestamp(), 'live', clock_timestamp(), 'test', 'test', gen_random_uuid(), 'test');
    INSERT INTO events (id, recorded_at, realm, trade_time, kind, schema_version, subject_kind, subject_id, payload, commitment, transaction_id)
    VALUES (gen_random_uuid(), clock_timestamp(), 'live', clock_timestamp(), 'test', 1, 'test', gen_random_uuid(), '{}', '', 1)";

/// Parent and this month's partition of both trails.
async fn trails(bench: &Bench, database: &str) -> Vec<String> {
    let month = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', '_YYYY_MM')";
    let month = bench.sql(database, month).await[0][0].clone().expect("a month");
    ["audit", "events"]
        .into_iter()
        .flat_map(|parent| [parent.to_owned(), format!("{parent}{month}")])
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_application_adds_to_the_trail_and_cannot_change_it() {
    let bench = bench().await;
    let database = bench.clone_database().await;
    let application = bench.url(&database);
    attempt(&application, RECORD).await.expect("adding is allowed");
    attempt(&application, "SELECT * FROM audit; SELECT * FROM events").await.expect("reading is allowed");
    for table in trails(bench, &database).await {
        for statement in [
            format!("UPDATE {table} SET trade_time = recorded_at"),
            format!("UPDATE {table} SET trade_time = recorded_at WHERE false"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
            format!("SELECT * FROM {table} FOR UPDATE"),
        ] {
            refused(
                attempt(&application, &statement).await,
                "42501",
                "permission denied for table",
                &statement,
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_keeps_even_the_owner_from_changing_the_trail() {
    let bench = bench().await;
    let database = bench.clone_database().await;
    attempt(&bench.url(&database), RECORD).await.expect("adding is allowed");
    let superuser = bench.cluster().superuser_url().replace("dbname=postgres", &format!("dbname={database}"));
    for url in [bench.owner_url(&database), superuser] {
        for table in trails(bench, &database).await {
            for statement in [
                format!("UPDATE {table} SET trade_time = recorded_at"),
                format!("DELETE FROM {table}"),
                format!("TRUNCATE {table}"),
                format!("TRUNCATE {table} CASCADE"),
            ] {
                refused(attempt(&url, &statement).await, "42501", "is append-only", &statement);
            }
        }
    }
    let left =
        bench.sql(&database, "SELECT (SELECT count(*) FROM audit), (SELECT count(*) FROM events)").await;
    assert_eq!(left, [[Some("1".to_owned()), Some("1".to_owned())]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_clock_cannot_be_moved_and_no_clock_goes_back() {
    let bench = bench().await;
    let database = bench.clone_database().await;
    let superuser = bench.cluster().superuser_url().replace("dbname=postgres", &format!("dbname={database}"));
    for url in [bench.url(&database), bench.owner_url(&database), superuser] {
        for seconds in [1, -1, 86_400] {
            let statement =
                format!("UPDATE realms SET clock_offset_seconds = {seconds} WHERE realm = 'live'");
            refused(attempt(&url, &statement).await, "23514", "realms_", &statement);
        }
        let statement = "UPDATE realms SET clock_offset_seconds = -1 WHERE realm = 'sandbox'";
        refused(attempt(&url, statement).await, "23514", "realms_forward_check", statement);
        let statement = "INSERT INTO realms (realm, clock_offset_seconds) VALUES ('attic', 0)";
        assert!(attempt(&url, statement).await.is_err(), "{statement}");
    }
    let one = "UPDATE realms SET clock_offset_seconds = 1 WHERE realm = 'live'";
    refused(attempt(&bench.url(&database), one).await, "23514", "realms_live_clock_check", one);
    attempt(&bench.url(&database), "UPDATE realms SET clock_offset_seconds = 3600 WHERE realm = 'sandbox'")
        .await
        .expect("the sandbox moves");
    let offsets = bench.sql(&database, "SELECT realm, clock_offset_seconds FROM realms ORDER BY realm").await;
    let row = |realm: &str, offset: &str| vec![Some(realm.to_owned()), Some(offset.to_owned())];
    assert_eq!(offsets, [row("live", "0"), row("sandbox", "3600"), row("training", "0")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_application_makes_the_partitions_of_the_months_ahead() {
    let bench = bench().await;
    let database = bench.clone_database().await;
    let application = bench.url(&database);
    let months = |from: i32, to: i32| {
        format!(
            "SELECT parent || to_char(date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + make_interval(months => step), '_YYYY_MM')
             FROM unnest(ARRAY['audit', 'events']) parent, generate_series({from}, {to}) step ORDER BY 1"
        )
    };
    let partitions = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent IN ('audit'::regclass, 'events'::regclass) ORDER BY 1";
    assert_eq!(
        bench.sql(&database, partitions).await,
        bench.sql(&database, &months(-1, 3)).await,
        "as migrated"
    );
    let later = "INSERT INTO events SELECT gen_random_uuid(), date_trunc('month', clock_timestamp()) + interval '6 months 14 days', 'live',
         clock_timestamp(), 'test', 1, 'test', gen_random_uuid(), '{}', '', 1";
    refused(attempt(&application, later).await, "23514", "no partition", later);
    attempt(&application, "SELECT ensure_partitions(6)").await.expect("the application may");
    assert_eq!(
        bench.sql(&database, partitions).await,
        bench.sql(&database, &months(-1, 6)).await,
        "six months ahead"
    );
    attempt(&application, later).await.expect("the month is there now");
    assert_eq!(
        bench.sql(&database, "SELECT ensure_partitions(6)").await,
        [[Some("0".to_owned())]],
        "nothing is left to make"
    );
    assert_eq!(
        bench.sql(&database, "SELECT ensure_partitions(8)").await,
        [[Some("4".to_owned())]],
        "two months, two trails"
    );
    // What was made later is guarded like what came first.
    let newest = bench.sql(&database, &months(8, 8)).await;
    for table in newest.iter().filter_map(|row| row[0].clone()) {
        let statement = format!("TRUNCATE {table}");
        refused(
            attempt(&bench.owner_url(&database), &statement).await,
            "42501",
            "is append-only",
            &statement,
        );
        refused(attempt(&application, &statement).await, "42501", "permission denied", &statement);
    }
    let owners =
        "SELECT DISTINCT c.relowner::regrole::text FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid";
    assert_eq!(bench.sql(&database, owners).await, [[Some("lokapasar_owner".to_owned())]]);
    for ahead in [-1, 25] {
        let statement = format!("SELECT ensure_partitions({ahead})");
        refused(
            attempt(&application, &statement).await,
            "P0001",
            "ahead must lie between 0 and 24",
            &statement,
        );
    }
    let everyone =
        "SELECT 1 FROM pg_proc, aclexplode(proacl) WHERE proname = 'ensure_partitions' AND grantee = 0";
    assert!(bench.sql(&database, everyone).await.is_empty(), "not everybody may");
}

#[tokio::test(flavor = "multi_thread")]
async fn reference_data_loaded_again_changes_nothing() {
    let bench = bench().await;
    let database = bench.clone_database().await;
    let tables = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND NOT relispartition
         AND relname NOT LIKE '\\_\\_%' ORDER BY 1";
    let tables: Vec<String> =
        bench.sql(&database, tables).await.into_iter().filter_map(|row| row[0].clone()).collect();
    let mut before = Vec::new();
    for table in &tables {
        before.push(contents(bench, &database, table).await);
    }
    let full: Vec<&str> = tables
        .iter()
        .zip(&before)
        .filter(|(_, (count, _))| count != "0")
        .map(|(table, _)| table.as_str())
        .collect();
    for table in ["regions", "holidays", "policies", "realms"] {
        assert!(full.contains(&table), "{table} is empty; filled are {full:?}");
    }
    let owner = pool(&bench.owner_url(&database));
    for _ in 0..2 {
        assert_eq!(cli::prepare_database(&owner).await.expect("it loads"), [""; 0]);
        for (table, before) in tables.iter().zip(&before) {
            assert_eq!(contents(bench, &database, table).await, *before, "{table}");
        }
    }
}

/// How many rows a table has, and a digest of them.
async fn contents(bench: &Bench, database: &str, table: &str) -> (String, String) {
    let text = format!(
        "SELECT count(*), md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) FROM {table} t"
    );
    let rows = bench.sql(database, &text).await;
    (rows[0][0].clone().expect("a count"), rows[0][1].clone().expect("a digest"))
}
