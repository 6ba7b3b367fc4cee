use utoipa::openapi::{
    Array, ArrayBuilder, Object, ObjectBuilder, Ref, RefOr, Schema,
    schema::{AdditionalProperties, KnownFormat, SchemaFormat, SchemaType, Type},
};

/// The shape of a JSON value, for the document.
#[derive(Clone, Debug)]
pub struct Shape(pub(super) RefOr<Schema>);

impl Shape {
    fn scalar(kind: Type) -> ObjectBuilder {
        ObjectBuilder::new().schema_type(kind)
    }

    fn of(object: impl Into<Object>) -> Self {
        Self(RefOr::T(Schema::Object(object.into())))
    }

    /// A text.
    pub fn string() -> Self {
        Self::of(Self::scalar(Type::String))
    }

    /// One of those texts.
    pub fn one_of(values: &[&str]) -> Self {
        Self::of(Self::scalar(Type::String).enum_values(Some(values.iter().copied())))
    }

    /// An RFC 3339 time.
    pub fn time() -> Self {
        Self::of(Self::scalar(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))))
    }

    /// A UUID.
    pub fn uuid() -> Self {
        Self::of(Self::scalar(Type::String).format(Some(SchemaFormat::Custom("uuid".into()))))
    }

    /// A whole number of 64 bits.
    pub fn integer() -> Self {
        Self::of(Self::scalar(Type::Integer).format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64))))
    }

    /// A number.
    pub fn number() -> Self {
        Self::of(Self::scalar(Type::Number))
    }

    /// True or false.
    pub fn boolean() -> Self {
        Self::of(Self::scalar(Type::Boolean))
    }

    /// Any value.
    pub fn any() -> Self {
        Self::of(ObjectBuilder::new().schema_type(SchemaType::AnyValue))
    }

    /// Any object.
    pub fn any_object() -> Self {
        Self::of(
            Self::scalar(Type::Object)
                .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(true))),
        )
    }

    /// An object of values of one shape.
    pub fn map(value: Self) -> Self {
        Self::of(Self::scalar(Type::Object).additional_properties(Some(value.0)))
    }

    /// A list.
    pub fn list(item: Self) -> Self {
        let array: Array = ArrayBuilder::new().items(item.0).build();
        Self(RefOr::T(Schema::Array(array)))
    }

    /// A shape of the document, by name.
    pub fn named(name: &str) -> Self {
        Self(RefOr::Ref(Ref::from_schema_name(name)))
    }

    /// An object of those fields; a name that ends in `?` may be absent.
    pub fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        let object = fields.into_iter().fold(Self::scalar(Type::Object), |object, (name, shape)| match name
            .strip_suffix('?')
        {
            Some(name) => object.property(name, shape.0),
            None => object.property(name, shape.0).required(name),
        });
        Self::of(object)
    }

    /// With a sentence on it.
    #[must_use]
    pub fn described(self, text: &str) -> Self {
        match self.0 {
            RefOr::T(Schema::Object(mut object)) => {
                object.description = Some(text.into());
                Self(RefOr::T(Schema::Object(object)))
            }
            RefOr::T(Schema::Array(mut array)) => {
                array.description = Some(text.into());
                Self(RefOr::T(Schema::Array(array)))
            }
            other => Self(other),
        }
    }
}
