//! Names are looked up once, every address is looked at, and the connection goes to one of those and to no other.
//!
//! The check stands between the lookup and the connection, inside the HTTP client: a name that is checked first and looked up
//! again for the connection may have another address by then (DNS rebinding).

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::address;
use super::networks::Networks;

/// Looks names up.
#[async_trait]
pub trait Resolver: fmt::Debug + Send + Sync + 'static {
    /// Returns the addresses of a host.
    ///
    /// # Errors
    /// Whatever hinders it.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// How many names are looked up at the same time; more wait.
const MOST_LOOKUPS: usize = 32;

/// Looks names up as this machine does, a few at a time.
///
/// The machine's lookup cannot be broken off: it keeps its thread until it ends, which may be long after the request that
/// wanted it. The threads are those that stores read on, too, so that names whose servers say nothing could take all of them.
#[derive(Debug, Clone)]
pub struct SystemResolver {
    look_up: fn(&str) -> io::Result<Vec<IpAddr>>,
    free: Arc<Semaphore>,
}

impl SystemResolver {
    /// Makes a resolver. Its clones share the bound on how many names are looked up at once.
    #[must_use]
    pub fn new() -> Self {
        Self { look_up, free: Arc::new(Semaphore::new(MOST_LOOKUPS)) }
    }
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new()
    }
}

fn look_up(host: &str) -> io::Result<Vec<IpAddr>> {
    Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        // Who waits here is in no thread, and stops waiting at the request's deadline.
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(io::Error::other)?;
        let (look_up, host) = (self.look_up, host.to_owned());
        let looking = tokio::task::spawn_blocking(move || {
            // Given back when the lookup has ended, not when nobody waits for it any more.
            let _permit = permit;
            look_up(&host)
        });
        looking.await.map_err(io::Error::other)?
    }
}

/// Which addresses may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those on the public internet that are neither this machine's nor its neighbours'.
    Public,
    /// Private ones, too.
    Anything,
}

/// Says that an address is not in reach, and why.
#[derive(Debug, thiserror::Error)]
#[error("the address is {0}")]
pub(super) struct OutOfReach(pub(super) &'static str);

impl Reach {
    /// Refuses an address that is not in reach of a machine on these networks.
    pub(super) fn check(self, address: IpAddr, networks: &Networks) -> Result<(), OutOfReach> {
        let refusal = match self {
            Self::Anything => None,
            Self::Public => address::refusal(address).or_else(|| networks.refusal(address)),
        };
        refusal.map_or(Ok(()), |why| Err(OutOfReach(why)))
    }
}

/// A resolver whose answers are checked.
#[derive(Debug, Clone)]
pub(super) struct CheckedResolver {
    resolver: Arc<dyn Resolver>,
    reach: Reach,
    networks: Arc<Networks>,
}

impl CheckedResolver {
    pub(super) fn new(resolver: Arc<dyn Resolver>, reach: Reach, networks: Arc<Networks>) -> Self {
        Self { resolver, reach, networks }
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { resolver, reach, networks } = self.clone();
        Box::pin(async move {
            let addresses = resolver.resolve(name.as_str()).await?;
            // One bad address among good ones is no accident: nothing is connected to.
            addresses.iter().try_for_each(|address| reach.check(*address, &networks))?;
            if addresses.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into());
            }
            // Port 0 stands for the one of the URL.
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use parking_lot::Mutex;

    use super::*;
    use crate::broker::networks::SystemInterfaces;

    /// Answers one list after the other.
    #[derive(Debug)]
    struct Rebinding(Mutex<VecDeque<Vec<&'static str>>>);

    #[async_trait]
    impl Resolver for Rebinding {
        async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
            let answer = self.0.lock().pop_front().unwrap_or_default();
            Ok(answer.into_iter().map(|address| address.parse().unwrap()).collect())
        }
    }

    #[tokio::test]
    async fn a_lookup_counts_until_it_ends() {
        use std::sync::mpsc::{Receiver, Sender, channel};
        use std::task::Poll;

        /// Says which lookups have begun, and keeps each until it is let go.
        static DOORS: Mutex<Option<(Sender<String>, Receiver<()>)>> = Mutex::new(None);

        fn slow(host: &str) -> io::Result<Vec<IpAddr>> {
            let doors = DOORS.lock();
            let (begun, go) = doors.as_ref().unwrap();
            begun.send(host.to_owned()).unwrap();
            go.recv().unwrap();
            Ok(Vec::new())
        }

        let ((begun, has_begun), (go, may_go)) = (channel(), channel());
        *DOORS.lock() = Some((begun, may_go));
        let resolver = SystemResolver { look_up: slow, free: Arc::new(Semaphore::new(1)) };
        let mut first = resolver.resolve("first.example");
        assert!(matches!(futures::poll!(&mut first), Poll::Pending));
        assert_eq!(has_begun.recv().unwrap(), "first.example");
        // The request's deadline has passed; the lookup goes on.
        drop(first);
        assert_eq!(resolver.free.available_permits(), 0);
        let mut second = resolver.resolve("second.example");
        assert!(matches!(futures::poll!(&mut second), Poll::Pending));
        go.send(()).unwrap();
        go.send(()).unwrap();
        assert!(second.await.unwrap().is_empty());
        assert_eq!(has_begun.recv().unwrap(), "second.example");
    }

    async fn resolve(answers: &[&[&'static str]], reach: Reach) -> (Result<Vec<SocketAddr>, String>, usize) {
        let answers: VecDeque<_> = answers.iter().map(|answer| answer.to_vec()).collect();
        let rebinding = Arc::new(Rebinding(Mutex::new(answers)));
        let networks = Arc::new(Networks::read(Arc::new(SystemInterfaces)).unwrap());
        let checked = CheckedResolver::new(Arc::<Rebinding>::clone(&rebinding), reach, networks);
        let answer = Resolve::resolve(&checked, "rebind.example".parse().unwrap()).await;
        let left = rebinding.0.lock().len();
        (answer.map(Iterator::collect).map_err(|error| error.to_string()), left)
    }

    #[tokio::test]
    async fn what_was_checked_is_what_is_connected_to() {
        let (addresses, left) = resolve(&[&["8.8.8.8"], &["127.0.0.1"]], Reach::Public).await;
        assert_eq!(addresses.unwrap(), ["8.8.8.8:0".parse().unwrap()]);
        assert_eq!(left, 1, "a name is looked up once");
    }

    #[tokio::test]
    async fn one_private_address_spoils_all() {
        for answer in [["8.8.8.8", "10.0.0.1"], ["::1", "8.8.8.8"], ["8.8.8.8", "::ffff:169.254.169.254"]] {
            assert!(resolve(&[&answer], Reach::Public).await.0.is_err(), "{answer:?}");
            assert!(resolve(&[&answer], Reach::Anything).await.0.is_ok(), "{answer:?}");
        }
        assert!(resolve(&[], Reach::Anything).await.0.is_err());
    }
}
