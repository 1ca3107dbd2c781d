package sqllease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/weirstream/weir/lease"
)

// A column of the table.
type column struct {
	name string
	kind kind
}

// A kind is what a column holds.
type kind string

const (
	text    kind = "text"
	integer kind = "bigint"
	float   kind = "double precision"
	bytes   kind = "bytes" // has another name in each dialect
)

// columns are those of the table, in the order in which statements name them.
// Group and key are its primary key. The row of the version is of no group; its
// counter is the version. A later version of the table keeps these three columns
// and that row, so that it can be told.
var columns = []column{
	{"lease_group", text}, {"lease_key", text}, {"counter", integer},
	{"stream", text}, {"owner", text}, {"wanted", text}, {"switches", integer},
	{"checkpoint", text}, {"sub", integer}, {"state", bytes},
	{"parents", text}, {"children", text}, // arrays in JSON
	{"first_hash_key", text}, {"last_hash_key", text}, {"throughput_kib", float},
}

const (
	keyColumns     = 2 // the primary key's come first
	versionColumns = 3 // what a table of any version has

	versionGroup = "" // no group has that name
	versionKey   = "version"
	version      = 1
)

// encode returns the values of all columns but the primary key.
func encode(l lease.Lease) ([]any, error) {
	parents, err := relatives(l.Parents)
	if err != nil {
		return nil, err
	}
	children, err := relatives(l.Children)
	if err != nil {
		return nil, err
	}
	state := l.State
	if len(state) == 0 {
		state = nil // drivers do not agree on what empty ones are
	}
	return []any{
		l.Counter, l.Stream, l.Owner, l.Wanted, l.Switches, l.Checkpoint.Sequence, int64(l.Checkpoint.Sub), state,
		parents, children, l.FirstHashKey, l.LastHashKey, l.Throughput,
	}, nil
}

func relatives(keys []string) (string, error) {
	if len(keys) == 0 {
		return "", nil
	}
	b, err := json.Marshal(keys)
	return string(b), err
}

// A row is what is read of one.
type row struct {
	fields            []any // where each column goes
	group             string
	lease             lease.Lease
	sub               int64
	parents, children string
}

func newRow() *row {
	r := new(row)
	l := &r.lease
	r.fields = []any{
		&r.group, &l.Key, &l.Counter, &l.Stream, &l.Owner, &l.Wanted, &l.Switches, &l.Checkpoint.Sequence, &r.sub, &l.State,
		&r.parents, &r.children, &l.FirstHashKey, &l.LastHashKey, &l.Throughput,
	}
	return r
}

// decode returns the lease of a row, if it can be one.
func (r *row) decode() (lease.Lease, error) {
	l := r.lease
	for _, of := range []struct {
		name, text string
		keys       *[]string
	}{{"parents", r.parents, &l.Parents}, {"children", r.children, &l.Children}} {
		if of.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(of.text), of.keys); err != nil {
			return lease.Lease{}, fmt.Errorf("%s: %w", of.name, err)
		}
	}
	if r.sub < 0 {
		return lease.Lease{}, fmt.Errorf("sub: %d is below 0", r.sub)
	}
	l.Checkpoint.Sub = uint64(r.sub)
	return l, l.Check()
}

func check(ctx context.Context, l lease.Lease) error {
	if err := l.Check(); err != nil {
		return err
	}
	return ctx.Err()
}

func conflict(key string) error { return fmt.Errorf("lease %s: %w", key, lease.ErrConflict) }

func isConflict(err error) bool { return errors.Is(err, lease.ErrConflict) }
