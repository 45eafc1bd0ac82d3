//! Places in the engine's tables. A channel's place and a tenant's are types of their own: to take one for the other does not
//! compile.

/// The place of a channel in the table of slots. A place is used again once its channel is no longer watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SlotId(u32);

/// The place of a tenant in the table of tenants, which none ever leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TenantIx(u32);

macro_rules! place {
    ($($id:ident),*) => {$(
        impl $id {
            /// The place at `index`.
            pub(super) fn at(index: usize) -> Self {
                Self(u32::try_from(index).unwrap_or(u32::MAX))
            }

            /// As the vector behind the table counts.
            pub(super) const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}
place!(SlotId, TenantIx);
