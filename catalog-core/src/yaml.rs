//! YAML 1.2, read strictly: with the line of every value, within limits, nothing guessed.
//!
//! Duplicate keys, merge keys, foreign tags and second documents are errors; what an alias stands for counts against every limit
//! as often as it is used, and before it is copied, so that a few lines cannot become a billion values.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

/// What a text may hold at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes, of the text and of all its scalars with what aliases stand for.
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
        let mut builder = Builder {
            limits,
            total: Extent::default(),
            anchors: HashMap::new(),
            open: Vec::new(),
            root: None,
        };
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
    /// Of all that is kept; its height means nothing.
    total: Extent,
    anchors: HashMap<usize, (Node, Extent)>,
    open: Vec<Open>,
    root: Option<Node>,
}

/// How much a value holds.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    nodes: usize,
    /// Of its scalars, keys included.
    bytes: usize,
    /// Mappings and lists within each other; 0 for a scalar.
    height: usize,
}

impl Extent {
    fn scalar(text: &str) -> Self {
        Self { nodes: 1, bytes: text.len(), height: 0 }
    }

    /// Of an empty mapping or list.
    fn collection() -> Self {
        Self { nodes: 1, bytes: 0, height: 1 }
    }

    /// With `inner` in it.
    fn hold(&mut self, inner: Self) {
        self.nodes += inner.nodes;
        self.bytes += inner.bytes;
        self.height = self.height.max(inner.height + 1);
    }
}

/// A mapping or list that has not ended yet.
struct Open {
    node: Node,
    anchor: usize,
    extent: Extent,
    key: Option<String>,
    /// The keys of a mapping so far, so that a second one of a name is found in one step.
    keys: HashSet<String>,
}

impl Builder {
    fn on_event(&mut self, event: Event<'_>, span: Span) -> Result<(), YamlError> {
        let (line, column) = (span.start.line(), span.start.col() + 1);
        let wrong = |message: &str| YamlError { line, column, field: String::new(), message: message.into() };
        match event {
            Event::DocumentStart(_) if self.root.is_some() => Err(wrong("a second document is not taken")),
            Event::Alias(anchor) => {
                let unknown = || wrong("the alias names no earlier value");
                let (_, extent) = self.anchors.get(&anchor).ok_or_else(unknown)?;
                let extent = *extent;
                self.nest(extent.height, line, column)?;
                self.count(extent, line, column)?;
                let (node, _) = self.anchors.get(&anchor).ok_or_else(unknown)?;
                self.add(Node { line, column, content: node.content.clone() }, 0, extent)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let extent = Extent::scalar(&text);
                self.count(extent, line, column)?;
                let value = scalar(&text, style, tag.as_deref()).map_err(|message| wrong(&message))?;
                self.add(Node { line, column, content: Content::Scalar(value) }, anchor, extent)
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(Content::List(Vec::new()), anchor, tag.as_deref(), line, column)
            }
            Event::MappingStart(anchor, tag) => {
                self.open(Content::Mapping(Vec::new()), anchor, tag.as_deref(), line, column)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.add(open.node, open.anchor, open.extent),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Counts what is about to be kept.
    fn count(&mut self, extent: Extent, line: usize, column: usize) -> Result<(), YamlError> {
        let wrong = |message| YamlError { line, column, field: String::new(), message };
        self.total.nodes = self.total.nodes.saturating_add(extent.nodes);
        self.total.bytes = self.total.bytes.saturating_add(extent.bytes);
        if self.total.nodes > self.limits.nodes {
            return Err(wrong(format!("the text holds more than {} values", self.limits.nodes)));
        }
        if self.total.bytes > self.limits.bytes {
            return Err(wrong(format!("the values are longer than {} bytes", self.limits.bytes)));
        }
        Ok(())
    }

    /// Whether a value of that height may stand here.
    fn nest(&self, height: usize, line: usize, column: usize) -> Result<(), YamlError> {
        if self.open.len().saturating_add(height) > self.limits.depth {
            let message = format!("values are nested deeper than {}", self.limits.depth);
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
        let extent = Extent::collection();
        self.nest(extent.height, line, column)?;
        self.count(extent, line, column)?;
        self.open.push(Open { node, anchor, extent, key: None, keys: HashSet::new() });
        Ok(())
    }

    /// Puts a whole value where it belongs: into the innermost open mapping or list, or at the root.
    fn add(&mut self, node: Node, anchor: usize, extent: Extent) -> Result<(), YamlError> {
        if anchor > 0 {
            // the copy that is kept for aliases takes memory as well
            self.count(extent, node.line, node.column)?;
            self.anchors.insert(anchor, (node.clone(), extent));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.extent.hold(extent);
        match (&mut open.node.content, open.key.take()) {
            (Content::List(items), _) => items.push(node),
            (Content::Mapping(entries), Some(key)) => {
                if !open.keys.insert(key.clone()) {
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
    fn an_alias_counts_with_its_bytes_and_its_depth_and_is_refused_at_its_line() {
        let long = format!("a: &a \"{}\"\nb:\n- *a\n- *a\n- *a\n", "x".repeat(2_500));
        // the value itself, the copy that is kept, and two aliases are too much with the keys
        let error = parse(&long).unwrap_err();
        assert_eq!(
            (error.line, error.message.as_str()),
            (4, "the values are longer than 10000 bytes"),
            "{error}"
        );
        let within = format!("a: &a \"{}\"\nb: [*a, *a]\n", "x".repeat(2_400));
        assert!(parse(&within).is_ok());

        let mut tower = String::from("a0: &a0 [1]\n");
        for level in 1..20 {
            tower = format!("{tower}a{level}: &a{level} [*a{}]\n", level - 1);
        }
        let error = parse(&tower).unwrap_err();
        // the mapping is one level, and line n ends with n of them
        assert_eq!((error.line, error.message.as_str()), (8, "values are nested deeper than 8"), "{error}");
        assert!(parse("a: &a [[[[1]]]]\nb: [[[*a]]]").is_ok());
        assert!(parse("a: &a [[[[1]]]]\nb: [[[[*a]]]]").is_err());
    }

    #[test]
    fn a_mapping_of_many_keys_is_read_in_time_that_grows_as_it_does() {
        let mapping = |keys: usize| (0..keys).map(|key| format!("k{key}: 1")).collect::<Vec<_>>().join("\n");
        let time = |keys: usize| {
            let (text, start) = (mapping(keys), std::time::Instant::now());
            let node = Node::parse(&text, Limits::default()).unwrap();
            assert_eq!(node.entries().len(), keys);
            start.elapsed()
        };
        let (few, many) = (time(2_500), time(40_000));
        // 16 times as many: with one look at each earlier key it would be 256 times as long
        assert!(many < few * 100 + std::time::Duration::from_millis(100), "{few:?}, {many:?}");
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
