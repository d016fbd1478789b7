//! The public data sets that `secnet guard eval` knows, and the layout of anybody else's.

use std::path::Path;

use secnet_learn::{Column, Kind, RequestParts, Split, Table, url_columns};

use super::load::{LoadError, Sheet};
use super::tasks::Figure;

/// The share that is measured on where a data set has no split of its own.
const TEST_SHARE: f64 = 0.3;

/// A data set, read.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub table: Table,
    pub split: Split,
    /// Named parts of the test rows on which recall is told apart, by row of the table.
    pub groups: Vec<(&'static str, Vec<bool>)>,
    /// Rows whose ranking above all that is not positive is told apart.
    pub kinds: Vec<(Figure, Vec<bool>)>,
    /// Test rows that are looked at whatever a model says, and how many of them are positive.
    pub reviewed: (usize, usize),
    /// Rows whose label nobody knows.
    pub unlabelled: Vec<usize>,
}

impl Loaded {
    pub(super) fn new(table: Table, split: Split) -> Self {
        Self {
            table,
            split,
            groups: Vec::new(),
            kinds: Vec::new(),
            reviewed: (0, 0),
            unlabelled: Vec::new(),
        }
    }
}

/// A loader: the folder, and the seed for what has no split of its own.
pub(crate) type Loader = fn(&Path, u64) -> Result<Loaded, LoadError>;

const FLOW_WORDS: [&str; 3] = ["protocol_type", "service", "flag"];

pub(crate) fn nsl_kdd(dir: &Path, _seed: u64) -> Result<Loaded, LoadError> {
    let train = Sheet::read(dir, "KDDTrain+.csv")?;
    let test = Sheet::read(dir, "KDDTest+.csv")?;
    let kind = |name: &str| {
        Some(if FLOW_WORDS.contains(&name) { Kind::Categorical } else { Kind::Numeric })
    };
    let about = ["attack", "category", "difficulty", "in_test21"];
    let upper = train.table(("label", "1"), &about, kind)?;
    let lower = test.table(("label", "1"), &about, kind)?;
    let (above, all) = (upper.rows(), upper.rows() + lower.rows());
    let names: Vec<String> =
        train.column("attack")?.iter().chain(test.column("attack")?).cloned().collect();
    let known: std::collections::BTreeSet<&String> = names.iter().take(above).collect();
    let table = upper.stacked(&lower)?;
    let attack = |wanted: bool| -> Vec<bool> {
        let rows = names.iter().zip(table.labels()).enumerate();
        rows.map(|(row, (name, label))| row >= above && *label && known.contains(name) == wanted)
            .collect()
    };
    let groups = vec![("known types", attack(true)), ("unseen types", attack(false))];
    let split = Split::new(all, (0..above).collect(), (above..all).collect())?;
    Ok(Loaded { groups, ..Loaded::new(table, split) })
}

pub(crate) fn unsw_nb15(dir: &Path, _seed: u64) -> Result<Loaded, LoadError> {
    let sheet = Sheet::read(dir, "part82k.csv")?;
    let words = ["proto", "service", "state"];
    let kind =
        |name: &str| Some(if words.contains(&name) { Kind::Categorical } else { Kind::Numeric });
    let table = sheet.table(("label", "1"), &["id", "attack_cat", "split"], kind)?;
    with_column(&sheet, table)
}

pub(crate) fn amazon_access(dir: &Path, _seed: u64) -> Result<Loaded, LoadError> {
    let sheet = Sheet::read(dir, "train.csv")?;
    // A denial is what is to be found.
    let table = sheet.table(("ACTION", "0"), &["split"], |_| Some(Kind::Categorical))?;
    // Requests of the same company that nobody labelled, if they are at hand.
    let more = match Sheet::read(dir, "kaggle-test-unlabelled.csv") {
        Ok(more) => more,
        Err(LoadError::Missing(_)) => return with_column(&sheet, table),
        Err(error) => return Err(error),
    };
    let names: Vec<String> = table.columns().iter().map(|column| column.name().into()).collect();
    let columns: Result<Vec<Column>, LoadError> =
        names.iter().map(|name| Ok(Column::categorical(name, more.column(name)?)?)).collect();
    let labelled = table.rows();
    let table = table.stacked(&Table::new(columns?, vec![false; more.rows()])?)?;
    let unlabelled = (labelled..table.rows()).collect();
    Ok(Loaded { unlabelled, ..with_column(&sheet, table)? })
}

/// One set and one of its four operations.
pub(crate) fn dlbac(dir: &Path, set: &str, operation: &str) -> Result<Loaded, LoadError> {
    let sheet = Sheet::read(dir, &format!("{set}.csv"))?;
    let mut without = vec!["uid", "rid", "split"];
    without.extend(["op1", "op2", "op3", "op4"].into_iter().filter(|op| *op != operation));
    let table = sheet.table((operation, "1"), &without, |_| Some(Kind::Categorical))?;
    with_column(&sheet, table)
}

pub(crate) fn ethereum(dir: &Path, seed: u64) -> Result<Loaded, LoadError> {
    let sheet = Sheet::read(dir, "accounts.csv")?;
    let words = ["erc20_most_sent_token_type", "erc20_most_rec_token_type"];
    let kind =
        |name: &str| Some(if words.contains(&name) { Kind::Categorical } else { Kind::Numeric });
    let table = sheet.table(("label", "1"), &["address"], kind)?;
    let split = Split::stratified(&table, TEST_SHARE, seed)?;
    Ok(Loaded::new(table, split))
}

/// Without the rows whose token columns are empty, all of which are fraud.
pub(crate) fn ethereum_whole(dir: &Path, seed: u64) -> Result<Loaded, LoadError> {
    let all = ethereum(dir, seed)?.table;
    let sheet = Sheet::read(dir, "accounts.csv")?;
    let tokens = sheet.column("erc20_total_ether_received")?;
    let kept: Vec<usize> = (0..all.rows())
        .filter(|row| tokens.get(*row).is_some_and(|cell| !cell.is_empty()))
        .collect();
    let table = all.part(&kept);
    let split = Split::stratified(&table, TEST_SHARE, seed)?;
    Ok(Loaded::new(table, split))
}

pub(crate) fn csic2010(dir: &Path, _seed: u64) -> Result<Loaded, LoadError> {
    let sheet = Sheet::read(dir, "requests.csv")?;
    let kind = |name: &str| Some(if name == "method" { Kind::Categorical } else { Kind::Text });
    let mut columns = sheet.columns(&["seq", "label", "split", "seen_in_train"], kind)?;
    let requests = sheet.column("request")?;
    // Which parameters there are is learnt from the training rows alone.
    let parts = sheet.column("split")?.iter().zip(requests).filter(|(part, _)| *part == "train");
    let parts = RequestParts::learnt(parts.map(|(_, request)| request.as_str()));
    columns.extend(parts.columns(requests)?);
    let table = Table::new(columns, sheet.labels("label", "1")?)?;
    let mut loaded = with_column(&sheet, table)?;
    // What the bar is about: test requests that training does not have, each once.
    let seen = sheet.column("seen_in_train")?;
    let mut met = std::collections::BTreeSet::new();
    let test: Vec<usize> = loaded.split.test().to_vec();
    let unseen: Vec<usize> = test
        .into_iter()
        .filter(|row| seen.get(*row).is_some_and(|seen| seen == "0"))
        .filter(|row| met.insert(requests.get(*row)))
        .collect();
    loaded.split = Split::new(loaded.table.rows(), loaded.split.train().to_vec(), unseen)?;
    Ok(loaded)
}

pub(crate) fn phishing(dir: &Path, _seed: u64) -> Result<Loaded, LoadError> {
    let sheet = Sheet::read(dir, "urls.csv")?;
    let mut columns = sheet.columns(&["label", "split"], |_| Some(Kind::Text))?;
    columns.extend(url_columns(sheet.column("url")?)?);
    with_column(&sheet, Table::new(columns, sheet.labels("label", "1")?)?)
}

/// Anybody's: `train.csv` and `test.csv`, or `table.csv` with or without a column `split`.
pub(crate) fn table(dir: &Path, seed: u64) -> Result<Loaded, LoadError> {
    let one = Sheet::read(dir, "table.csv");
    if let Err(LoadError::Missing(_)) = one {
        let train = Sheet::read(dir, "train.csv")?.table(("label", "1"), &[], |_| None)?;
        // The training part says what the columns are.
        let kind = |name: &str| train.column(name).map(secnet_learn::Column::kind);
        let test = Sheet::read(dir, "test.csv")?.table(("label", "1"), &[], kind)?;
        let (above, all) = (train.rows(), train.rows() + test.rows());
        let split = Split::new(all, (0..above).collect(), (above..all).collect())?;
        return Ok(Loaded::new(train.stacked(&test)?, split));
    }
    let sheet = one?;
    let table = sheet.table(("label", "1"), &["split"], |_| None)?;
    if sheet.has("split") {
        return with_column(&sheet, table);
    }
    let split = Split::stratified(&table, TEST_SHARE, seed)?;
    Ok(Loaded::new(table, split))
}

/// By the file's own column `split`.
pub(super) fn with_column(sheet: &Sheet, table: Table) -> Result<Loaded, LoadError> {
    let parts = sheet.column("split")?;
    let rows = |part: &str| -> Vec<usize> {
        (0..sheet.rows()).filter(|row| parts.get(*row).is_some_and(|own| own == part)).collect()
    };
    let split = Split::new(table.rows(), rows("train"), rows("test"))?;
    Ok(Loaded::new(table, split))
}
