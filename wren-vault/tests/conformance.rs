//! The whole vault suite on every vault there is.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;

use wren_conformance::vault::{FakeProvider, VaultUnderTest};
use wren_core::memory::{MemoryStore, MemoryVault};
use wren_core::store::RecordStore;
use wren_vault::{KeyFile, Passphrase, PassphraseCost, SealedVault};

mod memory {
    use super::*;

    async fn vault(provider: Arc<FakeProvider>) -> VaultUnderTest {
        VaultUnderTest::new(Arc::new(MemoryVault::new().with_refresher(provider)))
    }

    wren_conformance::vault_suite!(vault);
}

async fn sealed(store: Arc<dyn RecordStore>, folder: tempfile::TempDir, provider: Arc<FakeProvider>) -> VaultUnderTest {
    let master = KeyFile::beside(folder.path().join("data")).unwrap().open(store.clone()).await.unwrap();
    let vault = SealedVault::builder(store, master).with_refresher(provider).open().await.unwrap();
    VaultUnderTest::new(Arc::new(vault)).with_guard(folder)
}

mod sealed_in_memory {
    use super::*;

    async fn vault(provider: Arc<FakeProvider>) -> VaultUnderTest {
        sealed(Arc::new(MemoryStore::new()), tempfile::tempdir().unwrap(), provider).await
    }

    wren_conformance::vault_suite!(vault);
}

mod sealed_with_a_passphrase {
    use super::*;

    async fn vault(provider: Arc<FakeProvider>) -> VaultUnderTest {
        let store: Arc<dyn RecordStore> = Arc::new(MemoryStore::new());
        let cost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };
        let master = Passphrase::new("correct horse").with_cost(cost).open(store.clone()).await.unwrap();
        let vault = SealedVault::builder(store, master).with_refresher(provider).open().await.unwrap();
        VaultUnderTest::new(Arc::new(vault))
    }

    wren_conformance::vault_suite!(vault);
}

#[cfg(unix)]
mod openbao {
    use std::sync::atomic::{AtomicU32, Ordering};

    use wren_conformance::servers::OpenBaoServer;
    use wren_vault::{OpenBaoOptions, OpenBaoVault, TransitMaster};

    use super::*;

    static NEXT: AtomicU32 = AtomicU32::new(0);

    fn server() -> Option<&'static OpenBaoServer> {
        let server = OpenBaoServer::shared();
        wren_conformance::requirement("OpenBao", server.map(drop)).then(|| server.unwrap())
    }

    fn name() -> String {
        format!("wren-{}", NEXT.fetch_add(1, Ordering::Relaxed))
    }

    mod kv {
        use super::*;

        async fn vault(provider: Arc<FakeProvider>) -> Option<VaultUnderTest> {
            let server = server()?;
            let options = OpenBaoOptions::new(server.address(), server.token());
            let builder = OpenBaoVault::builder(options, Arc::new(MemoryStore::new()));
            let vault = builder.with_folder(name()).with_refresher(provider).open().await.unwrap();
            Some(VaultUnderTest::new(Arc::new(vault)))
        }

        wren_conformance::vault_suite!(vault);
    }

    mod transit {
        use super::*;

        async fn vault(provider: Arc<FakeProvider>) -> Option<VaultUnderTest> {
            let (server, key) = (server()?, name());
            assert_eq!(server.call("POST", &format!("transit/keys/{key}"), "{}").unwrap().0, 200);
            let options = OpenBaoOptions::new(server.address(), server.token());
            let master = TransitMaster::open(options, "transit", &key).await.unwrap();
            let vault = SealedVault::builder(Arc::new(MemoryStore::new()), master).with_refresher(provider);
            Some(VaultUnderTest::new(Arc::new(vault.open().await.unwrap())))
        }

        wren_conformance::vault_suite!(vault);
    }
}
