//! The house's rules, proven over every path that the source names: use trees, inline paths,
//! attributes and the insides of macros alike.
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::visit::{self, Visit};
use syn::{Ident, Token, UseTree, braced, bracketed, parenthesized, token};

/// Up the chain: a slice sees those before it. The last group's members do not see each other.
const CHAIN: [&[&str]; 13] = [
    &["policies"],
    &["accounts"],
    &["taxes"],
    &["vendors"],
    &["catalog"],
    &["packages"],
    &["requests"],
    &["quotes"],
    &["orders"],
    &["fulfilment"],
    &["billing"],
    &["aftercare"],
    &["oversight", "openness", "registries", "complaints", "showcase", "coaching"],
];

/// Rule, file, path, reason. One that nothing needs any more fails as well.
const EXCEPTIONS: &[(&str, &str, &str, &str)] = &[
    (
        "query",
        "accounts/notices.rs",
        "diesel",
        "the delivery queue is one story: its statements beside the steps that run them",
    ),
    ("query", "accounts/notices.rs", "diesel_async", "the same"),
    (
        "model",
        "accounts/model.rs",
        "crate::platform::personal::PersonalKind",
        "a contact's kind is the kind under which its value is sealed",
    ),
    (
        "model",
        "catalog/model.rs",
        "crate::platform::sealing::sha256",
        "a pure function: the digest that draws the samples to be reviewed",
    ),
    ("http", "cli/serve.rs", "crate::platform::http::serve", "the subcommand that starts the server"),
    ("http", "cli/demo/mod.rs", "crate::platform::http::serve", "a demo serves what it filled"),
    ("http", "cli/demo/check/mod.rs", "crate::platform::http::serve", "its check calls a server of its own"),
    (
        "access",
        "policies/api.rs",
        "crate::access",
        "shows the forbidden pairs, which stand beside the table of roles",
    ),
];

const NAMELESS: [&str; 10] =
    ["utils", "util", "common", "helpers", "helper", "manager", "managers", "service", "services", "misc"];

/// What of diesel maps a value to a column and asks nothing of a table.
const MAPPING: [&str; 5] = [
    "diesel::sql_types",
    "diesel::serialize",
    "diesel::deserialize",
    "diesel::pg",
    "diesel::expression::AsExpression",
];

struct Source {
    /// Below `src/`.
    file: String,
    text: String,
}

/// What one file says, every path in full.
#[derive(Default)]
struct Said {
    file: String,
    module: Vec<String>,
    /// Absolute (`crate::…`) or foreign (`diesel::…`) paths, and whether only tests say them.
    paths: BTreeMap<String, bool>,
    /// Names of called macros.
    macros: BTreeSet<String>,
    /// `unwrap` and `expect` outside tests.
    hasty: usize,
    /// Modules written inside the file or declared by it.
    modules: Vec<String>,
    /// Names that the file's top level shows to others.
    shown: HashSet<String>,
    scopes: HashMap<Vec<String>, HashMap<String, Vec<String>>>,
    listening: bool,
    test_depth: usize,
}

impl Said {
    fn of(source: &Source) -> Self {
        let tree = syn::parse_file(&source.text)
            .unwrap_or_else(|error| panic!("src/{} does not parse: {error}", source.file));
        let mut module: Vec<String> =
            source.file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "mod" || last == "lib" || last == "main") {
            module.pop();
        }
        module.insert(0, "crate".into());
        let mut said = Self { file: source.file.clone(), module, ..Self::default() };
        for item in &tree.items {
            said.show(item);
        }
        // First what names stand for, then what is said with them.
        said.visit_file(&tree);
        said.listening = true;
        said.visit_file(&tree);
        said
    }

    fn show(&mut self, item: &syn::Item) {
        let (visibility, name) = match item {
            syn::Item::Use(item) if matches!(item.vis, syn::Visibility::Public(_)) => {
                for (path, name) in leaves(&item.tree) {
                    self.shown.insert(name.unwrap_or_else(|| path.last().cloned().unwrap_or_default()));
                }
                return;
            }
            syn::Item::Fn(item) => (&item.vis, &item.sig.ident),
            syn::Item::Struct(item) => (&item.vis, &item.ident),
            syn::Item::Enum(item) => (&item.vis, &item.ident),
            syn::Item::Const(item) => (&item.vis, &item.ident),
            syn::Item::Type(item) => (&item.vis, &item.ident),
            syn::Item::Trait(item) => (&item.vis, &item.ident),
            _ => return,
        };
        if matches!(visibility, syn::Visibility::Public(_)) {
            self.shown.insert(name.to_string());
        }
    }

    fn alias(&mut self, name: String, path: Vec<String>) {
        self.scopes.entry(self.module.clone()).or_default().insert(name, path);
    }

    /// The full form of a path as it is written in the current module.
    fn full(&self, path: &[String]) -> Vec<String> {
        let mut base = self.module.clone();
        let mut rest = path;
        match path.first().map(String::as_str) {
            Some("crate") => return path.to_vec(),
            Some("self" | "super") => {
                while let Some(step @ ("self" | "super")) = rest.first().map(String::as_str) {
                    if step == "super" {
                        base.pop();
                    }
                    rest = &rest[1..];
                }
                base.extend_from_slice(rest);
                return base;
            }
            _ => {}
        }
        let Some(first) = path.first() else { return Vec::new() };
        // A name of an enclosing module counts here too: `use super::*` brings it in.
        let mut scope = self.module.as_slice();
        while !scope.is_empty() {
            if let Some(target) = self.scopes.get(scope).and_then(|names| names.get(first)) {
                return target.iter().chain(&path[1..]).cloned().collect();
            }
            scope = &scope[..scope.len() - 1];
        }
        path.to_vec()
    }

    fn say(&mut self, path: &[String], foreign: bool) {
        if self.listening {
            let path = if foreign { path.to_vec() } else { self.full(path) };
            if path.len() > 1 {
                let only_tests = self.paths.entry(path.join("::")).or_insert(true);
                *only_tests &= self.test_depth > 0;
            }
        }
    }

    fn call(&mut self, method: &str) {
        if self.listening && self.test_depth == 0 && (method == "unwrap" || method == "expect") {
            self.hasty += 1;
        }
    }

    fn called_macro(&mut self, name: &str) {
        if self.listening {
            self.macros.insert(name.to_owned());
        }
    }

    fn within(&mut self, attributes: &[syn::Attribute], work: impl FnOnce(&mut Self)) {
        let tests = attributes.iter().any(|attribute| match &attribute.meta {
            syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
            meta => meta.path().is_ident("test"),
        });
        self.test_depth += usize::from(tests);
        work(self);
        self.test_depth -= usize::from(tests);
    }

    /// Everything path-like in tokens that are not syntax yet.
    fn tokens(&mut self, input: ParseStream) -> syn::Result<()> {
        while !input.is_empty() {
            let inner;
            if input.peek(token::Paren) {
                parenthesized!(inner in input);
                self.tokens(&inner)?;
            } else if input.peek(token::Bracket) {
                bracketed!(inner in input);
                self.tokens(&inner)?;
            } else if input.peek(token::Brace) {
                braced!(inner in input);
                self.tokens(&inner)?;
            } else if input.peek(Token![.]) {
                input.parse::<Token![.]>()?;
                if input.peek(Ident::peek_any) {
                    let name = input.call(Ident::parse_any)?.to_string();
                    self.call(&name);
                }
            } else if input.peek(Ident::peek_any) {
                self.token_path(input, Vec::new())?;
            } else {
                input.step(|cursor| match cursor.token_tree() {
                    Some((_, next)) => Ok(((), next)),
                    None => Err(cursor.error("a token")),
                })?;
            }
        }
        Ok(())
    }

    fn token_path(&mut self, input: ParseStream, mut path: Vec<String>) -> syn::Result<()> {
        loop {
            if input.peek(Ident::peek_any) {
                path.push(input.call(Ident::parse_any)?.to_string());
            } else if !path.is_empty() && input.peek(token::Brace) {
                let inner;
                braced!(inner in input);
                while !inner.is_empty() {
                    if inner.peek(Ident::peek_any) {
                        self.token_path(&inner, path.clone())?;
                    } else {
                        inner.step(|cursor| {
                            cursor
                                .token_tree()
                                .map(|(_, next)| ((), next))
                                .ok_or_else(|| cursor.error("a token"))
                        })?;
                    }
                }
                return Ok(());
            } else if !path.is_empty() && input.peek(Token![*]) {
                input.parse::<Token![*]>()?;
                path.push("*".into());
                break;
            } else {
                break;
            }
            if !input.peek(Token![::]) {
                break;
            }
            input.parse::<Token![::]>()?;
        }
        if input.peek(Token![!]) && !input.peek(Token![!=]) {
            self.called_macro(path.last().map_or("", String::as_str));
        }
        self.say(&path, false);
        Ok(())
    }
}

impl<'ast> Visit<'ast> for Said {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let name = item.ident.to_string();
        if !self.listening {
            self.modules.push(name.clone());
            let target = self.module.iter().cloned().chain([name.clone()]).collect();
            self.alias(name.clone(), target);
        }
        self.module.push(name);
        self.within(&item.attrs, |said| visit::visit_item_mod(said, item));
        self.module.pop();
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.within(&item.attrs, |said| visit::visit_item_fn(said, item));
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let foreign = item.leading_colon.is_some();
        for (path, name) in leaves(&item.tree) {
            if !self.listening && path.last().is_some_and(|last| last != "*") {
                let name = name.clone().unwrap_or_else(|| path.last().cloned().unwrap_or_default());
                let target = if foreign { path.clone() } else { self.full(&path) };
                self.alias(name, target);
            }
            self.say(&path, foreign);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> =
            path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
        self.say(&names, path.leading_colon.is_some());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let name = call.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        self.called_macro(&name);
        visit::visit_macro(self, call);
        Parser::parse2(|input: ParseStream| self.tokens(input), call.tokens.clone())
            .expect("tokens can be walked");
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        visit::visit_attribute(self, attribute);
        if let syn::Meta::List(list) = &attribute.meta {
            Parser::parse2(|input: ParseStream| self.tokens(input), list.tokens.clone())
                .expect("tokens can be walked");
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.call(&call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }
}

/// Each leaf of a use tree with the name it gets.
fn leaves(tree: &UseTree) -> Vec<(Vec<String>, Option<String>)> {
    let under = |name: &Ident, tree: &UseTree| {
        let name = name.unraw().to_string();
        leaves(tree).into_iter().map(move |(mut path, alias)| {
            if path == ["self"] {
                path.clear();
            }
            path.insert(0, name.clone());
            (path, alias)
        })
    };
    match tree {
        UseTree::Path(path) => under(&path.ident, &path.tree).collect(),
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
        UseTree::Name(name) => vec![(vec![name.ident.unraw().to_string()], None)],
        UseTree::Rename(rename) => {
            vec![(vec![rename.ident.unraw().to_string()], Some(rename.rename.unraw().to_string()))]
        }
        UseTree::Glob(_) => vec![(vec!["*".into()], None)],
    }
}

fn rank(slice: &str) -> Option<usize> {
    CHAIN.iter().position(|group| group.contains(&slice))
}

/// The first folder or file of a path below `src/`, and the second.
fn place(file: &str) -> (&str, &str) {
    let mut parts = file.trim_end_matches(".rs").split('/');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

fn is_or_under(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Which rules a path breaks in a file.
fn broken(
    said: &Said,
    path: &str,
    only_tests: bool,
    shown: &HashMap<&str, &HashSet<String>>,
) -> Vec<(&'static str, String)> {
    let (area, part) = place(&said.file);
    let slice = rank(area);
    let under = |roots: &[&str]| roots.iter().any(|root| is_or_under(path, root));
    let ours = path.starts_with("crate::");
    let mut found = Vec::new();
    let mut breaks = |rule, broken: bool| {
        if broken {
            found.push((rule, String::new()));
        }
    };
    breaks("kernel", area == "kernel" && ours && !under(&["crate::kernel"]));
    breaks(
        "access-imports",
        area == "access"
            && ours
            && !under(&["crate::access", "crate::kernel", "crate::platform::Permission"]),
    );
    breaks(
        "platform",
        area == "platform"
            && ours
            && !under(&["crate::kernel", "crate::platform", "crate::settings", "crate::schema"]),
    );
    breaks("settings", area == "settings" && ours && !under(&["crate::kernel", "crate::settings"]));
    breaks("upward", slice.is_some() && under(&["crate::app", "crate::cli", "crate::*"]));
    breaks("access", slice.is_some() && part != "commands" && under(&["crate::access"]));
    let edge = area == "platform" || area == "app" || slice.is_some() && part == "api";
    let outcome = part == "commands" && under(&["crate::platform::http::Outcome"]);
    breaks("http", !edge && !outcome && path != "crate::platform::http" && under(&["crate::platform::http"]));
    breaks("actix", !said.file.starts_with("platform/http/") && path.starts_with("actix"));
    let asks = ["platform", "cli", "schema", "lib"].contains(&area) || slice.is_some() && part == "store";
    breaks(
        "query",
        !asks
            && (under(&["crate::schema", "diesel", "diesel_async", "diesel_migrations"]) && !under(&MAPPING)),
    );
    let model = format!("crate::{area}::model");
    breaks(
        "model",
        slice.is_some()
            && part == "model"
            && ours
            && !only_tests
            && !under(&["crate::kernel", "crate::taxes", &model]),
    );
    let (api, commands) = (format!("crate::{area}::api"), format!("crate::{area}::commands"));
    breaks("layers", slice.is_some() && part == "store" && under(&[&api, &commands]));
    breaks("layers", slice.is_some() && part == "commands" && under(&[&api]));
    if let Some(fault) = crossing(area, path, shown) {
        found.push(("slices", fault));
    }
    found
}

/// Why a path into another slice is wrong.
fn crossing(area: &str, path: &str, shown: &HashMap<&str, &HashSet<String>>) -> Option<String> {
    let names: Vec<&str> = path.split("::").collect();
    let [_, other, rest @ ..] = names.as_slice() else { return None };
    if names[0] != "crate" || *other == area {
        return None;
    }
    let theirs = rank(other)?;
    if rank(area).is_some_and(|own| own <= theirs) {
        return Some(format!("{area} comes before {other}"));
    }
    let [item, deeper @ ..] = rest else { return None };
    let is_type = item.starts_with(char::is_uppercase);
    if !shown.get(other).is_some_and(|shown| shown.contains(*item)) {
        return Some(format!("{other}/mod.rs does not show {item}"));
    }
    (!deeper.is_empty() && !is_type).then(|| format!("deeper than what {other}/mod.rs shows"))
}

/// Everything wrong with these files, one line each.
fn violations(sources: &[Source], exceptions: &[(&str, &str, &str, &str)]) -> Vec<String> {
    let said: Vec<Said> = sources.iter().map(Said::of).collect();
    let shown: HashMap<&str, &HashSet<String>> = said
        .iter()
        .filter_map(|said| {
            Some((said.file.strip_suffix("/mod.rs").filter(|area| !area.contains('/'))?, &said.shown))
        })
        .collect();
    let mut used = HashSet::new();
    let mut found = Vec::new();
    for (said, source) in said.iter().zip(sources) {
        let file = &said.file;
        for (path, only_tests) in &said.paths {
            for (rule, why) in broken(said, path, *only_tests, &shown) {
                let excused = exceptions
                    .iter()
                    .position(|(r, f, root, _)| *r == rule && f == file && is_or_under(path, root));
                match excused {
                    Some(number) => drop(used.insert(number)),
                    None => found.push(format!("{rule}: src/{file}: {path} {why}").trim_end().to_owned()),
                }
            }
        }
        let names = file.trim_end_matches(".rs").split('/').chain(said.modules.iter().map(String::as_str));
        for name in names.filter(|name| NAMELESS.contains(name)) {
            found.push(format!("name: src/{file}: {name}"));
        }
        for name in ["todo", "unimplemented", "dbg"].into_iter().filter(|name| said.macros.contains(*name)) {
            found.push(format!("unfinished: src/{file}: {name}!"));
        }
        if said.hasty > 0 {
            found.push(format!("hasty: src/{file}: {} × unwrap or expect outside tests", said.hasty));
        }
        found.extend(notes(&source.text).into_iter().map(|line| format!("note: src/{file}: {line}")));
    }
    for (number, (rule, file, path, _)) in exceptions.iter().enumerate() {
        if !used.contains(&number) {
            found.push(format!("exception: nothing in src/{file} needs ({rule}, {path}) any more"));
        }
    }
    found
}

/// Lines with a note to oneself.
fn notes(text: &str) -> Vec<String> {
    let is_note = |word: &str| ["TODO", "FIXME", "XXX"].contains(&word);
    text.lines()
        .enumerate()
        .filter(|(_, line)| line.split(|c: char| !c.is_alphanumeric()).any(is_note))
        .map(|(number, line)| format!("line {}: {}", number + 1, line.trim()))
        .collect()
}

fn files_below(folder: &Path, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(&next).expect("the folder is there") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|given| given == ending) {
                let name = path.strip_prefix(folder).expect("it lies below").display().to_string();
                found.push((name, std::fs::read_to_string(&path).expect("the file can be read")));
            }
        }
    }
    found.sort();
    found
}

fn house() -> Vec<Source> {
    let sources = files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "rs");
    sources.into_iter().map(|(file, text)| Source { file, text }).collect()
}

#[test]
fn every_file_of_the_house_keeps_its_rules() {
    let house = house();
    assert!(house.len() > 60, "only {} files were found", house.len());
    let found = violations(&house, EXCEPTIONS);
    assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
}

#[test]
fn no_file_is_longer_than_800_lines_but_the_generated_schema() {
    let lengths = house().into_iter().map(|source| (source.text.lines().count(), source.file));
    let long: Vec<_> = lengths.filter(|(lines, file)| *lines > 800 && file != "schema.rs").collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn every_folder_of_the_house_has_its_place_in_the_chain() {
    let areas: BTreeSet<String> = house().iter().map(|source| place(&source.file).0.to_owned()).collect();
    let known = ["access", "app", "cli", "kernel", "lib", "main", "platform", "schema", "settings"];
    let strangers: Vec<_> =
        areas.iter().filter(|area| !known.contains(&area.as_str()) && rank(area).is_none()).collect();
    assert!(strangers.is_empty(), "neither a slice of the chain nor a part of the house: {strangers:?}");
    let incomplete: Vec<_> = areas
        .iter()
        .filter(|area| {
            rank(area).is_some()
                && !Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(area).join("mod.rs").exists()
        })
        .collect();
    assert!(incomplete.is_empty(), "a slice tells its story in mod.rs: {incomplete:?}");
}

#[test]
fn migrations_hold_no_notes_to_oneself() {
    let files = files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations"), "sql");
    assert!(files.len() >= 12, "only {} files were found", files.len());
    let found: Vec<_> = files
        .iter()
        .flat_map(|(file, text)| notes(text).into_iter().map(move |line| format!("{file}: {line}")))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// What the rules say of one file beside three small slices.
fn verdict(file: &str, text: &str) -> Vec<String> {
    let source = |file: &str, text: &str| Source { file: file.into(), text: text.into() };
    let mut sources = vec![
        source("policies/mod.rs", "mod model; pub use model::Step; pub fn at() {}"),
        source("accounts/mod.rs", "mod store; pub use store::{holds_role, Officer as Clerk};"),
        source("taxes/mod.rs", "mod model; pub use model::Taxed;"),
    ];
    sources.retain(|known| known.file != file);
    sources.push(source(file, text));
    violations(&sources, &[])
}

#[track_caller]
fn refused(file: &str, text: &str, expected: &str) {
    assert_eq!(verdict(file, text), [expected], "{text}");
}

#[track_caller]
fn accepted(file: &str, text: &str) {
    assert_eq!(verdict(file, text), [""; 0], "{text}");
}

#[test]
fn the_walker_sees_paths_however_they_are_written() {
    let expected = "kernel: src/kernel/money.rs: crate::platform::Clock";
    for text in [
        "use crate::platform::Clock;",
        "use crate::{platform::{Clock}};",
        "use super::super::platform::Clock as Watch;",
        "fn now() -> crate::platform::Clock { loop {} }",
        "fn now(list: Vec<Option<&crate::platform::Clock>>) {}",
        "fn now() { let _ = || { super::super::platform::Clock }; }",
        "#[derive(crate::platform::Clock)] struct A;",
        "fn now() { println!(\"{}\", crate::platform::Clock); }",
        "macro_rules! m { ($x:ident) => { fn f() { let $x = [($crate::platform::Clock)]; } } }",
        "macro_rules! m { () => { use crate::{platform::{Clock}}; } }",
        "mod inner { fn f() { super::super::super::platform::Clock } }",
        "#[cfg(test)] mod tests { use super::*; fn f() { crate::platform::Clock } }",
        "fn f() { use crate::platform::Clock; }",
        "impl crate::platform::Clock for A {}",
        "pub(in crate::platform::Clock) struct A;",
        "fn f() { match x { crate::platform::Clock => {} } }",
    ] {
        refused("kernel/money.rs", text, expected);
    }
    // A name that stands for another path is followed.
    let text = "use crate::platform::db as base; mod tests { use super::*; fn f() { base::pool::Conn } }";
    let found = verdict("access.rs", text);
    assert_eq!(
        found,
        [
            "access-imports: src/access.rs: crate::platform::db",
            "access-imports: src/access.rs: crate::platform::db::pool::Conn"
        ]
    );
}

#[test]
fn every_rule_bites() {
    refused(
        "kernel/role.rs",
        "use crate::settings::Settings;",
        "kernel: src/kernel/role.rs: crate::settings::Settings",
    );
    refused("access.rs", "use crate::platform::App;", "access-imports: src/access.rs: crate::platform::App");
    refused(
        "platform/mail.rs",
        "use crate::access::permits;",
        "platform: src/platform/mail.rs: crate::access::permits",
    );
    refused(
        "platform/db/pool.rs",
        "fn f() { crate::policies::at() }",
        "platform: src/platform/db/pool.rs: crate::policies::at",
    );
    refused("settings.rs", "use crate::platform::App;", "settings: src/settings.rs: crate::platform::App");
    refused(
        "accounts/commands.rs",
        "use crate::app::register;",
        "upward: src/accounts/commands.rs: crate::app::register",
    );
    refused(
        "accounts/store.rs",
        "use crate::access::permits;",
        "access: src/accounts/store.rs: crate::access::permits",
    );
    refused(
        "accounts/store.rs",
        "use crate::platform::http::Outcome;",
        "http: src/accounts/store.rs: crate::platform::http::Outcome",
    );
    refused(
        "accounts/commands/log_in.rs",
        "use crate::platform::http::Call;",
        "http: src/accounts/commands/log_in.rs: crate::platform::http::Call",
    );
    refused("accounts/api.rs", "use actix_web::web;", "actix: src/accounts/api.rs: actix_web::web");
    refused(
        "accounts/commands.rs",
        "use crate::schema::users;",
        "query: src/accounts/commands.rs: crate::schema::users",
    );
    refused("accounts/api.rs", "use diesel::prelude::*;", "query: src/accounts/api.rs: diesel::prelude::*");
    refused(
        "accounts/commands.rs",
        "fn f() { diesel::sql_query(\"\"); }",
        "query: src/accounts/commands.rs: diesel::sql_query",
    );
    refused(
        "accounts/tokens.rs",
        "use diesel_async::RunQueryDsl;",
        "query: src/accounts/tokens.rs: diesel_async::RunQueryDsl",
    );
    refused(
        "accounts/model.rs",
        "use crate::platform::new_id;",
        "model: src/accounts/model.rs: crate::platform::new_id",
    );
    refused(
        "accounts/model.rs",
        "use crate::policies::Step;",
        "model: src/accounts/model.rs: crate::policies::Step",
    );
    refused(
        "accounts/store.rs",
        "use super::commands::Tokens;",
        "layers: src/accounts/store.rs: crate::accounts::commands::Tokens",
    );
    refused(
        "accounts/commands.rs",
        "use super::api::View;",
        "layers: src/accounts/commands.rs: crate::accounts::api::View",
    );
    refused(
        "policies/store.rs",
        "use crate::accounts::holds_role;",
        "slices: src/policies/store.rs: crate::accounts::holds_role policies comes before accounts",
    );
    refused(
        "vendors/store.rs",
        "use crate::accounts::store;",
        "slices: src/vendors/store.rs: crate::accounts::store accounts/mod.rs does not show store",
    );
    refused(
        "vendors/store.rs",
        "use crate::accounts::Officer;",
        "slices: src/vendors/store.rs: crate::accounts::Officer accounts/mod.rs does not show Officer",
    );
    refused(
        "vendors/store.rs",
        "use crate::accounts::holds_role::x;",
        "slices: src/vendors/store.rs: crate::accounts::holds_role::x deeper than what accounts/mod.rs shows",
    );
    refused(
        "cli/admin.rs",
        "use crate::accounts::store;",
        "slices: src/cli/admin.rs: crate::accounts::store accounts/mod.rs does not show store",
    );
    refused(
        "showcase/store.rs",
        "use crate::coaching;",
        "slices: src/showcase/store.rs: crate::coaching showcase comes before coaching",
    );
    refused("accounts/helpers.rs", "", "name: src/accounts/helpers.rs: helpers");
    refused("accounts/model.rs", "mod utils {}", "name: src/accounts/model.rs: utils");
    refused("accounts/model.rs", "fn f() { todo!() }", "unfinished: src/accounts/model.rs: todo!");
    refused("accounts/model.rs", "fn f() { vec![dbg!(1)]; }", "unfinished: src/accounts/model.rs: dbg!");
    refused(
        "accounts/model.rs",
        "fn f() { g().unwrap(); vec![h().expect(\"x\")]; }",
        "hasty: src/accounts/model.rs: 2 × unwrap or expect outside tests",
    );
    refused(
        "accounts/model.rs",
        "fn f() {} // TODO: more",
        "note: src/accounts/model.rs: line 1: fn f() {} // TODO: more",
    );
    let unused = violations(&[], &[("query", "accounts/notices.rs", "diesel", "")]);
    assert_eq!(unused, ["exception: nothing in src/accounts/notices.rs needs (query, diesel) any more"]);
}

#[test]
fn what_the_rules_allow_passes() {
    accepted("access.rs", "use crate::kernel::Role; use crate::platform::Permission;");
    accepted(
        "platform/mail.rs",
        "use crate::{kernel::Error, settings::Mail, schema::jobs}; use diesel::prelude::*;",
    );
    accepted("platform/http/server.rs", "use actix_web::web;");
    accepted(
        "accounts/commands.rs",
        "use crate::{access, platform::http::Outcome, policies}; fn f() { policies::at(); super::store::load(); }",
    );
    accepted("accounts/api/me.rs", "use super::super::{commands, store}; use crate::platform::http::Call;");
    accepted(
        "accounts/store.rs",
        "use crate::schema::users; use diesel::prelude::*; use super::model::Contact;",
    );
    accepted(
        "orders/model.rs",
        "use crate::kernel::Code; use crate::taxes::Taxed; #[derive(diesel::expression::AsExpression)] #[diesel(sql_type = diesel::sql_types::Text)] struct A;",
    );
    accepted(
        "vendors/commands.rs",
        "use crate::accounts::{self, Clerk}; use crate::policies::Step::Head; fn f() { accounts::holds_role() }",
    );
    accepted(
        "vendors/model.rs",
        "#[cfg(test)] mod tests { use crate::platform::new_id; #[test] fn f() { g().unwrap() } } #[test] fn f() { g().expect(\"\") }",
    );
    accepted("kernel/money.rs", "pub(crate) struct A; pub(super) fn f() { let crated = AXXXB; }");
}
