package drivers_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/lease/sqllease"
)

// lock keeps all others out of the table until it is called again.
func lock(t *testing.T, db *sql.DB) (unlock func()) {
	t.Helper()
	c, err := db.Conn(t.Context())
	require.NoError(t, err)
	begin := []string{"BEGIN EXCLUSIVE"}
	if isPostgres(t) {
		begin = []string{"BEGIN", "LOCK TABLE weir_leases IN ACCESS EXCLUSIVE MODE"}
	}
	for _, s := range begin {
		_, err := c.ExecContext(t.Context(), s)
		require.NoError(t, err)
	}
	return func() {
		_, err := c.ExecContext(t.Context(), "COMMIT")
		assert.NoError(t, err)
		assert.NoError(t, c.Close())
	}
}

// A call waits for others as long as its context lasts, and no longer.
func TestStore_waitsForOthers(t *testing.T) {
	const short, bound = 50 * time.Millisecond, 3 * time.Second // SQLite's drivers wait for 5 s by themselves
	onEach(t, func(t *testing.T, open func() *sql.DB) {
		db, other := open(), open()
		s := openStore(t, db, "orders")
		a := lease.Lease{Key: "a"}
		require.NoError(t, s.Create(t.Context(), a))
		unlock := lock(t, other)
		calls := map[string]func(ctx context.Context) error{
			"Create": func(ctx context.Context) error { return s.Create(ctx, lease.Lease{Key: "b"}) },
			"Update": func(ctx context.Context) error { _, err := s.Update(ctx, a); return err },
			"Delete": func(ctx context.Context) error { return s.Delete(ctx, a) },
		}
		var journal string
		if !isPostgres(t) {
			require.NoError(t, db.QueryRow("PRAGMA journal_mode").Scan(&journal))
		}
		if journal != "wal" { // in which readers wait for nobody
			calls["List"] = func(ctx context.Context) error { _, err := s.List(ctx); return err }
			calls["Open"] = func(ctx context.Context) error {
				_, err := sqllease.Open(ctx, db, "audit", sqllease.Config{})
				return err
			}
		}
		for name, call := range calls {
			begin := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), short)
			err := call(ctx)
			cancel()
			assert.ErrorIs(t, err, context.DeadlineExceeded, name)
			assert.NotErrorIs(t, err, lease.ErrForeign, name)
			assert.NotErrorIs(t, err, lease.ErrConflict, name)
			assert.Less(t, time.Since(begin), bound, name)
		}
		done := make(chan error)
		go func() { done <- s.Create(t.Context(), lease.Lease{Key: "c"}) }()
		select {
		case err := <-done:
			t.Errorf("created while others had the table: %v", err)
			unlock()
		case <-time.After(short):
			unlock()
			require.NoError(t, <-done)
		}
		holds(t, s, a, lease.Lease{Key: "c"})
	})
}

// A connection that is lost in the middle of a call leaves open whether it was
// carried out; the store goes on with another.
func TestPostgreSQL_connectionsAreLost(t *testing.T) {
	open := databases["PostgreSQL"](t)
	db, other := open(), open()
	s := openStore(t, db, "orders")
	a := lease.Lease{Key: "a"}
	require.NoError(t, s.Create(t.Context(), a))
	for name, call := range map[string]func() error{
		"Create": func() error { return s.Create(t.Context(), lease.Lease{Key: "b"}) },
		"Update": func() error { _, err := s.Update(t.Context(), a); return err },
		"Delete": func() error { return s.Delete(t.Context(), a) },
		"List":   func() error { _, err := s.List(t.Context()); return err },
	} {
		unlock := lock(t, other)
		done := make(chan error)
		go func() { done <- call() }()
		for killed := 0; killed == 0; { // until it waits, and is ended
			require.NoError(t, other.QueryRow(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
				WHERE wait_event_type = 'Lock' AND query LIKE '%weir_leases%' AND pid <> pg_backend_pid()`).Scan(&killed))
		}
		err := <-done
		require.Error(t, err, name)
		require.ErrorContains(t, err, "table weir_leases: ", name)
		for _, not := range []error{lease.ErrConflict, lease.ErrForeign, context.Canceled} {
			require.NotErrorIs(t, err, not, name)
		}
		unlock()
		holds(t, s, a)
	}
}

// A database that cannot be reached is neither a conflict nor foreign.
func TestOpen_databaseIsNotThere(t *testing.T) {
	for name, db := range map[string]*sql.DB{
		"no server": connect(t, "pgx", "host="+t.TempDir()+" user=weir dbname=postgres"),
		"no file":   connect(t, "sqlite", "file:"+t.TempDir()+"/not/there.db"),
	} {
		for _, d := range []sqllease.Dialect{"", sqllease.SQLite, sqllease.PostgreSQL} {
			_, err := sqllease.Open(t.Context(), db, "orders", sqllease.Config{Dialect: d})
			require.Error(t, err, name)
			require.NotErrorIs(t, err, lease.ErrForeign, name)
		}
	}
	db := databases["SQLite"](t)()
	s := openStore(t, db, "orders")
	require.NoError(t, db.Close())
	_, err := s.List(t.Context())
	require.ErrorContains(t, err, "table weir_leases: sql: database is closed")
	err = s.Delete(t.Context(), lease.Lease{Key: "a"})
	require.ErrorContains(t, err, "table weir_leases: sql: database is closed")
}

// A user who may read and write a table, and make none, can use one that is
// there, and is told where there is none.
func TestPostgreSQL_userWhoMayMakeNoTable(t *testing.T) {
	open := databases["PostgreSQL"](t)
	db := open()
	var schema string
	require.NoError(t, db.QueryRow("SELECT current_schema()").Scan(&schema))
	role := schema + "_user"
	execute(t, db, "CREATE ROLE "+role, "GRANT USAGE ON SCHEMA "+schema+" TO "+role)
	t.Cleanup(func() {
		db := open()
		for _, s := range []string{"DROP OWNED BY " + role, "DROP ROLE " + role} {
			_, err := db.Exec(s)
			assert.NoError(t, err)
		}
	})
	theirs := open()
	theirs.SetMaxOpenConns(1)
	execute(t, theirs, "SET ROLE "+role)
	_, err := sqllease.Open(t.Context(), theirs, "orders", sqllease.Config{})
	require.ErrorContains(t, err, "permission denied for schema")

	openStore(t, db, "orders")
	execute(t, db, "GRANT SELECT, INSERT, UPDATE, DELETE ON weir_leases TO "+role)
	s := openStore(t, theirs, "orders")
	require.NoError(t, s.Create(t.Context(), lease.Lease{Key: "a"}))
	holds(t, s, lease.Lease{Key: "a"})
}
