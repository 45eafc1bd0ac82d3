//! The configuration: raw TOML, through [`compile`](self), to a checked [`Config`] in which nothing is left to doubt.

mod model;

pub use model::{
    Audit, Auth, Bridge, Calendar, Channel, Config, Daemon, Export, Paths, Provision, Provisioning, Rescue, SecretRef,
    Tenant, Webhook,
};
