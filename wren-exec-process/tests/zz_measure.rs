mod common;
use std::time::Instant;
use wren_conformance::executor::Trial;
use wren_exec_process::TierPreference;
#[tokio::test]
async fn measure() {
    let dir = tempfile::tempdir().unwrap();
    for (what, body) in [("hello", "def main():\n    return 'hello'\n"), ("imports", "import json, re, datetime, collections, urllib.request, hashlib, csv, decimal\ndef main():\n    return 'hello'\n")] {
        let path = dir.path().join("s.py");
        std::fs::write(&path, format!("{body}\nprint(main())\n")).unwrap();
        for tier in [TierPreference::Bubblewrap, TierPreference::Reduced] {
            let e = common::executor(tier).await.unwrap();
            let (mut bare, mut ours) = (vec![], vec![]);
            for i in 0..60 {
                let t = Instant::now();
                let o = std::process::Command::new("/usr/bin/python3").arg("-I").arg(&path).output().unwrap();
                assert!(o.status.success());
                if i > 4 { bare.push(t.elapsed().as_secs_f64() * 1e3); }
                let t = Instant::now();
                Trial::new(body).run(&e).await.value();
                if i > 4 { ours.push(t.elapsed().as_secs_f64() * 1e3); }
            }
            bare.sort_by(f64::total_cmp); ours.sort_by(f64::total_cmp);
            println!("{what} {tier:?}: bare median {:.2} min {:.2}; ours median {:.2} min {:.2}; ratio med {:.2} min {:.2}", bare[27], bare[0], ours[27], ours[0], ours[27]/bare[27], ours[0]/bare[0]);
        }
    }
}
