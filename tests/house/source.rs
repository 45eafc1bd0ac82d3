//! Reads the source as tokens: which paths a file names, what it imports, what it calls.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its path below `src/`, and what it says.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) words: Words,
}

/// What a file reaches for.
#[derive(Default)]
pub(crate) struct Words {
    /// Every path of two names or more, and whatever is imported, `use` trees spread out: `["std", "fmt", "Display"]`.
    pub(crate) paths: Vec<Vec<String>>,
    /// What each `use` brings in.
    pub(crate) imports: Vec<Import>,
    /// Every method that is called: the `patch` of `.patch(`.
    pub(crate) methods: BTreeSet<String>,
    /// Every macro that is called: the `println` of `println!`.
    pub(crate) macros: BTreeSet<String>,
}

/// What a `use` brings in, its tree spread out.
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    /// The name that it has here.
    pub(crate) name: String,
    /// Whether others may use it by that name.
    pub(crate) public: bool,
}

/// The `use` tree that a stream of tokens is the inside of.
struct Tree<'a> {
    prefix: &'a [String],
    public: bool,
}

const NONE: &Tree<'static> = &Tree { prefix: &[], public: false };

pub(crate) fn source() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found.iter().map(|path| read(path, &root)).collect()
}

fn read(path: &PathBuf, root: &Path) -> File {
    let text = fs::read_to_string(path).unwrap();
    let tokens = text.parse::<TokenStream>().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    let mut words = Words::default();
    words.read(tokens, NONE);
    File { path, text, words }
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs"))
}

pub(crate) fn product() -> impl Iterator<Item = File> {
    source().into_iter().filter(|file| !is_test(&file.path))
}

impl Words {
    pub(crate) fn of(text: &str) -> Self {
        let mut words = Self::default();
        words.read(text.parse().unwrap(), NONE);
        words
    }

    /// Reads a stream of which every path continues that of `tree`, or begins anew.
    fn read(&mut self, stream: TokenStream, tree: &Tree<'_>) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            if is_cfg_test(&tokens, at) {
                at = end_of_item(&tokens, at + 2);
                continue;
            }
            match &tokens[at] {
                TokenTree::Ident(_) => at = self.read_path(&tokens, at, tree),
                TokenTree::Group(group) => {
                    // Only braces directly inside a use tree continue its path, and `read_path` has taken those.
                    self.read(group.stream(), NONE);
                    at += 1;
                }
                _ => at += 1,
            }
        }
    }

    fn read_path(&mut self, tokens: &[TokenTree], start: usize, tree: &Tree<'_>) -> usize {
        let is = |at: Option<usize>, word: &str| matches!(at.and_then(|at| tokens.get(at)), Some(TokenTree::Ident(found)) if found == word);
        let imported = !tree.prefix.is_empty() || is(start.checked_sub(1), "use");
        // `pub use`, or `pub(crate) use`.
        let public = tree.public || imported && (is(start.checked_sub(2), "pub") || is(start.checked_sub(3), "pub"));
        let mut path = tree.prefix.to_vec();
        let mut at = start;
        loop {
            match tokens.get(at) {
                Some(TokenTree::Ident(name)) => path.push(name.to_string()),
                Some(TokenTree::Punct(star)) if star.as_char() == '*' => path.push("*".to_owned()),
                Some(TokenTree::Group(inside)) if inside.delimiter() == Delimiter::Brace => {
                    self.read(inside.stream(), &Tree { prefix: &path, public });
                    return at + 1;
                }
                _ => break,
            }
            at += 1;
            if !(is_punct(tokens, at, ':') && is_punct(tokens, at + 1, ':')) {
                break;
            }
            at += 2;
        }
        if let Some(last) = path.last().cloned() {
            let called = matches!(tokens.get(at), Some(TokenTree::Group(g)) if g.delimiter() == Delimiter::Parenthesis);
            if called && start > 0 && is_punct(tokens, start - 1, '.') {
                self.methods.insert(last.clone());
            }
            if is_punct(tokens, at, '!') && matches!(tokens.get(at + 1), Some(TokenTree::Group(_))) {
                self.macros.insert(last);
            }
        }
        if imported {
            if path.last().is_some_and(|last| last == "self") {
                path.pop();
            }
            let mut name = path.last().cloned().unwrap_or_default();
            if is(Some(at), "as") {
                name = tokens.get(at + 1).map(ToString::to_string).unwrap_or_default();
                at += 2;
            }
            self.imports.push(Import { path: path.clone(), name, public });
        }
        if path.len() > 1 || imported {
            self.paths.push(path);
        }
        at
    }
}

fn is_punct(tokens: &[TokenTree], at: usize, mark: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == mark)
}

fn is_cfg_test(tokens: &[TokenTree], at: usize) -> bool {
    let attribute =
        |t: &TokenTree| matches!(t, TokenTree::Group(g) if g.stream().to_string().replace(' ', "") == "cfg(test)");
    is_punct(tokens, at, '#') && tokens.get(at + 1).is_some_and(attribute)
}

/// The place after the item that begins at `at`: after its `;` or its braces.
fn end_of_item(tokens: &[TokenTree], mut at: usize) -> usize {
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            TokenTree::Punct(p) if p.as_char() == ';' => break,
            TokenTree::Group(g) if g.delimiter() == Delimiter::Brace => break,
            _ => {}
        }
    }
    at
}
