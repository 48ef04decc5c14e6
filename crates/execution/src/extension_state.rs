//! The states of an extension as the Extensions API sees it. Pure: no I/O, so every order of calls can be tested.

/// Where an extension is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Its program was started; it has not registered yet.
    Started,
    Registered,
    /// Waits in `next`, or is about to be asked back.
    Ready,
    /// Works on an event.
    Running,
    /// Gave up in INIT.
    InitError,
    /// Gave up later.
    ExitError,
    /// Its program has ended.
    Exited,
}

/// What an extension or the platform does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Register,
    Next,
    /// The platform hands out an event.
    Run,
    InitError,
    ExitError,
    /// The program ended.
    Exit,
}

/// A call that its state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub from: &'static str,
    pub to: &'static str,
}

impl State {
    pub(crate) fn step(self, event: Event) -> Result<Self, Refused> {
        let to = match event {
            Event::Register => Self::Registered,
            Event::Next => Self::Ready,
            Event::Run => Self::Running,
            Event::InitError => Self::InitError,
            Event::ExitError => Self::ExitError,
            Event::Exit => Self::Exited,
        };
        match (self, event) {
            (Self::Started, Event::Register)
            // An extension whose connection broke asks again.
            | (Self::Registered | Self::Ready | Self::Running, Event::Next)
            | (Self::Ready, Event::Run)
            | (Self::Registered, Event::InitError)
            | (Self::Registered | Self::Ready | Self::Running, Event::ExitError)
            // A process may end whenever it likes.
            | (_, Event::Exit) => Ok(to),
            _ => Err(Refused { from: self.name(), to: to.name() }),
        }
    }

    /// As error messages and `platform.extension` give it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::Registered => "Registered",
            Self::Ready => "Ready",
            Self::Running => "Running",
            Self::InitError => "InitError",
            Self::ExitError => "ExitError",
            Self::Exited => "Exited",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_in_and_out_of_order() {
        use State::{ExitError, Exited, InitError, Ready, Registered, Running, Started};
        let every =
            [Event::Register, Event::Next, Event::Run, Event::InitError, Event::ExitError, Event::Exit];
        // For each state, where each of the events above leads; `None` is a refusal.
        for (from, to) in [
            (Started, [Some(Registered), None, None, None, None, Some(Exited)]),
            (Registered, [None, Some(Ready), None, Some(InitError), Some(ExitError), Some(Exited)]),
            (Ready, [None, Some(Ready), Some(Running), None, Some(ExitError), Some(Exited)]),
            (Running, [None, Some(Ready), None, None, Some(ExitError), Some(Exited)]),
            (InitError, [None, None, None, None, None, Some(Exited)]),
            (ExitError, [None, None, None, None, None, Some(Exited)]),
            (Exited, [None, None, None, None, None, Some(Exited)]),
        ] {
            for (event, to) in every.into_iter().zip(to) {
                assert_eq!(from.step(event).ok(), to, "{from:?} + {event:?}");
            }
        }
        assert_eq!(Started.step(Event::Next), Err(Refused { from: "Started", to: "Ready" }));
    }
}
