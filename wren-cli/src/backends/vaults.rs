//! Where credentials are kept and what they are sealed under, as `--vault` names it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use secrecy::SecretString;
use wren_core::store::Store;
use wren_core::vault::CredentialVault;
use wren_core::{Error, ErrorCode};
use wren_integrations::OauthRefresher;
use wren_vault::{KeyFile, MasterKey, OpenBaoOptions, OpenBaoVault, Passphrase, SealedVault, TransitMaster};

use super::{Integrations, StoreChoice, open_existing_store};
use crate::args::{DataArgs, VaultArgs};
use crate::failure::Failure;

/// A vault, as `--vault` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VaultChoice {
    /// In the store, sealed under a key file; beside the data folder unless it has a path of its own.
    File(Option<PathBuf>),
    /// In the store, sealed under the passphrase in a file.
    Passphrase(PathBuf),
    /// In the store, sealed under a key that never leaves an OpenBao or Vault server.
    Transit { mount: String, key: String },
    /// In such a server.
    OpenBao { mount: String, folder: String },
}

impl FromStr for VaultChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, place) = match text.split_once(':') {
            Some((kind, place)) => (kind, Some(place).filter(|place| !place.is_empty())),
            None => (text, None),
        };
        let pair = |default: &str| {
            let (mount, name) = place.unwrap_or(default).rsplit_once('/')?;
            (!mount.is_empty() && !name.is_empty()).then(|| (mount.to_owned(), name.to_owned()))
        };
        let choice = match (kind, place) {
            ("file", None) if !text.contains(':') => Some(Self::File(None)),
            ("file", Some(path)) => Some(Self::File(Some(path.into()))),
            ("passphrase", Some(path)) => Some(Self::Passphrase(path.into())),
            ("transit", _) => pair("transit/wren").map(|(mount, key)| Self::Transit { mount, key }),
            ("openbao", _) => pair("secret/wren").map(|(mount, folder)| Self::OpenBao { mount, folder }),
            _ => None,
        };
        choice.ok_or_else(|| {
            "expected `file`, `file:PATH`, `passphrase:FILE`, `transit:MOUNT/KEY` or `openbao:MOUNT/FOLDER`".to_owned()
        })
    }
}

impl fmt::Display for VaultChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(None) => formatter.write_str("file"),
            Self::File(Some(path)) => write!(formatter, "file:{}", path.display()),
            Self::Passphrase(path) => write!(formatter, "passphrase:{}", path.display()),
            Self::Transit { mount, key } => write!(formatter, "transit:{mount}/{key}"),
            Self::OpenBao { mount, folder } => write!(formatter, "openbao:{mount}/{folder}"),
        }
    }
}

/// A vault that is open.
#[derive(Debug, Clone)]
pub(crate) enum OpenVault {
    /// Records of the store.
    Sealed(SealedVault),
    /// Secrets of a server.
    OpenBao(OpenBaoVault),
}

impl OpenVault {
    /// Returns the seam alone.
    pub(crate) fn shared(&self) -> Arc<dyn CredentialVault> {
        match self {
            Self::Sealed(vault) => Arc::new(vault.clone()),
            Self::OpenBao(vault) => Arc::new(vault.clone()),
        }
    }
}

/// Opens the vault of a store that lasts. Who only keeps and shows credentials needs no integrations; without them nothing
/// is renewed.
pub(crate) async fn open_vault(
    args: &VaultArgs,
    data: &Path,
    store: Arc<dyn Store>,
    integrations: Option<&Integrations>,
) -> Result<OpenVault, Failure> {
    if let VaultChoice::OpenBao { mount, folder } = &args.vault {
        let mut builder = OpenBaoVault::builder(server()?, store).with_mount(mount).with_folder(folder);
        if let Some(Integrations { directory, providers, .. }) = integrations {
            builder = builder
                .with_integrations(directory.clone())
                .with_refresher(Arc::new(OauthRefresher::new(providers.clone())));
        }
        return Ok(OpenVault::OpenBao(builder.open().await?));
    }
    let mut previous = args.previous_vault.as_ref();
    let master: Arc<dyn MasterKey> = match (&args.vault, previous) {
        // Which passphrase derives a generation of the key is for the key to find out.
        (VaultChoice::Passphrase(file), Some(VaultChoice::Passphrase(old))) => {
            previous = None;
            Passphrase::new(passphrase(file)?).replacing(passphrase(old)?).open(Arc::clone(&store) as _).await?
        }
        (choice, _) => master(choice, data, &store).await?,
    };
    let mut builder = SealedVault::builder(Arc::clone(&store) as _, master);
    if let Some(Integrations { directory, providers, .. }) = integrations {
        builder = builder
            .with_integrations(directory.clone())
            .with_refresher(Arc::new(OauthRefresher::new(providers.clone())));
    }
    if let Some(previous) = previous {
        builder = builder.with_previous_master(self::master(previous, data, &store).await?);
    }
    Ok(OpenVault::Sealed(builder.open().await?))
}

/// Opens the vault of a store that must be there: a typing error must not make an empty one.
pub(crate) async fn open_existing_vault(args: &VaultArgs, data: &DataArgs) -> Result<OpenVault, Failure> {
    if data.store == StoreChoice::Memory {
        let error = Error::new(ErrorCode::InvalidRequest, "a vault in memory ends with its process");
        return Err(error.with_hint("name a store that lasts: sqlite:PATH, redb:PATH or postgres://…").into());
    }
    let store = open_existing_store(data).await?;
    open_vault(args, &data.data, store, None).await
}

async fn master(choice: &VaultChoice, data: &Path, store: &Arc<dyn Store>) -> Result<Arc<dyn MasterKey>, Failure> {
    let records = Arc::clone(store) as _;
    Ok(match choice {
        VaultChoice::File(None) => KeyFile::beside(data)?.open(records).await?,
        VaultChoice::File(Some(path)) => KeyFile::at(path, data)?.open(records).await?,
        VaultChoice::Passphrase(file) => Passphrase::new(passphrase(file)?).open(records).await?,
        VaultChoice::Transit { mount, key } => TransitMaster::open(server()?, mount, key).await?,
        VaultChoice::OpenBao { .. } => {
            let error = Error::new(ErrorCode::InvalidRequest, "what a server keeps is not sealed under a key of ours");
            return Err(error.with_hint("copy the credentials with `wren credentials set`").into());
        }
    })
}

/// Reads a passphrase: the file's first line, which others must not be able to read.
fn passphrase(file: &Path) -> Result<SecretString, Failure> {
    let named = |what: &dyn fmt::Display| Error::new(ErrorCode::VaultLocked, format!("{}: {what}", file.display()));
    let metadata = fs::metadata(file).map_err(|error| named(&error))?;
    if is_open_to_others(&metadata) {
        let hint = format!("run `chmod 600 {}`", file.display());
        return Err(named(&"other users can read the passphrase").with_hint(hint).into());
    }
    let text = zeroize::Zeroizing::new(fs::read_to_string(file).map_err(|error| named(&error))?);
    Ok(text.lines().next().unwrap_or_default().to_owned().into())
}

/// Says whether other users can read a file.
#[cfg(unix)]
pub(crate) fn is_open_to_others(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    // A pipe, as `<(…)` of a shell makes one, is nobody else's.
    metadata.is_file() && metadata.permissions().mode() & 0o077 != 0
}

/// Says whether other users can read a file.
#[cfg(not(unix))]
pub(crate) fn is_open_to_others(_metadata: &fs::Metadata) -> bool {
    false
}

/// Where the server of secrets is, from the variables that its own command line reads.
fn server() -> Result<OpenBaoOptions, Failure> {
    let variable =
        |names: [&str; 2]| names.iter().find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()));
    let missing = |name: &str| {
        Error::new(ErrorCode::VaultLocked, format!("{name} is not set"))
            .with_hint("set BAO_ADDR and BAO_TOKEN, or VAULT_ADDR and VAULT_TOKEN")
    };
    let address = variable(["BAO_ADDR", "VAULT_ADDR"]).ok_or_else(|| missing("BAO_ADDR"))?;
    let token = variable(["BAO_TOKEN", "VAULT_TOKEN"]).ok_or_else(|| missing("BAO_TOKEN"))?;
    let options = OpenBaoOptions::new(address, token);
    Ok(match variable(["BAO_NAMESPACE", "VAULT_NAMESPACE"]) {
        Some(namespace) => options.with_namespace(namespace),
        None => options,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vault_is_named_by_kind_and_place() {
        for text in ["file", "file:/etc/wren/master.key", "passphrase:pass", "transit:transit/wren", "openbao:kv/a"] {
            assert_eq!(text.parse::<VaultChoice>().unwrap().to_string(), text);
        }
        assert_eq!("transit".parse::<VaultChoice>().unwrap().to_string(), "transit:transit/wren");
        assert_eq!("openbao".parse::<VaultChoice>().unwrap().to_string(), "openbao:secret/wren");
        for text in ["", "file:", "passphrase", "passphrase:", "transit:key", "openbao:/x", "kms:key"] {
            assert!(text.parse::<VaultChoice>().is_err(), "{text}");
        }
    }
}
