package sqllease

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Dialect is what a database understands.
type Dialect string

// The dialects.
const (
	SQLite     Dialect = "SQLite"
	PostgreSQL Dialect = "PostgreSQL"
)

// sqliteMinor is the first version 3 of SQLite that knows ON CONFLICT.
const sqliteMinor = 24

// ask asks a database which dialect it understands.
func ask(ctx context.Context, db *sql.DB) (Dialect, error) {
	// A driver may write settings to a file when it connects.
	if err := again(ctx, func() error { return db.PingContext(ctx) }); err != nil {
		return "", err
	}
	var is string
	say := func(query string) error {
		return again(ctx, func() error { return db.QueryRowContext(ctx, query).Scan(&is) })
	}
	unknown := say("SELECT version()")
	if unknown == nil {
		if strings.HasPrefix(is, "PostgreSQL ") {
			return PostgreSQL, nil
		}
		return "", fmt.Errorf("the database is %.100q, neither %s nor %s", is, SQLite, PostgreSQL)
	}
	// SQLite has no such function, but another.
	if err := say("SELECT sqlite_version()"); err != nil {
		return "", fmt.Errorf("the database is neither %s nor %s: %w", SQLite, PostgreSQL, errors.Join(unknown, err))
	}
	return SQLite, checkSQLite(is)
}

func checkSQLite(is string) error {
	major, rest, _ := strings.Cut(is, ".")
	minor, _, _ := strings.Cut(rest, ".")
	if n, err := strconv.Atoi(minor); major != "3" || err != nil || n < sqliteMinor {
		return fmt.Errorf("the database is SQLite %.40q, 3.%d or later is needed", is, sqliteMinor)
	}
	return nil
}

// typeOf returns the name of a column's type.
func (d Dialect) typeOf(k kind) string {
	switch {
	case k != bytes:
		return string(k)
	case d == PostgreSQL:
		return "bytea"
	}
	return "blob"
}

// statements are all that is sent to the database. The only thing that is put
// into them is the table's name, which has been checked.
type statements struct {
	describe, create, mark, version            string
	list, find, insert, update, delete, groups string
}

func (d Dialect) statements(table string) statements {
	var names, types, sets, casts []string
	for i, c := range columns {
		kind := d.typeOf(c.kind)
		names = append(names, c.name)
		types = append(types, d.declare(i, c))
		casts = append(casts, "CAST(? AS "+kind+")") // or PostgreSQL takes what is selected for text
		if i >= keyColumns {
			sets = append(sets, c.name+" = ?")
		}
	}
	all, key := strings.Join(names, ", "), strings.Join(names[:keyColumns], ", ")
	const isVersion = "lease_group = '" + versionGroup + "' AND lease_key = '" + versionKey + "'"
	table = `"` + table + `"`
	ours := fmt.Sprintf("EXISTS (SELECT 1 FROM %s WHERE %s AND counter = %d)", table, isVersion, version)
	seen := " WHERE lease_group = ? AND lease_key = ? AND counter = ? AND " + ours
	s := statements{
		describe: describeSQLite,
		create:   fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (%s, PRIMARY KEY (%s))", table, strings.Join(types, ", "), key),
		mark: fmt.Sprintf("INSERT INTO %s (%s, counter) VALUES ('%s', '%s', %d) ON CONFLICT (%s) DO NOTHING",
			table, key, versionGroup, versionKey, version, key),
		version: "SELECT counter FROM " + table + " WHERE " + isVersion,
		list:    "SELECT " + all + " FROM " + table + " WHERE lease_group = ? OR " + isVersion,
		find:    "SELECT " + all + " FROM " + table + " WHERE lease_group = ? AND lease_key = ? OR " + isVersion,
		insert: fmt.Sprintf("INSERT INTO %s (%s) SELECT %s WHERE %s ON CONFLICT (%s) DO NOTHING",
			table, all, strings.Join(casts, ", "), ours, key),
		update: "UPDATE " + table + " SET " + strings.Join(sets, ", ") + seen,
		delete: "DELETE FROM " + table + seen,
		groups: "SELECT DISTINCT lease_group FROM " + table + " WHERE lease_group <> '" + versionGroup + "'",
	}
	if d == PostgreSQL {
		s.describe = describePostgreSQL
		for _, p := range []*string{&s.list, &s.find, &s.insert, &s.update, &s.delete} {
			*p = numbered(*p)
		}
	}
	return s
}

// declare returns a column as it is declared. All but the key have a default, so
// that the row of the version needs to name none. A key's order is that of its
// bytes: that of a language may change with the system's libraries, which breaks
// an index.
func (d Dialect) declare(i int, c column) string {
	s := c.name + " " + d.typeOf(c.kind)
	switch {
	case c.kind == bytes:
		return s
	case i < keyColumns && d == PostgreSQL:
		return s + ` COLLATE "C" NOT NULL`
	case i < keyColumns:
		return s + " NOT NULL"
	case c.kind == text:
		return s + " NOT NULL DEFAULT ''"
	}
	return s + " NOT NULL DEFAULT 0"
}

// numbered returns a statement with PostgreSQL's placeholders.
func numbered(statement string) string {
	parts := strings.Split(statement, "?")
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	return b.String()
}

// What a table is like: a row for each column, with its name, its type, and its
// place in the primary key from 1 on, 0 for none. No rows are no table.
const (
	describeSQLite     = `SELECT name, lower(type), pk FROM pragma_table_info(?) ORDER BY cid`
	describePostgreSQL = `
SELECT CAST(a.attname AS text), format_type(a.atttypid, a.atttypmod),
	COALESCE(array_position(CAST(i.indkey AS int2[]), a.attnum) + 1, 0)
FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = to_regclass(CAST($1 AS text)) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`
)

// isBusy reports whether a database refused something because others are
// writing, and would not have if they had not. Nothing was written then.
func isBusy(err error) bool {
	var state interface{ SQLState() string } // the errors of PostgreSQL's drivers have this
	if errors.As(err, &state) {
		const notSerializable, deadlock = "40001", "40P01"
		return state.SQLState() == notSerializable || state.SQLState() == deadlock
	}
	// Those of SQLite's have nothing in common but its own text.
	return strings.Contains(err.Error(), "database is locked") || strings.Contains(err.Error(), "database table is locked")
}

// again does something until the database is not too busy for it.
func again(ctx context.Context, do func() error) error {
	const longest = 32 * time.Millisecond
	for pause := longest / 32; ; pause = min(2*pause, longest) {
		err := do()
		if err == nil || !isBusy(err) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}
