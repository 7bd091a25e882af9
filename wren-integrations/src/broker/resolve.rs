//! Names are looked up once, every address is looked at, and the connection goes to one of those and to no other.
//!
//! The check stands between the lookup and the connection, inside the HTTP client: a name that is checked first and looked up
//! again for the connection may have another address by then (DNS rebinding).

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address;

/// Looks names up.
#[async_trait]
pub trait Resolver: fmt::Debug + Send + Sync + 'static {
    /// Returns the addresses of a host.
    ///
    /// # Errors
    /// Whatever hinders it.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// Looks names up as this machine does.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Which addresses may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those on the public internet.
    Public,
    /// Private ones, too.
    Anything,
}

/// Says that an address is not in reach, and why.
#[derive(Debug, thiserror::Error)]
#[error("the address is {0}")]
pub(super) struct OutOfReach(pub(super) &'static str);

impl Reach {
    pub(super) fn check(self, address: IpAddr) -> Result<(), OutOfReach> {
        match self {
            Self::Anything => Ok(()),
            Self::Public => address::refusal(address).map_or(Ok(()), |why| Err(OutOfReach(why))),
        }
    }
}

/// A resolver whose answers are checked.
#[derive(Debug, Clone)]
pub(super) struct CheckedResolver {
    resolver: Arc<dyn Resolver>,
    reach: Reach,
}

impl CheckedResolver {
    pub(super) fn new(resolver: Arc<dyn Resolver>, reach: Reach) -> Self {
        Self { resolver, reach }
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { resolver, reach } = self.clone();
        Box::pin(async move {
            let addresses = resolver.resolve(name.as_str()).await?;
            // One bad address among good ones is no accident: nothing is connected to.
            addresses.iter().try_for_each(|address| reach.check(*address))?;
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

    async fn resolve(answers: &[&[&'static str]], reach: Reach) -> (Result<Vec<SocketAddr>, String>, usize) {
        let answers: VecDeque<_> = answers.iter().map(|answer| answer.to_vec()).collect();
        let rebinding = Arc::new(Rebinding(Mutex::new(answers)));
        let checked = CheckedResolver::new(Arc::<Rebinding>::clone(&rebinding), reach);
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
