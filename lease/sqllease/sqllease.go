// Package sqllease keeps the leases of groups in a table of a database: SQLite
// from version 3.24 on, or PostgreSQL. It brings no driver; the caller opens the
// database with one.
//
//	db, err := sql.Open("pgx", "postgres://…")
//	…
//	store, err := sqllease.Open(ctx, db, "orders", sqllease.Config{})
//
// One table, weir_leases unless told otherwise, has the leases of all groups.
// It is made if it is missing. Each write is one statement, which names the
// counter that its writer saw and does nothing if the row has another by now,
// or if the table is of a later version.
//
// Text is compared byte by byte. A database of PostgreSQL whose encoding is not
// UTF8 refuses what it cannot keep.
package sqllease

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/lease"
)

// A Config says which table it is.
type Config struct {
	// Dialect is what the database understands. "" asks it.
	Dialect Dialect
	// Table is the name of the table, 1 to 63 lower-case letters, digits and
	// underscores, no digit first. "" means weir_leases. PostgreSQL looks for it,
	// and makes it, in the schemas of the connection's search_path.
	Table string
}

// A Store is the leases of a group in a table. It implements [lease.Store]; any
// number of processes may use one table at a time, and where the database is a
// server, on any number of machines.
//
// A List is one query, and so is a write, but for one that is refused: it reads
// what is there. None is in a transaction of several statements, and none needs
// a second connection of the pool. What the database refuses only because others
// are writing, such as a locked file or what cannot be serialized, is tried
// again until the context ends. Any other error of the database or the
// connection, the end of the context included, leaves open whether a write was
// carried out.
type Store struct {
	*table
	group string
}

// Open opens the leases of a group, for whose name see [lease.CheckGroup], and
// makes the table if need be. The error matches [lease.ErrForeign] if there is
// another table of that name, or one of a later version; it says then what is
// different. The database stays the caller's, who closes it when nobody uses the
// store any more.
//
// A database of SQLite that is kept in memory is one of its connection alone:
// let the pool have no more than one, which is never closed.
func Open(ctx context.Context, db *sql.DB, group string, c Config) (*Store, error) {
	if err := lease.CheckGroup(group); err != nil {
		return nil, err
	}
	t, err := openTable(ctx, db, c)
	if err != nil {
		return nil, err
	}
	if err := t.prepare(ctx); err != nil {
		return nil, err
	}
	return &Store{t, group}, nil
}

// Group returns the name of the group whose leases s holds.
func (s *Store) Group() string { return s.group }

// Groups returns the names of the groups that have leases in a table, in order;
// none if there is no table.
func Groups(ctx context.Context, db *sql.DB, c Config) ([]string, error) {
	t, err := openTable(ctx, db, c)
	if err != nil {
		return nil, err
	}
	if there, err := t.look(ctx); err != nil || !there {
		return nil, err
	}
	var groups []string
	err = t.query(ctx, func(rows *sql.Rows) error {
		var group string
		if err := rows.Scan(&group); err != nil {
			return err
		}
		groups = append(groups, group)
		return nil
	}, func() { groups = nil }, t.text.groups)
	slices.Sort(groups)
	return groups, err
}

// List implements [lease.Store].
func (s *Store) List(ctx context.Context) ([]lease.Lease, error) {
	list, err := s.read(ctx, s.text.list, s.group)
	slices.SortFunc(list, func(a, b lease.Lease) int { return strings.Compare(a.Key, b.Key) })
	return list, err
}

// Create implements [lease.Store].
func (s *Store) Create(ctx context.Context, l lease.Lease) error {
	if err := check(ctx, l); err != nil {
		return err
	}
	values, err := encode(l)
	if err != nil {
		return err
	}
	if done, err := s.write(ctx, s.text.insert, append([]any{s.group, l.Key}, values...)); done || err != nil {
		return err
	}
	_, err = s.there(ctx, l.Key)
	return err
}

// Update implements [lease.Store].
func (s *Store) Update(ctx context.Context, l lease.Lease) (lease.Lease, error) {
	if err := check(ctx, l); err != nil {
		return lease.Lease{}, err
	}
	seen := l.Counter
	l = l.Clone()
	l.Counter++
	values, err := encode(l)
	if err != nil {
		return lease.Lease{}, err
	}
	done, err := s.write(ctx, s.text.update, append(values, s.group, l.Key, seen))
	if err != nil {
		return lease.Lease{}, err
	}
	if !done {
		return s.there(ctx, l.Key)
	}
	return l, nil
}

// Delete implements [lease.Store].
func (s *Store) Delete(ctx context.Context, l lease.Lease) error {
	if err := check(ctx, l); err != nil {
		return err
	}
	if done, err := s.write(ctx, s.text.delete, []any{s.group, l.Key, l.Counter}); done || err != nil {
		return err
	}
	is, err := s.there(ctx, l.Key)
	if is.Key == "" && isConflict(err) {
		return nil // it is gone, which is fine
	}
	return err
}

// write executes a statement that changes a row or none; done is whether it did.
func (s *Store) write(ctx context.Context, statement string, values []any) (done bool, err error) {
	n, err := s.exec(ctx, statement, values...)
	return n > 0, err
}

// there returns what is there instead of what a write expected, and the
// conflict. What others did since the write does not make it any less refused.
func (s *Store) there(ctx context.Context, key string) (lease.Lease, error) {
	list, err := s.read(ctx, s.text.find, s.group, key)
	if err != nil {
		return lease.Lease{}, err
	}
	if len(list) == 0 {
		return lease.Lease{}, conflict(key)
	}
	return list[0], conflict(key)
}

// read returns the leases of a query that yields the row of the version as well.
func (s *Store) read(ctx context.Context, query string, args ...any) ([]lease.Lease, error) {
	var list []lease.Lease
	var versions []int64
	err := s.query(ctx, func(rows *sql.Rows) error {
		r := newRow()
		if err := rows.Scan(r.fields...); err != nil {
			return s.foreign(err.Error())
		}
		if r.group == versionGroup {
			versions = append(versions, r.lease.Counter)
			return nil
		}
		l, err := r.decode()
		if err != nil {
			return s.foreign(fmt.Sprintf("the row %.100q of the group %s: %v", r.lease.Key, s.group, err))
		}
		list = append(list, l)
		return nil
	}, func() { list, versions = nil, nil }, query, args...)
	if err == nil {
		err = s.checkVersion(versions)
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}
