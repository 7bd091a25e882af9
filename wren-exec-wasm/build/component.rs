//! Makes the component out of CPython, the SDK and `guest/`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use componentize_py::ComponentGenerator;

use crate::time_zones;

/// Returns the component's path; `modules.json` and `objects.bin` stand beside it.
pub(crate) fn generate(root: &Path, out: &Path) -> PathBuf {
    let (sdk, data) = (out.join("sdk"), out.join("data"));
    wren_sdk::write_to(&sdk).expect("the SDK can be written to OUT_DIR");
    fs::create_dir_all(&data).expect("a folder can be made in OUT_DIR");
    time_zones::write(&data).expect("the time zones can be written to OUT_DIR");

    let (guest, wit, component) = (root.join("guest"), root.join("wit"), out.join("guest.wasm"));
    let folders = [&guest, &sdk, &data].map(|folder| folder.to_str().expect("cargo's folders are UTF-8"));
    let names = HashMap::new();
    let generator = ComponentGenerator {
        wit_paths: &[&wit],
        worlds: &["guest"],
        features: &[],
        all_features: false,
        world_module: None,
        python_path: &folders,
        module_worlds: &[],
        app_name: "app",
        output_path: &component,
        add_to_linker: None,
        stub_wasi: false,
        import_interface_names: &names,
        export_interface_names: &names,
        full_names: false,
        intersect_world: None,
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be started");
    if let Err(error) = runtime.block_on(generator.generate()) {
        panic!("the guest could not be made: {error:?}");
    }
    for list in ["modules.json", "objects.bin"] {
        fs::rename(data.join(list), out.join(list))
            .unwrap_or_else(|error| panic!("the guest did not write {list}: {error}"));
    }
    component
}
