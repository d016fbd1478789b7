//! Labelled tables from CSV files, gzipped or not.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use secnet_learn::{Column, Kind, LearnError, MAX_ROWS, Table, TableError};

/// Largest file after unpacking.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// A column of words is text if more than this share of its values are different, and they are long.
const TEXT_SHARE: f64 = 0.5;
/// Shortest mean length of a text, in bytes.
const TEXT_BYTES: usize = 24;

/// Why a data set cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("cannot read `{path}`: {error}")]
    Io { path: PathBuf, error: std::io::Error },
    #[error("`{0}` is not there, neither plain nor with `.gz`")]
    Missing(PathBuf),
    #[error("`{path}` is not CSV with one header line: {error}")]
    Csv { path: PathBuf, error: csv::Error },
    #[error("`{path}` has more than {limit} rows; take a sample")]
    TooManyRows { path: PathBuf, limit: usize },
    #[error("`{path}` is larger than {limit} bytes unpacked; take a sample")]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("`{path}` has no column `{column}`; the header is: {header}")]
    NoColumn { path: PathBuf, column: String, header: String },
    #[error(
        "column `{column}`: `{kind}` is no kind; write `:numeric`, `:categorical`, `:text` or `:ignore` after its name"
    )]
    NoKind { column: String, kind: String },
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Learn(#[from] LearnError),
    #[error("`{path}`, line {line}, column `{column}`: {why}")]
    Odd { path: PathBuf, line: usize, column: String, why: String },
    #[error("{0}")]
    Stream(String),
}

/// A file as it is: a header, and the fields of each column.
#[derive(Debug)]
pub(crate) struct Sheet {
    path: PathBuf,
    header: Vec<String>,
    cells: Vec<Vec<String>>,
}

impl Sheet {
    /// Read `dir/name`, or `dir/name.gz`.
    pub(crate) fn read(dir: &Path, name: &str) -> Result<Self, LoadError> {
        let plain = dir.join(name);
        let packed = dir.join(format!("{name}.gz"));
        let (path, is_packed) = if plain.exists() {
            (plain, false)
        } else if packed.exists() {
            (packed, true)
        } else {
            return Err(LoadError::Missing(plain));
        };
        let io = |error| LoadError::Io { path: path.clone(), error };
        let file = BufReader::new(File::open(&path).map_err(io)?);
        let bytes: Box<dyn Read> = if is_packed {
            Box::new(flate2::bufread::MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        };
        Self::parse(&path, bytes, MAX_FILE_BYTES)
    }

    fn parse(path: &Path, bytes: impl Read, limit: u64) -> Result<Self, LoadError> {
        let wrong = |error| LoadError::Csv { path: path.to_owned(), error };
        let mut reader = csv::Reader::from_reader(bytes.take(limit));
        let header: Vec<String> =
            reader.headers().map_err(wrong)?.iter().map(str::to_owned).collect();
        let mut cells = vec![Vec::new(); header.len()];
        let mut record = csv::StringRecord::new();
        let mut rows = 0;
        while reader.read_record(&mut record).map_err(wrong)? {
            rows += 1;
            if rows > MAX_ROWS {
                return Err(LoadError::TooManyRows { path: path.to_owned(), limit: MAX_ROWS });
            }
            for (column, cell) in cells.iter_mut().zip(&record) {
                column.push(cell.to_owned());
            }
        }
        // A file that ends where the limit does was cut off there.
        if reader.into_inner().limit() == 0 {
            return Err(LoadError::TooLarge { path: path.to_owned(), limit });
        }
        Ok(Self { path: path.to_owned(), header, cells })
    }

    /// Lines that are in memory already.
    pub(crate) fn of(name: &str, header: &[&str], lines: Vec<Vec<String>>) -> Self {
        let mut cells = vec![Vec::with_capacity(lines.len()); header.len()];
        for line in lines {
            cells.iter_mut().zip(line).for_each(|(column, cell)| column.push(cell));
        }
        let header = header.iter().map(|&column| column.to_owned()).collect();
        Self { path: PathBuf::from(name), header, cells }
    }

    /// The names of its columns.
    #[cfg(test)]
    pub(crate) fn header(&self) -> Vec<&str> {
        self.header.iter().map(String::as_str).collect()
    }

    /// The fields of a line below the header.
    #[cfg(test)]
    pub(crate) fn line(&self, row: usize) -> Vec<String> {
        self.cells.iter().map(|column| column[row].clone()).collect()
    }

    /// What is wrong with a field, by line of the file.
    pub(crate) fn odd(&self, row: usize, column: &str, why: &str) -> LoadError {
        let line = row.saturating_add(2);
        LoadError::Odd {
            path: self.path.clone(),
            line,
            column: column.to_owned(),
            why: why.to_owned(),
        }
    }

    /// The fields of a column.
    pub(crate) fn column(&self, name: &str) -> Result<&[String], LoadError> {
        let at = self.header.iter().position(|column| column == name);
        at.and_then(|at| self.cells.get(at)).map(Vec::as_slice).ok_or_else(|| LoadError::NoColumn {
            path: self.path.clone(),
            column: name.to_owned(),
            header: self.header.join(", "),
        })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.header.iter().any(|column| column == name)
    }

    /// Numbers below the header.
    pub(crate) fn rows(&self) -> usize {
        self.cells.first().map_or(0, Vec::len)
    }

    /// Labels: rows with `positive` are positive, any other of `0`, `1` is not.
    pub(crate) fn labels(&self, name: &str, positive: &str) -> Result<Vec<bool>, LoadError> {
        let label = |(cell, row): (&String, usize)| match cell.trim() {
            "0" | "1" => Ok(cell.trim() == positive),
            other => {
                let text = other.chars().take(40).collect();
                Err(LoadError::Table(TableError::NotALabel { row, text }))
            }
        };
        self.column(name)?.iter().zip(1..).map(label).collect()
    }

    /// Every column but those named, as the kinds that `kind` says; `None` leaves it to what the values look like.
    pub(crate) fn columns(
        &self,
        without: &[&str],
        kind: impl Fn(&str) -> Option<Kind>,
    ) -> Result<Vec<Column>, LoadError> {
        let mut columns = Vec::new();
        for (name, cells) in self.header.iter().zip(&self.cells) {
            let (plain, declared) = declared(name)?;
            if without.contains(&plain) || declared == Declared::Ignore {
                continue;
            }
            let kind = match declared {
                Declared::Kind(kind) => kind,
                _ => kind(plain).unwrap_or_else(|| looks_like(cells)),
            };
            columns.push(Column::parse(plain, kind, cells)?);
        }
        Ok(columns)
    }

    /// A table of every column but those named.
    pub(crate) fn table(
        &self,
        label: (&str, &str),
        without: &[&str],
        kind: impl Fn(&str) -> Option<Kind>,
    ) -> Result<Table, LoadError> {
        let labels = self.labels(label.0, label.1)?;
        let mut dropped = without.to_vec();
        dropped.push(label.0);
        Ok(Table::new(self.columns(&dropped, kind)?, labels)?)
    }
}

#[derive(Debug, PartialEq)]
enum Declared {
    Nothing,
    Ignore,
    Kind(Kind),
}

/// `name:kind` in a header.
fn declared(name: &str) -> Result<(&str, Declared), LoadError> {
    let Some((plain, kind)) = name.rsplit_once(':') else { return Ok((name, Declared::Nothing)) };
    let declared = match kind {
        "numeric" => Declared::Kind(Kind::Numeric),
        "categorical" => Declared::Kind(Kind::Categorical),
        "text" => Declared::Kind(Kind::Text),
        "ignore" => Declared::Ignore,
        _ => return Err(LoadError::NoKind { column: plain.to_owned(), kind: kind.to_owned() }),
    };
    Ok((plain, declared))
}

fn looks_like(cells: &[String]) -> Kind {
    let is_number = |cell: &String| cell.trim().is_empty() || cell.trim().parse::<f64>().is_ok();
    if cells.iter().all(is_number) {
        return Kind::Numeric;
    }
    let different = cells.iter().collect::<std::collections::BTreeSet<_>>().len();
    let bytes: usize = cells.iter().map(String::len).sum();
    let rows = cells.len().max(1);
    if different as f64 / rows as f64 > TEXT_SHARE && bytes / rows >= TEXT_BYTES {
        Kind::Text
    } else {
        Kind::Categorical
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_beyond_the_limit_is_refused_and_not_cut_off() {
        let text = "a,label\n1,1\n2,0\n3,1\n";
        let whole = Sheet::parse(Path::new("x.csv"), text.as_bytes(), 1000).unwrap();
        assert_eq!(whole.rows(), 3);
        // Cut off between two lines, where it would look like a smaller file.
        let cut = Sheet::parse(Path::new("x.csv"), text.as_bytes(), 16).unwrap_err();
        assert!(matches!(cut, LoadError::TooLarge { limit: 16, .. }), "{cut}");
    }

    #[test]
    fn kinds_are_seen_or_declared() {
        let text = "a,b,c:categorical,d:ignore,label\n1,x,1,9,1\n,y,2,9,0\n";
        let sheet = Sheet::parse(Path::new("x.csv"), text.as_bytes(), 1000).unwrap();
        let table = sheet.table(("label", "1"), &[], |_| None).unwrap();
        let kinds: Vec<(&str, Kind)> =
            table.columns().iter().map(|column| (column.name(), column.kind())).collect();
        let expected = [("a", Kind::Numeric), ("b", Kind::Categorical), ("c", Kind::Categorical)];
        assert_eq!(kinds, expected);
    }
}
