use serde_json::Value;

use super::ask::encoded;
use crate::schema::FieldType;

/// What the capabilities say of one entity.
#[derive(Clone, Debug)]
pub(super) struct Entity {
    pub(super) kind: String,
    /// The path of its list.
    pub(super) list: String,
    get: String,
    artifacts: Option<String>,
    /// Fields to filter by.
    pub(super) filters: Vec<Field>,
    /// All fields that are told, each once.
    pub(super) fields: Vec<Field>,
    /// Fields to order by, and of what type they are; all asset ids are texts.
    pub(super) sorts: Vec<Field>,
}

/// One field as the capabilities tell it, or one label or custom property.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) of_type: FieldType,
    pub(super) place: Place,
}

/// Where in a document a field stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// At the top.
    Top,
    /// Among the labels.
    Label,
    /// Among the custom properties, under the name of its kind.
    Custom,
}

impl Entity {
    /// Reads an entity of the capabilities; none where something is missing without which nothing can be asked.
    pub(super) fn read(entity: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let endpoints = &entity["endpoints"];
        let mut fields: Vec<Field> = Vec::new();
        for group in ["columns", "filterFields", "detailFields"] {
            for field in Field::list(&entity["fields"][group]) {
                if !fields.iter().any(|other| other.name == field.name) {
                    fields.push(field);
                }
            }
        }
        let sorts = entity["fields"]["sortFields"].as_array().into_iter().flatten();
        let sorts = sorts.filter_map(Value::as_str).map(|name| {
            let known = fields.iter().find(|field| field.name == name).map(|field| field.of_type);
            Field::new(name, known.unwrap_or(FieldType::String))
        });
        Some(Self {
            kind: text(&entity["kind"])?,
            list: text(&endpoints["list"])?,
            get: text(&endpoints["get"]).filter(|path| path.contains("{name}"))?,
            artifacts: text(&endpoints["artifacts"]),
            filters: Field::list(&entity["fields"]["filterFields"]),
            sorts: sorts.collect(),
            fields,
        })
    }

    /// The path of the asset of that name.
    pub(super) fn path(&self, name: &str) -> String {
        self.get.replace("{name}", &encoded(name))
    }

    /// The path of that asset's artifacts, where the entity has some.
    pub(super) fn artifacts(&self, name: &str) -> Option<String> {
        Some(self.artifacts.as_ref()?.replace("{name}", &encoded(name)))
    }

    /// The templates of its routes.
    pub(super) fn templates(&self) -> impl Iterator<Item = &str> {
        [Some(&self.list), Some(&self.get), self.artifacts.as_ref()].into_iter().flatten().map(String::as_str)
    }
}

impl Field {
    /// A field at the top of the document.
    pub(super) fn new(name: &str, of_type: FieldType) -> Self {
        Self { name: name.into(), of_type, place: Place::Top }
    }

    /// As a filter writes it.
    pub(super) fn written(&self) -> String {
        let key = self.name.replace('`', "``");
        match self.place {
            Place::Top => self.name.clone(),
            Place::Label => format!("labels.`{key}`"),
            Place::Custom => format!("customProperties.`{key}`.{}", self.kind()),
        }
    }

    /// What stands there in a document; null where nothing does.
    pub(super) fn value<'d>(&self, document: &'d Value) -> &'d Value {
        let name = self.name.as_str();
        match self.place {
            Place::Top => &document[name],
            Place::Label => &document["labels"][name],
            Place::Custom => &document["customProperties"][name][self.kind()],
        }
    }

    /// The name of a custom property's kind, as documents and filters have it.
    fn kind(&self) -> &'static str {
        match self.of_type {
            FieldType::Integer => "int_value",
            FieldType::Number => "double_value",
            FieldType::Boolean => "bool_value",
            _ => "string_value",
        }
    }

    fn list(fields: &Value) -> Vec<Self> {
        let read = |field: &Value| Some(Self::new(field["name"].as_str()?, field_type(&field["type"])?));
        fields.as_array().into_iter().flatten().filter_map(read).collect()
    }
}

/// The type of that name.
pub(super) fn field_type(name: &Value) -> Option<FieldType> {
    serde_json::from_value(name.clone()).ok()
}
