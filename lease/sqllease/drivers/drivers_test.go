// Package drivers_test tests package sqllease on SQLite and PostgreSQL, with
// drivers that its users need not download. lease/sqllease/run starts a server
// and runs it.
package drivers_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/lease/leasetest"
	"github.com/weirstream/weir/lease/sqllease"
)

// A database makes empty databases, and opens them any number of times.
type database func(t *testing.T) (open func() *sql.DB)

// databases are all that a test runs on, by dialect and what is special.
var databases = map[string]database{
	"SQLite":                           sqliteFile(""),
	"SQLite, write-ahead":              sqliteFile("?_pragma=journal_mode(WAL)"),
	"SQLite, waits for nobody":         sqliteFile("?_pragma=busy_timeout(0)"),
	"SQLite, UTF-16":                   sqliteFile("?_pragma=encoding('UTF-16')"),
	"PostgreSQL":                       postgres(""),
	"PostgreSQL, serializable":         postgres(" default_transaction_isolation=serializable"),
	"PostgreSQL, without preparations": postgres(" default_query_exec_mode=simple_protocol"),
}

func sqliteFile(settings string) database {
	return func(t *testing.T) func() *sql.DB {
		file := filepath.Join(t.TempDir(), "leases.db")
		return func() *sql.DB { return connect(t, "sqlite", "file:"+file+settings) }
	}
}

// postgres makes a schema for each test.
func postgres(settings string) database {
	return func(t *testing.T) func() *sql.DB {
		server := os.Getenv("WEIR_POSTGRES")
		require.NotEmpty(t, server, "needs a PostgreSQL: lease/sqllease/run starts one")
		schema := "test_" + strings.ToLower(rand.Text())
		db := connect(t, "pgx", server)
		_, err := db.Exec("CREATE SCHEMA " + schema)
		require.NoError(t, err)
		t.Cleanup(func() {
			db := connect(t, "pgx", server)
			_, err := db.Exec("DROP SCHEMA " + schema + " CASCADE")
			assert.NoError(t, err)
			assert.NoError(t, db.Close())
		})
		return func() *sql.DB { return connect(t, "pgx", server+" search_path="+schema+settings) }
	}
}

func connect(t *testing.T, driver, source string) *sql.DB {
	db, err := sql.Open(driver, source)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return db
}

// onEach runs a test on each database.
func onEach(t *testing.T, test func(t *testing.T, open func() *sql.DB)) {
	for name, d := range databases {
		t.Run(name, func(t *testing.T) { test(t, d(t)) })
	}
}

func openStore(t *testing.T, db *sql.DB, group string) *sqllease.Store {
	t.Helper()
	s, err := sqllease.Open(t.Context(), db, group, sqllease.Config{})
	require.NoError(t, err)
	return s
}

func TestStore_conforms(t *testing.T) {
	for name, d := range databases {
		t.Run(name, func(t *testing.T) {
			leasetest.Run(t, func(t *testing.T) func() lease.Store {
				open := d(t)
				return func() lease.Store { return openStore(t, open(), "orders") }
			})
		})
	}
}

// Goroutines share one connection, and a database that is that connection's.
func TestStore_conformsInMemory(t *testing.T) {
	leasetest.Run(t, func(t *testing.T) func() lease.Store {
		db := connect(t, "sqlite", ":memory:")
		db.SetMaxOpenConns(1)
		return func() lease.Store { return openStore(t, db, "orders") }
	})
}

// A second group in the table changes nothing for the first.
func TestStore_conformsBesideAnotherGroup(t *testing.T) {
	for _, name := range []string{"SQLite", "PostgreSQL"} {
		t.Run(name, func(t *testing.T) {
			leasetest.Run(t, func(t *testing.T) func() lease.Store {
				open := databases[name](t)
				other := openStore(t, open(), "audit")
				theirs := []lease.Lease{{Key: "a", Counter: 41, Owner: "theirs"}, {Key: "b", Counter: 1}, {Key: "round 0"}}
				for _, l := range theirs {
					require.NoError(t, other.Create(t.Context(), l))
				}
				t.Cleanup(func() { holds(t, other, theirs...) })
				return func() lease.Store { return openStore(t, open(), "orders") }
			})
		})
	}
}

func holds(t *testing.T, s lease.Store, want ...lease.Lease) {
	t.Helper()
	list, err := s.List(context.Background()) // also when a test has ended
	require.NoError(t, err)
	require.Len(t, list, len(want))
	for i := range want {
		require.Equal(t, want[i], list[i])
	}
}

func TestGroups_areApart(t *testing.T) {
	onEach(t, func(t *testing.T, open func() *sql.DB) {
		db := open()
		groups, err := sqllease.Groups(t.Context(), db, sqllease.Config{})
		require.NoError(t, err)
		require.Empty(t, groups, "nor is a table made")
		for _, group := range []string{"orders", "Orders", "a.b-C_9", "0"} { // in no order
			s := openStore(t, db, group)
			holds(t, s)
			require.NoError(t, s.Create(t.Context(), lease.Lease{Key: "version", Owner: group}))
			require.NoError(t, s.Create(t.Context(), lease.Lease{Key: "b", Owner: group}))
			holds(t, s, lease.Lease{Key: "b", Owner: group}, lease.Lease{Key: "version", Owner: group})
		}
		groups, err = sqllease.Groups(t.Context(), db, sqllease.Config{})
		require.NoError(t, err)
		require.Equal(t, []string{"0", "Orders", "a.b-C_9", "orders"}, groups)
		for _, group := range groups {
			s, l := openStore(t, db, group), lease.Lease{Key: "b", Counter: 9}
			there, err := s.Update(t.Context(), l)
			require.ErrorIs(t, err, lease.ErrConflict)
			require.Equal(t, lease.Lease{Key: "b", Owner: group}, there)
			require.ErrorIs(t, s.Delete(t.Context(), l), lease.ErrConflict)
		}
		openStore(t, db, "has-no-lease")
		again, err := sqllease.Groups(t.Context(), db, sqllease.Config{})
		require.NoError(t, err)
		require.Equal(t, groups, again)

		s := openStore(t, db, "orders")
		require.NoError(t, s.Delete(t.Context(), lease.Lease{Key: "b"}))
		holds(t, s, lease.Lease{Key: "version", Owner: "orders"})
		holds(t, openStore(t, db, "Orders"), lease.Lease{Key: "b", Owner: "Orders"}, lease.Lease{Key: "version", Owner: "Orders"})
	})
}

func TestOpen_tablesByName(t *testing.T) {
	onEach(t, func(t *testing.T, open func() *sql.DB) {
		db := open()
		for _, name := range []string{"", "select", "_2", strings.Repeat("t", 63)} {
			s, err := sqllease.Open(t.Context(), db, "orders", sqllease.Config{Table: name})
			require.NoError(t, err)
			holds(t, s)
			require.NoError(t, s.Create(t.Context(), lease.Lease{Key: "a", Owner: name}))
			holds(t, s, lease.Lease{Key: "a", Owner: name})
			_, err = s.Update(t.Context(), lease.Lease{Key: "a"})
			require.NoError(t, err)
			groups, err := sqllease.Groups(t.Context(), db, sqllease.Config{Table: name})
			require.NoError(t, err)
			require.Equal(t, []string{"orders"}, groups)
		}
	})
}

// Several workers that begin at once make one table.
func TestOpen_madeByOne(t *testing.T) {
	onEach(t, func(t *testing.T, open func() *sql.DB) {
		const workers = 8
		errs := make(chan error)
		for range workers {
			db := open()
			go func() {
				s, err := sqllease.Open(t.Context(), db, "orders", sqllease.Config{})
				if err == nil {
					_, err = s.List(t.Context())
				}
				errs <- err
			}()
		}
		for range workers {
			assert.NoError(t, <-errs)
		}
		var rows int
		require.NoError(t, open().QueryRow("SELECT count(*) FROM weir_leases").Scan(&rows))
		require.Equal(t, 1, rows, "that of the version")
	})
}

// A dialect that is given is not asked for, and one that is wrong is refused by
// the database.
func TestOpen_dialects(t *testing.T) {
	for name, dialect := range map[string]sqllease.Dialect{"SQLite": sqllease.SQLite, "PostgreSQL": sqllease.PostgreSQL} {
		db := databases[name](t)()
		s, err := sqllease.Open(t.Context(), db, "orders", sqllease.Config{Dialect: dialect})
		require.NoError(t, err)
		require.NoError(t, s.Create(t.Context(), lease.Lease{Key: "a"}))
		other := sqllease.SQLite
		if dialect == other {
			other = sqllease.PostgreSQL
		}
		_, err = sqllease.Open(t.Context(), db, "orders", sqllease.Config{Dialect: other})
		require.ErrorContains(t, err, "table weir_leases: ")
		require.NotErrorIs(t, err, lease.ErrForeign)
	}
}
