//! Draws a tree of lines with box characters. Knows nothing of what they say.

/// A line and what hangs on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    text: String,
    children: Vec<Node>,
}

impl Node {
    pub(super) fn new(text: String, children: Vec<Node>) -> Self {
        Self { text, children }
    }

    /// One line each, the last with its end.
    pub(super) fn draw(&self) -> String {
        let mut drawn = format!("{}\n", self.text);
        self.draw_children("", &mut drawn);
        drawn
    }

    fn draw_children(&self, before: &str, drawn: &mut String) {
        for (at, child) in self.children.iter().enumerate() {
            let last = at + 1 == self.children.len();
            let (corner, bar) = match last {
                true => ("└─ ", "   "),
                false => ("├─ ", "│  "),
            };
            *drawn += &format!("{before}{corner}{}\n", child.text);
            child.draw_children(&format!("{before}{bar}"), drawn);
        }
    }
}
