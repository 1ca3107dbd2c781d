package sqllease_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/lease/sqllease"
)

// The tests on databases are in the module drivers. Here one answers as it is
// told to, in virtual time.
type fake struct {
	answer func(query string, args []driver.NamedValue) ([][]driver.Value, error)
	asked  []string
}

func (f *fake) Connect(context.Context) (driver.Conn, error) { return f, nil }
func (f *fake) Driver() driver.Driver                        { return nil }
func (f *fake) Prepare(string) (driver.Stmt, error)          { return nil, errors.ErrUnsupported }
func (f *fake) Begin() (driver.Tx, error)                    { return nil, errors.New("a transaction is begun") }
func (f *fake) Close() error                                 { return nil }

func (f *fake) QueryContext(_ context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	f.asked = append(f.asked, query)
	rows, err := f.answer(query, args)
	if err != nil {
		return nil, err
	}
	return &answer{rows}, nil
}

func (f *fake) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	f.asked = append(f.asked, query)
	rows, err := f.answer(query, args)
	if err != nil {
		return nil, err
	}
	return driver.RowsAffected(len(rows)), nil
}

// An answer is rows of any width.
type answer struct{ rows [][]driver.Value }

func (a *answer) Columns() []string {
	if len(a.rows) == 0 {
		return []string{"nothing"}
	}
	return make([]string, len(a.rows[0]))
}
func (a *answer) Close() error { return nil }
func (a *answer) Next(dest []driver.Value) error {
	if len(a.rows) == 0 {
		return io.EOF
	}
	copy(dest, a.rows[0])
	a.rows = a.rows[1:]
	return nil
}

// one is an answer of one value.
func one(v driver.Value) [][]driver.Value { return [][]driver.Value{{v}} }

// table answers as a database with an empty table of leases does.
func table(query string, _ []driver.NamedValue) ([][]driver.Value, error) {
	switch {
	case strings.HasPrefix(query, "SELECT version()"):
		return one("PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu"), nil
	case strings.Contains(query, "pg_attribute"):
		var rows [][]driver.Value
		for i, c := range strings.Fields("lease_group lease_key counter:bigint stream owner wanted switches:bigint checkpoint sub:bigint " +
			"state:bytea parents children first_hash_key last_hash_key throughput_kib:double_precision") {
			name, kind, there := strings.Cut(c, ":")
			if !there {
				kind = "text"
			}
			key := int64(0)
			if i < 2 {
				key = int64(i + 1)
			}
			rows = append(rows, []driver.Value{name, strings.ReplaceAll(kind, "_", " "), key})
		}
		return rows, nil
	case strings.HasPrefix(query, "SELECT counter"):
		return one(int64(1)), nil
	case strings.HasPrefix(query, "SELECT lease_group"):
		return [][]driver.Value{versionRow()}, nil
	}
	return nil, nil
}

func versionRow() []driver.Value {
	return []driver.Value{"", "version", int64(1), "", "", "", int64(0), "", int64(0), nil, "", "", "", "", 0.0}
}

func open(t *testing.T, f *fake) (*sqllease.Store, error) {
	db := sql.OpenDB(f)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return sqllease.Open(t.Context(), db, "orders", sqllease.Config{})
}

// A table that is there is not written to when it is opened, and a write that is
// carried out is one statement. No value is in the text of one.
func TestStore_statements(t *testing.T) {
	f := &fake{answer: table}
	s, err := open(t, f)
	require.NoError(t, err)
	require.Equal(t, "orders", s.Group())
	for _, q := range f.asked {
		require.True(t, strings.HasPrefix(strings.TrimSpace(q), "SELECT "), q)
	}
	f.answer = func(string, []driver.NamedValue) ([][]driver.Value, error) { return one(nil), nil }
	l := lease.Lease{
		Key: "secret", Owner: "secret", Stream: "secret", Wanted: "secret", Counter: 7, State: []byte("secret"),
		Parents: []string{"secret"}, Children: []string{"secret"}, Checkpoint: lease.Checkpoint{Sequence: "secret"},
		FirstHashKey: "secret", LastHashKey: "secret",
	}
	f.asked = nil
	require.NoError(t, s.Create(t.Context(), l))
	_, err = s.Update(t.Context(), l)
	require.NoError(t, err)
	require.NoError(t, s.Delete(t.Context(), l))
	require.Len(t, f.asked, 3)
	for _, q := range f.asked {
		assert.NotContains(t, q, "secret")
		assert.NotContains(t, q, "orders")
		assert.Contains(t, q, "counter = 1)", "the version")
	}
	assert.Contains(t, f.asked[0], "ON CONFLICT (lease_group, lease_key) DO NOTHING")
	assert.Contains(t, f.asked[1], "WHERE lease_group = $14 AND lease_key = $15 AND counter = $16")
}

func TestOpen_otherDatabases(t *testing.T) {
	unknown := errors.New("no such function: version")
	for name, c := range map[string]struct{ version, sqlite, says string }{
		"MySQL":          {"8.4.0", "", `the database is "8.4.0", neither SQLite nor PostgreSQL`},
		"like another":   {"CockroachDB CCL v25.1", "", "neither SQLite nor PostgreSQL"},
		"old SQLite":     {"", "3.23.1", `the database is SQLite "3.23.1", 3.24 or later is needed`},
		"odd SQLite":     {"", "4", `SQLite "4"`},
		"neither":        {"", "", "the database is neither SQLite nor PostgreSQL: no such function: version"},
		"SQLite is fine": {"", "3.24.0", ""},
	} {
		f := &fake{}
		f.answer = func(query string, args []driver.NamedValue) ([][]driver.Value, error) {
			switch {
			case query == "SELECT version()" && c.version != "":
				return one(c.version), nil
			case query == "SELECT sqlite_version()" && c.sqlite != "":
				return one(c.sqlite), nil
			case strings.Contains(query, "_version()") || strings.Contains(query, " version()"):
				return nil, unknown
			}
			rows, err := table(strings.ReplaceAll(query, "pragma_table_info", "pg_attribute"), args)
			if len(rows) == 15 {
				rows[9][1] = "blob"
			}
			return rows, err
		}
		_, err := open(t, f)
		if c.says == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, c.says, name)
		require.NotErrorIs(t, err, lease.ErrForeign, name)
	}
}

// A stateError is one of PostgreSQL's.
type stateError string

func (e stateError) Error() string    { return "the server says " + string(e) }
func (e stateError) SQLState() string { return string(e) }

// What is refused because others are writing is tried until the context ends;
// nothing else is tried twice.
func TestStore_tryingAgain(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		again bool
	}{
		"locked":           {errors.New("database is locked (5) (SQLITE_BUSY)"), true},
		"locked, shared":   {errors.New("sqlite3: database table is locked: x"), true},
		"not serializable": {stateError("40001"), true},
		"deadlock":         {stateError("40P01"), true},
		"ended":            {stateError("57P01"), false},
		"says it is":       {stateError("database is locked"), false},
		"broken":           {io.ErrUnexpectedEOF, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{answer: table}
				s, err := open(t, f)
				require.NoError(t, err)
				calls := map[string]func(ctx context.Context) error{
					"List":   func(ctx context.Context) error { _, err := s.List(ctx); return err },
					"Create": func(ctx context.Context) error { return s.Create(ctx, lease.Lease{Key: "a"}) },
					"Update": func(ctx context.Context) error { _, err := s.Update(ctx, lease.Lease{Key: "a"}); return err },
					"Delete": func(ctx context.Context) error { return s.Delete(ctx, lease.Lease{Key: "a"}) },
				}
				for call, do := range calls {
					failures := 5
					f.answer = func(query string, args []driver.NamedValue) ([][]driver.Value, error) {
						if failures--; failures >= 0 {
							return nil, c.err
						}
						if strings.HasPrefix(query, "SELECT") {
							return table(query, args)
						}
						return one(nil), nil
					}
					err := do(t.Context())
					if c.again {
						require.NoError(t, err, call)
					} else {
						require.ErrorIs(t, err, c.err, call)
						require.Equal(t, 4, failures, call)
					}
					failures = 1 << 30
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					begin := time.Now()
					err = do(ctx)
					cancel()
					require.ErrorIs(t, err, c.err, call)
					require.NotErrorIs(t, err, lease.ErrConflict)
					require.Equal(t, c.again, errors.Is(err, context.DeadlineExceeded), call)
					require.Equal(t, c.again, time.Since(begin) == time.Second, call)
				}
			})
		})
	}
}

// A write whose answer was lost conflicts with itself when it is made again, and
// what is returned is the row that it wrote.
func TestStore_lostAnswer(t *testing.T) {
	f := &fake{answer: table}
	s, err := open(t, f)
	require.NoError(t, err)
	written := versionRow()
	written[0], written[1], written[2], written[4] = "orders", "a", int64(8), "me"
	f.answer = func(query string, args []driver.NamedValue) ([][]driver.Value, error) {
		if strings.HasPrefix(query, "SELECT") {
			return [][]driver.Value{written, versionRow()}, nil
		}
		return nil, nil // no row is as it was seen
	}
	got, err := s.Update(t.Context(), lease.Lease{Key: "a", Counter: 7, Owner: "me"})
	require.ErrorIs(t, err, lease.ErrConflict)
	require.Equal(t, lease.Lease{Key: "a", Counter: 8, Owner: "me"}, got)
}
