//! The schema of the database, and the migration of older databases.

use rusqlite::{Connection, TransactionBehavior};

/// The SQL of the migration to each schema version. The first migration creates version 1 in an empty
/// database. After its release, a migration is never changed.
const STEPS: [&str; 1] = [include_str!("schema/1.sql")];

/// The schema version that this program reads and writes.
pub const VERSION: usize = STEPS.len();

/// Returns the schema version of a database, or 0 if the database is empty.
///
/// # Errors
/// Fails if the version cannot be read.
pub fn version(connection: &Connection) -> rusqlite::Result<usize> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Migrates a database to [`VERSION`] in one transaction. The caller has checked that the database does not
/// have a newer version.
///
/// # Errors
/// Fails if the database cannot be written.
pub fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    migrate_by(connection, &STEPS)
}

fn migrate_by(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = version(&transaction)?;
    for step in steps.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", steps.len())?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_database_keeps_what_it_knows() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_by(&mut connection, &["CREATE TABLE a (x)"]).unwrap();
        connection.execute("INSERT INTO a VALUES (7)", ()).unwrap();
        let two = ["CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y"];
        migrate_by(&mut connection, &two).unwrap();
        migrate_by(&mut connection, &two).unwrap();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?));
        assert_eq!(connection.query_row("SELECT x, y FROM a", (), row).unwrap(), (7, None));
        assert_eq!(version(&connection).unwrap(), 2);
    }

    #[test]
    fn a_step_that_fails_leaves_the_database_as_it_was() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert!(migrate_by(&mut connection, &["CREATE TABLE a (x)", "no SQL"]).is_err());
        assert_eq!(version(&connection).unwrap(), 0);
        migrate_by(&mut connection, &["CREATE TABLE a (x)"]).unwrap();
    }
}
