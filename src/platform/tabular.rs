//! Tables that people send: CSV as a stream, whatever spreadsheet wrote it.
//!
//! `,` or `;`, with or without a byte order mark; columns are found by name, in any order. A line
//! may have 1 MiB and a file a million of them, so a broken file costs bounded memory. The `csv`
//! crate parses; what is ours is the limit in front of it and the words for what is wrong.
use std::collections::HashMap;
use std::io::Read;

const LONGEST_LINE: usize = 1 << 20;
const MOST_LINES: u64 = 1_000_000;

/// Why a file as a whole is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message} ({code})")]
pub struct SheetFault {
    pub line: u64,
    pub code: &'static str,
    pub message: String,
}

/// A finding in one cell; the row is taken all the same (`warning`) or not (`refused`).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    pub line: u64,
    pub column: String,
    pub refused: bool,
    pub code: &'static str,
    pub message: &'static str,
}

/// What an import did.
#[derive(Debug, Default, serde::Serialize)]
pub struct Report {
    pub rows: u64,
    pub taken: u64,
    /// Of the rows taken, how many were new or different.
    pub changed: u64,
    /// Rows taken with at least one warning.
    pub warned: u64,
    pub refused: u64,
    pub findings: Vec<Finding>,
}

impl Report {
    /// Counts a row with its findings; answers whether it is taken.
    pub fn row(&mut self, findings: Vec<Finding>) -> bool {
        self.rows += 1;
        let refused = findings.iter().any(|finding| finding.refused);
        match (refused, findings.is_empty()) {
            (true, _) => self.refused += 1,
            (false, clean) => {
                self.taken += 1;
                self.warned += u64::from(!clean);
            }
        }
        self.findings.extend(findings);
        !refused
    }

    /// A file most of whose rows make no sense is not this kind of file.
    ///
    /// # Errors
    /// When ten rows or more, and over half of all, are refused.
    pub fn plausible(&self) -> Result<(), SheetFault> {
        if self.refused < 10 || self.refused * 2 <= self.rows {
            return Ok(());
        }
        let first = self.findings.iter().find(|finding| finding.refused);
        Err(SheetFault {
            line: first.map_or(1, |finding| finding.line),
            code: "mostly_refused",
            message: format!(
                "{} of {} rows are refused, beginning with column {}: are the columns swapped?",
                self.refused,
                self.rows,
                first.map_or("?", |finding| &finding.column)
            ),
        })
    }
}

/// An open table.
pub struct Sheet<R> {
    reader: csv::Reader<LineLimit<R>>,
    columns: HashMap<String, usize>,
    record: csv::ByteRecord,
    width: usize,
}

/// A row with its cells by column name.
pub struct Cells<'s> {
    pub line: u64,
    columns: &'s HashMap<String, usize>,
    record: &'s csv::StringRecord,
}

impl<R: Read> Sheet<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When the file is empty, in another encoding, or lacks one of the columns (each given with
    /// its other names).
    pub fn open(source: R, required: &[&[&str]]) -> Result<Self, SheetFault> {
        let mut source = LineLimit { source, since_newline: 0, head: Vec::new(), position: 0 };
        let head = source.peek().map_err(|error| fault(1, "unreadable", &error))?;
        let first_line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let count = |wanted: u8| first_line.iter().filter(|byte| **byte == wanted).count();
        let delimiter = if count(b';') > count(b',') { b';' } else { b',' };
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(source);
        let header = reader.byte_headers().map_err(|error| fault(1, "unreadable", &error))?.clone();
        let mut columns = HashMap::new();
        for (place, name) in header.iter().enumerate() {
            let name = std::str::from_utf8(name).map_err(|_| encoding(1))?;
            let name = name.trim_start_matches('\u{feff}').trim().to_lowercase();
            columns.insert(name, place);
        }
        for names in required {
            if !names.iter().any(|name| columns.contains_key(*name)) {
                return Err(SheetFault {
                    line: 1,
                    code: "column_missing",
                    message: format!("there is no column {}", names.join(" or ")),
                });
            }
        }
        Ok(Self { width: header.len(), reader, columns, record: csv::ByteRecord::new() })
    }

    /// Hands each row to `each`.
    ///
    /// # Errors
    /// At a row that is cut short, too long, or not UTF-8; whatever `each` says.
    pub fn rows<E: From<SheetFault>>(
        &mut self,
        mut each: impl FnMut(Cells<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(row) = self.next_row()? {
            each(Cells { line: row.0, columns: &self.columns, record: &row.1 })?;
        }
        Ok(())
    }

    fn next_row(&mut self) -> Result<Option<(u64, csv::StringRecord)>, SheetFault> {
        let line = self.reader.position().line();
        if !self
            .reader
            .read_byte_record(&mut self.record)
            .map_err(|error| fault(line, "unreadable", &error))?
        {
            return Ok(None);
        }
        let line = self.record.position().map_or(line, csv::Position::line);
        if line > MOST_LINES {
            return Err(SheetFault {
                line,
                code: "too_many_lines",
                message: format!("a file may have {MOST_LINES} lines"),
            });
        }
        if self.record.len() != self.width {
            let message = format!(
                "the row has {} cells where the header has {}: is the file cut off?",
                self.record.len(),
                self.width
            );
            return Err(SheetFault { line, code: "row_cut_off", message });
        }
        let row = csv::StringRecord::from_byte_record(self.record.clone()).map_err(|_| encoding(line))?;
        Ok(Some((line, row)))
    }
}

impl Cells<'_> {
    /// The cell of the first of these columns that the file has, without outer blanks.
    pub fn get(&self, names: &[&str]) -> &str {
        names.iter().find_map(|name| self.record.get(*self.columns.get(*name)?)).unwrap_or_default().trim()
    }

    /// The same, unless it is empty.
    pub fn given(&self, names: &[&str]) -> Option<&str> {
        Some(self.get(names)).filter(|text| !text.is_empty())
    }

    /// A finding about one of these columns.
    pub fn finding(
        &self,
        names: &[&str],
        refused: bool,
        code: &'static str,
        message: &'static str,
    ) -> Finding {
        let column = names.iter().find(|name| self.columns.contains_key(**name)).or(names.first());
        Finding {
            line: self.line,
            column: column.map(|name| (*name).to_owned()).unwrap_or_default(),
            refused,
            code,
            message,
        }
    }

    /// Cells that a spreadsheet would run instead of show.
    pub fn formulas(&self) -> Vec<Finding> {
        let formula = |text: &str| {
            let call = text.trim_start_matches(['+', '-']);
            let name = call.split('(').next().unwrap_or_default();
            let calls = call.len() < text.len() && call.contains('(') && name.len() > 1;
            text.starts_with(['=', '@']) || (calls && name.bytes().all(|byte| byte.is_ascii_alphabetic()))
        };
        self.columns
            .iter()
            .filter(|(_, place)| self.record.get(**place).is_some_and(|text| formula(text.trim())))
            .map(|(name, _)| Finding {
                line: self.line,
                column: name.clone(),
                refused: true,
                code: "formula",
                message: "Sel berisi rumus; tempelkan nilainya / the cell holds a formula; paste its value",
            })
            .collect()
    }

    /// The row as it came, by column.
    pub fn raw(&self) -> serde_json::Value {
        let cell = |(name, place): (&String, &usize)| {
            (name.clone(), serde_json::Value::from(self.record.get(*place).unwrap_or_default()))
        };
        serde_json::Value::Object(self.columns.iter().map(cell).collect())
    }
}

fn encoding(line: u64) -> SheetFault {
    SheetFault { line, code: "encoding", message: "the file is not UTF-8: save it as CSV UTF-8".into() }
}

fn fault(line: u64, code: &'static str, error: &dyn std::fmt::Display) -> SheetFault {
    SheetFault { line, code, message: format!("the file cannot be read: {error}") }
}

/// Refuses to go on once a line grows past the limit, before anything holds it whole.
struct LineLimit<R> {
    source: R,
    since_newline: usize,
    head: Vec<u8>,
    position: usize,
}

impl<R: Read> LineLimit<R> {
    /// The first bytes, which will be read again.
    fn peek(&mut self) -> std::io::Result<Vec<u8>> {
        let mut buffer = vec![0; 16 * 1024];
        let mut filled = 0;
        while filled < buffer.len() {
            match self.source.read(&mut buffer[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        buffer.truncate(filled);
        self.head = buffer.clone();
        Ok(buffer)
    }
}

impl<R: Read> Read for LineLimit<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = if self.position < self.head.len() {
            let rest = &self.head[self.position..];
            let length = rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            self.position += length;
            length
        } else {
            self.source.read(buffer)?
        };
        for byte in &buffer[..read] {
            self.since_newline = if *byte == b'\n' { 0 } else { self.since_newline + 1 };
            if self.since_newline > LONGEST_LINE {
                return Err(std::io::Error::other("a line is longer than 1 MiB"));
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> Result<Vec<(u64, String)>, SheetFault> {
        let mut sheet = Sheet::open(text, &[&["code", "kode"]])?;
        let mut rows = Vec::new();
        sheet.rows(|cells| {
            rows.push((cells.line, cells.get(&["code", "kode"]).to_owned()));
            Ok::<_, SheetFault>(())
        })?;
        Ok(rows)
    }

    #[test]
    fn both_separators_a_mark_and_any_order_of_columns_are_understood() {
        assert_eq!(read(b"code,name\n1,a\n2,b\n").unwrap(), [(2, "1".into()), (3, "2".into())]);
        assert_eq!(read("\u{feff}name;kode\na; 7 \n".as_bytes()).unwrap(), [(2, "7".into())]);
    }

    #[test]
    fn a_file_that_is_cut_off_in_another_encoding_or_endless_is_refused_by_line() {
        assert_eq!(read(b"code,name\n1,a\n2").unwrap_err().code, "row_cut_off");
        assert_eq!(read(b"code,name\n1,\xe9\n").unwrap_err(), SheetFault { line: 2, ..encoding(2) });
        let mut endless = b"code,name\n".to_vec();
        endless.extend(std::iter::repeat_n(b'x', 50 << 20));
        assert_eq!(read(&endless).unwrap_err().code, "unreadable");
        assert_eq!(read(b"other\n1\n").unwrap_err().code, "column_missing");
        assert_eq!(read(b"").unwrap_err().code, "column_missing");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut text = b"code,name\n".to_vec();
            text.extend(bytes);
            let _ = read(&text);
        }
    }
}
