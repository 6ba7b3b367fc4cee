use std::{
    hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState},
    net::IpAddr,
};

use catalog_core::name::Namespace;

/// Whose requests are counted: a keyed digest, so that a key has one size however long a name is, and nobody can choose two names
/// that share one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Key {
    first: u64,
    second: u64,
}

impl Key {
    /// For the choice of a shard, which must not be made by what chooses within one.
    pub(super) fn shard(self) -> u64 {
        self.second
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.first);
    }
}

/// Makes keys with a secret of the process.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    first: RandomState,
    second: RandomState,
}

impl Keys {
    pub(super) fn of_tenant(&self, namespace: &Namespace) -> Key {
        self.of(namespace.as_str())
    }

    pub(super) fn of_identity(&self, namespace: Option<&Namespace>, user: &str) -> Key {
        self.of(&(namespace.map(Namespace::as_str), user))
    }

    /// Of a peer: an IPv4 address, or the /64 of an IPv6 address, which is what one subscriber has.
    pub(super) fn of_peer(&self, address: IpAddr) -> Key {
        self.of(&match address.to_canonical() {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            // no IPv4 address has a network that looks like one
            IpAddr::V6(address) => (address.to_bits() >> 64) as u64 | 1 << 63,
        })
    }

    fn of<T: Hash + ?Sized>(&self, what: &T) -> Key {
        Key { first: self.first.hash_one(what), second: self.second.hash_one(what) }
    }
}

/// Takes the digest as it is.
#[derive(Debug, Default)]
pub(super) struct Digested(u64);

pub(super) type BuildDigested = BuildHasherDefault<Digested>;

impl Hasher for Digested {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_one_for_what_is_one() {
        let keys = Keys::default();
        let peer = |text: &str| keys.of_peer(text.parse().unwrap());
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_eq!(peer("10.0.0.1"), peer("::ffff:10.0.0.1"));
        assert_ne!(peer("10.0.0.1"), peer("10.0.0.2"));
        let a: Namespace = "a".parse().unwrap();
        assert_ne!(keys.of_identity(Some(&a), "b"), keys.of_identity(None, "ab"));
        assert_ne!(keys.of_identity(Some(&a), ""), keys.of_identity(None, "a"));
        assert_ne!(Keys::default().of_tenant(&a), keys.of_tenant(&a), "the secret is another's");
    }
}
