//! YAML 1.2, read strictly: with the line of every value, within limits, nothing guessed.
//!
//! Duplicate keys, merge keys, foreign tags and second documents are errors; aliases count against the limits as often as they
//! are used, so that a few lines cannot become a billion values.

use std::{collections::HashMap, fmt};

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

/// What a text may hold at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes.
    pub bytes: usize,
    /// Values, mappings and lists.
    pub nodes: usize,
    /// Mappings and lists within each other.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 16 * 1024 * 1024, nodes: 2_000_000, depth: 64 }
    }
}

/// What is wrong with a YAML text, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct YamlError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// The field, `catalogs.mcp.sources[0].id`; empty for the text as a whole.
    pub field: String,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.field.is_empty() {
            write!(f, "`{}`: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for YamlError {}

/// One value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    line: usize,
    column: usize,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Scalar(Value),
    List(Vec<Node>),
    Mapping(Vec<(String, Node)>),
}

impl Node {
    /// Reads a text of one document. An empty one is `null`.
    ///
    /// # Errors
    /// [`YamlError`] for what is no YAML or goes beyond the limits.
    pub fn parse(text: &str, limits: Limits) -> Result<Self, YamlError> {
        if text.len() > limits.bytes {
            let message = format!("the text is longer than {} bytes", limits.bytes);
            return Err(YamlError { line: 1, column: 1, field: String::new(), message });
        }
        let mut builder = Builder { limits, nodes: 0, anchors: HashMap::new(), open: Vec::new(), root: None };
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| YamlError {
                line: error.marker().line(),
                column: error.marker().col() + 1,
                field: String::new(),
                message: error.info().to_owned(),
            })?;
            builder.on_event(event, span)?;
        }
        Ok(builder.root.unwrap_or(Self { line: 1, column: 1, content: Content::Scalar(Value::Null) }))
    }

    /// The line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The value of a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// The entries of a mapping, in their order; none for anything else.
    pub fn entries(&self) -> &[(String, Self)] {
        match &self.content {
            Content::Mapping(entries) => entries,
            Content::Scalar(_) | Content::List(_) => &[],
        }
    }

    /// The items of a list, if it is one.
    pub fn items(&self) -> Option<&[Self]> {
        match &self.content {
            Content::List(items) => Some(items),
            Content::Scalar(_) | Content::Mapping(_) => None,
        }
    }

    /// The value as JSON.
    pub fn to_value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Self::to_value).collect(),
            Content::Mapping(entries) => {
                entries.iter().map(|(key, node)| (key.clone(), node.to_value())).collect::<Map<_, _>>().into()
            }
        }
    }

    /// The value as a `T`.
    ///
    /// # Errors
    /// [`YamlError`] with the field that does not fit and its line.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, YamlError> {
        serde_path_to_error::deserialize(self.to_value()).map_err(|error| {
            let mut node = self;
            for segment in error.path() {
                let inner = match segment {
                    serde_path_to_error::Segment::Map { key } => node.get(key),
                    serde_path_to_error::Segment::Seq { index } => {
                        node.items().and_then(|items| items.get(*index))
                    }
                    _ => None,
                };
                let Some(inner) = inner else { break };
                node = inner;
            }
            let path = error.path().to_string();
            let field = if path == "." { String::new() } else { path };
            node.error(field, error.inner().to_string())
        })
    }

    /// An error at this value.
    pub fn error(&self, field: impl Into<String>, message: impl Into<String>) -> YamlError {
        YamlError { line: self.line, column: self.column, field: field.into(), message: message.into() }
    }

    /// The value at a JSON pointer, or the innermost one that is there.
    pub fn at_pointer(&self, pointer: &str) -> &Self {
        pointer.split('/').skip(1).fold(self, |node, segment| {
            let key = segment.replace("~1", "/").replace("~0", "~");
            node.get(&key).unwrap_or(node)
        })
    }
}

struct Builder {
    limits: Limits,
    nodes: usize,
    anchors: HashMap<usize, (Node, usize)>,
    open: Vec<Open>,
    root: Option<Node>,
}

/// A mapping or list that has not ended yet.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<String>,
    nodes_before: usize,
}

impl Builder {
    fn on_event(&mut self, event: Event<'_>, span: Span) -> Result<(), YamlError> {
        let (line, column) = (span.start.line(), span.start.col() + 1);
        let wrong = |message: &str| YamlError { line, column, field: String::new(), message: message.into() };
        match event {
            Event::DocumentStart(_) if self.root.is_some() => Err(wrong("a second document is not taken")),
            Event::Alias(anchor) => {
                let (node, nodes) = self
                    .anchors
                    .get(&anchor)
                    .cloned()
                    .ok_or_else(|| wrong("the alias names no earlier value"))?;
                self.count(nodes, line, column)?;
                self.add(Node { line, column, ..node }, 0, nodes)
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.count(1, line, column)?;
                let value = scalar(&text, style, tag.as_deref()).map_err(|message| wrong(&message))?;
                self.add(Node { line, column, content: Content::Scalar(value) }, anchor, 1)
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(Content::List(Vec::new()), anchor, tag.as_deref(), line, column)
            }
            Event::MappingStart(anchor, tag) => {
                self.open(Content::Mapping(Vec::new()), anchor, tag.as_deref(), line, column)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.add(open.node, open.anchor, self.nodes - open.nodes_before),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn count(&mut self, nodes: usize, line: usize, column: usize) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > self.limits.nodes {
            let message = format!("the text holds more than {} values", self.limits.nodes);
            return Err(YamlError { line, column, field: String::new(), message });
        }
        Ok(())
    }

    fn open(
        &mut self,
        content: Content,
        anchor: usize,
        tag: Option<&Tag>,
        line: usize,
        column: usize,
    ) -> Result<(), YamlError> {
        let node = Node { line, column, content };
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
            return Err(node.error("", format!("the tag `{tag}` is not known")));
        }
        if self.open.len() >= self.limits.depth {
            return Err(node.error("", format!("values are nested deeper than {}", self.limits.depth)));
        }
        let nodes_before = self.nodes;
        self.count(1, line, column)?;
        self.open.push(Open { node, anchor, key: None, nodes_before });
        Ok(())
    }

    /// Puts a whole value where it belongs: into the innermost open mapping or list, or at the root.
    fn add(&mut self, node: Node, anchor: usize, nodes: usize) -> Result<(), YamlError> {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), nodes));
            // the copy that is kept for aliases takes memory as well
            self.count(nodes, node.line, node.column)?;
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut open.node.content, open.key.take()) {
            (Content::List(items), _) => items.push(node),
            (Content::Mapping(entries), Some(key)) => {
                if entries.iter().any(|(other, _)| *other == key) {
                    return Err(node.error(key, "the key stands twice in one mapping"));
                }
                entries.push((key, node));
            }
            (Content::Mapping(_), None) => open.key = Some(key(&node)?),
            (Content::Scalar(_), _) => {}
        }
        Ok(())
    }
}

fn key(node: &Node) -> Result<String, YamlError> {
    match &node.content {
        Content::Scalar(Value::String(text)) if text == "<<" => {
            Err(node.error("", "merge keys are not part of YAML 1.2"))
        }
        Content::Scalar(Value::String(text)) => Ok(text.clone()),
        Content::Scalar(value) => Ok(value.to_string()),
        Content::List(_) | Content::Mapping(_) => Err(node.error("", "a key must be a text")),
    }
}

/// A scalar by the core schema of YAML 1.2.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    let core = |name: &str| tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == name);
    if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
        return Err(format!("the tag `{tag}` is not known"));
    }
    if core("str") || (style != ScalarStyle::Plain && tag.is_none()) {
        return Ok(Value::String(text.into()));
    }
    let value = plain(text)?;
    let fits = match tag.map(|tag| tag.suffix.as_str()) {
        None => true,
        Some("null") => value.is_null(),
        Some("bool") => value.is_boolean(),
        Some("int") => value.is_i64() || value.is_u64(),
        Some("float") => value.is_number(),
        Some(_) => false,
    };
    if fits { Ok(value) } else { Err(format!("`{text}` is not of the type of its tag")) }
}

fn plain(text: &str) -> Result<Value, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) =
        unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    let radix = [("0x", 16), ("0o", 8)]
        .into_iter()
        .find_map(|(prefix, radix)| text.strip_prefix(prefix).map(|rest| (rest, radix)));
    if let Some(number) = radix.and_then(|(rest, radix)| {
        i64::from_str_radix(rest, radix).ok().filter(|_| !rest.starts_with(['-', '+']))
    }) {
        return Ok(number.into());
    }
    if let Some(number) = text.parse::<i64>().ok().filter(|_| digits(unsigned)) {
        return Ok(number.into());
    }
    let float = (digits(whole) || (whole.is_empty() && fraction.is_some_and(digits)))
        && fraction.is_none_or(|fraction| fraction.is_empty() || digits(fraction))
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)));
    if float {
        let number = text.parse().ok().and_then(Number::from_f64);
        return number.map(Value::Number).ok_or_else(|| format!("`{text}` is too large a number"));
    }
    match unsigned {
        ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN" => Err(format!("`{text}` is no finite number")),
        _ => Ok(Value::String(text.into())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parse(text: &str) -> Result<Value, YamlError> {
        Node::parse(text, Limits { bytes: 10_000, nodes: 200, depth: 8 }).map(|node| node.to_value())
    }

    #[test]
    fn scalars_follow_the_core_schema() {
        for (text, value) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("yes", json!("yes")),
            ("True", json!(true)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("012", json!(12)),
            ("-7", json!(-7)),
            ("1.50", json!(1.5)),
            (".5", json!(0.5)),
            ("1e3", json!(1000.0)),
            ("1.2.3", json!("1.2.3")),
            ("2025-01-01", json!("2025-01-01")),
            ("'5'", json!("5")),
            ("!!str 5", json!("5")),
            ("|\n  a\n  b\n", json!("a\nb\n")),
            ("{a: [1, {b: c}]}", json!({"a": [1, {"b": "c"}]})),
            ("a: &x [1]\nb: *x", json!({"a": [1], "b": [1]})),
        ] {
            assert_eq!(parse(text).unwrap(), value, "{text:?}");
        }
    }

    #[test]
    fn what_could_be_meant_otherwise_is_refused_with_its_line() {
        for (text, line, part) in [
            ("a: 1\na: 2", 2, "twice"),
            ("a: 1\n---\nb: 2", 2, "second document"),
            ("a: !new 1", 1, "tag"),
            ("b: 1\n<<: {a: 1}", 2, "merge"),
            ("a: .nan", 1, "finite"),
            ("a: [1,\n", 2, ""),
            ("? [a]\n: 1", 1, "key"),
            ("[[[[[[[[[]]]]]]]]]", 1, "deeper"),
            ("a: *nothing", 1, ""),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.message.contains(part), "{text:?}: {error}");
            assert!(error.line.abs_diff(line) <= 1, "{text:?}: {error}");
        }
    }

    #[test]
    fn aliases_cannot_multiply() {
        let mut bomb = String::from("a0: &a0 [x, x]\n");
        for level in 1..30 {
            let below = level - 1;
            bomb = format!("{bomb}a{level}: &a{level} [*a{below}, *a{below}]\n");
        }
        assert!(parse(&bomb).unwrap_err().message.contains("more than 200"));
    }

    #[test]
    fn a_typed_error_names_field_and_line() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Outer {
            #[expect(dead_code, reason = "only read by serde")]
            list: Vec<Inner>,
        }
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Inner {
            #[expect(dead_code, reason = "only read by serde")]
            count: u8,
        }
        let node = Node::parse("list:\n- count: 1\n- count: many\n", Limits::default()).unwrap();
        let error = node.deserialize::<Outer>().unwrap_err();
        assert_eq!((error.line, error.field.as_str()), (3, "list[1].count"), "{error}");
        let node = Node::parse("list:\n- count: 1\n  cuont: 2\n", Limits::default()).unwrap();
        let error = node.deserialize::<Outer>().unwrap_err();
        assert!(error.line == 3 && error.message.contains("`cuont`"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[ -~\n\t]{0,200}") {
            let _ = parse(&text);
        }
    }
}
