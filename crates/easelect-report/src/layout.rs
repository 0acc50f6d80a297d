//! Terminal layout: columns that line up with wide characters, wrapped paragraphs, coloured lines, and characters
//! that the console can show.

use std::borrow::Cow;

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use easelect::shown;
use unicode_width::UnicodeWidthChar;

/// The style of terminal output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Style {
    /// Whether to use ANSI colours.
    pub colour: bool,
    /// The terminal's width in columns. To fit it, paragraphs wrap and less important columns are left out; without
    /// it, nothing wraps and nothing is left out.
    pub width: Option<u16>,
    /// Whether to use only ASCII besides Chinese text, for consoles whose code page lacks block characters.
    pub ascii: bool,
}

impl Style {
    /// Returns the style for files and pipes: no colours, unlimited width.
    #[must_use]
    pub const fn plain() -> Self {
        Style {
            colour: false,
            width: None,
            ascii: false,
        }
    }

    /// Sets whether there are colours.
    #[must_use]
    pub const fn with_colour(mut self, colour: bool) -> Self {
        self.colour = colour;
        self
    }

    /// Sets the width in columns of a terminal.
    #[must_use]
    pub const fn with_width(mut self, width: u16) -> Self {
        self.width = Some(width);
        self
    }

    /// Sets whether everything but Chinese text is ASCII.
    #[must_use]
    pub const fn with_ascii(mut self, ascii: bool) -> Self {
        self.ascii = ascii;
        self
    }

    /// Escapes a text so that it has no control characters and the console can show it.
    pub(crate) fn printable(self, text: &str) -> String {
        let text = shown(text, LONGEST);
        match self.ascii {
            true => text.chars().map(in_ascii).collect(),
            false => text,
        }
    }

    /// A [`paragraph`] of printable text.
    pub(crate) fn paragraph(self, lead: &str, text: &str) -> Vec<String> {
        paragraph(&self.printable(lead), &self.printable(text), self.width)
    }

    /// Items after a word; no item is broken if it fits on a line.
    pub(crate) fn items(self, word: &str, items: &[String], separator: &str) -> Vec<String> {
        let room = self.width.map_or(usize::MAX, usize::from);
        let (mark, gap) = separator.split_at(separator.trim_end().len());
        let mut lines: Vec<String> = Vec::new();
        for (place, item) in items.iter().enumerate() {
            let last = place + 1 == items.len();
            let item = self.printable(item) + if last { "" } else { mark };
            match lines.last_mut() {
                Some(line) if columns(line) + columns(gap) + columns(&item) <= room => {
                    line.push_str(gap);
                    line.push_str(&item);
                }
                Some(_) => lines.extend(paragraph("", &item, self.width)),
                None => lines.extend(paragraph("", &(self.printable(word) + &item), self.width)),
            }
        }
        lines
    }

    /// A [`paragraph`] in one colour.
    pub(crate) fn painted(self, ink: Ink, lead: &str, text: &str) -> impl Iterator<Item = String> {
        let lines = self.paragraph(lead, text).into_iter();
        lines.map(move |line| self.paint(ink, &line))
    }

    /// A line and a remark on it: beside it if there is room, otherwise below it, after `lead`.
    pub(crate) fn beside(self, line: &str, told: &str, lead: &str) -> Vec<String> {
        let printable = self.printable(told);
        let together = columns(line) + 2 + columns(&printable);
        if self
            .width
            .is_none_or(|width| together <= usize::from(width))
        {
            return vec![format!("{line}  {printable}")];
        }
        let mut lines = vec![line.to_owned()];
        lines.extend(self.paragraph(lead, told));
        lines
    }

    /// A [`grid`] of printable text.
    pub(crate) fn grid(self, mut columns: Vec<Column>) -> (Vec<String>, Vec<String>) {
        for column in &mut columns {
            let head: Vec<String> = column
                .head
                .lines()
                .map(|line| self.printable(line))
                .collect();
            column.head = head.join("\n");
            for cell in &mut column.cells {
                *cell = self.printable(cell);
            }
        }
        grid(columns, self.width)
    }

    /// A line in one colour.
    pub(crate) fn paint(self, ink: Ink, line: &str) -> String {
        let code = match ink {
            Ink::Plain => return line.to_owned(),
            Ink::Bold => "1",
            Ink::Dim => "2",
            Ink::Good => "32",
            Ink::Doubtful => "33",
            Ink::Bad => "31",
            Ink::Blue => "34",
            Ink::Cyan => "36",
            Ink::Purple => "35",
        };
        if self.colour && !line.is_empty() {
            format!("\u{1b}[{code}m{line}\u{1b}[0m")
        } else {
            line.to_owned()
        }
    }
}

/// The meaning of a line's colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    Plain,
    Bold,
    Dim,
    Good,
    Doubtful,
    Bad,
    Blue,
    Cyan,
    Purple,
}

/// The longest paragraph or cell, in characters: a report from a file may hold anything.
const LONGEST: usize = 4096;

/// A character in ASCII. Chinese ones stay, since every Chinese code page has them.
fn in_ascii(c: char) -> Cow<'static, str> {
    let known = match c {
        '×' => "x",
        '…' => "...",
        '·' => "-",
        '±' => "+-",
        '“' | '”' => "\"",
        '‘' | '’' => "'",
        '–' | '—' => "-",
        _ if c.is_ascii() || is_chinese(c) => return c.to_string().into(),
        _ => return c.escape_unicode().to_string().into(),
    };
    known.into()
}

/// Common ideographs, Chinese punctuation and full-width forms.
fn is_chinese(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{303f}' | '\u{4e00}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}')
}

/// One column of a [`grid`].
pub(crate) struct Column {
    pub(crate) head: String,
    pub(crate) cells: Vec<String>,
    /// Whether cells are aligned to the right, as figures are.
    pub(crate) right: bool,
    /// How readily it is left out on a narrow terminal: the highest first, 0 never.
    pub(crate) spare: u8,
}

impl Column {
    pub(crate) fn left(head: String, cells: Vec<String>) -> Self {
        Column {
            head,
            cells,
            right: false,
            spare: 0,
        }
    }

    pub(crate) fn right(head: String, cells: Vec<String>, spare: u8) -> Self {
        Column {
            head,
            cells,
            right: true,
            spare,
        }
    }
}

/// The lines of a table without borders: the heading's, and one per row.
pub(crate) fn grid(mut columns: Vec<Column>, width: Option<u16>) -> (Vec<String>, Vec<String>) {
    let rows = columns.iter().map(|one| one.cells.len()).max().unwrap_or(0);
    loop {
        let table = table(&columns, rows);
        let widths = table.column_max_content_widths();
        let total: usize = widths.iter().map(|one| usize::from(*one) + 2).sum();
        let fits = width.is_none_or(|width| total.saturating_sub(2) <= usize::from(width));
        let spare = (0..columns.len())
            .filter(|index| columns[*index].spare > 0)
            .max_by_key(|index| columns[*index].spare);
        match spare {
            Some(spare) if !fits => {
                columns.remove(spare);
            }
            _ => {
                let mut head: Vec<String> = table
                    .lines()
                    .map(|line| line.trim_end().to_owned())
                    .collect();
                let body = head.split_off(head.len().saturating_sub(rows));
                return (head, body);
            }
        }
    }
}

fn table(columns: &[Column], rows: usize) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(columns.iter().map(|one| aligned(&one.head, one.right)));
    for row in 0..rows {
        table.add_row(columns.iter().map(|one| {
            let text = one.cells.get(row).map_or("", String::as_str);
            aligned(text, one.right)
        }));
    }
    for index in 0..columns.len() {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, 2));
        }
    }
    table
}

fn aligned(text: &str, right: bool) -> Cell {
    Cell::new(text).set_alignment(if right {
        CellAlignment::Right
    } else {
        CellAlignment::Left
    })
}

/// A paragraph, wrapped if the width is known, with hanging indentation.
pub(crate) fn paragraph(lead: &str, text: &str, width: Option<u16>) -> Vec<String> {
    let indent = columns(lead);
    let room = width.map_or(usize::MAX, |width| {
        usize::from(width).saturating_sub(indent).max(20)
    });
    wrapped(text, room)
        .into_iter()
        .enumerate()
        .map(|(index, line)| match index {
            0 => format!("{lead}{line}"),
            _ => format!("{:indent$}{line}", ""),
        })
        .collect()
}

/// Lines of at most `room` columns, broken at spaces and between Chinese characters. A line
/// doesn't begin with closing punctuation; a word longer than a line stays whole.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    for piece in pieces(text) {
        let width = columns(piece.trim_end());
        if used > 0 && used + width > room {
            lines.push(line.trim_end().to_owned());
            (line, used) = (String::new(), 0);
        }
        used += columns(piece);
        line.push_str(piece);
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// The pieces of a text between which a line may break.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut cuts: Vec<usize> = text
        .char_indices()
        .zip(text.chars().skip(1))
        .filter(|((_, before), after)| may_break(*before, *after))
        .map(|((at, before), _)| at + before.len_utf8())
        .collect();
    cuts.push(text.len());
    let mut start = 0;
    cuts.into_iter().map(move |cut| {
        let piece = &text[start..cut];
        start = cut;
        piece
    })
}

fn may_break(before: char, after: char) -> bool {
    const CLOSING: &str = "，。：；、！？）”》」,.:;!?)]";
    const OPENING: &str = "（“《「([";
    // After a space, a bracket may open or close.
    let closes = CLOSING.contains(after) && !(before == ' ' && after.is_ascii());
    if closes || OPENING.contains(before) || after == ' ' {
        return false;
    }
    before == ' ' || columns_of(before) == 2 || columns_of(after) == 2
}

/// The width of a text in columns.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// The width of a character in columns in a Chinese terminal, where typographic quotes are wide.
fn columns_of(c: char) -> usize {
    match c {
        '“' | '”' => 2,
        _ => c.width().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_spare_ones_go_first() {
        let columns = || {
            vec![
                Column::left("主机".to_owned(), vec!["a".to_owned(), "bcd".to_owned()]),
                Column::right(
                    "耗时".to_owned(),
                    vec!["1.5".to_owned(), "10".to_owned()],
                    1,
                ),
                Column::right("p90".to_owned(), vec!["2".to_owned()], 2),
            ]
        };
        let (head, body) = grid(columns(), None);
        assert_eq!(head, ["主机  耗时  p90"]);
        assert_eq!(body, ["a      1.5    2", "bcd     10"]);
        let (head, _) = grid(columns(), Some(12));
        assert_eq!(head, ["主机  耗时"]);
        let (head, _) = grid(columns(), Some(1));
        assert_eq!(head, ["主机"]);
    }

    #[test]
    fn paragraphs_wrap_under_their_lead() {
        let lines = paragraph("- ", "one two three four five six", Some(22));
        assert_eq!(lines, ["- one two three four", "  five six"]);
        assert_eq!(paragraph("- ", "a b", None), ["- a b"]);
        let lines = paragraph("", "请用浏览器打开任意网页并登录(一)，然后", Some(30));
        assert_eq!(lines, ["请用浏览器打开任意网页并登录", "(一)，然后"]);
        let lines = paragraph("", "请用浏览器打开任意网页并登录，然后重试", Some(28));
        assert_eq!(lines, ["请用浏览器打开任意网页并登", "录，然后重试"]);
    }

    #[test]
    fn items_stay_whole() {
        let items = ["cn1 China 1", "cn2 China 2"].map(str::to_owned);
        let style = Style::plain().with_width(24);
        let lines = style.items("At: ", &items, ", ");
        assert_eq!(lines, ["At: cn1 China 1,", "cn2 China 2"]);
        assert_eq!(Style::plain().items("At: ", &items, ", ").len(), 1);
    }

    #[test]
    fn what_is_said_of_a_line_stands_beside_it_if_it_can() {
        let style = Style::plain().with_width(9);
        assert_eq!(style.beside("abc", "defg", "  "), ["abc  defg"]);
        assert_eq!(style.beside("abc", "defgh", "  "), ["abc", "  defgh"]);
        assert_eq!(style.beside("abc", "地址一", "  "), ["abc", "  地址一"]);
    }

    #[test]
    fn a_console_without_them_gets_ascii() {
        let style = Style::plain().with_ascii(true);
        let told = style.printable("2 ×3 ±1 … “é” 服务器（1 区）\u{1b}");
        assert_eq!(told, "2 x3 +-1 ... \"\\u{e9}\" 服务器（1 区）\\u{1b}");
        assert_eq!(style.paragraph("- ", "a…"), ["- a..."]);
        let column = Column::left("n\n±".to_owned(), vec!["×1".to_owned()]);
        let (head, body) = style.grid(vec![column]);
        assert_eq!(
            (head, body),
            (vec!["n".to_owned(), "+-".to_owned()], vec!["x1".to_owned()])
        );
    }

    #[test]
    fn colours_are_for_whole_lines() {
        let style = Style::plain().with_colour(true);
        assert_eq!(style.paint(Ink::Bad, "x"), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(Style::plain().paint(Ink::Bad, "x"), "x");
    }
}
