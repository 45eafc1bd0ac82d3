//! The body of an order: one JSON object, and every table inside it an object too. What serde would read as well (an array
//! in the order of the fields) is refused, since whoever sends that means something else.

use super::error::ApiError;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// A body as `T`, from an object and nothing else.
pub(super) fn parsed<T: DeserializeOwned>(body: &[u8], expected: &str) -> Result<T, ApiError> {
    let object: Object<T> =
        serde_json::from_slice(body).map_err(|e| ApiError::Body(format!("expected {expected}: {e}")))?;
    Ok(object.0)
}

/// The fields `inside` of `body` must hold objects or lists of objects.
pub(super) fn objects_inside(body: &[u8], inside: &[&str], expected: &str) -> Result<(), ApiError> {
    let whole: serde_json::Value = parsed(body, expected)?;
    for name in inside {
        let list = whole.get(*name).and_then(serde_json::Value::as_array);
        if list.is_some_and(|list| list.iter().any(|item| !item.is_object())) {
            return Err(ApiError::Body(format!("expected {expected}: `{name}` must hold objects")));
        }
    }
    Ok(())
}

struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}
