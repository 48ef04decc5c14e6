//! The candidates, each with the settings that a small server would use.

use std::path::Path;
use std::sync::Arc;

pub type Pair = (Vec<u8>, Vec<u8>);

pub trait Store: Send + Sync {
    /// Returns once the rows are on disk.
    fn commit(&self, rows: Vec<Pair>);
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;
    /// Reads every row.
    fn count(&self) -> u64;
}

pub fn open(engine: &str, dir: &Path) -> Arc<dyn Store> {
    match engine {
        #[cfg(feature = "fjall")]
        "fjall" => Arc::new(with_fjall::open(dir, 64)),
        #[cfg(feature = "fjall")]
        "fjall-8" => Arc::new(with_fjall::open(dir, 8)),
        #[cfg(feature = "fjall")]
        "fjall-4" => Arc::new(with_fjall::open(dir, 4)),
        #[cfg(feature = "redb")]
        "redb" => Arc::new(with_redb::open(dir)),
        #[cfg(feature = "heed")]
        "heed" => Arc::new(with_heed::open(dir)),
        other => panic!("no engine {other}"),
    }
}

#[cfg(feature = "fjall")]
mod with_fjall {
    use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};
    use std::path::Path;

    pub struct Fjall(Database, Keyspace);

    pub fn open(dir: &Path, memtable_mib: u64) -> Fjall {
        let db = Database::builder(dir)
            .cache_size(16 << 20)
            .worker_threads(1)
            .max_journaling_size(64 << 20)
            .open()
            .expect("open fjall");
        let keyspace = db
            .keyspace("kv", || KeyspaceCreateOptions::default().max_memtable_size(memtable_mib << 20))
            .expect("open keyspace");
        Fjall(db, keyspace)
    }

    impl super::Store for Fjall {
        fn commit(&self, rows: Vec<super::Pair>) {
            let mut batch = self.0.batch().durability(Some(PersistMode::SyncData));
            for (key, value) in rows {
                batch.insert(&self.1, key, value);
            }
            batch.commit().expect("commit");
        }

        fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
            self.0.snapshot().get(&self.1, key).expect("get").map(|value| value.to_vec())
        }

        fn count(&self) -> u64 {
            self.0
                .snapshot()
                .iter(&self.1)
                .map(|row| row.into_inner().expect("row").1.len() as u64 / 1024)
                .sum()
        }
    }
}

#[cfg(feature = "redb")]
mod with_redb {
    use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};
    use std::path::Path;

    const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("kv");

    pub struct Redb(Database);

    pub fn open(dir: &Path) -> Redb {
        let db = Database::builder().set_cache_size(16 << 20).create(dir.join("kv.redb")).expect("open redb");
        let tx = db.begin_write().expect("begin");
        tx.open_table(TABLE).expect("table");
        tx.commit().expect("commit");
        Redb(db)
    }

    impl super::Store for Redb {
        fn commit(&self, rows: Vec<super::Pair>) {
            let mut tx = self.0.begin_write().expect("begin");
            tx.set_durability(Durability::Immediate).expect("durability");
            tx.set_quick_repair(true);
            let mut table = tx.open_table(TABLE).expect("table");
            for (key, value) in &rows {
                table.insert(key.as_slice(), value.as_slice()).expect("insert");
            }
            drop(table);
            tx.commit().expect("commit");
        }

        fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
            let tx = self.0.begin_read().expect("begin");
            let table = tx.open_table(TABLE).expect("table");
            table.get(key).expect("get").map(|value| value.value().to_vec())
        }

        fn count(&self) -> u64 {
            let tx = self.0.begin_read().expect("begin");
            let table = tx.open_table(TABLE).expect("table");
            table.iter().expect("iter").map(|row| row.expect("row").1.value().len() as u64 / 1024).sum()
        }
    }
}

#[cfg(feature = "heed")]
mod with_heed {
    use heed::types::Bytes;
    use heed::{Database, Env, EnvOpenOptions};
    use std::path::Path;

    pub struct Heed(Env, Database<Bytes, Bytes>);

    pub fn open(dir: &Path) -> Heed {
        // SAFETY: the benchmark opens the directory once per process and nothing else touches it.
        let env =
            unsafe { EnvOpenOptions::new().map_size(4 << 30).max_readers(256).open(dir) }.expect("open LMDB");
        let mut tx = env.write_txn().expect("begin");
        let database = env.create_database(&mut tx, None).expect("database");
        tx.commit().expect("commit");
        Heed(env, database)
    }

    impl super::Store for Heed {
        fn commit(&self, rows: Vec<super::Pair>) {
            let mut tx = self.0.write_txn().expect("begin");
            for (key, value) in &rows {
                self.1.put(&mut tx, key, value).expect("put");
            }
            tx.commit().expect("commit");
        }

        fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
            let tx = self.0.read_txn().expect("begin");
            self.1.get(&tx, key).expect("get").map(<[u8]>::to_vec)
        }

        fn count(&self) -> u64 {
            let tx = self.0.read_txn().expect("begin");
            self.1.iter(&tx).expect("iter").map(|row| row.expect("row").1.len() as u64 / 1024).sum()
        }
    }
}
