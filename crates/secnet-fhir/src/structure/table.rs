//! `r4.txt` in memory: for each type and each element with elements of its own, what its JSON object may have.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::primitive::Primitive;

/// Made by `generate.py`; README.md beside it tells its origin and how to make it again.
pub(super) const R4: &str = include_str!("r4.txt");

/// Most elements of one type, for the sets of them in one integer. The widest of R4 has 54.
const MAX_ELEMENTS: usize = 128;

/// All types.
#[derive(Debug, Default)]
pub(super) struct Table {
    shapes: Vec<Shape>,
    /// By the name of a type, or the path of an element with elements of its own.
    names: BTreeMap<String, ShapeId>,
    /// The type that has an id and extensions only.
    element: Option<ShapeId>,
}

/// A type in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShapeId(usize);

/// What a JSON object of one type may have.
#[derive(Debug, Default)]
pub(super) struct Shape {
    pub(super) is_resource: bool,
    /// As the specification names them, such as `value[x]`.
    pub(super) elements: Vec<&'static str>,
    /// The elements that have to be there, see [`Member::bit`].
    pub(super) required: u128,
    /// Sorted by name.
    members: Vec<Member>,
}

/// A name in JSON, such as `valueQuantity`.
#[derive(Debug)]
pub(super) struct Member {
    name: String,
    /// Its place among the elements; the members of one choice share it.
    pub(super) element: usize,
    /// An array in JSON.
    pub(super) repeats: bool,
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value, and beside it, under `_` and the same name, an object for its extensions.
    Primitive(Primitive),
    /// A value that has no such companion.
    Bare(Primitive),
    Complex(ShapeId),
    /// A resource of any type.
    Resource,
}

/// What is found at a name of a JSON object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'t> {
    pub(super) member: &'t Member,
    /// The name has the `_` in front, of the object that carries a primitive's extensions.
    pub(super) beside: bool,
}

impl Table {
    /// FHIR R4. A test shows that it can be read; if not, nothing would be valid.
    pub(super) fn r4() -> &'static Self {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(|| Self::parse(R4).unwrap_or_default())
    }

    /// The type called `name`, or the element with elements of its own at this path.
    pub(super) fn type_called(&self, name: &str) -> Option<&Shape> {
        self.shape(*self.names.get(name)?)
    }

    pub(super) fn shape(&self, id: ShapeId) -> Option<&Shape> {
        self.shapes.get(id.0)
    }

    /// What can be beside a primitive.
    pub(super) fn element(&self) -> Option<ShapeId> {
        self.element
    }

    /// Reads the table; an error names what it stumbles over.
    pub(super) fn parse(text: &'static str) -> Result<Self, String> {
        let source = Source::read(text)?;
        let names = source.types.keys().enumerate();
        let names: BTreeMap<_, _> = names.map(|(at, name)| (name.clone(), ShapeId(at))).collect();
        let shapes = source.types.keys().map(|name| source.shape(name, &names));
        let shapes = shapes.collect::<Result<_, _>>()?;
        Ok(Self { shapes, element: names.get("Element").copied(), names })
    }
}

impl Shape {
    /// The member called `name`.
    pub(super) fn member(&self, name: &str) -> Option<Found<'_>> {
        let (bare, beside) = match name.strip_prefix('_') {
            Some(bare) => (bare, true),
            None => (name, false),
        };
        let at = self.members.binary_search_by(|member| member.name.as_str().cmp(bare)).ok()?;
        let member = self.members.get(at)?;
        let exists = !beside || matches!(member.kind, Kind::Primitive(_));
        exists.then_some(Found { member, beside })
    }

    fn add(&mut self, line: &Element, names: &BTreeMap<String, ShapeId>) -> Result<(), String> {
        let element = self.elements.len();
        if element >= MAX_ELEMENTS {
            return Err(format!("more than {MAX_ELEMENTS} elements up to `{}`", line.name));
        }
        self.elements.push(line.name);
        if line.required {
            self.required |= 1 << element;
        }
        for type_name in &line.types {
            let name = match line.name.strip_suffix("[x]") {
                Some(stem) => format!("{stem}{}", capitalised(type_name)),
                None => line.name.to_owned(),
            };
            let kind = kind_of(type_name, line, names)?;
            self.members.push(Member { name, element, repeats: line.repeats, kind });
        }
        Ok(())
    }
}

impl Member {
    /// The element in a set of elements.
    pub(super) fn bit(&self) -> u128 {
        1 << self.element
    }
}

fn kind_of(
    type_name: &str,
    line: &Element,
    names: &BTreeMap<String, ShapeId>,
) -> Result<Kind, String> {
    if let Some(bare) = type_name.strip_prefix('=') {
        return Primitive::from_name(bare).map(Kind::Bare).ok_or_else(|| format!("no `{bare}`"));
    }
    match Primitive::from_name(type_name) {
        // The one type of R4 that has no extensions (`xhtml.extension` is 0..0).
        Some(Primitive::Xhtml) => return Ok(Kind::Bare(Primitive::Xhtml)),
        Some(primitive) => return Ok(Kind::Primitive(primitive)),
        None if type_name == "Resource" => return Ok(Kind::Resource),
        None => {}
    }
    let name = match type_name.strip_prefix('@') {
        Some(path) => path,
        None if has_own_elements(type_name) => line.path.as_str(),
        None => type_name,
    };
    names.get(name).copied().map(Kind::Complex).ok_or_else(|| format!("no type `{name}`"))
}

/// The types of elements that are written out below the element, not by reference to a type.
fn has_own_elements(type_name: &str) -> bool {
    ["BackboneElement", "Element"].contains(&type_name)
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// The table as it is written.
#[derive(Default)]
struct Source {
    types: BTreeMap<String, Type>,
}

struct Type {
    is_resource: bool,
    base: Option<&'static str>,
    elements: Vec<Element>,
}

struct Element {
    name: &'static str,
    path: String,
    required: bool,
    repeats: bool,
    types: Vec<&'static str>,
}

impl Source {
    fn read(text: &'static str) -> Result<Self, String> {
        let mut source = Self::default();
        let mut any = Vec::new();
        // The type and the elements that the line is inside of.
        let mut around: Vec<&str> = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let level = line.bytes().take_while(|byte| *byte == b' ').count() / 2;
            let words: Vec<&'static str> = line.split_whitespace().collect();
            match (level, words.as_slice()) {
                (0, ["any", types @ ..]) => any = types.to_vec(),
                (0, ["primitive", ..]) => {}
                (0, [kind, name, base @ ..]) => {
                    let base = base.get(1).copied();
                    let found = Type { is_resource: *kind == "resource", base, elements: vec![] };
                    source.types.insert((*name).to_owned(), found);
                    around = vec![*name];
                }
                (_, [name, occurs, types @ ..]) if level <= around.len() => {
                    around.truncate(level);
                    let parent = around.join(".");
                    around.push(*name);
                    let types = if *types == ["*"] { any.clone() } else { types.to_vec() };
                    let path = around.join(".");
                    if let [base] = types.as_slice()
                        && has_own_elements(base)
                    {
                        let base = Some(*base);
                        let own = Type { is_resource: false, base, elements: vec![] };
                        source.types.insert(path.clone(), own);
                    }
                    let required = occurs.starts_with('1');
                    let repeats = occurs.ends_with('*');
                    let element = Element { name, path, required, repeats, types };
                    let parent = source.types.get_mut(&parent).ok_or_else(|| line.to_owned())?;
                    parent.elements.push(element);
                }
                _ => return Err(format!("`{line}` is no line of the table")),
            }
        }
        Ok(source)
    }

    /// A type with the elements of its bases, those first.
    fn shape(&self, name: &str, names: &BTreeMap<String, ShapeId>) -> Result<Shape, String> {
        let mut bases = Vec::new();
        let mut next = Some(name);
        while let Some(name) = next {
            let found = self.types.get(name).ok_or_else(|| format!("no type `{name}`"))?;
            next = found.base;
            bases.push(found);
        }
        let is_resource = bases.first().is_some_and(|own| own.is_resource);
        let mut shape = Shape { is_resource, ..Shape::default() };
        for element in bases.iter().rev().flat_map(|base| &base.elements) {
            shape.add(element, names).map_err(|error| format!("{}: {error}", element.path))?;
        }
        shape.members.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(shape)
    }
}
