//! Rules that the code keeps: who imports whom, where SQL stands, and that documents name files that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The Rust files below a folder, tests aside, each by its path from the root, in their order.
fn files(folder: &str) -> BTreeMap<String, String> {
    let mut found = Vec::new();
    walk(&Path::new(ROOT).join(folder), &mut found);
    let sources = found.into_iter().filter_map(|path| {
        let name = path.strip_prefix(ROOT).unwrap().to_str().unwrap().to_owned();
        let is_test = name.split('/').any(|part| ["tests", "tests.rs"].contains(&part));
        (!is_test).then(|| (name, product_code(&std::fs::read_to_string(path).unwrap())))
    });
    sources.collect()
}

/// A file without its comments and the tests at its end.
fn product_code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_domain_knows_no_sql_no_http_no_clock_and_none_of_the_others() {
    let foreign = [
        "tokio_postgres",
        "reqwest",
        "axum",
        "Utc::now",
        "crate::platform",
        "crate::store",
        "crate::run",
    ];

    let files = files("shared/src/domain");

    assert!(files.len() > 10);
    for (name, code) in files {
        for word in foreign {
            assert!(!code.contains(word), "{name} knows {word}");
        }
    }
}

#[test]
fn functions_import_no_other_function() {
    let functions = ["admin", "migrate", "notify", "qci", "sync", "watchdog"];

    for function in functions {
        let manifest = std::fs::read_to_string(format!("{ROOT}/functions/{function}/Cargo.toml")).unwrap();
        for other in functions {
            assert!(
                !manifest.contains(&format!("\n{other}.workspace")),
                "{function} imports {other}"
            );
        }
    }
}

/// The tables that the migrations create.
fn tables() -> Vec<String> {
    let folder = std::fs::read_dir(format!("{ROOT}/migrations")).unwrap();
    let sql = folder.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let created = sql.flat_map(|sql| {
        let names = sql.lines().filter_map(|line| line.strip_prefix("create table "));
        names
            .map(|rest| rest.split([' ', '(']).next().unwrap().to_owned())
            .collect::<Vec<_>>()
    });
    created.collect()
}

#[test]
fn sql_on_our_tables_stands_in_the_store_and_in_runs() {
    let tables = tables();
    assert!(tables.len() > 15, "{tables:?}");
    let verbs = ["from ", "join ", "into ", "update ", "delete from "];
    // The demo prints what stands in the tables, and the old tables have names of ours.
    let exempt = [
        "shared/src/store/",
        "shared/src/run/",
        "local/src/contents.rs",
        "functions/migrate/src/adopt/",
    ];

    for folder in ["shared/src", "functions", "local/src"] {
        for (name, code) in files(folder) {
            if exempt.iter().any(|place| name.starts_with(place)) {
                continue;
            }
            for table in &tables {
                for verb in verbs {
                    let statement = format!("{verb}{table}");
                    let ends = |(at, _): (usize, &str)| {
                        !code[at + statement.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
                    };
                    assert!(!code.match_indices(&statement).any(ends), "{name}: {statement}");
                }
            }
        }
    }
}

/// The paths that a use tree names, such as `crate::{a, b::{self, C}}`.
fn named(tree: &str) -> Vec<String> {
    let Some((prefix, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap().trim();
        return vec![path.trim_end_matches("::self").trim_end_matches("::*").to_owned()];
    };
    let inner = rest.rsplit_once('}').unwrap().0;
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let parts = parts.into_iter().map(str::trim).filter(|part| !part.is_empty());
    parts
        .flat_map(|part| named(&format!("{}{part}", prefix.trim())))
        .collect()
}

/// What follows one of these words at the beginning of a line, to the next semicolon.
fn statements(code: &str, words: &[&str]) -> Vec<String> {
    let begins = |line: &str| {
        words
            .iter()
            .find_map(|word| line.trim_start().strip_prefix(word))
            .map(str::len)
    };
    let mut found = Vec::new();
    let mut at = 0;
    for line in code.split_inclusive('\n') {
        if let Some(length) = begins(line.trim_end()) {
            let from = at + line.trim_end().len() - length;
            found.extend(code[from..].split(';').next().map(str::to_owned));
        }
        at += line.len();
    }
    found
}

/// The modules that a file imports or calls, as paths from the crate's root.
fn imports(module: &[String], code: &str) -> Vec<Vec<String>> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let uses = statements(code, &["use ", "pub use ", "pub(crate) use ", "pub(super) use "]);
    let uses = uses.iter().flat_map(|tree| named(tree));
    let children = code
        .lines()
        .filter_map(|line| line.trim().rsplit_once("mod ")?.1.strip_suffix(';'));
    let children: BTreeSet<&str> = children.collect();
    let called = code
        .split(|c: char| !is_name(c))
        .filter(|word| word.contains("::"))
        .map(str::to_owned);
    let resolved = uses.chain(called).filter_map(|path| {
        let mut parts: Vec<String> = path.split("::").map(|part| part.trim().to_owned()).collect();
        let mut from = module.to_vec();
        match parts.first()?.as_str() {
            "crate" => from.clear(),
            "self" => {}
            "super" => {
                while parts.first().is_some_and(|part| part == "super") {
                    parts.remove(0);
                    from.pop();
                }
                from.extend(parts);
                return Some(from);
            }
            first if children.contains(first) => {
                from.extend(parts);
                return Some(from);
            }
            _ => return None,
        }
        from.extend(parts.into_iter().skip(1));
        Some(from)
    });
    resolved.collect()
}

/// Which modules of a crate import which others. A module and its parts are one thing: what a part takes from the module
/// that it is a part of is no import.
fn graph(crate_folder: &str) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let root = format!("{crate_folder}/src/");
    let modules: BTreeMap<Vec<String>, String> = files(&root)
        .into_iter()
        // It wires the crate to its host, and nothing imports it.
        .filter(|(name, _)| !name.ends_with("/main.rs"))
        .map(|(name, code)| {
            let path = name.strip_prefix(&root).unwrap().strip_suffix(".rs").unwrap();
            let parts = path.split('/').filter(|part| !["lib", "mod"].contains(part));
            (parts.map(str::to_owned).collect(), code)
        })
        .collect();
    let edges = |module: &Vec<String>, code: &str| {
        let targets = imports(module, code).into_iter().filter_map(|path| {
            let prefixes = (0..=path.len()).rev().map(|length| path[..length].to_vec());
            prefixes.into_iter().find(|prefix| modules.contains_key(prefix))
        });
        targets
            .filter(|target| !module.starts_with(target))
            .collect::<BTreeSet<_>>()
    };
    modules
        .iter()
        .map(|(module, code)| (module.clone(), edges(module, code)))
        .collect()
}

/// All that a module leads to.
fn reached(graph: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>, from: &[String]) -> BTreeSet<Vec<String>> {
    let (mut seen, mut waiting) = (BTreeSet::new(), vec![from.to_vec()]);
    while let Some(module) = waiting.pop() {
        for next in graph.get(&module).into_iter().flatten() {
            if seen.insert(next.clone()) {
                waiting.push(next.clone());
            }
        }
    }
    seen
}

#[test]
fn no_import_circle_has_more_than_two_files() {
    for folder in [
        "shared",
        "functions/admin",
        "functions/migrate",
        "functions/notify",
        "functions/qci",
        "functions/sync",
        "functions/watchdog",
    ] {
        let graph = graph(folder);
        let reached: BTreeMap<_, _> = graph.keys().map(|module| (module, reached(&graph, module))).collect();
        assert!(
            reached.values().any(|others| !others.is_empty()),
            "{folder} has no imports at all"
        );
        for (module, others) in &reached {
            let circle = others.iter().filter(|other| reached[other].contains(*module));
            let names: Vec<String> = circle.map(|other| other.join("/")).collect();
            assert!(names.len() <= 2, "{folder}: a circle of {names:?}");
        }
    }
}

#[test]
fn documents_name_files_that_are_there() {
    let folder = std::fs::read_dir(format!("{ROOT}/docs")).unwrap();
    let documents = folder.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let more = ["README.md", "CONTRIBUTING.md"].map(|name| Path::new(ROOT).join(name));
    let mut named = 0;
    for document in documents.chain(more) {
        let text = std::fs::read_to_string(&document).unwrap();
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', '#']).next());
        let links = links.filter(|link| !link.is_empty() && !link.contains("://"));
        for link in links {
            let there = document.parent().unwrap().join(link).exists();
            assert!(there, "{}: {link}", document.display());
            named += 1;
        }
        let quoted = text.split('`').skip(1).step_by(2);
        let roots = [
            "shared/",
            "functions/",
            "local/src/",
            "migrations/",
            "tests/",
            "docs/",
            "setup/",
            "events/",
        ];
        for path in quoted.filter(|path| roots.iter().any(|root| path.starts_with(root))) {
            let path = path.trim_end_matches('/');
            if path.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c)) {
                assert!(Path::new(ROOT).join(path).exists(), "{}: {path}", document.display());
                named += 1;
            }
        }
    }
    assert!(named > 60, "{named}");
}
