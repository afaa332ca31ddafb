use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::{ObjectStoreExt, PutPayload, path::Path};

use super::{ModuleStore, SourceText, module_hash};
use crate::model::{AnalyzedModule, ModelError, ModuleEnvironment, ModuleModel};

fn model(text: &SourceText) -> ModuleModel {
    ModuleModel {
        path: "notes.js".to_owned(),
        sha256: text.sha256(),
        source_bytes: text.source.len() as u64,
        has_source_map: text.source_map.is_some(),
        environment: ModuleEnvironment::Isolate,
        analysis: AnalyzedModule::default(),
    }
}

#[test]
fn the_hash_is_the_one_of_the_cli() {
    // printf 'ab' | sha256sum
    let ab = "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603";
    assert_eq!(module_hash("ab", None), ab);
    assert_eq!(module_hash("a", Some("b")), ab);
    assert_eq!(module_hash("ab", Some("")), ab);
}

#[tokio::test]
async fn texts_come_back_as_they_were() {
    let store = Arc::new(InMemory::new());
    let modules = ModuleStore::new(store.clone());
    // All have the same hash and share one blob.
    for (source, map) in [("ab", None), ("a", Some("b")), ("ab", Some("")), ("", Some("ab"))] {
        let text = SourceText { source: source.into(), source_map: map.map(Into::into) };
        let model = model(&text);
        modules.put(&model.path, &model.sha256, &text).await.expect("stores");
        assert_eq!(modules.get(&model).await.expect("loads"), text);
    }
    let text = SourceText { source: "ab".into(), source_map: None };
    let damaged = model(&text);
    store.put(&Path::from(format!("modules/{}", damaged.sha256)), PutPayload::from("xy")).await.expect("stores");
    assert!(matches!(modules.get(&damaged).await, Err(ModelError::DamagedSource { .. })));
    let missing = ModuleModel { sha256: "00".to_owned(), ..damaged };
    assert!(matches!(modules.get(&missing).await, Err(ModelError::ReadSource { .. })));
}
