//! Who imports whom: every path that a file names, followed through re-exports to the file that defines it.

use crate::source::File;
use std::collections::{BTreeMap, BTreeSet};

/// The modules of the crate by their paths (`["policy", "score"]`), each with the file that defines it.
pub(crate) struct Modules<'a> {
    modules: BTreeMap<Vec<String>, &'a File>,
}

/// One file (the first) names something that another one defines.
pub(crate) type Edges = BTreeMap<String, BTreeSet<String>>;

/// The path of the module that a file below `src/` defines; the crate's own is empty.
fn module_of(file: &str) -> Vec<String> {
    let inside = file.strip_suffix(".rs").unwrap_or(file);
    let mut path: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|last| last == "mod" || last == "lib") {
        path.pop();
    }
    path
}

/// The room of a file below `src/`: its folder there, or the file's own name.
pub(crate) fn room_of(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or_default()
}

impl<'a> Modules<'a> {
    /// `main.rs` is another crate, which nothing imports.
    pub(crate) fn of(files: &'a [File]) -> Self {
        let crate_files = files.iter().filter(|file| file.path != "main.rs");
        Self { modules: crate_files.map(|file| (module_of(&file.path), file)).collect() }
    }

    /// A path that begins at the crate, at a parent or at the module itself, as seen from the crate; `None` for others.
    pub(crate) fn absolute(file: &str, path: &[String]) -> Option<Vec<String>> {
        let mut at = module_of(file);
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                at.clear();
                rest = &path[1..];
            }
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|part| part == "super") {
                    at.pop();
                    rest = &rest[1..];
                }
            }
            _ => return None,
        }
        at.extend(rest.iter().cloned());
        Some(at)
    }

    /// The file that defines what `path`, named in `file`, means; `None` where that is outside the crate.
    pub(crate) fn defines(&self, file: &str, path: &[String]) -> Option<&'a str> {
        self.follow(file, path, 0)
    }

    fn follow(&self, file: &str, path: &[String], depth: usize) -> Option<&'a str> {
        assert!(depth < 16, "{file}: `{}` goes round in its re-exports", path.join("::"));
        let Some(absolute) = Self::absolute(file, path) else {
            // A name of this very module: a child of it, or something that it imports.
            let here = module_of(file);
            let first = path.first()?;
            let child: Vec<String> = here.iter().chain([first]).cloned().collect();
            if self.modules.contains_key(&child) {
                return self.walk(here, path, depth);
            }
            return self.imported(file, path, depth);
        };
        self.walk(Vec::new(), &absolute, depth)
    }

    /// Goes down from the module `at` along `path`.
    fn walk(&self, mut at: Vec<String>, path: &[String], depth: usize) -> Option<&'a str> {
        for (i, part) in path.iter().enumerate() {
            at.push(part.clone());
            if self.modules.contains_key(&at) {
                continue;
            }
            at.pop();
            let file = self.modules.get(&at)?;
            return self.imported(&file.path, &path[i..], depth).or(Some(&file.path));
        }
        self.modules.get(&at).map(|file| file.path.as_str())
    }

    /// What `path` means where its first name is one that `file` imports or re-exports.
    fn imported(&self, file: &str, path: &[String], depth: usize) -> Option<&'a str> {
        let file = self.modules.get(&module_of(file))?;
        let (first, rest) = path.split_first()?;
        let import = file.words.imports.iter().find(|i| i.name == *first && i.path.first() != Some(&i.name))?;
        let whole: Vec<String> = import.path.iter().chain(rest).cloned().collect();
        self.follow(&file.path, &whole, depth + 1)
    }

    /// Whether `inner` is a module below the one of `outer`.
    fn is_below(inner: &str, outer: &str) -> bool {
        let (inner, outer) = (module_of(inner), module_of(outer));
        inner.len() > outer.len() && inner.starts_with(&outer)
    }

    /// Which file needs which. What a module only re-exports of its own children does not count.
    pub(crate) fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for file in self.modules.values() {
            let needs = edges.entry(file.path.clone()).or_default();
            let passed_on = |path: &Vec<String>| file.words.imports.iter().any(|i| i.public && i.path == *path);
            for path in &file.words.paths {
                let Some(other) = self.defines(&file.path, path).filter(|other| *other != file.path) else { continue };
                if !(passed_on(path) && Self::is_below(other, &file.path)) {
                    needs.insert(other.to_owned());
                }
            }
        }
        edges
    }
}

/// The groups of files in which each needs every other by some way, but for a module and its own children: each group
/// that is left once what goes on between one module and those below it is set aside.
pub(crate) fn circles(edges: &Edges) -> Vec<BTreeSet<String>> {
    let mut found = Vec::new();
    for group in components(edges) {
        let root = group.iter().find(|root| group.iter().all(|file| file == *root || Modules::is_below(file, root)));
        let Some(root) = root else {
            found.push(group);
            continue;
        };
        let inside = group.iter().filter(|file| *file != root).map(|file| {
            let needs = edges[file].iter().filter(|other| *other != root && group.contains(*other));
            (file.clone(), needs.cloned().collect())
        });
        found.extend(circles(&inside.collect()));
    }
    found
}

/// The strongly connected components of more than one file.
fn components(edges: &Edges) -> Vec<BTreeSet<String>> {
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        edges.keys().map(|file| (file.as_str(), reached(edges, file))).collect();
    let mut groups: Vec<BTreeSet<String>> = Vec::new();
    for (file, others) in &reach {
        if groups.iter().any(|group| group.contains(*file)) {
            continue;
        }
        let group: BTreeSet<String> = others
            .iter()
            .filter(|other| reach.get(**other).is_some_and(|back| back.contains(file)))
            .map(|other| (*other).to_owned())
            .collect();
        if group.len() > 1 {
            groups.push(group);
        }
    }
    groups
}

/// All files that `from` needs, directly or through others.
fn reached<'a>(edges: &'a Edges, from: &'a str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for other in edges.get(file).into_iter().flatten() {
            if seen.insert(other.as_str()) {
                open.push(other);
            }
        }
    }
    seen
}
