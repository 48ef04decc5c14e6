//! Answers that go on: a stream of events as one value of an output.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures_util::{Stream, StreamExt as _};

use crate::value::{Value, Wire};

type Boxed = Pin<Box<dyn Stream<Item = Value> + Send>>;

/// Events that are still to come. Its clones are one stream, which whoever takes it first has.
#[derive(Clone)]
pub struct Events(Arc<Mutex<Option<Boxed>>>);

impl Events {
    /// The events; none when somebody has taken them before.
    pub fn take(self) -> impl Stream<Item = Value> + Send + 'static {
        let taken = self.0.lock().expect("no panic while held").take();
        taken.unwrap_or_else(|| Box::pin(futures_util::stream::empty()))
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

impl PartialEq for Events {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A member of an output whose value is a stream of `T`.
pub struct EventStream<T>(Events, PhantomData<fn() -> T>);

impl<T: Wire + 'static> EventStream<T> {
    pub fn new(events: impl Stream<Item = T> + Send + 'static) -> Self {
        let boxed: Boxed = Box::pin(events.map(T::into_value));
        Self(Events(Arc::new(Mutex::new(Some(boxed)))), PhantomData)
    }

    /// The events; none when somebody has taken them before.
    pub fn take(self) -> impl Stream<Item = T> + Send + 'static {
        self.0.take().map(T::from_value)
    }
}

/// No events.
impl<T> Default for EventStream<T> {
    fn default() -> Self {
        Self(Events(Arc::default()), PhantomData)
    }
}

impl<T> Clone for EventStream<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<T> fmt::Debug for EventStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> PartialEq for EventStream<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Wire for EventStream<T> {
    fn from_value(value: Value) -> Self {
        match value {
            Value::Events(events) => Self(events, PhantomData),
            other => crate::value::mismatch("Events", &other),
        }
    }

    fn into_value(self) -> Value {
        Value::Events(self.0)
    }
}
