//! `wren vault`: what an operator does with the vault, whether the server runs or not.

use chrono::Utc;
use serde_json::json;

use crate::args::{VaultCommand, VaultCommandArgs};
use crate::backends::{OpenVault, open_existing_vault};
use crate::failure::Failure;
use crate::output::Output;
use crate::output::progress::waiting;
use crate::output::time::rfc3339;

/// Shows the vault, or wraps everything in it anew.
pub(super) async fn vault(args: VaultCommandArgs, output: Output) -> Result<(), Failure> {
    match args.command {
        VaultCommand::Status { vault, data } => {
            status(&open_existing_vault(&vault, &data).await?, &vault.vault.to_string(), output).await
        }
        VaultCommand::Rotate { vault, data } => {
            let vault = open_existing_vault(&vault, &data).await?.shared();
            let wrapped = waiting(output, "wrapping credentials anew", vault.rotate(Utc::now())).await?;
            output.done(format_args!("Rotated: {wrapped} credentials are wrapped under new keys"));
            output.document(&json!({"rotated": wrapped}));
            Ok(())
        }
    }
}

async fn status(vault: &OpenVault, name: &str, output: Output) -> Result<(), Failure> {
    let OpenVault::Sealed(sealed) = vault else {
        output.line(format_args!("Kept by a server ({name}), which seals and rotates on its own"));
        output.document(&json!({"vault": name, "source": "openbao"}));
        return Ok(());
    };
    let overview = sealed.overview().await?;
    output.line(format_args!("Sealed under {name}, key {}", overview.generations.join(", then ")));
    output.line(format_args!(
        "{} credentials with {} secrets of {} owners",
        overview.credentials, overview.secrets, overview.owners
    ));
    if let Some(rotation) = &overview.rotation {
        output.line(format_args!(
            "A rotation began at {} and has not ended: {} credentials are done; `wren vault rotate` goes on with it",
            rfc3339(rotation.started_at),
            rotation.done
        ));
    }
    let mut document =
        serde_json::to_value(&overview).map_err(|error| Failure::internal("describing the vault", error))?;
    document["vault"] = name.into();
    output.document(&document);
    Ok(())
}
