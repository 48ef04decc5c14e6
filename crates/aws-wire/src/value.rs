//! A decoded message before it becomes a typed one: what every protocol reads into and writes from.

use std::collections::BTreeMap;

use bytes::Bytes;
use env::Timestamp;

use crate::events::Events;

/// A value whose shape the reader knows. Structures are positional: slot `n` is the schema's member `n`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bool(bool),
    Integer(i64),
    Float(f64),
    String(String),
    Blob(Bytes),
    Timestamp(Timestamp),
    Document(serde_json::Value),
    /// `None` is an explicit null, which sparse lists may hold.
    List(Vec<Option<Value>>),
    Map(Vec<(String, Option<Value>)>),
    Structure(Vec<Option<Value>>),
    /// Of an output that goes on.
    Events(Events),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

/// A Rust type that a value of its shape converts to and from.
///
/// Reading can't fail on input: the decoder follows the same schema as the generated type, and the
/// constraints' check has refused absent required members. A mismatch is a bug of the generator.
pub trait Wire: Sized {
    fn from_value(value: Value) -> Self;
    fn into_value(self) -> Value;

    /// A member of a structure, from its slot.
    fn from_slot(slot: Option<Value>) -> Self {
        Self::from_value(slot.expect("a required member was checked to be present"))
    }

    /// The slot of a member.
    fn into_slot(self) -> Option<Value> {
        Some(self.into_value())
    }
}

macro_rules! scalar {
    ($type:ty, $variant:ident) => {
        impl Wire for $type {
            fn from_value(value: Value) -> Self {
                match value {
                    Value::$variant(value) => value,
                    other => mismatch(stringify!($variant), &other),
                }
            }

            fn into_value(self) -> Value {
                Value::$variant(self)
            }
        }
    };
}

scalar!(bool, Bool);
scalar!(i64, Integer);
scalar!(f64, Float);
scalar!(String, String);
scalar!(Bytes, Blob);
scalar!(Timestamp, Timestamp);
scalar!(serde_json::Value, Document);

impl Wire for i32 {
    fn from_value(value: Value) -> Self {
        i64::from_value(value).try_into().expect("the decoder checked the width")
    }

    fn into_value(self) -> Value {
        Value::Integer(self.into())
    }
}

impl<T: Wire> Wire for Option<T> {
    fn from_value(value: Value) -> Self {
        Some(T::from_value(value))
    }

    fn into_value(self) -> Value {
        self.expect("an absent member has no value").into_value()
    }

    fn from_slot(slot: Option<Value>) -> Self {
        slot.map(T::from_value)
    }

    fn into_slot(self) -> Option<Value> {
        self.map(T::into_value)
    }
}

impl<T: Wire> Wire for Box<T> {
    fn from_value(value: Value) -> Self {
        Self::new(T::from_value(value))
    }

    fn into_value(self) -> Value {
        (*self).into_value()
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn from_value(value: Value) -> Self {
        match value {
            Value::List(items) => items.into_iter().flatten().map(T::from_value).collect(),
            other => mismatch("List", &other),
        }
    }

    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(|item| Some(item.into_value())).collect())
    }
}

impl<T: Wire> Wire for BTreeMap<String, T> {
    fn from_value(value: Value) -> Self {
        match value {
            Value::Map(entries) => {
                entries.into_iter().filter_map(|(key, value)| Some((key, T::from_value(value?)))).collect()
            }
            other => mismatch("Map", &other),
        }
    }

    fn into_value(self) -> Value {
        Value::Map(self.into_iter().map(|(key, value)| (key, Some(value.into_value()))).collect())
    }
}

impl Wire for () {
    fn from_value(_: Value) -> Self {}

    fn into_value(self) -> Value {
        Value::Structure(Vec::new())
    }
}

/// Takes a structure's slots apart.
pub fn slots(value: Value) -> std::vec::IntoIter<Option<Value>> {
    match value {
        Value::Structure(slots) => slots.into_iter(),
        other => mismatch("Structure", &other),
    }
}

pub(crate) fn mismatch(wanted: &str, found: &Value) -> ! {
    panic!("the schema promised {wanted}, the decoder gave {found:?}")
}

/// Defines a structure of the API: its fields in the order of its schema's members.
#[macro_export]
macro_rules! structure {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name { $(pub $field: $type,)* }

        impl $crate::Wire for $name {
            #[allow(unused_mut, unused_variables, reason = "a structure may have no members")]
            fn from_value(value: $crate::Value) -> Self {
                let mut slots = $crate::value::slots(value);
                Self { $($field: $crate::Wire::from_slot(slots.next().flatten()),)* }
            }

            fn into_value(self) -> $crate::Value {
                $crate::Value::Structure(vec![$($crate::Wire::into_slot(self.$field),)*])
            }
        }
    )*};
}

/// Defines a string type of which the model lists the values.
#[macro_export]
macro_rules! enumeration {
    ($($(#[$doc:meta])* $name:ident { $first:ident = $first_text:literal, $($variant:ident = $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { #[default] $first, $($variant,)* }

        impl $name {
            /// As it stands on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { Self::$first => $first_text, $(Self::$variant => $text,)* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                match text { $first_text => Ok(Self::$first), $($text => Ok(Self::$variant),)* _ => Err(()) }
            }
        }

        impl $crate::Wire for $name {
            fn from_value(value: $crate::Value) -> Self {
                String::from_value(value).parse().expect("the constraints' check knows the enum's values")
            }

            fn into_value(self) -> $crate::Value {
                $crate::Value::String(self.as_str().to_owned())
            }
        }
    )*};
}

/// An operation's input: which operation it is for, and what that answers.
pub trait Input: Wire + Send + 'static {
    type Output: Wire + Send + 'static;
    const OPERATION: &'static crate::schema::Operation;
    const SERVICE: &'static crate::schema::Service;
}

/// Ties an input type to its operation and output.
#[macro_export]
macro_rules! operations {
    ($service:path; $($operation:ident: $input:ty => $output:ty,)*) => {$(
        impl $crate::Input for $input {
            type Output = $output;
            const OPERATION: &'static $crate::schema::Operation = &$operation;
            const SERVICE: &'static $crate::schema::Service = &$service;
        }
    )*};
}
