package drivers_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/lease/sqllease"
)

// ours makes a table of leases by hand, changed as a test wants it.
func ours(t *testing.T, db *sql.DB, changes ...string) {
	t.Helper()
	bytes := "BLOB"
	if isPostgres(t) {
		bytes = "BYTEA"
	}
	statement := strings.NewReplacer(append(changes, "BYTES", bytes)...).Replace(`CREATE TABLE weir_leases (
lease_group TEXT NOT NULL, lease_key TEXT NOT NULL, counter BIGINT NOT NULL DEFAULT 0,
stream TEXT NOT NULL DEFAULT '', owner TEXT NOT NULL DEFAULT '', wanted TEXT NOT NULL DEFAULT '',
switches BIGINT NOT NULL DEFAULT 0, checkpoint TEXT NOT NULL DEFAULT '', sub BIGINT NOT NULL DEFAULT 0,
state BYTES, parents TEXT NOT NULL DEFAULT '', children TEXT NOT NULL DEFAULT '',
first_hash_key TEXT NOT NULL DEFAULT '', last_hash_key TEXT NOT NULL DEFAULT '',
throughput_kib DOUBLE PRECISION NOT NULL DEFAULT 0, PRIMARY KEY (lease_group, lease_key))`)
	execute(t, db, statement)
}

func isPostgres(t *testing.T) bool { return strings.Contains(t.Name(), "PostgreSQL") }

func execute(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		_, err := db.Exec(s)
		require.NoError(t, err, s)
	}
}

// rows returns how many rows there are.
func rows(t *testing.T, db *sql.DB, table string) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRow("SELECT count(*) FROM "+table).Scan(&n))
	return n
}

const (
	mark  = "INSERT INTO weir_leases (lease_group, lease_key, counter) VALUES ('', 'version', 1)"
	later = "UPDATE weir_leases SET counter = 2 WHERE lease_group = ''"
)

// A table that is like ours in all is ours, though something else made it.
func TestOpen_tableMadeByHand(t *testing.T) {
	onEach(t, func(t *testing.T, open func() *sql.DB) {
		db := open()
		ours(t, db)
		s := openStore(t, db, "orders")
		require.NoError(t, s.Create(t.Context(), lease.Lease{Key: "a"}))
		require.Equal(t, 2, rows(t, db, "weir_leases"), "that of the version was made")
		holds(t, openStore(t, db, "orders"), lease.Lease{Key: "a"})
	})
}

// What is not ours is refused with what differs, and nothing is written there.
func TestOpen_foreignTables(t *testing.T) {
	cases := map[string]struct {
		make func(t *testing.T, db *sql.DB)
		says string
	}{
		"other people's": {func(t *testing.T, db *sql.DB) {
			execute(t, db, "CREATE TABLE weir_leases (id INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO weir_leases VALUES (1, 'x')")
		}, "it has no column lease_group"},
		"a column less": {func(t *testing.T, db *sql.DB) { ours(t, db, "wanted TEXT NOT NULL DEFAULT '',", "") }, "it has no column wanted"},
		"a column more": {func(t *testing.T, db *sql.DB) {
			ours(t, db, "state", "tenant TEXT NOT NULL DEFAULT 'x', state")
		}, `it has a column "tenant"`},
		"another type": {func(t *testing.T, db *sql.DB) {
			ours(t, db, "sub BIGINT NOT NULL DEFAULT 0", "sub VARCHAR(9)")
		}, `its column sub is "`},
		"no key": {func(t *testing.T, db *sql.DB) {
			ours(t, db, ", PRIMARY KEY (lease_group, lease_key)", "")
		}, "its primary key is (), that of leases is (lease_group, lease_key)"},
		"another key": {func(t *testing.T, db *sql.DB) {
			ours(t, db, "KEY (lease_group, lease_key)", "KEY (lease_key, lease_group)")
		}, "its primary key is (lease_key, lease_group), that of leases is"},
		"a longer key": {func(t *testing.T, db *sql.DB) {
			ours(t, db, "KEY (lease_group, lease_key)", "KEY (lease_group, lease_key, counter)")
		}, "its primary key is (lease_group, lease_key, counter), that of leases is"},
		"a view": {func(t *testing.T, db *sql.DB) {
			ours(t, db, "TABLE weir_leases", "TABLE other")
			execute(t, db, "CREATE VIEW weir_leases AS SELECT * FROM other")
		}, "its primary key is ()"},
		"a later version": {func(t *testing.T, db *sql.DB) {
			ours(t, db)
			execute(t, db, mark, later)
		}, "version 2 is later than 1, the last that this program knows"},
		"a later version of other columns": {func(t *testing.T, db *sql.DB) {
			ours(t, db, "wanted TEXT NOT NULL DEFAULT '',", "", "state", "tenant TEXT NOT NULL DEFAULT 'x', state")
			execute(t, db, mark, later)
		}, "version 2 is later than 1, the last that this program knows"},
		"other columns of this version": {func(t *testing.T, db *sql.DB) {
			ours(t, db, "state", "tenant TEXT NOT NULL DEFAULT 'x', state")
			execute(t, db, mark)
		}, `it has a column "tenant"`},
		"no version": {func(t *testing.T, db *sql.DB) {
			ours(t, db)
			execute(t, db, mark, "UPDATE weir_leases SET counter = 0")
		}, "there is no version 0"},
	}
	onEach(t, func(t *testing.T, open func() *sql.DB) {
		for name, c := range cases {
			db := open()
			c.make(t, db)
			before := rows(t, db, "weir_leases")
			for range 2 {
				_, err := sqllease.Open(t.Context(), db, "orders", sqllease.Config{})
				require.ErrorIs(t, err, lease.ErrForeign, name)
				require.ErrorContains(t, err, "table weir_leases: ", name)
				require.ErrorContains(t, err, c.says, name)
			}
			require.Equal(t, before, rows(t, db, "weir_leases"), name)
			if !strings.Contains(c.says, "version") {
				_, err := sqllease.Groups(t.Context(), db, sqllease.Config{})
				require.ErrorIs(t, err, lease.ErrForeign, name)
			}
			kind := "TABLE"
			if name == "a view" {
				kind = "VIEW"
			}
			execute(t, db, "DROP "+kind+" weir_leases")
		}
	})
}

// A table that becomes one of a later version is not written any more, nor is
// one that lost its version.
func TestStore_versionChangesMeanwhile(t *testing.T) {
	onEach(t, func(t *testing.T, open func() *sql.DB) {
		db := open()
		s := openStore(t, db, "orders")
		require.NoError(t, s.Create(t.Context(), lease.Lease{Key: "a", Owner: "me"}))
		for _, c := range []struct{ change, says string }{
			{later, "version 2 is later than 1"},
			{"DELETE FROM weir_leases WHERE lease_group = ''", "the row of its version is gone"},
		} {
			execute(t, db, c.change)
			before := rows(t, db, "weir_leases")
			_, listed := s.List(t.Context())
			_, updated := s.Update(t.Context(), lease.Lease{Key: "a", Owner: "you"})
			for i, err := range []error{
				listed, updated, s.Create(t.Context(), lease.Lease{Key: "a"}), s.Create(t.Context(), lease.Lease{Key: "b"}),
				s.Delete(t.Context(), lease.Lease{Key: "a"}), s.Delete(t.Context(), lease.Lease{Key: "b"}),
			} {
				require.ErrorIs(t, err, lease.ErrForeign, "call %d", i)
				require.NotErrorIs(t, err, lease.ErrConflict)
				require.ErrorContains(t, err, c.says)
			}
			require.Equal(t, before, rows(t, db, "weir_leases"))
		}
		holds(t, openStore(t, db, "orders"), lease.Lease{Key: "a", Owner: "me"}) // which makes the row anew
		holds(t, s, lease.Lease{Key: "a", Owner: "me"})
	})
}

// Rows that no lease has are named.
func TestStore_foreignRows(t *testing.T) {
	cases := map[string]struct{ set, says string }{
		"counter":  {"counter = -1", `the row "a" of the group orders: lease a: counter: -1`},
		"sub":      {"sub = -1", "sub: -1 is below 0"},
		"parents":  {"parents = '{'", "parents: unexpected end"},
		"children": {"children = '[1]'", "children: json:"},
		"twice":    {`children = '["x", "x"]'`, `children: "x" is there twice`},
	}
	onEach(t, func(t *testing.T, open func() *sql.DB) {
		db := open()
		s := openStore(t, db, "orders")
		if !isPostgres(t) { // whose columns hold what they say
			cases["no number"] = struct{ set, says string }{"counter = 'many'", `name "counter"`}
			cases["no text"] = struct{ set, says string }{"owner = x'ff'", `owner: "\xff" is not UTF-8`}
		}
		for name, c := range cases {
			require.NoError(t, s.Create(t.Context(), lease.Lease{Key: "a"}))
			execute(t, db, "UPDATE weir_leases SET "+c.set+" WHERE lease_key = 'a'")
			_, listed := s.List(t.Context())
			_, updated := s.Update(t.Context(), lease.Lease{Key: "a", Counter: 8})
			for _, err := range []error{listed, updated} {
				require.ErrorIs(t, err, lease.ErrForeign, name)
				require.ErrorContains(t, err, c.says)
				require.NotErrorIs(t, err, lease.ErrConflict)
			}
			execute(t, db, "DELETE FROM weir_leases WHERE lease_key = 'a'")
		}
		delete(cases, "no number")
		delete(cases, "no text")
	})
}

// A name of a table that could be anything else than one is refused before
// anything is asked.
func TestOpen_badInput(t *testing.T) {
	db := databases["SQLite"](t)()
	for name, says := range map[string]string{
		`x"; DROP TABLE y; --`: `'"' at 1`, "a b": "' ' at 1", "Leases": "'L' at 0", "a.b": "'.' at 1", "1a": "'1' at 0", "ä": "'ä' at 0",
		"a\x00": `'\x00' at 1`, strings.Repeat("t", 64): "64 bytes are above 63",
	} {
		_, err := sqllease.Open(t.Context(), db, "orders", sqllease.Config{Table: name})
		require.ErrorContains(t, err, "table name")
		require.ErrorContains(t, err, says)
		_, err = sqllease.Groups(t.Context(), db, sqllease.Config{Table: name})
		require.ErrorContains(t, err, says)
	}
	_, err := sqllease.Open(t.Context(), db, "a/b", sqllease.Config{})
	require.ErrorContains(t, err, `group name "a/b"`)
	_, err = sqllease.Open(t.Context(), db, "", sqllease.Config{})
	require.ErrorContains(t, err, "group name")
	_, err = sqllease.Open(t.Context(), db, "orders", sqllease.Config{Dialect: "MySQL"})
	require.EqualError(t, err, `dialect "MySQL": it is neither SQLite nor PostgreSQL`)
	_, err = sqllease.Open(t.Context(), nil, "orders", sqllease.Config{})
	require.EqualError(t, err, "the database is nil")
	require.Equal(t, 0, rows(t, db, "sqlite_master"), "nothing was made")
}
