//! What the database looks like, and how an older one becomes that.

use rusqlite::{Connection, TransactionBehavior};

/// One step for each version: the first makes version 1 of an empty database. A step that was released is
/// never changed.
const STEPS: [&str; 1] = [include_str!("schema/1.sql")];

/// The version that this nixfleet reads and writes.
pub const VERSION: usize = STEPS.len();

/// The version of a database; 0 for one that is empty.
///
/// # Errors
/// It cannot be read.
pub fn version(connection: &Connection) -> rusqlite::Result<usize> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings a database that is not newer to [`VERSION`], all or nothing.
///
/// # Errors
/// It cannot be written.
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
