//! Why something is not a table that can be learnt from.

/// What is wrong with a table or a split. Rows are counted from 1, without the header line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Nothing below the header.
    #[error(
        "the table has no rows; check that the file is not cut off and that no filter removes all of them"
    )]
    NoRows,
    /// Nothing to learn from.
    #[error("the table has no columns besides the label; name at least one feature column")]
    NoColumns,
    /// Beyond a limit.
    #[error("{given} {what} are too many, the limit is {limit}; take a sample or split the file")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        given: usize,
        /// The named limit.
        limit: usize,
    },
    /// A short or long column.
    #[error(
        "column `{column}` has {given} values for {rows} rows; a line of the file is cut off or has an extra field"
    )]
    Length {
        /// The column.
        column: String,
        /// Its values.
        given: usize,
        /// The rows.
        rows: usize,
    },
    /// One name, two columns.
    #[error("column `{column}` is there twice; give each column a name of its own")]
    Repeated {
        /// The name.
        column: String,
    },
    /// The parts of a data set do not fit together.
    #[error(
        "a part has {given} columns, {wanted} are expected; training and test part need the same header"
    )]
    ColumnCount {
        /// What there is.
        given: usize,
        /// What is needed.
        wanted: usize,
    },
    /// A column is missing or of another kind.
    #[error(
        "column `{column}` is missing or not {kind}; the model was trained with it, so give the data the same header"
    )]
    WrongColumn {
        /// The column.
        column: String,
        /// What it must be.
        kind: &'static str,
    },
    /// Infinite.
    #[error(
        "column `{column}`, row {row}: infinite; leave the field empty if the value is not known"
    )]
    Infinite {
        /// The column.
        column: String,
        /// The row, from 1.
        row: usize,
    },
    /// Text in a numeric column.
    #[error(
        "column `{column}`, row {row}: `{text}` is not a number; declare the column categorical, or leave the field empty"
    )]
    NotANumber {
        /// The column.
        column: String,
        /// The row, from 1.
        row: usize,
        /// The beginning of what is there.
        text: String,
    },
    /// Too long.
    #[error("column `{column}`, row {row}: {given} bytes are too long, the limit is {limit}")]
    TooLong {
        /// The column.
        column: String,
        /// The row, from 1.
        row: usize,
        /// Its length.
        given: usize,
        /// The named limit.
        limit: usize,
    },
    /// A label that is none.
    #[error(
        "row {row}: `{text}` is not a label; use 1 for what is to be found and 0 for everything else"
    )]
    NotALabel {
        /// The row, from 1.
        row: usize,
        /// The beginning of what is there.
        text: String,
    },
    /// Only one class.
    #[error("all {rows} rows are {class}; learning and measuring need rows of both classes")]
    OneClass {
        /// The class that is there.
        class: &'static str,
        /// How many rows.
        rows: usize,
    },
    /// A split that is none.
    #[error("the split is wrong: {0}")]
    Split(&'static str),
}
