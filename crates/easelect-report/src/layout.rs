//! Columns that line up with wide characters, paragraphs that wrap, lines with a colour.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How a table is to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Style {
    /// With ANSI colours.
    pub colour: bool,
    /// The columns of the terminal. Less important columns are left out and paragraphs wrap to
    /// fit; without it nothing is left out and nothing wraps.
    pub width: Option<u16>,
}

impl Style {
    /// Without colours, of unlimited width: for files and pipes.
    #[must_use]
    pub const fn plain() -> Self {
        Style {
            colour: false,
            width: None,
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

    /// A line in a colour, from end to end.
    pub(crate) fn paint(self, ink: Ink, line: &str) -> String {
        let code = match ink {
            Ink::Plain => return line.to_owned(),
            Ink::Bold => "1",
            Ink::Dim => "2",
            Ink::Good => "32",
            Ink::Doubtful => "33",
            Ink::Bad => "31",
        };
        if self.colour && !line.is_empty() {
            format!("\u{1b}[{code}m{line}\u{1b}[0m")
        } else {
            line.to_owned()
        }
    }
}

/// What a line's colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    Plain,
    Bold,
    Dim,
    Good,
    Doubtful,
    Bad,
}

/// One column of a [`grid`].
pub(crate) struct Column {
    pub(crate) head: String,
    pub(crate) cells: Vec<String>,
    /// Figures stand to the right.
    pub(crate) right: bool,
    /// The higher, the sooner it is left out where the terminal is narrow; 0 always stays.
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

/// The lines of a table without borders: those of the head, then one per row.
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

/// A paragraph, wrapped where the width is known; lines after the first stand under its text.
pub(crate) fn paragraph(lead: &str, text: &str, width: Option<u16>) -> Vec<String> {
    let indent = lead.width();
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
        let width: usize = piece.trim_end().chars().map(columns_of).sum();
        if used > 0 && used + width > room {
            lines.push(line.trim_end().to_owned());
            (line, used) = (String::new(), 0);
        }
        used += piece.chars().map(columns_of).sum::<usize>();
        line.push_str(piece);
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// The pieces of a text that a line break may stand between.
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
    const CLOSING: &str = "，。：；、！？）”》」";
    const OPENING: &str = "（“《「";
    if CLOSING.contains(after) || OPENING.contains(before) || after == ' ' {
        return false;
    }
    before == ' ' || columns_of(before) == 2 || columns_of(after) == 2
}

/// The columns that a character takes in a Chinese terminal, where typographic quotes are wide.
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
        let lines = paragraph("", "请用浏览器打开任意网页并登录，然后重试", Some(28));
        assert_eq!(lines, ["请用浏览器打开任意网页并登", "录，然后重试"]);
    }

    #[test]
    fn colours_are_for_whole_lines() {
        let style = Style::plain().with_colour(true);
        assert_eq!(style.paint(Ink::Bad, "x"), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(Style::plain().paint(Ink::Bad, "x"), "x");
    }
}
