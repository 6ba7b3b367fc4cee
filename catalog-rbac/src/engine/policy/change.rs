use crate::engine::object::{Object, ObjectKey};

/// One change of a policy.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// An object is written by somebody: checked as Kubernetes checks a write. A binding's role cannot be changed.
    Put(Object),
    /// A cluster stored an object and tells of it: taken as it is, since it counts there as it is.
    Stored(Object),
    /// An object goes. That it is not there is no fault.
    Remove(ObjectKey),
}
