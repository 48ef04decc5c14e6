//! The extensions of one environment: who is registered for what, what each is about, and what waits for it.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use sandbox::COMPANIONS_MAX;
use tokio::sync::oneshot;

use crate::extension_state::{Event, Refused, State};

/// Where external extensions lie in layers, and in the sandbox below `/opt`.
const FOLDER: &str = "extensions";
/// AWS's bound of extensions, external and internal ones together.
const EXTENSIONS_MAX: usize = COMPANIONS_MAX;
const NAME_BYTES_MAX: usize = 128;

/// What an extension can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    Invoke,
    Shutdown,
}

impl Occasion {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Invoke => "INVOKE",
            Self::Shutdown => "SHUTDOWN",
        }
    }
}

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    EmptyName,
    InvalidEvent { event: String, why: &'static str },
    RegistrationClosed,
    NameTaken,
    TooMany,
    MissingIdentifier,
    InvalidIdentifier,
    Unknown(String),
    State { extension: String, refused: Refused },
}

/// One extension.
#[derive(Debug)]
pub(crate) struct Extension {
    pub name: String,
    /// Given at its registration.
    pub id: String,
    pub is_external: bool,
    pub state: State,
    pub occasions: Vec<Occasion>,
    waiting: Option<oneshot::Sender<Bytes>>,
    /// An event whose `next` call broke before it got it, or did not come yet.
    undelivered: Option<Bytes>,
}

#[derive(Debug, Default)]
pub(crate) struct Extensions {
    /// The external ones first, in the order of the sandbox's companions.
    all: Vec<Extension>,
    is_closed: bool,
}

impl Extensions {
    /// With the external ones that are being started.
    pub(crate) fn starting(names: impl IntoIterator<Item = String>) -> Self {
        let all = names.into_iter().map(|name| Extension {
            name,
            id: String::new(),
            is_external: true,
            state: State::Started,
            occasions: Vec::new(),
            waiting: None,
            undelivered: None,
        });
        Self { all: all.collect(), is_closed: false }
    }

    /// Registers `name`, an external extension if there is one of that name, under `id`.
    pub(crate) fn register(&mut self, name: &str, events: &[String], id: &str) -> Result<(), Refusal> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(Refusal::EmptyName);
        }
        let external = self.all.iter().position(|one| one.is_external && one.name == name);
        let occasions = occasions(events, external.is_some())?;
        let index = match external {
            Some(index) => index,
            None => self.add_internal(name)?,
        };
        let one = &mut self.all[index];
        let refused = |refused| Refusal::State { extension: name.to_owned(), refused };
        one.state = one.state.step(Event::Register).map_err(refused)?;
        id.clone_into(&mut one.id);
        one.occasions = occasions;
        Ok(())
    }

    fn add_internal(&mut self, name: &str) -> Result<usize, Refusal> {
        if self.is_closed {
            return Err(Refusal::RegistrationClosed);
        }
        if self.all.iter().any(|one| one.name == name) {
            return Err(Refusal::NameTaken);
        }
        if self.all.len() >= EXTENSIONS_MAX {
            return Err(Refusal::TooMany);
        }
        self.all.push(Extension {
            name: name.to_owned(),
            id: String::new(),
            is_external: false,
            state: State::Started,
            occasions: Vec::new(),
            waiting: None,
            undelivered: None,
        });
        Ok(self.all.len() - 1)
    }

    /// One asks for its next event; `true` if it was not ready before.
    pub(crate) fn next(&mut self, id: &str) -> Result<(oneshot::Receiver<Bytes>, bool), Refusal> {
        let one = self.find(id)?;
        let (sender, event) = oneshot::channel();
        if let Some(undelivered) = one.undelivered.take() {
            let _ = sender.send(undelivered);
            return Ok((event, false));
        }
        let was = one.state;
        let refused = |refused| Refusal::State { extension: id.to_owned(), refused };
        one.state = was.step(Event::Next).map_err(refused)?;
        one.waiting = Some(sender);
        Ok((event, was == State::Registered))
    }

    /// One gives up; its name.
    pub(crate) fn give_up(&mut self, id: &str, event: Event) -> Result<String, Refusal> {
        let one = self.find(id)?;
        let refused = |refused| Refusal::State { extension: id.to_owned(), refused };
        one.state = one.state.step(event).map_err(refused)?;
        Ok(one.name.clone())
    }

    /// The program of the external one with this number has ended.
    pub(crate) fn exited(&mut self, index: usize) -> Option<&Extension> {
        let one = self.all.get_mut(index)?;
        one.state = one.state.step(Event::Exit).unwrap_or(State::Exited);
        one.waiting = None;
        Some(one)
    }

    pub(crate) fn find(&mut self, id: &str) -> Result<&mut Extension, Refusal> {
        let found = self.all.iter_mut().find(|one| !one.id.is_empty() && one.id == id);
        found.ok_or_else(|| Refusal::Unknown(id.to_owned()))
    }

    /// Hands `event` to everybody who registered for it.
    pub(crate) fn tell(&mut self, occasion: Occasion, event: &Bytes) {
        for one in self.all.iter_mut().filter(|one| one.occasions.contains(&occasion)) {
            match (occasion, one.state.step(Event::Run)) {
                (_, Ok(running)) => one.state = running,
                // Whoever still works on an invocation hears of the end when it asks next.
                (Occasion::Shutdown, Err(_)) if one.state == State::Running => {}
                _ => continue,
            }
            let undelivered = match one.waiting.take() {
                Some(waiting) => waiting.send(event.clone()).err(),
                None => Some(event.clone()),
            };
            one.undelivered = undelivered;
        }
    }

    /// Nobody may register any more: INIT is over.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn has_external(&self) -> bool {
        self.all.iter().any(|one| one.is_external)
    }

    /// Whether every external one has registered.
    pub(crate) fn are_registered(&self) -> bool {
        self.all.iter().all(|one| one.state != State::Started)
    }

    /// Whether none works on an event or has yet to say that it can.
    pub(crate) fn are_ready(&self) -> bool {
        self.all.iter().all(|one| one.state == State::Ready)
    }

    /// What `name` registered for.
    pub(crate) fn occasions_of(&self, name: &str) -> Vec<Occasion> {
        let found = self.all.iter().find(|one| one.name == name);
        found.map(|one| one.occasions.clone()).unwrap_or_default()
    }

    pub(crate) fn want(&self, occasion: Occasion) -> bool {
        self.all.iter().any(|one| one.occasions.contains(&occasion))
    }

    /// Whether one that was told of the end is still there.
    pub(crate) fn are_leaving(&self) -> bool {
        let mut told = self.all.iter().filter(|one| one.occasions.contains(&Occasion::Shutdown));
        told.any(|one| one.state != State::Exited)
    }
}

fn occasions(events: &[String], is_external: bool) -> Result<Vec<Occasion>, Refusal> {
    let mut known = Vec::new();
    for event in events {
        let invalid = |why| Refusal::InvalidEvent { event: event.chars().take(64).collect(), why };
        let occasion = match event.as_str() {
            "INVOKE" => Occasion::Invoke,
            "SHUTDOWN" if is_external => Occasion::Shutdown,
            "SHUTDOWN" => return Err(invalid("ShutdownEventNotSupportedForInternalExtension")),
            _ => return Err(invalid("InvalidEventType")),
        };
        if !known.contains(&occasion) {
            known.push(occasion);
        }
    }
    Ok(known)
}

/// The names of the external extensions in these layers, of which a later one replaces an earlier one's file.
pub(crate) fn in_layers(layers: &[PathBuf]) -> Vec<String> {
    let entries = layers.iter().flat_map(|layer| std::fs::read_dir(layer.join(FOLDER))).flatten().flatten();
    let files = entries.filter(|entry| entry.path().is_file());
    let mut names = files.filter_map(|entry| entry.file_name().into_string().ok()).collect::<Vec<_>>();
    names.sort();
    names.dedup();
    names
}

/// Where an external extension is in the sandbox.
pub(crate) fn program(name: &str) -> PathBuf {
    Path::new("/opt").join(FOLDER).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(events: &[&str]) -> Vec<String> {
        events.iter().map(|event| (*event).to_owned()).collect()
    }

    #[test]
    fn registrations_are_checked() {
        let mut all = Extensions::starting(["outside".to_owned()]);
        assert!(!all.are_registered());
        assert_eq!(all.register("", &[], "0"), Err(Refusal::EmptyName));
        assert!(matches!(all.register("outside", &names(&["BOOM"]), "0"), Err(Refusal::InvalidEvent { .. })));
        assert!(matches!(
            all.register("inside", &names(&["SHUTDOWN"]), "0"),
            Err(Refusal::InvalidEvent { .. })
        ));
        assert_eq!(all.register("outside", &names(&["INVOKE", "SHUTDOWN"]), "1"), Ok(()));
        assert!(all.are_registered() && !all.are_ready());
        assert!(matches!(all.register("outside", &[], "2"), Err(Refusal::State { .. })));
        for number in 2..=EXTENSIONS_MAX {
            assert_eq!(
                all.register(&format!("inside {number}"), &names(&["INVOKE"]), &number.to_string()),
                Ok(())
            );
        }
        assert_eq!(all.register("inside 2", &[], "x"), Err(Refusal::NameTaken));
        assert_eq!(all.register("one more", &[], "x"), Err(Refusal::TooMany));
        all.close();
        assert_eq!(all.register("late", &[], "x"), Err(Refusal::RegistrationClosed));
        assert!(matches!(all.next("x"), Err(Refusal::Unknown(_))));
    }

    #[test]
    fn events_reach_who_wants_them_once() {
        let mut all = Extensions::starting(["both".to_owned(), "end".to_owned()]);
        all.register("both", &names(&["INVOKE", "SHUTDOWN"]), "1").expect("registered");
        all.register("end", &names(&["SHUTDOWN"]), "2").expect("registered");
        let (mut both, is_new) = all.next("1").expect("may ask");
        let (mut end, _) = all.next("2").expect("may ask");
        assert!(is_new && all.are_ready());
        all.tell(Occasion::Invoke, &Bytes::from_static(b"call"));
        assert!(!all.are_ready());
        assert_eq!((both.try_recv().ok(), end.try_recv().ok()), (Some(Bytes::from_static(b"call")), None));
        all.tell(Occasion::Shutdown, &Bytes::from_static(b"end"));
        assert_eq!(end.try_recv().ok(), Some(Bytes::from_static(b"end")));
        let (mut both, _) = all.next("1").expect("may ask");
        assert_eq!(both.try_recv().ok(), Some(Bytes::from_static(b"end")), "it was busy when it was told");
        assert!(all.are_leaving());
        all.exited(0);
        all.exited(1);
        assert!(!all.are_leaving());
    }

    #[test]
    fn an_event_of_a_broken_call_is_not_lost() {
        let mut all = Extensions::default();
        all.register("inside", &names(&["INVOKE"]), "1").expect("registered");
        drop(all.next("1").expect("may ask"));
        all.tell(Occasion::Invoke, &Bytes::from_static(b"call"));
        let (mut again, _) = all.next("1").expect("may ask");
        assert_eq!(again.try_recv().ok(), Some(Bytes::from_static(b"call")));
        assert!(!all.are_ready(), "it works on the event now");
    }
}
