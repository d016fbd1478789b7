//! Configuration files: TOML, with the line of everything that is wrong.

use toml::de::{DeTable, DeValue};

use super::table::Setting;

/// What a file says: setting, values, line.
pub(crate) type Said = (&'static Setting, Vec<String>, usize);

/// Read a file's text. Everything that is wrong is told, each with its line.
pub(crate) fn read(text: &str) -> Result<Vec<Said>, Vec<(usize, String)>> {
    let line = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let at = error.span().map_or(1, |span| line(span.start));
            return Err(vec![(at, error.message().to_owned())]);
        }
    };
    let mut reading = Reading { line: &line, said: Vec::new(), wrong: Vec::new() };
    reading.table("", table.get_ref());
    if reading.wrong.is_empty() { Ok(reading.said) } else { Err(reading.wrong) }
}

struct Reading<'l> {
    line: &'l dyn Fn(usize) -> usize,
    said: Vec<Said>,
    wrong: Vec<(usize, String)>,
}

impl Reading<'_> {
    fn table(&mut self, above: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = format!("{above}{}", name.get_ref());
            let at = (self.line)(name.span().start);
            if let DeValue::Table(inner) = value.get_ref() {
                self.table(&format!("{key}."), inner);
                continue;
            }
            let Some(setting) = Setting::find(&key) else {
                self.wrong.push((at, unknown(&key)));
                continue;
            };
            match values(setting, value.get_ref()) {
                Ok(values) => self.said.push((setting, values, at)),
                Err(problem) => self.wrong.push((at, format!("`{key}`: {problem}"))),
            }
        }
    }
}

/// There is no such setting; perhaps another was meant.
pub(crate) fn unknown(key: &str) -> String {
    let near = super::table::SETTINGS.iter().map(|s| (distance(key, s.key), s.key)).min();
    match near {
        Some((far, near)) if far <= 2 => format!("there is no setting `{key}`; is `{near}` meant?"),
        _ => format!("there is no setting `{key}`"),
    }
}

fn values(setting: &Setting, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let texts = match value {
        DeValue::Array(items) if setting.is_list() => {
            items.iter().map(|item| scalar(item.get_ref())).collect::<Option<Vec<_>>>()
        }
        other => scalar(other).map(|text| vec![text]),
    };
    let texts = texts.ok_or_else(|| format!("this is not {}", setting.form.wanted()))?;
    match texts.iter().find_map(|text| setting.form.problem(text)) {
        Some(problem) => Err(problem),
        None => Ok(texts),
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

/// How many letters two words differ by (Levenshtein), for a hint.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, right) in b.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or_default() + 1;
            let before = next.last().copied().unwrap_or_default() + 1;
            let across = row.get(j).copied().unwrap_or_default() + usize::from(left != *right);
            next.push(above.min(before).min(across));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_line_is_named() {
        let text = "lisen = \"127.0.0.1:1\"\n[limits]\ncalls = 0\nrate = \"many\"\n\n[tls]\ncertificate = [\"a\"]\nnothing.at.all = 1\n";
        let wrong = read(text).unwrap_err();
        let lines: Vec<usize> = wrong.iter().map(|(line, _)| *line).collect();
        let mut sorted = lines.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [1, 3, 4, 7, 8], "{wrong:?}");
        let told: Vec<&str> = wrong.iter().map(|(_, told)| told.as_str()).collect();
        assert!(told.contains(&"there is no setting `lisen`; is `listen` meant?"), "{told:?}");
        assert!(told.contains(&"`limits.calls`: `0` is not a whole number from 1 to 100000"));
        assert_eq!(read("\n\nlisten = = 1\n").unwrap_err()[0].0, 3);
    }

    #[test]
    fn a_good_file_is_read_whole() {
        let text = "authorities = [\"node.example\", \"[::1]:8420\"]\n[log]\nformat = \"json\"\n[limits]\ncalls = 7\n";
        let said = read(text).unwrap();
        let of = |key: &str| {
            let (_, values, line) = said.iter().find(|(s, ..)| s.key == key).unwrap();
            (values.join(" "), *line)
        };
        assert_eq!(of("authorities"), ("node.example [::1]:8420".into(), 1));
        assert_eq!(of("log.format"), ("json".into(), 3));
        assert_eq!(of("limits.calls"), ("7".into(), 5));
    }
}
