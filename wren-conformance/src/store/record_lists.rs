//! Lists of records by prefix.

use bytes::Bytes;
use wren_core::store::{Expect, Namespace, PutOptions, RecordKey, Store};

use super::StoreUnderTest;
use crate::fixtures::{NOW, ada, at};

fn space() -> Namespace {
    Namespace::owned(&ada(), "lists")
}

fn key_of(key: &str, bytes: usize) -> RecordKey {
    RecordKey { key: key.to_owned(), bytes: bytes as u64 }
}

async fn put(store: &dyn Store, key: &str) {
    store.put_record(&space(), key, Bytes::from(key.to_owned()), PutOptions::at(NOW)).await.unwrap();
}

/// Returns the keys of a list, and makes sure that the list without values is the same one.
async fn keys(store: &dyn Store, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let records = store.records(&space(), prefix, after, limit, NOW).await.unwrap();
    assert!(records.iter().all(|record| record.value == record.key));
    let expected: Vec<RecordKey> = records.iter().map(|record| key_of(&record.key, record.value.len())).collect();
    assert_eq!(store.record_keys(&space(), prefix, after, limit, NOW).await.unwrap(), expected);
    records.into_iter().map(|record| record.key).collect()
}

/// Keys with which a pattern, a collation or a computed upper bound goes wrong.
const ODD: [&str; 38] = [
    "a", "A", "aa", "a%", "a%b", "a_", "a_b", "a\\", "a\\%", "a*", "a?", "a[b]", "a'", "a\"", "a b", "a/", "a/b", "a0", "ab",
    "b", "%", "_", "\\", " ", "~", "\u{7f}", "\u{80}", "é", "e\u{301}", "ß", "ss", "İ", "\u{d7ff}", "\u{d7ff}x",
    "\u{e000}", "\u{ffff}", "\u{10ffff}", "\u{10ffff}\u{10ffff}",
];

pub async fn keys_sort_by_their_bytes(test: StoreUnderTest) {
    let store = &*test.store;
    for key in ODD.iter().rev() {
        put(store, key).await;
    }
    let mut expected = ODD.to_vec();
    expected.sort_by_key(|key| key.as_bytes());
    assert_eq!(keys(store, "", None, 100).await, expected);
}

pub async fn a_prefix_is_taken_by_its_letters(test: StoreUnderTest) {
    let store = &*test.store;
    for key in ODD {
        put(store, key).await;
    }
    for prefix in ODD.into_iter().chain(["", "nothing", "a\\%b", "\u{d7ff}xx", "\u{10fffe}"]) {
        let mut expected: Vec<&str> = ODD.into_iter().filter(|key| key.starts_with(prefix)).collect();
        expected.sort_by_key(|key| key.as_bytes());
        assert_eq!(keys(store, prefix, None, 100).await, expected, "prefix {prefix:?}");
        for after in ODD {
            let rest: Vec<&str> = expected.iter().copied().filter(|key| key.as_bytes() > after.as_bytes()).collect();
            assert_eq!(keys(store, prefix, Some(after), 100).await, rest, "prefix {prefix:?} after {after:?}");
        }
    }
}

pub async fn every_odd_key_is_a_key_of_its_own(test: StoreUnderTest) {
    let store = &*test.store;
    for key in ODD {
        put(store, key).await;
    }
    for key in ODD {
        assert_eq!(store.record(&space(), key, NOW).await.unwrap().unwrap().value, key);
    }
    for key in ODD {
        assert!(store.delete_record(&space(), key, Expect::Any, NOW).await.unwrap(), "{key:?}");
    }
    assert_eq!(keys(store, "", None, 100).await, Vec::<String>::new());
}

pub async fn a_long_list_is_read_by_its_last_key(test: StoreUnderTest) {
    let store = &*test.store;
    let mut expected: Vec<String> = (0..57).map(|number| format!("item/{number}")).collect();
    for key in &expected {
        put(store, key).await;
    }
    put(store, "item").await;
    put(store, "itemised").await;
    expected.sort();
    let (mut seen, mut after): (Vec<String>, Option<String>) = (Vec::new(), None);
    loop {
        let page = keys(store, "item/", after.as_deref(), 10).await;
        assert!(page.len() <= 10);
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        seen.extend(page);
    }
    assert_eq!(seen, expected);
    assert_eq!(keys(store, "", None, 0).await, Vec::<String>::new());
}

pub async fn expired_records_take_no_place_in_a_list(test: StoreUnderTest) {
    let store = &*test.store;
    for number in 0..20 {
        let options = PutOptions { expires_at: (number % 2 == 0).then_some(at(1)), ..PutOptions::at(NOW) };
        store.put_record(&space(), &format!("{number:02}"), Bytes::new(), options).await.unwrap();
    }
    let records = store.records(&space(), "", None, 5, at(1)).await.unwrap();
    let found = ["01", "03", "05", "07", "09"];
    assert_eq!(records.iter().map(|record| record.key.as_str()).collect::<Vec<_>>(), found);
    let keys = store.record_keys(&space(), "", None, 5, at(1)).await.unwrap();
    assert_eq!(keys, found.map(|key| key_of(key, 0)));
}

pub async fn a_list_of_keys_tells_the_bytes_of_each_value_as_it_is_now(test: StoreUnderTest) {
    let store = &*test.store;
    let values = [vec![], vec![0; 3], "é\u{0}".as_bytes().to_vec(), b"\xff\xfe".to_vec(), vec![7; 1024 * 1024]];
    for (number, value) in values.iter().enumerate() {
        let value = Bytes::from(value.clone());
        store.put_record(&space(), &number.to_string(), value, PutOptions::at(NOW)).await.unwrap();
    }
    let list = async || store.record_keys(&space(), "", None, 10, NOW).await.unwrap();
    let mut expected = [("0", 0), ("1", 3), ("2", 3), ("3", 2), ("4", 1024 * 1024)].map(|(key, n)| key_of(key, n)).to_vec();
    assert_eq!(list().await, expected);
    store.put_record(&space(), "4", Bytes::from_static(b"short"), PutOptions::at(NOW)).await.unwrap();
    store.delete_record(&space(), "0", Expect::Any, NOW).await.unwrap();
    expected[4].bytes = 5;
    assert_eq!(list().await, expected[1..]);
    assert_eq!(store.record_keys(&Namespace::owned(&ada(), "empty"), "", None, 10, NOW).await.unwrap(), []);
}

pub async fn a_key_may_be_long(test: StoreUnderTest) {
    let store = &*test.store;
    let long = "k".repeat(1024);
    put(store, &long).await;
    put(store, &format!("{long}!")).await;
    assert_eq!(keys(store, &long, None, 10).await.len(), 2);
    assert_eq!(store.record(&space(), &long, NOW).await.unwrap().unwrap().key, long);
}
