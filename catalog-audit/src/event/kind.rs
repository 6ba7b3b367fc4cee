use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// As it is stored and shown.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// The one that is written so.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }
    };
}

words! {
    /// What sort of event it is.
    EventType {
        /// A request, of which there is one event.
        Request = "request",
        /// A change that a request entails, beside what it asked for.
        Consequence = "consequence",
        /// A change that the program made by itself.
        System = "system",
        /// Old events were removed.
        Retention = "retention",
    }
}

words! {
    /// What came of it.
    Outcome {
        /// It was done.
        Success = "success",
        /// It was not done: something went wrong, or the request was not understood.
        Failure = "failure",
        /// It was not allowed.
        Denied = "denied",
        /// Nobody can tell: the program ended meanwhile.
        Unknown = "unknown",
    }
}

impl Outcome {
    /// What a request came to that was answered so.
    pub fn of_status(status: u16) -> Self {
        match status {
            100..=399 => Self::Success,
            401 | 403 | 429 => Self::Denied,
            _ => Self::Failure,
        }
    }
}
