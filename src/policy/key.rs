//! Names of tenants and channels: cheap to clone, ordered, and never mixed up with each other.

use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(Arc::from(text))
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// A tenant's name in the configuration, such as `acme`.
    TenantId
}
name! {
    /// A channel's id on its platform, such as `ch-0001`. Unique within its tenant only.
    ChannelId
}

/// A channel of a tenant. Shown as `tenant/channel`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChannelKey {
    /// The tenant that the channel belongs to.
    pub tenant: TenantId,
    /// The channel's id on that tenant's platform.
    pub channel: ChannelId,
}

impl ChannelKey {
    /// The channel `channel` of `tenant`.
    pub fn new(tenant: impl Into<TenantId>, channel: impl Into<ChannelId>) -> Self {
        Self { tenant: tenant.into(), channel: channel.into() }
    }
}

impl fmt::Display for ChannelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.channel)
    }
}
