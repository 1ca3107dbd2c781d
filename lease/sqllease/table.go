package sqllease

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/lease"
)

// A table is where the leases of many groups are.
type table struct {
	db      *sql.DB
	dialect Dialect
	name    string
	text    statements
}

const (
	defaultTable  = "weir_leases"
	maxTableBytes = 63 // PostgreSQL would cut it
)

// openTable asks for the dialect if need be; there may be no table yet.
func openTable(ctx context.Context, db *sql.DB, c Config) (*table, error) {
	if c.Table == "" {
		c.Table = defaultTable
	}
	if err := checkTable(c.Table); err != nil {
		return nil, err
	}
	switch c.Dialect {
	case "", SQLite, PostgreSQL:
	default:
		return nil, fmt.Errorf("dialect %.40q: it is neither %s nor %s", string(c.Dialect), SQLite, PostgreSQL)
	}
	if db == nil {
		return nil, errors.New("the database is nil")
	}
	if c.Dialect == "" {
		d, err := ask(ctx, db)
		if err != nil {
			return nil, endedBy(ctx, err)
		}
		c.Dialect = d
	}
	return &table{db, c.Dialect, c.Table, c.Dialect.statements(c.Table)}, nil
}

func checkTable(name string) error {
	if len(name) > maxTableBytes {
		return fmt.Errorf("table name: %d bytes are above %d", len(name), maxTableBytes)
	}
	for i, r := range name {
		letter := r == '_' || 'a' <= r && r <= 'z'
		if !letter && (i == 0 || r < '0' || '9' < r) {
			return fmt.Errorf("table name %q: %q at %d is not a lower-case letter or underscore, or a digit behind one", name, r, i)
		}
	}
	return nil
}

// prepare makes the table if it is not there, and sees to it that it is ours.
func (t *table) prepare(ctx context.Context) error {
	there, err := t.look(ctx)
	if err == nil && !there {
		_, failed := t.exec(ctx, t.text.create)
		// Of several who make it at once, PostgreSQL lets one and tells the others
		// that they failed.
		if there, err = t.look(ctx); err == nil && !there {
			if err = failed; err == nil {
				err = t.foreign("it has no columns")
			}
		}
	}
	if err != nil {
		return err
	}
	versions, err := t.versions(ctx)
	if err == nil && len(versions) == 0 { // it is new, or was emptied
		if _, err = t.exec(ctx, t.text.mark); err == nil {
			versions, err = t.versions(ctx)
		}
	}
	if err != nil {
		return err
	}
	return t.checkVersion(versions)
}

// A described column is one as the database says that it is.
type described struct {
	name, kind string
	key        int // place in the primary key from 1 on, 0 for none
}

// look reports whether there is a table, with an error if it is not ours.
func (t *table) look(ctx context.Context) (there bool, err error) {
	name := t.name
	if t.dialect == PostgreSQL {
		name = `"` + name + `"` // it is parsed there; no name has quotes
	}
	var is []described
	err = t.query(ctx, func(rows *sql.Rows) error {
		var c described
		err := rows.Scan(&c.name, &c.kind, &c.key)
		is = append(is, c)
		return err
	}, func() { is = nil }, t.text.describe, name)
	if err != nil || len(is) == 0 {
		return false, err
	}
	var want []described
	for i, c := range columns {
		d := described{name: c.name, kind: t.dialect.typeOf(c.kind)}
		if i < keyColumns {
			d.key = i + 1
		}
		want = append(want, d)
	}
	differs := difference(is, want)
	if differs == "" {
		return true, nil
	}
	if difference(is[:min(len(is), versionColumns)], want[:versionColumns]) == "" {
		versions, err := t.versions(ctx)
		if err == nil && len(versions) > 0 {
			err = t.checkVersion(versions)
		}
		if err != nil {
			return false, err
		}
	}
	return false, t.foreign(differs)
}

// difference says how a table differs from what one of leases is like.
func difference(is, want []described) string {
	find := func(in []described, name string) int {
		return slices.IndexFunc(in, func(c described) bool { return c.name == name })
	}
	for _, w := range want {
		i := find(is, w.name)
		switch {
		case i < 0:
			return fmt.Sprintf("it has no column %s", w.name)
		case is[i].kind != w.kind:
			return fmt.Sprintf("its column %s is %.100q, that of leases is %q", w.name, is[i].kind, w.kind)
		case is[i].key != w.key:
			return fmt.Sprintf("its primary key is (%s), that of leases is (%s)", key(is), key(want))
		}
	}
	for _, c := range is {
		if find(want, c.name) < 0 {
			return fmt.Sprintf("it has a column %.100q", c.name)
		}
	}
	return ""
}

// key returns the columns of a primary key.
func key(of []described) string {
	var in []described
	for _, c := range of {
		if c.key > 0 {
			in = append(in, c)
		}
	}
	slices.SortFunc(in, func(a, b described) int { return a.key - b.key })
	names := make([]string, len(in))
	for i, c := range in {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}

// versions returns the counter of the version's row, if there is one.
func (t *table) versions(ctx context.Context) (is []int64, err error) {
	err = t.query(ctx, func(rows *sql.Rows) error {
		var v int64
		if err := rows.Scan(&v); err != nil {
			return t.foreign(err.Error())
		}
		is = append(is, v)
		return nil
	}, func() { is = nil }, t.text.version)
	return is, err
}

func (t *table) checkVersion(is []int64) error {
	switch {
	case len(is) != 1:
		return t.foreign("the row of its version is gone; it is made when a group is opened")
	case is[0] > version:
		return t.foreign(fmt.Sprintf("version %d is later than %d, the last that this program knows", is[0], version))
	case is[0] < version:
		return t.foreign(fmt.Sprintf("there is no version %d", is[0]))
	}
	return nil
}

// exec executes a statement, and returns how many rows it changed.
func (t *table) exec(ctx context.Context, statement string, args ...any) (n int64, err error) {
	err = again(ctx, func() error {
		result, err := t.db.ExecContext(ctx, statement, args...)
		if err != nil {
			return err
		}
		n, err = result.RowsAffected()
		return err
	})
	return n, t.failed(ctx, err)
}

// query calls a function for each row of an answer, and begin before the first
// of each answer: it may be asked again.
func (t *table) query(ctx context.Context, each func(*sql.Rows) error, begin func(), query string, args ...any) error {
	return t.failed(ctx, again(ctx, func() error {
		begin()
		rows, err := t.db.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := each(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	}))
}

// failed says which table an error is of.
func (t *table) failed(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, lease.ErrForeign) && ctx.Err() == nil:
		return err
	case errors.Is(err, lease.ErrForeign): // a row that could not be read any more
		err = ctx.Err()
	}
	return fmt.Errorf("table %s: %w", t.name, endedBy(ctx, err))
}

// endedBy says of what a context ended that it did.
func endedBy(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		return errors.Join(ctx.Err(), err)
	}
	return err
}

func (t *table) foreign(why string) error {
	return fmt.Errorf("table %s: %w: %s", t.name, lease.ErrForeign, why)
}
