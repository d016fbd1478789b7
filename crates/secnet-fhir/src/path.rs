//! Where in a resource something is.

use std::fmt;

/// A place in a resource: a list from the inside out, on the stack, so that going further in costs nothing.
#[derive(Clone, Copy)]
pub(crate) struct Path<'p> {
    around: Option<&'p Path<'p>>,
    step: Step<'p>,
}

/// One step further in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'p> {
    Name(&'p str),
    Index(usize),
}

impl<'p> Path<'p> {
    /// The place where a resource begins.
    pub(crate) fn root(type_name: &'p str) -> Self {
        Self { around: None, step: Step::Name(type_name) }
    }

    /// A member of the object here.
    pub(crate) fn name<'q>(&'q self, name: &'q str) -> Path<'q> {
        Path { around: Some(self), step: Step::Name(name) }
    }

    /// An element of the array here.
    pub(crate) fn index(&self, index: usize) -> Path<'_> {
        Path { around: Some(self), step: Step::Index(index) }
    }

    /// The steps that lead here, the last one first.
    pub(crate) fn steps(&self) -> impl Iterator<Item = Step<'p>> {
        std::iter::successors(Some(self), |path| path.around).map(|path| path.step)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(around) = self.around {
            around.fmt(f)?;
        }
        match self.step {
            Step::Name(name) if self.around.is_none() => f.write_str(name),
            Step::Name(name) => write!(f, ".{name}"),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}
