//! The states of a runtime as the Runtime API sees it. Pure: no I/O, so every order of calls can be tested.

use std::sync::Arc;

/// Where a runtime is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// Started; has not asked for work yet.
    #[default]
    Init,
    /// Waits in `next`, or is about to be asked back.
    Ready,
    /// Works on this request.
    Busy(Arc<str>),
    /// Writes its answer to this request, which goes on.
    Responding(Arc<str>),
    /// Has answered this request; may still clean up before it asks for the next.
    Responded(Arc<str>),
    /// Gave up in INIT.
    InitFailed,
}

/// What a runtime or the platform does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    Next,
    /// The platform hands out work.
    Dispatch(Arc<str>),
    /// A response or an error for this request.
    Answer(&'a str),
    /// The first of a response that goes on, and its end.
    AnswerBegins(&'a str),
    AnswerEnds(&'a str),
    InitError,
    /// INIT and its hooks are done, if this is how the environment started.
    RestoreNext {
        has_snap_start: bool,
    },
    RestoreError {
        has_snap_start: bool,
    },
}

/// Why a call is refused, as the API words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    InvalidRequestId,
    InvalidTransition { from: &'static str, to: &'static str },
}

impl State {
    pub(crate) fn step(&self, event: Event<'_>) -> Result<Self, Refusal> {
        let to = match event {
            Event::Next => "Ready",
            Event::Dispatch(_) => "Running",
            Event::AnswerBegins(_) => "RuntimeInvocationResponse",
            Event::Answer(_) | Event::AnswerEnds(_) => "RuntimeInvocationResponseSent",
            Event::InitError => "RuntimeInitError",
            Event::RestoreNext { .. } => "RestoreReady",
            Event::RestoreError { .. } => "RuntimeRestoreError",
        };
        let refused = Refusal::InvalidTransition { from: self.name(), to };
        match (self, event) {
            // A runtime whose connection broke asks again.
            (Self::Init | Self::Ready | Self::Responded(_), Event::Next) => Ok(Self::Ready),
            (Self::Ready, Event::Dispatch(id)) => Ok(Self::Busy(id)),
            (Self::Busy(id), Event::Answer(answered)) if **id == *answered => {
                Ok(Self::Responded(Arc::clone(id)))
            }
            (Self::Busy(id), Event::AnswerBegins(answered)) if **id == *answered => {
                Ok(Self::Responding(Arc::clone(id)))
            }
            (Self::Responding(id), Event::AnswerEnds(answered)) if **id == *answered => {
                Ok(Self::Responded(Arc::clone(id)))
            }
            (
                Self::Responding(id) | Self::Responded(id),
                Event::Answer(answered) | Event::AnswerBegins(answered),
            ) if **id == *answered => Err(refused),
            (_, Event::Answer(_) | Event::AnswerBegins(_) | Event::AnswerEnds(_)) => {
                Err(Refusal::InvalidRequestId)
            }
            (Self::Init, Event::InitError) => Ok(Self::InitFailed),
            (Self::Init, Event::RestoreNext { has_snap_start: true }) => Ok(Self::Init),
            (Self::Init, Event::RestoreError { has_snap_start: true }) => Ok(Self::InitFailed),
            _ => Err(refused),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Init => "Started",
            Self::Ready => "Ready",
            Self::Busy(_) => "Running",
            Self::Responding(_) => "RuntimeInvocationResponse",
            Self::Responded(_) => "RuntimeInvocationResponseSent",
            Self::InitFailed => "RuntimeInitError",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &State, event: Event<'_>, expected: Result<State, Refusal>) {
        assert_eq!(from.step(event.clone()), expected, "{from:?} + {event:?}");
    }

    #[test]
    fn calls_in_and_out_of_order() {
        let id = || Arc::<str>::from("a");
        let refused = |from, to| Err(Refusal::InvalidTransition { from, to });
        check(&State::Init, Event::Next, Ok(State::Ready));
        check(&State::Init, Event::InitError, Ok(State::InitFailed));
        check(&State::Init, Event::Answer("a"), Err(Refusal::InvalidRequestId));
        check(&State::Ready, Event::Next, Ok(State::Ready));
        check(&State::Ready, Event::Dispatch(id()), Ok(State::Busy(id())));
        check(&State::Ready, Event::InitError, refused("Ready", "RuntimeInitError"));
        check(&State::Busy(id()), Event::Answer("a"), Ok(State::Responded(id())));
        check(&State::Busy(id()), Event::Answer("b"), Err(Refusal::InvalidRequestId));
        check(&State::Busy(id()), Event::Next, refused("Running", "Ready"));
        check(
            &State::Responded(id()),
            Event::Answer("a"),
            refused("RuntimeInvocationResponseSent", "RuntimeInvocationResponseSent"),
        );
        check(&State::Responded(id()), Event::Next, Ok(State::Ready));
        let restore_next = |has_snap_start| Event::RestoreNext { has_snap_start };
        check(&State::Init, restore_next(true), Ok(State::Init));
        check(&State::Init, restore_next(false), refused("Started", "RestoreReady"));
        check(&State::Ready, restore_next(true), refused("Ready", "RestoreReady"));
        let restore_error = |has_snap_start| Event::RestoreError { has_snap_start };
        check(&State::Init, restore_error(true), Ok(State::InitFailed));
        check(&State::Init, restore_error(false), refused("Started", "RuntimeRestoreError"));
        let responding = || State::Responding(id());
        check(&State::Busy(id()), Event::AnswerBegins("a"), Ok(responding()));
        check(&State::Busy(id()), Event::AnswerBegins("b"), Err(Refusal::InvalidRequestId));
        check(&State::Busy(id()), Event::AnswerEnds("a"), Err(Refusal::InvalidRequestId));
        check(&responding(), Event::AnswerEnds("a"), Ok(State::Responded(id())));
        check(&responding(), Event::Next, refused("RuntimeInvocationResponse", "Ready"));
        check(
            &responding(),
            Event::Answer("a"),
            refused("RuntimeInvocationResponse", "RuntimeInvocationResponseSent"),
        );
        check(
            &responding(),
            Event::AnswerBegins("a"),
            refused("RuntimeInvocationResponse", "RuntimeInvocationResponse"),
        );
        check(&State::InitFailed, Event::Next, refused("RuntimeInitError", "Ready"));
    }
}
