use crate::context::RequestContext;

/// Who changes something, and by which request. What changes a store asks for it, so that nothing is changed on nobody's account.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Attribution {
    /// That request, which asked for just this change: the change's record is the request's.
    Request(RequestContext),
    /// That request, which asked for something that this change follows from: the change has a record of its own beside the
    /// request's.
    Consequence(RequestContext),
    /// The program itself, at that work: `loader`.
    System {
        /// The work.
        component: &'static str,
    },
}

impl Attribution {
    /// The program itself, at that work.
    pub const fn system(component: &'static str) -> Self {
        Self::System { component }
    }

    /// Of what is changed besides, since the other change asks for it.
    #[must_use]
    pub fn consequence(&self) -> Self {
        match self {
            Self::Request(context) | Self::Consequence(context) => Self::Consequence(context.clone()),
            Self::System { component } => Self::System { component },
        }
    }

    /// The request, where there is one.
    pub fn request(&self) -> Option<&RequestContext> {
        match self {
            Self::Request(context) | Self::Consequence(context) => Some(context),
            Self::System { .. } => None,
        }
    }
}
