//! A vault or a keyset file, opened so that its keyset can be read and edited.

use crate::approve::FourEyes;
use crate::keys::now;
use crate::vault::open;
use crate::{Holder, KeySource, unlock};
use cloakroom::Result;
use cloakroom::duties::Action;
use cloakroom::keys::{self, KeyProvider, KeyState, KeyUse, Keyset};
use cloakroom::name::KeyVersion;
use cloakroom::vault::{Despite, Event, Vault};
use std::path::PathBuf;

pub struct OpenHolder {
    provider: Box<dyn KeyProvider>,
    place: Place,
}

enum Place {
    Vault(Box<Vault>),
    File(PathBuf, Keyset),
}

impl OpenHolder {
    pub fn open(holder: &Holder, key: &KeySource) -> Result<Self> {
        let provider = unlock::existing(key)?;
        let place = match (&holder.vault, &holder.keyset) {
            (Some(path), _) => Place::Vault(Box::new(open(path, &*provider)?)),
            (None, Some(path)) => Place::File(path.clone(), keys::load(path, &*provider)?),
            (None, None) => unreachable!("clap demands one of the two"),
        };
        Ok(Self { provider, place })
    }

    pub fn keyset(&self) -> Keyset {
        match &self.place {
            Place::Vault(vault) => vault.keyset(),
            Place::File(_, keyset) => keyset.clone(),
        }
    }

    /// The vault, unless it is a keyset file: of what that protects nobody keeps count.
    pub fn vault(&self) -> Option<&Vault> {
        match &self.place {
            Place::Vault(vault) => Some(vault),
            Place::File(..) => None,
        }
    }

    /// Rotates one use, or everything.
    pub fn rotate(&mut self, use_: Option<&KeyUse>) -> Result<KeyVersion> {
        match (&mut self.place, use_) {
            (Place::Vault(vault), None) => vault.rotate(&*self.provider, now()),
            (Place::Vault(vault), Some(use_)) => vault.rotate_use(use_, &*self.provider, now()),
            (Place::File(..), None) => {
                self.edit_file(|keyset| keyset.rotated(now())).map(Keyset::primary_number)
            }
            (Place::File(..), Some(use_)) => {
                let keyset = self.edit_file(|keyset| keyset.rotated_for(use_, now()))?;
                Ok(keyset.primary_number_for(use_))
            }
        }
    }

    pub fn retire(&mut self, version: KeyVersion) -> Result<()> {
        match &self.place {
            Place::Vault(vault) => vault.retire(version, &*self.provider, now()),
            Place::File(..) => self.change_state(version, KeyState::Retired),
        }
    }

    pub fn destroy(&mut self, version: KeyVersion, despite: Despite, eyes: &FourEyes) -> Result<()> {
        let key = &*self.provider;
        match &self.place {
            Place::Vault(vault) => eyes.run(
                vault,
                || (Action::DestroyKey, vault.destroy_target(version)),
                |admin, approval| admin.destroy(version, despite, approval, key, now()),
                || vault.destroy(version, despite, key, now()),
            ),
            Place::File(..) => self.change_state(version, KeyState::Destroyed),
        }
    }

    pub fn compromise(&mut self, version: KeyVersion, eyes: &FourEyes) -> Result<()> {
        let (key, state) = (&*self.provider, KeyState::Compromised);
        match &self.place {
            Place::Vault(vault) => eyes.run(
                vault,
                || (Action::CompromiseKey, format!("key version {version}")),
                |admin, approval| admin.change_state(version, state, approval, key, now()),
                || vault.change_state(version, state, key, now()),
            ),
            Place::File(..) => self.change_state(version, state),
        }
    }

    pub fn change_state(&mut self, version: KeyVersion, state: KeyState) -> Result<()> {
        match &self.place {
            Place::Vault(vault) => vault.change_state(version, state, &*self.provider, now()),
            Place::File(..) => self.edit_file(|keyset| keyset.with_state(version, state, now())).map(|_| ()),
        }
    }

    /// Edits the keyset; a vault logs it.
    pub fn edit(
        &mut self,
        kind: &str,
        detail: String,
        edit: impl FnOnce(&Keyset) -> Result<Keyset>,
    ) -> Result<()> {
        match &self.place {
            Place::Vault(vault) => {
                vault.edit_keyset(&*self.provider, edit)?;
                vault.log(&Event::new(now(), kind, detail))
            }
            Place::File(..) => self.edit_file(edit).map(|_| ()),
        }
    }

    fn edit_file(&mut self, edit: impl FnOnce(&Keyset) -> Result<Keyset>) -> Result<&Keyset> {
        let Place::File(path, keyset) = &mut self.place else { unreachable!("a vault edits its own keyset") };
        *keyset = keys::edit(path, &*self.provider, &*self.provider, |keyset| edit(&keyset))?;
        Ok(keyset)
    }
}
